//! A Redis server asked for some of its keys.
//!
//! ```text
//!   AUTH ─▶ SELECT ─▶ DBSIZE ─▶ SCAN ... SCAN ─▶ SELECT 0 ─▶ DBSIZE
//!   if redis_auth    redis_db    each followed by a pause      if redis_db
//! ```
//!
//! Nothing else is ever sent, and nothing of it writes. The server is one that serves clients, so
//! it is asked for little at a time and given the rest of the time back: a SCAN looks at about a
//! hundred keys, and the pause after it is four times as long as its answer took. SCAN walks the
//! table in an order that has nothing to do with the keys, so its beginning is a fair sample.
//!
//! The password goes to the server and nowhere else.

use super::line::{Line, line, lost};
use super::seen::Seen;
use crate::cli::print::cut;
use nuthatch_engine::protocol::resp::encode;
use nuthatch_engine::proxy::{server_said, wants_no_password};
use nuthatch_engine::topology::PoolSpec;
use std::io::{BufReader, Read, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Keys a SCAN is told to look at.
const SCAN_COUNT: u64 = 100;
/// The shortest and the longest pause between two SCANs.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// Redis takes no longer key.
const KEY_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Elements of a SCAN's reply. It may exceed COUNT, by a bucket or a small set at most.
const ITEMS_MAX: usize = 1_000_000;

/// Hands about `sample` keys of a server to `take`; 0 means all. The error is for people.
pub fn walk<S: Read + Write>(
    input: BufReader<S>,
    spec: &PoolSpec,
    sample: u64,
    take: impl FnMut(Vec<u8>),
) -> Result<Seen, String> {
    Server { input }.walk(spec, sample, take)
}

struct Server<S: Read + Write> {
    input: BufReader<S>,
}

impl<S: Read + Write> Server<S> {
    fn walk(
        &mut self,
        spec: &PoolSpec,
        sample: u64,
        mut take: impl FnMut(Vec<u8>),
    ) -> Result<Seen, String> {
        let has_no_password = match &spec.redis_auth {
            Some(password) => self.authenticate(password)?,
            None => false,
        };
        if spec.redis_db > 0 {
            self.status(&["SELECT", &spec.redis_db.to_string()])?;
        }
        let keys = self.number(&["DBSIZE"])?;
        let wanted = if sample == 0 { u64::MAX } else { sample };
        let (mut cursor, mut taken, mut is_whole) = ("0".to_owned(), 0, false);
        // A table keeps at least one key to sixteen buckets; one that is growing meanwhile, or is
        // written to as we read, must not keep us here for ever.
        let scans_max = 1000 + keys.saturating_mul(16) / SCAN_COUNT;
        for _ in 0..scans_max {
            let asked = Instant::now();
            let (next, found) = self.scan(&cursor)?;
            let answered = asked.elapsed();
            for key in found {
                taken += 1;
                take(key);
            }
            if next == "0" {
                is_whole = true;
                break;
            }
            if taken >= wanted {
                break;
            }
            cursor = next;
            sleep((answered * 4).clamp(PAUSE.0, PAUSE.1));
        }
        let keys_in_zero = if spec.redis_db > 0 {
            self.status(&["SELECT", "0"])?;
            Some(self.number(&["DBSIZE"])?)
        } else {
            None
        };
        Ok(Seen { keys, keys_in_zero, is_whole, has_no_password })
    }

    /// Whether the server said that it has no password, which is no reason not to go on.
    fn authenticate(&mut self, password: &str) -> Result<bool, String> {
        self.say(&["AUTH", password])?;
        match self.answer(b'+', "AUTH")? {
            Ok(_) => Ok(false),
            Err(words) if wants_no_password(&words) => Ok(true),
            Err(words) => Err(refused("AUTH", &server_said(words.as_bytes(), Some(password)))),
        }
    }

    fn scan(&mut self, cursor: &str) -> Result<(String, Vec<Vec<u8>>), String> {
        let command = ["SCAN", cursor, "COUNT", &SCAN_COUNT.to_string()];
        self.say(&command)?;
        if self.length(b'*', command[0], 2)? != 2 {
            return Err(not_redis(command[0]));
        }
        let cursor = self.bulk(command[0])?;
        let count = self.length(b'*', command[0], ITEMS_MAX)?;
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(self.bulk(command[0])?);
        }
        let cursor = String::from_utf8(cursor).map_err(|_| not_redis(command[0]))?;
        Ok((cursor, keys))
    }

    fn status(&mut self, command: &[&str]) -> Result<(), String> {
        self.say(command)?;
        self.line(b'+', command[0]).map(drop)
    }

    fn number(&mut self, command: &[&str]) -> Result<u64, String> {
        self.say(command)?;
        self.line(b':', command[0])?.parse().map_err(|_| not_redis(command[0]))
    }

    fn say(&mut self, command: &[&str]) -> Result<(), String> {
        let mut bytes = Vec::new();
        encode::command(&mut bytes, command);
        self.input.get_mut().write_all(&bytes).map_err(|error| lost(command[0], &error))
    }

    /// The rest of a line that begins with `kind`. An error of the server's is one of ours.
    fn line(&mut self, kind: u8, command: &str) -> Result<String, String> {
        self.answer(kind, command)?.map_err(|words| refused(command, &words))
    }

    /// The same, where the words of an error are wanted.
    fn answer(&mut self, kind: u8, command: &str) -> Result<Result<String, String>, String> {
        let line = match line(&mut self.input, command)? {
            Line::Whole(line) => line,
            Line::Torn => return Err(not_redis(command)),
        };
        let Some(line) = line.strip_suffix(b"\r") else { return Err(not_redis(command)) };
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match line.split_first() {
            Some((&first, rest)) if first == kind => Ok(Ok(text(rest))),
            Some((b'-', rest)) => Ok(Err(text(rest))),
            _ => Err(not_redis(command)),
        }
    }

    fn length(&mut self, kind: u8, command: &str, max: usize) -> Result<usize, String> {
        let length = self.line(kind, command)?.parse().map_err(|_| not_redis(command))?;
        if length > max { Err(not_redis(command)) } else { Ok(length) }
    }

    fn bulk(&mut self, command: &str) -> Result<Vec<u8>, String> {
        let length = self.length(b'$', command, KEY_BYTES_MAX)?;
        // Grown as the bytes come: a length alone must not make us ask for memory.
        let mut bytes = Vec::new();
        let read = self.input.by_ref().take(length as u64 + 2).read_to_end(&mut bytes);
        read.map_err(|error| lost(command, &error))?;
        if bytes.len() != length + 2 || !bytes.ends_with(b"\r\n") {
            return Err(not_redis(command));
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn refused(command: &str, words: &str) -> String {
    format!("{command}: {}", cut(words.as_bytes()))
}

fn not_redis(command: &str) -> String {
    format!("{command}: the answer is not Redis'")
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    fn spec(lines: &str) -> PoolSpec {
        let text = format!(
            "p:\n  listen: 127.0.0.1:1\n  redis: true\n{lines}  servers:\n  - 127.0.0.1:1:1\n"
        );
        let read = crate::config::parse(&text, "t.yml", nuthatch_engine::topology::Manners::Modern);
        read.unwrap().0.pools.remove(0).spec
    }

    /// What was seen, the keys, and the words that were sent.
    fn walk(
        lines: &str,
        sample: u64,
        answers: &str,
    ) -> (Result<Seen, String>, Vec<String>, Vec<String>) {
        let mut server = Server { input: BufReader::new(Script::new(answers)) };
        let mut keys = Vec::new();
        let seen = server
            .walk(&spec(lines), sample, |key| keys.push(String::from_utf8_lossy(&key).into()));
        let asked = String::from_utf8(server.input.into_inner().asked).unwrap();
        let words = asked.lines().filter(|line| !line.starts_with(['*', '$']));
        (seen, keys, words.map(str::to_owned).collect())
    }

    #[test]
    fn a_server_is_asked_for_keys_and_nothing_else() {
        let answers = "+OK\r\n+OK\r\n:3\r\n*2\r\n$2\r\n17\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n\
                       *2\r\n$1\r\n0\r\n*1\r\n$2\r\n\r\n\r\n+OK\r\n:9\r\n";
        let (seen, keys, words) = walk("  redis_auth: secret\n  redis_db: 2\n", 10, answers);
        let whole = Seen { keys: 3, is_whole: true, ..Seen::default() };
        assert_eq!(seen, Ok(Seen { keys_in_zero: Some(9), ..whole }));
        assert_eq!(keys, ["a", "", "\r\n"]);
        assert_eq!(
            words.join(" "),
            "AUTH secret SELECT 2 DBSIZE SCAN 0 COUNT 100 SCAN 17 COUNT 100 SELECT 0 DBSIZE"
        );
    }

    #[test]
    fn a_server_without_a_password_is_asked_all_the_same() {
        for words in [
            "ERR Client sent AUTH, but no password is set",
            "ERR AUTH <password> called without any password configured for the default user. Are \
             you sure your configuration is correct?",
        ] {
            let answers = format!("-{words}\r\n:1\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
            let (seen, keys, _) = walk("  redis_auth: secret\n", 10, &answers);
            let open = Seen { keys: 1, is_whole: true, has_no_password: true, keys_in_zero: None };
            assert_eq!((seen, keys), (Ok(open), vec!["a".to_owned()]));
        }
    }

    #[test]
    fn a_sample_ends_where_it_is_full() {
        let answers = ":300\r\n*2\r\n$1\r\n5\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n";
        let (seen, keys, _) = walk("", 2, answers);
        assert_eq!(seen, Ok(Seen { keys: 300, ..Seen::default() }));
        assert_eq!(keys, ["a", "b"]);
    }

    #[test]
    fn what_goes_wrong_is_told_without_the_password() {
        let lines = "  redis_auth: secret\n";
        let cases = [
            ("-WRONGPASS invalid\x1b[2J\r\n", "AUTH: \"WRONGPASS invalid\\u{1b}[2J\""),
            (
                "-ERR unknown command 'AUTH', with args beginning with: 'secret' \r\n",
                "AUTH: ERR unknown command 'AUTH'",
            ),
            ("", "AUTH: the connection was closed"),
            ("+OK", "AUTH: the answer is not Redis'"),
            ("+OK\r\n+OK\r\n", "DBSIZE: the answer is not Redis'"),
            (
                "+OK\r\n:1\r\n*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$9\r\nb",
                "SCAN: the answer is not Redis'",
            ),
            ("+OK\r\n:1\r\n*99999999999999\r\n", "SCAN: the answer is not Redis'"),
            ("+OK\r\n:1\r\n*2\r\n$1\r\n0\r\n*1\r\n$-1\r\n", "SCAN: the answer is not Redis'"),
        ];
        for (answers, error) in cases {
            assert_eq!(walk(lines, 10, answers).0, Err(error.to_owned()), "{answers:?}");
        }
    }

    #[test]
    fn a_cursor_that_never_ends_does() {
        let answers = format!(":0\r\n{}", "*2\r\n$1\r\n7\r\n*0\r\n".repeat(2000));
        let (seen, ..) = walk("", 10, &answers);
        assert!(!seen.unwrap().is_whole);
    }
}
