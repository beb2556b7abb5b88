//! Counting with callgrind, and the baseline in the tree.
//!
//! The baseline names its compiler, processor family and C library. With others the numbers differ
//! for reasons outside the commit, so the comparison is skipped with a message.

use super::{PATHS, Path};
use anyhow::{Context, Result, bail, ensure};
use nuthatch_testbed::{find_program, guarded};
use std::fmt::Write;
use std::fs;
use std::process::Command;

/// How far a path may be from its baseline, up or down.
const SLACK_PERCENT: f64 = 3.0;
const FILE: &str = "bench/instructions.toml";

const HEAD: &str = "\
# Instructions a request on the engine's hot paths, counted by callgrind in a release build.
# `cargo xtask instructions` compares, `cargo xtask instructions --bless` writes this file.
# A path that changed by more than 3 % fails `cargo xtask test` until its commit blesses it too.
";

/// What the numbers depend on, except our code.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Conditions {
    rustc: String,
    processor: String,
    libc: String,
}

#[derive(Clone, PartialEq, Debug, Default)]
struct Baseline {
    conditions: Conditions,
    paths: Vec<(String, f64)>,
}

/// Counts all paths and compares them with the file, or writes it. Run in the workspace's root.
#[allow(clippy::print_stdout, reason = "a step of xtask prints its result")]
pub fn check(bless: bool) -> Result<()> {
    let conditions = Conditions::here();
    let before = fs::read_to_string(FILE).ok().map(|text| Baseline::parse(&text));
    if let Some(before) = before.as_ref().filter(|it| !bless && it.conditions != conditions) {
        println!(
            "INSTRUCTIONS NOT COMPARED: the baseline is of another toolchain.\n  baseline: {:?}\n  \
             here: {:?}\nTo make one for this toolchain: cargo xtask instructions --bless",
            before.conditions, conditions
        );
        return Ok(());
    }
    let mut paths = Vec::new();
    let mut wrong = Vec::new();
    for path in &PATHS {
        let count = count(path).with_context(|| format!("counting {}", path.name))?;
        let known = before.as_ref().and_then(|before| before.of(path.name));
        println!("  {:30} {count:10.1}  {}", path.name, change(known, count));
        wrong.extend(verdict(path.name, known, count));
        paths.push((path.name.to_owned(), count));
    }
    if bless {
        fs::write(FILE, Baseline { conditions, paths }.print())?;
        println!("written: {FILE}");
        return Ok(());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}\nIf this is intended: cargo xtask instructions --bless", wrong.join("\n"))
}

fn change(known: Option<f64>, count: f64) -> String {
    known.map_or("new".to_owned(), |known| format!("{:+.2} %", (count / known - 1.0) * 100.0))
}

/// What is wrong with a path, if anything.
fn verdict(name: &str, known: Option<f64>, count: f64) -> Option<String> {
    let Some(known) = known else {
        return Some(format!("{name}: not in the baseline"));
    };
    let by = (count / known - 1.0) * 100.0;
    if by.abs() < SLACK_PERCENT + 1e-6 {
        return None;
    }
    let what = if by > 0.0 { "more" } else { "fewer" };
    let by = by.abs();
    Some(format!(
        "{name}: {by:.1} % {what} instructions a request ({known:.1} before, {count:.1} now)"
    ))
}

/// Instructions a request: the difference between a run and a run twice as long.
fn count(path: &Path) -> Result<f64> {
    let short = callgrind(path.name, path.steps)?;
    let long = callgrind(path.name, path.steps * 2)?;
    ensure!(long > short, "twice the steps took no more instructions");
    let count = (long - short) as f64 / f64::from(path.steps) / f64::from(path.requests);
    Ok((count * 10.0).round() / 10.0)
}

fn callgrind(name: &str, steps: u32) -> Result<u64> {
    let valgrind = find_program("valgrind").context("valgrind is not installed")?;
    let mut command: Command = guarded(&valgrind);
    let output = command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["spin", name, &steps.to_string()])
        .env_clear()
        // The C library chooses memcpy by processor. Every processor has the oldest one.
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM,-SSSE3")
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "callgrind: {text}");
    text.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .with_context(|| format!("callgrind gave no count: {text}"))
}

impl Conditions {
    fn here() -> Conditions {
        let first_line = |program: &str| {
            let output = Command::new(program).arg("--version").output().ok();
            let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            text.and_then(|text| Some(text.lines().next()?.to_owned())).unwrap_or_default()
        };
        Conditions {
            rustc: first_line("rustc"),
            processor: std::env::consts::ARCH.to_owned(),
            libc: first_line("ldd"),
        }
    }
}

impl Baseline {
    fn of(&self, name: &str) -> Option<f64> {
        self.paths.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    }

    fn print(&self) -> String {
        let Conditions { rustc, processor, libc } = &self.conditions;
        let mut text = format!(
            "{HEAD}\n[conditions]\nrustc = \"{rustc}\"\nprocessor = \"{processor}\"\n\
             libc = \"{libc}\"\n\n[instructions]\n"
        );
        for (name, count) in &self.paths {
            let _ = writeln!(text, "\"{name}\" = {count:.1}");
        }
        text
    }

    /// Reads the output of `print`. Other lines are ignored.
    fn parse(text: &str) -> Baseline {
        let mut baseline = Baseline::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(" = ") else { continue };
            let (key, value) = (key.trim_matches('"'), value.trim_matches('"'));
            match key {
                "rustc" => value.clone_into(&mut baseline.conditions.rustc),
                "processor" => value.clone_into(&mut baseline.conditions.processor),
                "libc" => value.clone_into(&mut baseline.conditions.libc),
                _ => {
                    let Ok(count) = value.parse() else { continue };
                    baseline.paths.push((key.to_owned(), count));
                }
            }
        }
        baseline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let baseline = Baseline {
            conditions: Conditions {
                rustc: "rustc 1.0 (x = y)".into(),
                processor: "p".into(),
                libc: "l".into(),
            },
            paths: vec![("redis get".into(), 12.5), ("a = b".into(), 1.0)],
        };
        let read = Baseline::parse(&baseline.print());
        assert_eq!(read.of("redis get"), Some(12.5));
        assert_eq!(read.conditions, baseline.conditions);
    }

    #[test]
    fn three_per_cent_either_way() {
        assert_eq!(verdict("p", Some(100.0), 103.0), None);
        assert_eq!(verdict("p", Some(100.0), 97.0), None);
        assert!(verdict("p", Some(100.0), 103.2).unwrap().contains("3.2 % more"));
        assert!(verdict("p", Some(100.0), 90.0).unwrap().contains("10.0 % fewer"));
        assert!(verdict("p", None, 90.0).unwrap().contains("not in the baseline"));
    }

    #[test]
    fn the_baseline_in_the_tree_knows_every_path() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(root.join("instructions.toml")).unwrap();
        let baseline = Baseline::parse(&text);
        for path in &PATHS {
            assert!(baseline.of(path.name).is_some(), "{}", path.name);
        }
        assert_eq!(baseline.paths.len(), PATHS.len());
    }
}
