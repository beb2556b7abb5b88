//! A memcached asked for some of its keys.
//!
//! ```text
//!   stats ─▶ lru_crawler metadump all ─▶ key=... a line each ─▶ END, or we close
//! ```
//!
//! Nothing else is ever sent, and nothing of it writes; a key that nobody reads is not kept alive
//! by it. The walk is done by a thread of the server's own, which lets the others go first and
//! waits without a lock while we are slow. But there is one such walk at a time, and the thread
//! has its own work to do, reclaiming what is too old: so we do not pause as between two SCANs,
//! we take what comes and close once the sample is full, which ends the walk.
//!
//! The walk takes turns between the classes of size and begins with the oldest items of each.
//! Neither has to do with where a key belongs, so its beginning is a fair sample of that.
//!
//! Keys are percent-encoded, so a key that was stored under its base64 form comes as the bytes
//! that also decide where it belongs. A server may have no walk to offer: one before 1.4.31, one
//! with `-o no_lru_crawler`, one that asks for a password. It says so, and we pass that on.

use super::line::{Line, line, lost};
use super::seen::Seen;
use crate::cli::print::cut;
use std::io::{BufReader, Read, Write};
use std::thread::sleep;
use std::time::Duration;

const STATS: &str = "stats";
const METADUMP: &str = "lru_crawler metadump all";
/// `BUSY`: another walk is under way. The server makes short ones itself now and then.
const BUSY_TRIES: u32 = 10;
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// The bytes of a key may be thrice as many when written.
const KEY_TEXT_MAX: usize = 3 * nuthatch_engine::protocol::memcache::KEY_BYTES_MAX;

/// Hands `sample` keys of a server to `take`, or all it has; 0 means all. The error is for people.
pub fn walk<S: Read + Write>(
    input: BufReader<S>,
    sample: u64,
    mut take: impl FnMut(Vec<u8>),
) -> Result<Seen, String> {
    let mut server = Server { input };
    let keys = server.items()?;
    let mut line = server.begin()?;
    let wanted = if sample == 0 { u64::MAX } else { sample };
    let mut taken = 0;
    loop {
        if line == b"END" {
            return Ok(Seen { keys, is_whole: true, ..Seen::default() });
        }
        if taken >= wanted {
            return Ok(Seen { keys, ..Seen::default() });
        }
        take(key(&line).ok_or_else(|| refused(METADUMP, &line))?);
        taken += 1;
        line = server.line(METADUMP)?;
    }
}

struct Server<S: Read + Write> {
    input: BufReader<S>,
}

impl<S: Read + Write> Server<S> {
    /// How many keys it has.
    fn items(&mut self) -> Result<u64, String> {
        self.say(STATS)?;
        let mut items = None;
        loop {
            let line = self.line(STATS)?;
            if line == b"END" {
                return items.ok_or_else(|| not_memcached(STATS));
            }
            let Some(stat) = line.strip_prefix(b"STAT ") else {
                return Err(refused(STATS, &line));
            };
            if let Some(count) = stat.strip_prefix(b"curr_items ") {
                items = std::str::from_utf8(count).ok().and_then(|count| count.parse().ok());
            }
        }
    }

    /// Asks for the walk until it begins; its first line.
    fn begin(&mut self) -> Result<Vec<u8>, String> {
        let mut tries = 0;
        loop {
            self.say(METADUMP)?;
            let line = self.line(METADUMP)?;
            tries += 1;
            if !line.starts_with(b"BUSY") {
                return Ok(line);
            }
            if tries == BUSY_TRIES {
                return Err(refused(METADUMP, &line));
            }
            sleep(BUSY_PAUSE);
        }
    }

    fn say(&mut self, command: &str) -> Result<(), String> {
        let line = format!("{command}\r\n");
        self.input.get_mut().write_all(line.as_bytes()).map_err(|error| lost(command, &error))
    }

    /// Lines of the walk end in LF, others in CRLF.
    fn line(&mut self, command: &str) -> Result<Vec<u8>, String> {
        match line(&mut self.input, command)? {
            Line::Whole(mut line) => {
                line.pop_if(|last| *last == b'\r');
                Ok(line)
            }
            Line::Torn => Err(not_memcached(command)),
        }
    }
}

/// The key of a line such as `key=a%20b exp=-1 la=1700000000 cas=1 fetch=no cls=1 size=64`.
fn key(line: &[u8]) -> Option<Vec<u8>> {
    let text = line.strip_prefix(b"key=")?;
    let text = text.split(|&byte| byte == b' ').next()?;
    if text.is_empty() || text.len() > KEY_TEXT_MAX {
        return None;
    }
    let mut key = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            key.push(first);
            continue;
        }
        let (&[high, low], after) = after.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        key.push((digit(high)? * 16 + digit(low)?) as u8);
        rest = after;
    }
    Some(key)
}

/// A line that is an error of the server's, or none of memcached's.
fn refused(command: &str, line: &[u8]) -> String {
    let is_error = [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR", b"BUSY"]
        .iter()
        .any(|kind| line.starts_with(kind));
    if !is_error {
        return not_memcached(command);
    }
    let said = cut(line);
    // What a server says that has never heard of it.
    let is_unknown = line == b"ERROR" && command == METADUMP;
    let why = if is_unknown { " (memcached before 1.4.31 cannot list its keys)" } else { "" };
    format!("{command}: {said}{why}")
}

fn not_memcached(command: &str) -> String {
    format!("{command}: the answer is not memcached's")
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    const HEAD: &str = "STAT pid 1\r\nSTAT curr_items 3\r\nEND\r\n";

    fn ask(sample: u64, answers: &str) -> (Result<Seen, String>, Vec<Vec<u8>>) {
        let mut keys = Vec::new();
        let input = BufReader::new(Script::new(answers));
        (walk(input, sample, |key| keys.push(key)), keys)
    }

    #[test]
    fn keys_come_out_as_their_bytes() {
        let lines = "key=a exp=-1 la=1 cas=1 fetch=no cls=1 size=64\n\
                     key=a%2520b%C3%A9 exp=-1\nkey=%00%0A%ff\nEND\r\n";
        let (seen, keys) = ask(10, &format!("{HEAD}{lines}"));
        assert_eq!(seen, Ok(Seen { keys: 3, is_whole: true, ..Seen::default() }));
        assert_eq!(keys, [&b"a"[..], b"a%20b\xc3\xa9", b"\0\n\xff"]);
        assert_eq!(ask(0, &format!("{HEAD}{lines}")).1.len(), 3);
    }

    #[test]
    fn a_sample_ends_where_it_is_full() {
        let lines = "key=a x\nkey=b x\nkey=c x\n";
        let (seen, keys) = ask(2, &format!("{HEAD}{lines}"));
        assert_eq!(seen, Ok(Seen { keys: 3, ..Seen::default() }));
        assert_eq!(keys.len(), 2);
        let (seen, _) = ask(2, &format!("{HEAD}key=a x\nkey=b x\nEND\r\n"));
        assert!(seen.unwrap().is_whole, "it ended just there");
    }

    #[test]
    fn another_walk_is_waited_for() {
        let (seen, keys) = ask(2, &format!("{HEAD}BUSY processing\r\nkey=a x\nEND\r\n"));
        assert!(seen.unwrap().is_whole);
        assert_eq!(keys, [b"a"]);
    }

    #[test]
    fn who_cannot_be_walked_says_why() {
        let stats = "stats: ";
        let dump = "lru_crawler metadump all: ";
        let cases = [
            (String::new(), format!("{stats}the connection was closed")),
            ("-ERR unknown\r\n".into(), format!("{stats}the answer is not memcached's")),
            (
                "CLIENT_ERROR unauthenticated\r\n".into(),
                format!("{stats}CLIENT_ERROR unauthenticated"),
            ),
            ("STAT a 1\r\nEND\r\n".into(), format!("{stats}the answer is not memcached's")),
            (
                format!("{HEAD}CLIENT_ERROR lru crawler disabled\r\n"),
                format!("{dump}CLIENT_ERROR lru crawler disabled"),
            ),
            (
                format!("{HEAD}ERROR\r\n"),
                format!("{dump}ERROR (memcached before 1.4.31 cannot list its keys)"),
            ),
            (format!("{HEAD}key=a%2 x\n"), format!("{dump}the answer is not memcached's")),
            (format!("{HEAD}key=a x\nkey="), format!("{dump}the answer is not memcached's")),
            (format!("{HEAD}key=a x\n"), format!("{dump}the connection was closed")),
        ];
        for (answers, error) in cases {
            assert_eq!(ask(10, &answers).0, Err(error), "{answers:?}");
        }
    }
}
