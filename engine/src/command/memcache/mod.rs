//! The rows of memcached's commands.
//!
//! ```text
//!   name ─lookup─▶ row ─▶ verb:  Forward        one key, word 1; `noreply` may be the last word
//!                                Retrieve       keys from word `first` on, cut by their owners
//!                                Meta           one key, word 1; flags after it
//!                                All            to every server, the replies are joined
//!                                Local          answered here
//!                                Refused        concerns one server
//! ```
//!
//! Names are in lower case only. As with Redis, the server should answer errors. So we only check that
//! there are enough words to find a key, and that the key is not too long for memcached
//! (`protocol::memcache` checks lines that store).

use super::Join;
use crate::protocol::memcache::base64::{self, Decoded};
use crate::protocol::memcache::words::Words;

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    pub name: &'static str,
    pub verb: Verb,
    /// The least number of words, the name included. Fewer are an `ERROR`, as in memcached.
    pub words_min: u8,
    /// Whether it may change something.
    pub writes: bool,
    pub summary: &'static str,
    index: u16,
}

impl Command {
    /// Its place in the table.
    #[inline]
    pub const fn index(&self) -> usize {
        self.index as usize
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// To the owner of word 1, byte for byte.
    Forward,
    /// Keys from word `first` on.
    Retrieve {
        first: u8,
    },
    /// To the owner of word 1, which may be written in base64; flags from word `flags` on.
    Meta {
        flags: u8,
    },
    /// To every server.
    All(Join),
    Local(Local),
    /// Concerns one server, or would change what all clients share.
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Local {
    Version,
    Quit,
    /// `mn`: answered after all requests before it.
    Noop,
}

const fn row(
    name: &'static str,
    verb: Verb,
    words_min: u8,
    writes: bool,
    summary: &'static str,
) -> Command {
    Command { name, verb, words_min, writes, summary, index: 0 }
}

const READS: bool = false;
const WRITES: bool = true;
const KEYS: Verb = Verb::Retrieve { first: 1 };
const TOUCHED_KEYS: Verb = Verb::Retrieve { first: 2 };
const META: Verb = Verb::Meta { flags: 2 };

/// Every command, sorted by name.
pub static COMMANDS: [Command; 35] = numbered([
    row("add", Verb::Forward, 5, WRITES, "Store if the key is not there."),
    row("append", Verb::Forward, 5, WRITES, "Add data behind a value."),
    row("cache_memlimit", Verb::Refused, 1, WRITES, "Change a server's memory."),
    row("cas", Verb::Forward, 6, WRITES, "Store if the value is unchanged since `gets`."),
    row("debugtime", Verb::Refused, 1, WRITES, "Change a server's clock."),
    row("decr", Verb::Forward, 3, WRITES, "Subtract from a number."),
    row("delete", Verb::Forward, 2, WRITES, "Delete a key."),
    row("extstore", Verb::Refused, 1, WRITES, "Tune a server's storage on disk."),
    row("flush_all", Verb::All(Join::First), 1, WRITES, "Invalidate everything, everywhere."),
    row("gat", TOUCHED_KEYS, 2, WRITES, "Retrieve and give a new time to live."),
    row("gats", TOUCHED_KEYS, 2, WRITES, "The same, with the cas unique."),
    row("get", KEYS, 2, READS, "Retrieve values."),
    row("gets", KEYS, 2, READS, "Retrieve values with their cas unique."),
    row("incr", Verb::Forward, 3, WRITES, "Add to a number."),
    row("lru", Verb::Refused, 1, WRITES, "Tune a server's eviction."),
    row("lru_crawler", Verb::Refused, 1, WRITES, "Walk a server's keys."),
    row("ma", META, 2, WRITES, "Meta arithmetic."),
    row("md", META, 2, WRITES, "Meta delete."),
    row("me", META, 2, READS, "Meta debug: describes a key."),
    row("mg", META, 2, WRITES, "Meta get; may touch or create."),
    row("misbehave", Verb::Refused, 1, WRITES, "Test a server's sandbox."),
    row("mn", Verb::Local(Local::Noop), 1, READS, "Answered after all requests before it."),
    row("ms", Verb::Meta { flags: 3 }, 3, WRITES, "Meta set."),
    row("prepend", Verb::Forward, 5, WRITES, "Add data before a value."),
    row("quit", Verb::Local(Local::Quit), 1, READS, "Close the connection."),
    row("refresh_certs", Verb::Refused, 1, WRITES, "Reload a server's certificates."),
    row("replace", Verb::Forward, 5, WRITES, "Store if the key is there."),
    row("set", Verb::Forward, 5, WRITES, "Store."),
    row("shutdown", Verb::Refused, 1, WRITES, "End a server."),
    row("slabs", Verb::Refused, 1, WRITES, "Move a server's memory between classes."),
    row("stats", Verb::All(Join::Stats), 1, READS, "Statistics of all servers."),
    row("touch", Verb::Forward, 3, WRITES, "Give a new time to live."),
    row("verbosity", Verb::All(Join::First), 2, WRITES, "Set every server's log level."),
    row("version", Verb::Local(Local::Version), 1, READS, "Our version."),
    row("watch", Verb::Refused, 1, READS, "Follow a server's log."),
]);

const fn numbered<const N: usize>(mut rows: [Command; N]) -> [Command; N] {
    let mut at = 0;
    while at < N {
        rows[at].index = at as u16;
        at += 1;
    }
    rows
}

/// For each letter, the rows whose names begin with it.
static BY_LETTER: [(u8, u8); 26] = by_letter();

const fn by_letter() -> [(u8, u8); 26] {
    let mut places = [(0u8, 0u8); 26];
    let mut at = 0;
    while at < COMMANDS.len() {
        let letter = (COMMANDS[at].name.as_bytes()[0] - b'a') as usize;
        if places[letter].1 == 0 {
            places[letter].0 = at as u8;
        }
        at += 1;
        places[letter].1 = at as u8;
    }
    places
}

/// The row of the command with this name.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let letter = name.first()?.wrapping_sub(b'a');
    let &(from, to) = BY_LETTER.get(usize::from(letter))?;
    let rows = &COMMANDS[usize::from(from)..usize::from(to)];
    rows.iter().find(|row| row.name.as_bytes() == name)
}

/// Whether a text command may get no reply. A wrong `true` costs a fence and changes nothing.
#[inline]
pub fn has_noreply(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(b"noreply")
}

/// The flags of a meta command that a proxy needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MetaFlags {
    /// `q`: the server may not reply.
    pub quiet: bool,
    /// `b`: the key is written in base64.
    pub base64: bool,
    /// `k`: the reply has the key.
    pub returns_key: bool,
}

impl MetaFlags {
    /// The flags after the name and the key, which are read already. They begin with word `first`.
    pub fn read_after_key(mut words: Words<'_>, first: u8) -> MetaFlags {
        for _ in 2..first {
            words.next();
        }
        MetaFlags::read(words)
    }

    pub fn read(flags: Words<'_>) -> MetaFlags {
        let mut found = MetaFlags::default();
        for flag in flags {
            match flag[0] {
                b'q' => found.quiet = true,
                b'b' => found.base64 = true,
                b'k' => found.returns_key = true,
                _ => {}
            }
        }
        found
    }
}

/// The bytes of a meta command's key that are hashed. A key that cannot be decoded is hashed as it is,
/// and the server refuses it.
#[allow(clippy::large_enum_variant, reason = "it lives on the stack while one key is hashed")]
pub enum MetaKey<'a> {
    Plain(&'a [u8]),
    Decoded(Decoded),
}

impl<'a> MetaKey<'a> {
    pub fn read(key: &'a [u8], flags: MetaFlags) -> MetaKey<'a> {
        match if flags.base64 { base64::decode(key) } else { None } {
            Some(decoded) => MetaKey::Decoded(decoded),
            None => MetaKey::Plain(key),
        }
    }

    /// Whether a reply with this key could end within the key. memcached 1.6.18 normally writes such a
    /// key in base64. But when arithmetic, `append` or vivification replace the item, it forgets that
    /// the key was in base64, and writes the key's bytes.
    pub fn may_break_lines(&self) -> bool {
        matches!(self, MetaKey::Decoded(key) if key.as_slice().contains(&b'\n'))
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            MetaKey::Plain(key) => key,
            MetaKey::Decoded(decoded) => decoded.as_slice(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_found_and_described() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        for (at, row) in COMMANDS.iter().enumerate() {
            assert_eq!(row.index(), at);
            let found = lookup(row.name.as_bytes()).unwrap();
            assert!(std::ptr::eq(found, row), "{}", row.name);
            assert!(!row.summary.is_empty() && row.words_min >= 1, "{}", row.name);
        }
        for none in [&b""[..], b"GET", b"ge", b"getx", b"\xff", b"zzz", b"bget"] {
            assert!(lookup(none).is_none());
        }
    }

    #[test]
    fn noreply_is_the_last_word() {
        assert!(has_noreply(b"set k 0 0 1 noreply"));
        assert!(has_noreply(b"delete k noreply  "));
        assert!(!has_noreply(b"delete k noreply x"));
    }

    #[test]
    fn meta_flags_are_first_letters() {
        let flags = |line: &'static [u8]| MetaFlags::read(Words::new(line));
        assert_eq!(flags(b"v t O1qk"), MetaFlags::default());
        let both = MetaFlags { quiet: true, base64: true, returns_key: false };
        assert_eq!(flags(b"qv b"), both);
        assert!(flags(b"v k").returns_key);
        let base64 = MetaFlags { quiet: false, ..both };
        assert_eq!(MetaKey::read(b"Zm9v", base64).as_slice(), b"foo");
        assert!(MetaKey::read(b"YQpi", base64).may_break_lines());
        assert!(!MetaKey::read(b"Zm9v", base64).may_break_lines());
        assert_eq!(MetaKey::read(b"Zm9", base64).as_slice(), b"Zm9");
        assert_eq!(MetaKey::read(b"Zm9v", MetaFlags::default()).as_slice(), b"Zm9v");
    }
}
