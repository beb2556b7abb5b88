//! Clients that took the stats port for another one. Each gets an error that it can show, and the
//! log says what to put right, rationed: scanners knock at every port.
//!
//! Only what is certain from the first bytes stands here. Other words that are not HTTP come from
//! readers of plain TCP, and get the document; memcached's commands are among them.

use super::http::{self, Status};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the log tells of one kind.
const SAY_AGAIN: Duration = Duration::from_secs(10);

pub struct Foreign {
    /// What it speaks, and what it gets, for the reference page.
    pub speaks: &'static str,
    pub gets: &'static str,
    /// Do a connection's first bytes show it?
    shows: fn(&[u8]) -> bool,
    pub answer: fn() -> String,
    log: &'static str,
}

pub static FOREIGN: [Foreign; 3] = [
    Foreign {
        speaks: "TLS",
        gets: "400",
        // A handshake record of any version since SSL 3.
        shows: |bytes| bytes.starts_with(&[0x16, 3]),
        // TLS libraries call an answer in plain text a wrong version number, and it is known by that.
        answer: || http::refusal(Status::BadRequest, "TLS is not spoken here: use http://"),
        log: "TLS was spoken to the stats port, which has none: use http://",
    },
    Foreign {
        speaks: "HTTP/2",
        gets: "505",
        shows: |bytes| bytes.starts_with(b"PRI * HTTP/2"),
        answer: http::other_version,
        log: "HTTP/2 was spoken to the stats port, which has HTTP/1 only",
    },
    Foreign {
        speaks: "RESP: a Redis client",
        gets: "an error in RESP",
        shows: |bytes| matches!(bytes, [b'*', b'0'..=b'9', ..]),
        answer: || "-ERR this is the port of nuthatch's statistics, not of a pool\r\n".to_owned(),
        log: "a Redis client has come to the stats port: pools listen elsewhere",
    },
];

/// For each kind: connections since its last line in the log, and the time of that line.
#[derive(Default)]
pub struct ForeignLog(Mutex<[(u64, Option<Instant>); FOREIGN.len()]>);

impl ForeignLog {
    /// Knows one by its first bytes, and tells of it. `reader` is its address.
    pub fn recognize(&self, bytes: &[u8], reader: &str) -> Option<&'static Foreign> {
        let (at, foreign) = FOREIGN.iter().enumerate().find(|(_, one)| (one.shows)(bytes))?;
        if let Some(times) = self.to_tell(at, Instant::now()) {
            tracing::warn!(reader, times, "{}", foreign.log);
        }
        Some(foreign)
    }

    /// How many came since the last line, this one included, if it is time for a line.
    fn to_tell(&self, at: usize, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (untold, told) = &mut all[at];
        *untold += 1;
        if told.is_some_and(|told| now < told + SAY_AGAIN) {
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Option<usize> {
        FOREIGN.iter().position(|one| (one.shows)(bytes))
    }

    #[test]
    fn they_are_known_by_their_first_bytes() {
        for (bytes, want) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], Some(0)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(1)),
            (b"*1\r\n$4\r\nPING\r\n", Some(2)),
            (b"", None),
            (b"*", None),
            (b"* everything\n", None),
            (b"\x16", None),
            (b"stats\r\n", None),
            (b"GET / HTTP/1.1\r\n\r\n", None),
        ] {
            assert_eq!(kind(bytes), want, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn one_line_tells_of_many() {
        let foreign_log = ForeignLog::default();
        let start = Instant::now();
        assert_eq!(foreign_log.to_tell(0, start), Some(1));
        assert_eq!(foreign_log.to_tell(0, start), None);
        assert_eq!(foreign_log.to_tell(2, start), Some(1), "each kind for itself");
        assert_eq!(foreign_log.to_tell(0, start + SAY_AGAIN / 2), None);
        assert_eq!(foreign_log.to_tell(0, start + SAY_AGAIN), Some(3));
    }
}
