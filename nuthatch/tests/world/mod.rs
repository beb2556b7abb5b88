//! A machine of its own for a test: `own_world/main.rs` draws it.
#![allow(dead_code, reason = "each test takes what it needs")]

pub mod far;

use nuthatch_testbed::{find_program_or_skip, guarded, is_root};
use std::env;
use std::process::Command;

/// Set where we are already in a world of our own.
const INSIDE: &str = "NUTHATCH_TEST_OWN_WORLD";

/// Runs the story in a world of its own: `test` is the calling test's full name.
pub fn in_own_world(test: &str, story: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        story();
        return;
    }
    if !is_root() {
        println!("not root: {test} passed over");
        return;
    }
    let programs = ["unshare", "nsenter", "ip", "mount"].map(find_program_or_skip);
    let [Some(unshare), Some(_), Some(_), Some(_)] = programs else { return };
    let possible = Command::new(&unshare).args(["--net", "--mount", "ip", "link"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("networks of our own are not allowed here: {test} passed over");
        return;
    }
    let mut command = guarded(&unshare);
    command.args(["--net", "--mount"]).arg(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test} in its own world:\n{said}");
    // A misspelt name would run nothing, and well.
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "no test is called {test}"
    );
}

/// A system's command that must succeed.
pub fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}
