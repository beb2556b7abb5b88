//! Runs the test programs of all `tests` folders, several at once: most of them wait most of the time, and
//! `cargo test` runs one after the other.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::{paint, place};

/// One program: the tests of a file or folder.
struct Program {
    /// `nuthatch`, `failover`
    package: String,
    name: String,
    path: PathBuf,
    /// The folder of its package, where cargo runs it.
    folder: PathBuf,
}

/// At most so many at once.
const AT_ONCE_MAX: usize = 4;

/// Their tests judge latencies, so nothing runs beside them.
const ALONE: [&str; 3] = ["clients_misbehave", "faults", "own_world"];

/// Builds and runs all programs with these variables set. All run, also after a failure.
pub fn run(vars: &[(&str, OsString)]) -> Result<()> {
    let programs = build()?;
    let count = programs.len();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let is_alone = |program: &Program| ALONE.contains(&&*program.name);
    let (alone, others): (Vec<_>, Vec<_>) = programs.into_iter().partition(is_alone);
    let mut failed = run_all(others, vars, cores.clamp(1, AT_ONCE_MAX));
    failed.extend(run_all(alone, vars, 1));
    if !failed.is_empty() {
        bail!("{} of {count} programs failed:\n{}", failed.len(), failed.join("\n"));
    }
    Ok(())
}

/// Runs programs, so many at once. Returns the commands that repeat those that failed.
fn run_all(programs: Vec<Program>, vars: &[(&str, OsString)], at_once: usize) -> Vec<String> {
    let queue = Mutex::new(programs.into_iter());
    let failed = Mutex::new(Vec::new());
    let next = || queue.lock().ok()?.next();
    let work = || {
        // A program dies with the thread that has started it, and the thread waits for it.
        while let Some(program) = next() {
            let begun = Instant::now();
            let outcome = program.run(vars);
            if !tell(&program, outcome, begun.elapsed())
                && let Ok(mut failed) = failed.lock()
            {
                failed.push(format!("cargo test -p {} --test {}", program.package, program.name));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(work);
        }
    });
    failed.into_inner().unwrap_or_default()
}

/// One line for a program whose tests pass, all that it has printed otherwise. Returns whether they pass.
fn tell(program: &Program, outcome: std::io::Result<Output>, time: Duration) -> bool {
    let name = format!("{}/{}", program.package, program.name);
    let output = match outcome {
        Ok(output) => output,
        Err(error) => {
            println!("{name} cannot be run: {error}");
            return false;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        let result = text.lines().rfind(|line| line.starts_with("test result:"));
        let counts = result.and_then(|line| line.strip_prefix("test result: ok. "));
        let counts = counts.and_then(|line| line.split("; finished").next()).unwrap_or("no tests");
        println!("      {name:<32} {:>6.1} s  {}", time.as_secs_f64(), paint::dim(counts));
        return true;
    }
    println!("{name}: {}\n{text}", output.status);
    println!("{}", String::from_utf8_lossy(&output.stderr));
    false
}

impl Program {
    fn run(&self, vars: &[(&str, OsString)]) -> std::io::Result<Output> {
        nuthatch_testbed::guarded(&self.path)
            .envs(vars.iter().map(|(name, value)| (name, value)))
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
    }
}

/// Builds the programs and returns them in cargo's order.
fn build() -> Result<Vec<Program>> {
    let output = nuthatch_testbed::guarded(&place::cargo())
        .args(["test", "--workspace", "--test", "*", "--no-run", "--message-format=json"])
        .current_dir(place::root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    if !output.status.success() {
        for message in messages {
            if let Some(text) = message["message"]["rendered"].as_str() {
                println!("{text}");
            }
        }
        bail!("the tests cannot be built: {}", output.status);
    }
    let programs: Vec<Program> = messages.filter_map(|message| program(&message)).collect();
    if programs.is_empty() {
        bail!("cargo has built no tests");
    }
    Ok(programs)
}

/// The program that a message of cargo is about.
fn program(message: &Value) -> Option<Program> {
    if message["target"]["kind"][0] != "test" {
        return None;
    }
    let folder = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_owned();
    Some(Program {
        path: message["executable"].as_str()?.into(),
        name: message["target"]["name"].as_str()?.to_owned(),
        package: package(&folder),
        folder,
    })
}

/// The package in a folder of the workspace.
fn package(folder: &std::path::Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    match &*name {
        "nuthatch" | "xtask" => name.into_owned(),
        other => format!("nuthatch-{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_run_alone_exist() {
        let tests = place::root().join("nuthatch/tests");
        for name in ALONE {
            let (file, folder) =
                (tests.join(format!("{name}.rs")), tests.join(name).join("main.rs"));
            assert!(file.exists() || folder.exists(), "{name}");
        }
    }

    #[test]
    fn cargo_says_which_programs_there_are() {
        let built = serde_json::json!({
            "reason": "compiler-artifact", "manifest_path": "/w/engine/Cargo.toml",
            "target": {"kind": ["test"], "name": "sweep"}, "executable": "/w/target/debug/deps/sweep-1"
        });
        let program = program(&built).unwrap();
        assert_eq!((&*program.package, &*program.name), ("nuthatch-engine", "sweep"));
        assert_eq!(program.folder, PathBuf::from("/w/engine"));
        let library = serde_json::json!({"target": {"kind": ["lib"], "name": "engine"}});
        assert!(super::program(&library).is_none());
    }
}
