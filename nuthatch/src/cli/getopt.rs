//! The GNU rules for a command line, as in twemproxy: bundled short flags, values attached or not,
//! long names by any unambiguous beginning, operands anywhere and ignored.
//!
//! clap has most of these rules but not all (a value that begins with a dash; `-c=FILE`, which means
//! the file `=FILE`). So we read the arguments here with clap's table of flags, and write each as
//! `--name` or `--name=value`. clap then only parses the values.

use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The arguments as `--name` or `--name=value`, and the operands; or the error.
pub fn canonical(
    table: &Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Vec<OsString>, Vec<OsString>), String> {
    let mut args = args.into_iter();
    let (mut all, mut operands) = (Vec::new(), Vec::new());
    while let Some(arg) = args.next() {
        let bytes = arg.as_bytes();
        if bytes == b"--" {
            operands.extend(args);
            break;
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            all.push(long_flag(table, long, &mut args)?);
        } else if bytes.len() > 1 && bytes[0] == b'-' {
            short_flags(table, &bytes[1..], &mut args, &mut all)?;
        } else {
            operands.push(arg);
        }
    }
    Ok((all, operands))
}

fn long_flag(
    table: &Command,
    text: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<OsString, String> {
    let (name, value) = match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (&text[..at], Some(OsStr::from_bytes(&text[at + 1..]).to_owned())),
        None => (text, None),
    };
    let shown = String::from_utf8_lossy(name).into_owned();
    let longs = || table.get_arguments().filter_map(|arg| Some((arg, arg.get_long()?.as_bytes())));
    let found: Vec<_> = match longs().find(|(_, long)| *long == name) {
        Some(exact) => vec![exact],
        None => longs().filter(|(_, long)| long.starts_with(name)).collect(),
    };
    let arg = match found[..] {
        [] => return Err(format!("invalid option -- '{shown}'")),
        [(only, _)] => only,
        _ => {
            let names: Vec<_> =
                found.iter().map(|(_, long)| String::from_utf8_lossy(long)).collect();
            let names = names.join("' '--");
            return Err(format!("option '--{shown}' is ambiguous: '--{names}'"));
        }
    };
    match (takes_value(arg), value) {
        (false, None) => Ok(written(arg, None)),
        (false, Some(_)) => Err(format!("option '--{shown}' takes no value")),
        (true, Some(value)) => Ok(written(arg, Some(&value))),
        (true, None) => match rest.next() {
            Some(value) => Ok(written(arg, Some(&value))),
            None => Err(missing(arg)),
        },
    }
}

fn short_flags(
    table: &Command,
    bundle: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
    all: &mut Vec<OsString>,
) -> Result<(), String> {
    for (at, byte) in bundle.iter().enumerate() {
        let arg = table
            .get_arguments()
            .find(|arg| arg.get_short() == Some(char::from(*byte)))
            .ok_or_else(|| format!("invalid option -- '{}'", byte.escape_ascii()))?;
        if !takes_value(arg) {
            all.push(written(arg, None));
            continue;
        }
        let attached = OsStr::from_bytes(&bundle[at + 1..]);
        if attached.is_empty() {
            let value = rest.next().ok_or_else(|| missing(arg))?;
            all.push(written(arg, Some(&value)));
        } else {
            all.push(written(arg, Some(attached)));
        }
        break;
    }
    Ok(())
}

pub fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// `-v`, or the long name of a flag that has no short one.
pub fn shown(arg: &Arg) -> String {
    match (arg.get_short(), arg.get_long()) {
        (Some(short), _) => format!("-{short}"),
        (None, long) => format!("--{}", long.unwrap_or_default()),
    }
}

pub fn value_name(arg: &Arg) -> &str {
    arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str())
}

fn missing(arg: &Arg) -> String {
    let what = match value_name(arg) {
        "N" => "a number",
        "FILE" => "a file name",
        _ => "a string",
    };
    format!("option {} requires {what}", shown(arg))
}

fn written(arg: &Arg, value: Option<&OsStr>) -> OsString {
    let mut text = format!("--{}", arg.get_long().unwrap_or_default()).into_bytes();
    if let Some(value) = value {
        text.push(b'=');
        text.extend_from_slice(value.as_bytes());
    }
    OsString::from_vec(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::dropin;

    fn read(args: &[&str]) -> Result<String, String> {
        let table = dropin::table();
        let (all, _) = canonical(&table, args.iter().map(OsString::from))?;
        Ok(all.iter().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn flags_in_every_form() {
        let cases: [(&[&str], &str); 12] = [
            (&["-Vt"], "--version --test-conf"),
            (&["-tcfile"], "--test-conf --conf-file=file"),
            (&["-tc", "file"], "--test-conf --conf-file=file"),
            (&["-c=file"], "--conf-file==file"),
            (&["--verb=3"], "--verbose=3"),
            (&["--verb", "3"], "--verbose=3"),
            (&["-v", "-5"], "--verbose=-5"),
            (&["-o", "-c"], "--output=-c"),
            (&["-o", ""], "--output="),
            (&["one", "-d", "-", "two"], "--daemonize"),
            (&["-d", "--", "-t"], "--daemonize"),
            (&["--de"], "--describe-stats"),
        ];
        for (args, want) in cases {
            assert_eq!(read(args).as_deref(), Ok(want), "{args:?}");
        }
    }

    #[test]
    fn an_error_is_one_line() {
        let cases: [(&[&str], &str); 8] = [
            (&["-x"], "invalid option -- 'x'"),
            (&["-tx"], "invalid option -- 'x'"),
            (&["-?"], "invalid option -- '?'"),
            (&["--nope"], "invalid option -- 'nope'"),
            (&["--ver"], "option '--ver' is ambiguous: '--version' '--verbose'"),
            (&["--help=1"], "option '--help' takes no value"),
            (&["-v"], "option -v requires a number"),
            (&["-c"], "option -c requires a file name"),
        ];
        for (args, want) in cases {
            assert_eq!(read(args), Err(want.to_owned()), "{args:?}");
        }
    }
}
