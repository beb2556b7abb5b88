//! The command line under the name nutcracker, as scripts expect it.
//!
//! Everything goes to stderr. A wrong flag prints one line and the usage, with exit code 1. Help and
//! version have priority over `-t`, and `-t` over serving. The flags are those of `flags.rs`; only
//! their form differs from that under the name nuthatch.

use super::arguments::Cli;
use super::flags::Run;
use super::getopt::{self, canonical, shown, takes_value, value_name};
use super::print::{tell, told};
use super::{daemon, default_paths, describe, run};
use clap::error::ContextKind;
use clap::{Arg, ArgAction, Args, Command, CommandFactory, FromArgMatches};
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write;
use std::process::ExitCode;

/// The version of nutcracker that we replace. Scripts read it in the first line.
const NUTCRACKER_VERSION: &str = "0.5.0";

/// Runs these arguments. They do not include the name of the program.
pub fn main(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let (asked, prints, operands) = match read(args) {
        Ok(read) => read,
        Err(what) => {
            told(format_args!("nutcracker: {what}\n{}", usage()));
            return Ok(ExitCode::FAILURE);
        }
    };
    if prints.help || prints.version || asked.describe_stats {
        told(format_args!("{}", version()));
        if prints.help {
            told(format_args!("{}", usage()));
        }
        if asked.describe_stats {
            told(format_args!("{}", describe::text()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    // The child of `-d` would print it again.
    if !daemon::is_child() {
        warn_of_subcommands(&operands);
    }
    run::run(&asked)
}

/// Operands are ignored, as in twemproxy. A warning if one is the name of a command.
fn warn_of_subcommands(operands: &[OsString]) {
    let table = Cli::command();
    let is_ours = |word: &&OsString| table.get_subcommands().any(|sub| **word == *sub.get_name());
    if let Some(word) = operands.iter().find(is_ours) {
        let word = word.to_string_lossy();
        tell!(
            "WARN  `{word}` is ignored, as is every operand under the name nutcracker: the command \
             is `nuthatch {word}`"
        );
    }
}

/// Texts to print instead of serving.
struct Prints {
    help: bool,
    version: bool,
}

fn read(args: impl IntoIterator<Item = OsString>) -> Result<(Run, Prints, Vec<OsString>), String> {
    let mut table = table();
    let (args, operands) = canonical(&table, args)?;
    let matches =
        table.try_get_matches_from_mut(args).map_err(|error| error_line(&table, &error))?;
    let asked = Run::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    let prints = Prints { help: matches.get_flag("help"), version: matches.get_flag("version") };
    Ok((asked, prints, operands))
}

/// The flags, without subcommands. Help and version are flags like the others.
pub fn table() -> Command {
    let flag = |name: &'static str, short, help: &'static str| {
        Arg::new(name).long(name).short(short).help(help).action(ArgAction::SetTrue)
    };
    let command = Command::new("nutcracker")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .arg(flag("help", 'h', "Print this help, and exit"))
        .arg(flag("version", 'V', "Print the version, and exit"));
    Run::augment_args(command)
}

/// clap's error about a value, in one line.
fn error_line(table: &Command, error: &clap::Error) -> String {
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let long = flag.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default();
    let arg = table.get_arguments().find(|arg| arg.get_long() == Some(long));
    let (Some(arg), Some(why)) = (arg, error.source()) else {
        return error.to_string().lines().next().unwrap_or_default().to_owned();
    };
    format!("option {} {why}", shown(arg))
}

/// Equal to nutcracker's in every byte, since programs read it. The version of nuthatch is in the
/// usage.
fn version() -> String {
    let backend = if cfg!(target_os = "linux") { "epoll" } else { "kqueue" };
    format!("This is nutcracker-{NUTCRACKER_VERSION}\nasync event backend: {backend}\n\n")
}

fn usage() -> String {
    let table = table();
    let args: Vec<&Arg> = table.get_arguments().collect();
    let bundle: String =
        args.iter().filter(|arg| !takes_value(arg)).filter_map(|arg| arg.get_short()).collect();
    let mut text = format!("Usage: nutcracker [-{bundle}]");
    let mut column = text.len();
    for arg in args.iter().filter(|arg| takes_value(arg)) {
        let one = format!(" [{} {}]", shown(arg), value_name(arg).to_lowercase());
        if column + one.len() > 80 {
            text.push_str("\n                 ");
            column = 17;
        }
        column += one.len();
        text.push_str(&one);
    }
    text.push_str("\n\nOptions:\n");
    for arg in args {
        let _ = writeln!(text, "{}", usage_line(arg));
    }
    let ours = env!("CARGO_PKG_VERSION");
    let _ = writeln!(text, "\nThis program is nuthatch {ours}, which replaces nutcracker.");
    text
}

fn usage_line(arg: &Arg) -> String {
    let short = arg.get_short().map_or("    ".to_owned(), |short| format!("-{short}, "));
    let mut long = format!("--{}", arg.get_long().unwrap_or_default());
    let mut default = None;
    if getopt::takes_value(arg) {
        let letter = if value_name(arg) == "N" { 'N' } else { 'S' };
        let _ = write!(long, "={letter}");
        default = arg.get_default_values().first().map(|value| value.to_string_lossy());
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let help = match (arg.get_id().as_str(), default) {
        ("conf_file", _) => {
            format!("The configuration (default: {})", default_paths::conf_default().display())
        }
        (_, Some(default)) => format!("{help} (default: {default})"),
        (_, None) => help,
    };
    format!("  {short}{long:<22} : {help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> Result<(Run, Prints), String> {
        let (run, prints, _) = read(args.iter().map(OsString::from))?;
        Ok((run, prints))
    }

    #[test]
    fn a_repeated_flag_has_its_last_value() {
        let (run, _) = asked(&["-v", "3", "-tt", "-v9", "-o", "a", "-o", ""]).unwrap();
        assert!(run.test_conf);
        assert_eq!(run.verbose, 9);
        assert_eq!(run.output.as_deref(), Some(std::path::Path::new("")));
    }

    #[test]
    fn errors_name_the_flag() {
        for (args, want) in [
            (&["-v", "x"][..], "option -v requires a number"),
            (&["-s", "70000"], "option -s value 70000 is not a valid port"),
            (&["-m", "0"], "option -m requires a non-zero number"),
            (&["--shutdown-grace-ms", "x"], "option --shutdown-grace-ms requires a number"),
        ] {
            assert_eq!(asked(args).err().as_deref(), Some(want), "{args:?}");
        }
        assert!(asked(&["--log-format", "xml"]).is_err());
        assert!(asked(&["-w", "0"]).is_err());
    }

    #[test]
    fn usage_has_a_line_a_flag_and_fits_a_terminal() {
        let text = usage();
        assert!(text.starts_with("Usage: nutcracker [-hVtdD] [-v n]"), "{text}");
        for flag in ["  -v, --verbose=N", "  -c, --conf-file=S", "  -D, --describe-stats"] {
            assert!(text.contains(flag), "{text}");
        }
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }
}
