//! Replies that need only the table: COMMAND and its subcommands, and the HELP of containers. Pure
//! functions that append to the caller's buffer.
//!
//! Commands that need the state of a connection (HELLO, CLIENT, SELECT, ...) are in `proxy`.

use super::{COMMANDS, Categories, Command, Keys, describe, glob, keys, lookup};
use crate::base::limits::{COMMAND_NAMES_MAX, COMMAND_PATTERN_BYTES_MAX};
use crate::protocol::resp::{Args, Version, encode, request};
use crate::texts;

/// Answers a request. Its row comes from [`keys::resolve`] and has the verb `Local::Command`.
pub fn command(out: &mut Vec<u8>, version: Version, row: &Command, args: &Args<'_>) {
    match row.name {
        "command|count" => encode::integer(out, COMMANDS.len() as i64),
        "command|docs" => docs(out, version, args),
        "command|getkeys" => get_keys(out, version, args, false),
        "command|getkeysandflags" => get_keys(out, version, args, true),
        "command|help" => help(out, row),
        "command|list" => list(out, args),
        "command|info" if args.len() > 2 => info(out, version, args),
        // COMMAND without a subcommand, and COMMAND INFO without a name.
        _ => {
            encode::array(out, COMMANDS.len());
            for row in &COMMANDS {
                describe::info(out, version, row);
            }
        }
    }
}

/// Answers HELP: the subcommands of a container and their summaries. `row` is that of HELP.
pub fn help(out: &mut Vec<u8>, row: &Command) {
    let container = row.name.split('|').next().unwrap_or_default();
    let subcommands = lookup(container.as_bytes()).map_or(&[][..], |row| row.subcommands);
    encode::array(out, 1 + 2 * subcommands.len());
    encode::status(out, &texts::help_head(container));
    for sub in subcommands {
        encode::status(out, &sub.short_name().to_ascii_uppercase());
        encode::status(out, &texts::help_about(sub.summary));
    }
}

/// For each name its row, or a null.
fn info(out: &mut Vec<u8>, version: Version, args: &Args<'_>) {
    let names = args.iter_from(2);
    if too_many(out, names.len()) {
        return;
    }
    encode::array(out, names.len());
    for name in names {
        match named(name) {
            Some(row) => describe::info(out, version, row),
            None => encode::null(out, version),
        }
    }
}

/// The docs of each known name; of all commands if no name is given.
fn docs(out: &mut Vec<u8>, version: Version, args: &Args<'_>) {
    if args.len() == 2 {
        encode::map(out, version, COMMANDS.len());
        for row in &COMMANDS {
            describe::docs(out, version, row);
        }
        return;
    }
    let names = args.iter_from(2);
    if too_many(out, names.len()) {
        return;
    }
    let known = names.filter_map(named);
    encode::map(out, version, known.clone().count());
    for row in known {
        describe::docs(out, version, row);
    }
}

/// A short name gets a long answer: without a limit a few kilobytes would cost megabytes.
fn too_many(out: &mut Vec<u8>, names: usize) -> bool {
    if names > COMMAND_NAMES_MAX {
        encode::error(out, texts::TOO_MANY_NAMES);
    }
    names > COMMAND_NAMES_MAX
}

/// A command, or a subcommand as `container|name`.
fn named(name: &[u8]) -> Option<&'static Command> {
    match name.iter().position(|&b| b == b'|') {
        None => lookup(name),
        Some(bar) => keys::subcommand(lookup(&name[..bar])?, &name[bar + 1..]),
    }
}

/// The names, of subcommands too, that pass the filter.
fn list(out: &mut Vec<u8>, args: &Args<'_>) {
    let filter = match (args.len(), args.get(2), args.get(3), args.get(4)) {
        (2, ..) => Some(Filter::All),
        (5, Some(by), Some(kind), Some(value)) if by.eq_ignore_ascii_case(b"FILTERBY") => {
            Filter::read(kind, value)
        }
        _ => None,
    };
    let Some(filter) = filter else {
        encode::error(out, texts::SYNTAX);
        return;
    };
    let rows = COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands));
    let found = rows.filter(|row| filter.passes(row));
    encode::array(out, found.clone().count());
    for row in found {
        encode::bulk(out, row.name.as_bytes());
    }
}

enum Filter<'a> {
    All,
    Nothing,
    Category(Categories),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn read(kind: &[u8], value: &'a [u8]) -> Option<Filter<'a>> {
        if kind.eq_ignore_ascii_case(b"ACLCAT") {
            return Some(Categories::named(value).map_or(Filter::Nothing, Filter::Category));
        }
        if kind.eq_ignore_ascii_case(b"PATTERN") {
            return (value.len() <= COMMAND_PATTERN_BYTES_MAX).then_some(Filter::Pattern(value));
        }
        // We have no modules.
        kind.eq_ignore_ascii_case(b"MODULE").then_some(Filter::Nothing)
    }

    fn passes(&self, row: &Command) -> bool {
        match self {
            Filter::All => true,
            Filter::Nothing => false,
            Filter::Category(category) => row.categories().has(*category),
            Filter::Pattern(pattern) => glob::matches(pattern, row.name.as_bytes()),
        }
    }
}

/// The keys of the request that begins at argument 2; with `flags`, the use of each too.
fn get_keys(out: &mut Vec<u8>, version: Version, args: &Args<'_>, flags: bool) {
    // Encoded again, to parse it as a request of its own.
    let mut bytes = Vec::new();
    encode::array(&mut bytes, args.len() - 2);
    for arg in args.iter_from(2) {
        encode::bulk(&mut bytes, arg);
    }
    let mut progress = request::Progress::default();
    let parsed = request::parse(&bytes, &mut progress, request::Trust::Authenticated);
    let row = match &parsed {
        Ok(request::Parsed::Request(args)) => row_of(args).map(|row| (row, args)),
        _ => None,
    };
    let Some((row, args)) = row else {
        encode::error(out, texts::GETKEYS_COMMAND);
        return;
    };
    if row.keys == Keys::None {
        encode::error(out, texts::GETKEYS_NO_KEYS);
        return;
    }
    if !row.arity_ok(args.len()) {
        encode::error(out, texts::GETKEYS_ARITY);
        return;
    }
    let Ok(found) = keys::keys(row, args) else {
        // COMMAND accepts a script without keys, whatever its count says.
        if row.flags.has(super::Flags::NO_MANDATORY_KEYS) {
            encode::array(out, 0);
        } else {
            encode::error(out, texts::GETKEYS_ARGUMENTS);
        }
        return;
    };
    encode::array(out, found.len());
    for (at, key) in found.enumerate() {
        if flags {
            encode::array(out, 2);
        }
        encode::bulk(out, key);
        if flags {
            describe::statuses(out, version, keys::key_use(row, args, at).names());
        }
    }
}

/// The row of a request. The number of arguments is not checked.
fn row_of(args: &Args<'_>) -> Option<&'static Command> {
    let row = lookup(args.name())?;
    match args.get(1) {
        Some(name) if !row.subcommands.is_empty() => keys::subcommand(row, name),
        _ => Some(row),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_args;
    use super::*;

    fn answer(line: &str, version: Version) -> String {
        let mut out = Vec::new();
        with_args(line, |args| {
            let row = lookup(args.name()).unwrap();
            match keys::resolve(row, args) {
                Ok(row) => command(&mut out, version, row, args),
                Err(error) => error.encode(&mut out),
            }
        });
        String::from_utf8(out).unwrap()
    }

    /// Replies of redis-server 7.0.15.
    #[test]
    fn answers_as_redis() {
        let get2 = "*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n\
            +@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n\
            +access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n\
            *2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n\
            $4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n\
            :0\r\n*0\r\n";
        let get3 = "*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n\
            +@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n\
            +access\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n\
            %1\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n\
            $4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n\
            :0\r\n~0\r\n";
        assert_eq!(
            answer("COMMAND INFO get nope GET", Version::Resp2),
            format!("*3\r\n{get2}$-1\r\n{get2}")
        );
        assert_eq!(answer("command info get nope|x", Version::Resp3), format!("*2\r\n{get3}_\r\n"));
        for (line, expected) in [
            ("COMMAND DOCS nope", "*0\r\n"),
            ("COMMAND LIST FILTERBY PATTERN XREAD*", "*2\r\n$5\r\nxread\r\n$10\r\nxreadgroup\r\n"),
            ("COMMAND LIST FILTERBY MODULE x", "*0\r\n"),
            ("COMMAND LIST FILTERBY ACLCAT nope", "*0\r\n"),
            ("COMMAND LIST FILTERBY ACLCAT @hash", "*0\r\n"),
            (
                "COMMAND LIST FILTERBY ACLCAT Hyperloglog",
                "*3\r\n$5\r\npfadd\r\n$7\r\npfcount\r\n$7\r\npfmerge\r\n",
            ),
            ("COMMAND LIST FILTERBY", "-ERR syntax error\r\n"),
            ("COMMAND LIST FILTERBY ACLCAT geo x", "-ERR syntax error\r\n"),
            ("COMMAND LIST BY ACLCAT geo", "-ERR syntax error\r\n"),
            ("COMMAND GETKEYS nope a", "-ERR Invalid command specified\r\n"),
            ("COMMAND GETKEYS object colour a", "-ERR Invalid command specified\r\n"),
            ("COMMAND GETKEYS object|encoding a", "-ERR Invalid command specified\r\n"),
            ("COMMAND GETKEYS ping a", "-ERR The command has no key arguments\r\n"),
            (
                "COMMAND GETKEYS get a b",
                "-ERR Invalid number of arguments specified for command\r\n",
            ),
            ("COMMAND GETKEYS zunion 0 a", "-ERR Invalid arguments specified for command\r\n"),
            ("COMMAND GETKEYS eval s 0", "*0\r\n"),
            ("COMMAND GETKEYS copy a b DB 3", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            (
                "COMMAND GETKEYSANDFLAGS zunionstore d 1 a",
                "*2\r\n*2\r\n$1\r\nd\r\n*2\r\n+OW\r\n+update\r\n\
                *2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n",
            ),
            ("COMMAND GETKEYSANDFLAGS set a b", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"),
            (
                "COMMAND GETKEYSANDFLAGS set a b EX 5 get",
                "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
            ),
            (
                "COMMAND GETKEYSANDFLAGS bitfield a OVERFLOW wrap GET u8 0",
                "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n",
            ),
            (
                "COMMAND GETKEYSANDFLAGS bitfield a GET u8 0 SET u8 0 1",
                "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
            ),
        ] {
            assert_eq!(answer(line, Version::Resp2), expected, "{line}");
        }
    }

    #[test]
    fn describes_with_our_summaries() {
        let texts = "$7\r\nsummary\r\n$19\r\nCounts the entries.\r\n$5\r\nsince\r\n$5\r\n5.0.0\r\n\
            $5\r\ngroup\r\n$6\r\nstream\r\n$9\r\narguments\r\n*1\r\n";
        let key = "$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n";
        assert_eq!(
            answer("COMMAND DOCS nope xlen", Version::Resp3),
            format!("%1\r\n$4\r\nxlen\r\n%4\r\n{texts}%2\r\n{key}")
        );
        assert_eq!(
            answer("COMMAND DOCS xlen", Version::Resp2),
            format!("*2\r\n$4\r\nxlen\r\n*8\r\n{texts}*4\r\n{key}")
        );
        let help = answer("COMMAND HELP", Version::Resp2);
        assert!(help.starts_with("*15\r\n+COMMAND <subcommand> [<arg> ...]. Subcommands are:\r\n"));
        assert!(help.contains("+GETKEYS\r\n+    Finds the keys of a request.\r\n"));
    }

    #[test]
    fn counts_and_lists_agree() {
        let count = COMMANDS.len();
        assert_eq!(answer("COMMAND COUNT", Version::Resp2), format!(":{count}\r\n"));
        assert!(answer("COMMAND", Version::Resp2).starts_with(&format!("*{count}\r\n*10\r\n")));
        assert!(answer("COMMAND DOCS", Version::Resp3).starts_with(&format!("%{count}\r\n")));
        let all = super::super::tests::rows().count();
        assert!(answer("COMMAND LIST", Version::Resp2).starts_with(&format!("*{all}\r\n")));
    }

    /// Each reply is one whole RESP value.
    #[test]
    fn every_reply_is_whole() {
        for version in [Version::Resp2, Version::Resp3] {
            for line in ["COMMAND", "COMMAND DOCS", "COMMAND LIST", "COMMAND HELP"] {
                let reply = answer(line, version);
                let mut left = 1usize;
                let mut rest = reply.as_str();
                while left > 0 {
                    let (head, tail) = rest.split_once("\r\n").unwrap();
                    let count = || head[1..].parse::<usize>().unwrap();
                    left -= 1;
                    rest = match head.as_bytes()[0] {
                        b'+' | b':' => tail,
                        b'$' => tail[count()..].strip_prefix("\r\n").unwrap(),
                        b'*' | b'~' => {
                            left += count();
                            tail
                        }
                        b'%' => {
                            left += 2 * count();
                            tail
                        }
                        other => panic!("{other}"),
                    };
                }
                assert_eq!(rest, "", "{line}");
            }
        }
    }

    /// See `COMMAND_NAMES_MAX`.
    #[test]
    fn the_longest_answer_is_bounded() {
        for question in ["INFO", "DOCS"] {
            let len = |row: &Command| {
                answer(&format!("COMMAND {question} {}", row.name), Version::Resp2).len()
            };
            let longest = super::super::tests::rows().map(len).max().unwrap();
            assert!(longest * COMMAND_NAMES_MAX < 4 << 20, "COMMAND {question}: {longest}");
        }
    }

    #[test]
    fn long_questions_are_refused() {
        let line = format!("COMMAND INFO{}", " xgroup".repeat(COMMAND_NAMES_MAX + 1));
        assert_eq!(answer(&line, Version::Resp2), "-ERR too many command names\r\n");
        let line = format!("COMMAND LIST FILTERBY PATTERN {}", "*".repeat(1025));
        assert_eq!(answer(&line, Version::Resp2), "-ERR syntax error\r\n");
    }
}
