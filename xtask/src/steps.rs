//! A table of steps, run one after the other.
//!
//! Each step prints the line that repeats it by hand, then its unchanged output, then its time. The
//! first failure ends the run. The tables begin with the cheap steps, so an error is found early.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{paint, place};

/// One row.
pub struct Step {
    pub name: &'static str,
    pub action: Action,
    /// A path in the workspace. Without it the step has nothing to do. "" means no path.
    pub needs: &'static str,
}

pub enum Action {
    /// cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// The same with variables set: name and value.
    CargoWith(&'static [(&'static str, &'static str)], &'static [&'static str]),
    /// A function of ours, and the command that runs it alone.
    Ours(fn() -> Result<()>, &'static str),
}

/// Runs all steps; `title` is the task's name.
pub fn run<'a>(title: &str, steps: impl IntoIterator<Item = &'a Step>) -> Result<()> {
    let steps: Vec<&Step> = steps.into_iter().collect();
    let start = Instant::now();
    let mut times = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let count = format!("[{}/{}]", i + 1, steps.len());
        println!(
            "\n{} {}  {}",
            paint::bold(&count),
            paint::bold(step.name),
            paint::dim(&step.line())
        );
        if !is_there(place::root(), step.needs) {
            println!("      nothing to do: no {} yet", step.needs);
            continue;
        }
        let begun = Instant::now();
        let outcome = step.run();
        let time = begun.elapsed();
        if let Err(error) = outcome {
            let line = step.line();
            bail!("{title}, step {} after {}: {error:#}\nAgain: {line}", step.name, seconds(time));
        }
        println!("      {} {}", paint::green("ok"), seconds(time));
        times.push((step.name, time));
    }
    let width = times.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    println!();
    for (name, time) in &times {
        println!("  {name:width$}  {:>9}", seconds(*time));
    }
    let total = seconds(start.elapsed());
    println!("{} {} steps in {total}", paint::green(&format!("{title}: all ok,")), times.len());
    Ok(())
}

fn is_there(root: &Path, needs: &str) -> bool {
    needs.is_empty() || root.join(needs).exists()
}

fn seconds(time: Duration) -> String {
    if time.as_secs() < 90 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

impl Step {
    /// The command line to repeat it by hand.
    fn line(&self) -> String {
        match &self.action {
            Action::Cargo(args) => format!("cargo {}", args.join(" ")),
            Action::CargoWith(vars, args) => {
                let vars: Vec<String> =
                    vars.iter().map(|(name, value)| format!("{name}='{value}'")).collect();
                format!("{} cargo {}", vars.join(" "), args.join(" "))
            }
            Action::Ours(_, line) => (*line).to_owned(),
        }
    }

    fn run(&self) -> Result<()> {
        match &self.action {
            Action::Cargo(args) => cargo(&[], args),
            Action::CargoWith(vars, args) => cargo(vars, args),
            Action::Ours(function, _) => function(),
        }
    }
}

fn cargo(vars: &[(&str, &str)], args: &[&str]) -> Result<()> {
    let status = nuthatch_testbed::guarded(&place::cargo())
        .args(args)
        .envs(vars.iter().copied())
        .current_dir(place::root())
        .status()
        .context("cannot run cargo")?;
    if status.success() { Ok(()) } else { bail!("{status}") }
}

/// Runs a program in the workspace's root. An error if it fails.
pub fn must(program: impl AsRef<Path>, args: &[&str]) -> Result<()> {
    let program = program.as_ref();
    let line = format!("{} {}", program.display(), args.join(" "));
    let status = Command::new(program)
        .args(args)
        .current_dir(place::root())
        .status()
        .with_context(|| format!("cannot run `{line}`"))?;
    if status.success() { Ok(()) } else { bail!("`{line}`: {status}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_typed_again() {
        let action = Action::CargoWith(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--no-deps"]);
        let step = Step { name: "docs", action, needs: "" };
        assert_eq!(step.line(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let fine = Step { name: "fine", action: Action::Ours(|| Ok(()), "true"), needs: "" };
        let bad = Step { name: "bad", action: Action::Ours(|| bail!("ouch"), "false"), needs: "" };
        let never =
            Step { name: "never", action: Action::Ours(|| panic!("ran"), "never"), needs: "" };
        let absent =
            Step { name: "absent", action: Action::Ours(|| panic!("ran"), ""), needs: "no/such" };
        assert!(run("t", [&fine, &absent]).is_ok());
        let error = run("t", [&fine, &bad, &never]).unwrap_err().to_string();
        assert!(error.contains("step bad") && error.contains("ouch"), "{error}");
    }
}
