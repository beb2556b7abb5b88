//! The command line under the name nutcracker, beside the real one where that is installed: the
//! same exit code, nothing on stdout, and the same shape on stderr.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch_testbed::find_program;
use stand::{Done, Stand, run};

/// What stderr is made of.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    code: Option<i32>,
    is_silent_on_stdout: bool,
    version: bool,
    usage: bool,
    pool_stats: bool,
    server_stats: bool,
    /// Which line about the configuration, if any.
    conf: Option<String>,
    /// One line of complaint before the usage.
    complaint: bool,
}

fn shape(done: &Done) -> Shape {
    let has = |line: &str| done.err.lines().any(|one| one == line);
    let begins = |text: &str| done.err.lines().any(|one| one.starts_with(text));
    let conf = done.err.lines().find(|line| line.starts_with("nutcracker: configuration file"));
    let first = done.err.lines().next().unwrap_or_default();
    Shape {
        code: done.code,
        is_silent_on_stdout: done.out.is_empty(),
        version: done.err.starts_with("This is nutcracker-0.5.0\nasync event backend: epoll"),
        usage: begins("Usage: nutcracker [-"),
        pool_stats: has("pool stats:"),
        server_stats: has("server stats:"),
        conf: conf.map(ToOwned::to_owned),
        complaint: first.starts_with("nutcracker: ") && conf != Some(first),
    }
}

/// None of them serves. `good.yml` and `bad.yml` lie in the folder.
const VECTORS: [&[&str]; 58] = [
    &["-h"],
    &["--help"],
    &["-V"],
    &["--version"],
    &["-hV"],
    &["-Vt"],
    &["-hD"],
    &["-D"],
    &["-Dt"],
    &["--describe-stats"],
    &["--de"],
    &["--d"],
    &["--ver"],
    &["--verb=3", "-V"],
    &["--verb", "3", "-V"],
    &["-v", "-5", "-V"],
    &["-v", "x"],
    &["-v", ""],
    &["-v"],
    &["-v99", "-V"],
    &["-v", "0", "-V"],
    &["-s", "0"],
    &["-s", "65535", "-V"],
    &["-s", "70000"],
    &["-s", "x"],
    &["--stats-p=1", "-V"],
    &["--stats=1"],
    &["-m", "0"],
    &["-m", "511"],
    &["-m", "512", "-V"],
    &["-m", "16777217"],
    &["-i", "x"],
    &["-i", "0", "-V"],
    &["-a"],
    &["-a", "", "-V"],
    &["-o"],
    &["-o", "", "-V"],
    &["-p"],
    &["-p", "", "-V"],
    &["-c"],
    &["-x"],
    &["-hx"],
    &["-?"],
    &["--nope"],
    &["--help=1"],
    &["--test-conf=1"],
    &["one", "-V", "two"],
    &["-", "-V"],
    &["-V", "--", "-x"],
    &["-t", "-c", "good.yml"],
    &["-tc", "good.yml"],
    &["-tcgood.yml"],
    &["--test-conf", "--conf=good.yml"],
    &["one", "-t", "two", "-c", "good.yml"],
    &["-dtc", "good.yml"],
    &["-t", "-c", "good.yml", "-c", "none.yml"],
    &["-t", "-c=good.yml"],
    &["-tc", "bad.yml"],
];

#[test]
fn as_nutcracker_has_it() {
    let stand = Stand::idle();
    std::fs::copy(stand.path("pools.yml"), stand.path("good.yml")).unwrap();
    std::fs::write(stand.path("bad.yml"), "alpha:\n  listen: 127.0.0.1:1\n").unwrap();
    let theirs = find_program("nutcracker");
    if theirs.is_none() {
        eprintln!("nutcracker is not installed: nothing to compare with");
    }
    for args in VECTORS {
        let done = stand.run("nutcracker", args);
        let mut ours = shape(&done);
        assert!(ours.is_silent_on_stdout, "{args:?}");
        let Some(program) = &theirs else { continue };
        let old = run(program, args, stand.path("").as_path());
        let mut theirs = shape(&old);
        if theirs.version && !theirs.usage {
            // The version and the counters: programs read them.
            assert_eq!(done.err, old.err, "{args:?}");
        }
        if ours.conf.as_ref().is_some_and(|line| line.ends_with("invalid")) {
            // We give the reasons first, and the line once.
            (ours.complaint, theirs.complaint) = (false, false);
        }
        assert_eq!(ours, theirs, "{args:?}");
    }
}

#[test]
fn what_needs_no_comparison() {
    let stand = Stand::idle();
    let version = stand.run("nutcracker", &["-V"]).err;
    assert_eq!(version, "This is nutcracker-0.5.0\nasync event backend: epoll\n\n");
    let help = stand.run("nutcracker", &["-h"]).err;
    assert!(help.starts_with(&version), "{help}");
    assert!(help.contains(concat!("nuthatch ", env!("CARGO_PKG_VERSION"))), "{help}");
    assert!(help.contains("      --stats-extended "), "{help}");
    let wrong = stand.run("nutcracker", &["-m", "511"]);
    assert_eq!(wrong.err.lines().filter(|line| line.starts_with("nutcracker:")).count(), 1);
    // Every name of the statistics, padded as collectors' authors read it.
    let described = stand.run("nutcracker", &["-D"]).err;
    assert!(described.contains("\n  client_eof          \""), "{described}");
    assert_eq!(described.lines().filter(|line| line.starts_with("  ")).count(), 19);
}

#[test]
fn under_our_own_name() {
    let stand = Stand::idle();
    let help = stand.run("nuthatch", &["--help"]);
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    for word in ["where", "ring", "--daemonize", "--verbose <N>", "--log-format"] {
        assert!(help.out.contains(word), "{word}: {}", help.out);
    }
    let version = stand.run("nuthatch", &["-V"]);
    assert_eq!(version.out, concat!("nuthatch ", env!("CARGO_PKG_VERSION"), "\n"));
    let tested = stand.run("nuthatch", &["-v", "3", "-v9", "--test", "--conf", "pools.yml"]);
    assert_eq!(tested.code, Some(0), "{}", tested.err);
    assert_eq!(stand.run("nuthatch", &["-D"]).out.lines().next(), Some("pool stats:"));
    assert_eq!(stand.run("nuthatch", &["-s", "0"]).code, Some(2));
}

#[test]
fn papers_are_printed_from_the_table() {
    let stand = Stand::idle();
    let man = stand.run("nuthatch", &["man"]);
    assert_eq!((man.code, man.err.as_str()), (Some(0), ""));
    for word in [".TH nuthatch 1", "daemonize", "shutdown\\-grace\\-ms", "NUTHATCH WHERE"] {
        assert!(man.out.contains(word), "{word}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stand.run("nuthatch", &["completions", shell]);
        assert_eq!(script.code, Some(0));
        assert!(script.out.contains("conf-file"), "{shell}");
    }
}

#[test]
fn a_subcommand_under_the_old_name_is_warned_of() {
    let stand = Stand::idle();
    let told = |operand: &str| stand.run("nutcracker", &["-t", "-c", "pools.yml", operand]);
    let done = told("verify");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let line = done.err.lines().next().unwrap();
    assert!(line.starts_with("WARN  `verify` is ignored"), "{}", done.err);
    assert!(line.contains("`nuthatch verify`"), "{}", done.err);
    assert!(!told("anything").err.contains("WARN"), "operands as ever");
}
