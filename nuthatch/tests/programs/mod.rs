//! Programs in other languages, and where they find what they need. `cargo xtask test` makes it
//! and names it in the environment; a plain `cargo test` takes what an earlier run has left in
//! the target folder, or says what is missing and passes over.
#![allow(dead_code, reason = "each test file takes what it needs")]

use nuthatch_testbed::{Nuthatch, guarded};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What a program prints, both streams; it must end well.
pub fn run(program: &Path, args: &[&str]) -> String {
    let output = guarded(program)
        .args(args)
        // Programs in Python share a module, whose bytecode would lie beside it.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr]
        .map(|out| String::from_utf8_lossy(&out).into_owned())
        .join("");
    assert!(output.status.success(), "{} {args:?}: {}\n{text}", program.display(), output.status);
    text
}

/// The Python of the virtual environment.
pub fn python() -> Option<PathBuf> {
    prepared("NUTHATCH_PYTHON", "venv/bin/python")
}

/// The Python of the virtual environment with redis-py 3.5.
pub fn old_python() -> Option<PathBuf> {
    prepared("NUTHATCH_OLD_PYTHON", "venv-old/bin/python")
}

/// The folder with the packages of Node.
pub fn node_modules() -> Option<PathBuf> {
    prepared("NUTHATCH_NODE_MODULES", "npm/node_modules")
}

/// The folder that holds the virtual environment.
pub fn target() -> Option<PathBuf> {
    Some(python()?.ancestors().nth(3)?.to_owned())
}

/// Whether nothing may be passed over.
pub fn is_all_prepared() -> bool {
    env::var_os("NUTHATCH_PYTHON").is_some()
}

/// Whether a command is there and ends well.
pub fn succeeds(command: &[&str]) -> bool {
    let status = guarded(Path::new(command[0]))
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn prepared(variable: &str, place: &str) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Some(path.into());
    }
    let beside = Nuthatch::binary().unwrap().ancestors().nth(2)?.join(place);
    if beside.exists() {
        return Some(beside);
    }
    eprintln!("passed over: no {}; `cargo xtask test` makes it", beside.display());
    None
}
