//! Clients of other protocols that connect to the stats port by mistake. Each gets an error in its
//! protocol, and the log says how to correct it, at a limited rate: scanners try every port.
//!
//! Only protocols that the first bytes show for certain are here. Other bytes that are not HTTP get
//! the document, memcached's commands too: readers of plain TCP may send a word.

use super::http::{self, Status};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The log has a line about one kind at most once in this time.
const LOG_AGAIN: Duration = Duration::from_secs(10);

pub struct Foreign {
    /// Its protocol and our answer, for the reference page.
    pub speaks: &'static str,
    pub gets: &'static str,
    /// Whether the first bytes of a connection show it.
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
        // TLS libraries report an answer in plain text as a wrong version number, a well known error.
        answer: || http::refusal(Status::BadRequest, "this port has no TLS: use http://"),
        log: "a TLS client connected to the stats port, which has no TLS: use http://",
    },
    Foreign {
        speaks: "HTTP/2",
        gets: "505",
        shows: |bytes| bytes.starts_with(b"PRI * HTTP/2"),
        answer: http::other_version,
        log: "an HTTP/2 client connected to the stats port, which has HTTP/1 only",
    },
    Foreign {
        speaks: "RESP: a Redis client",
        gets: "an error in RESP",
        shows: |bytes| matches!(bytes, [b'*', b'0'..=b'9', ..]),
        answer: || "-ERR this is the port of nuthatch's statistics, not of a pool\r\n".to_owned(),
        log: "a Redis client connected to the stats port: pools listen on other ports",
    },
];

/// For each kind: the connections since its last line in the log, and the time of that line.
#[derive(Default)]
pub struct ForeignLog(Mutex<[(u64, Option<Instant>); FOREIGN.len()]>);

impl ForeignLog {
    /// Recognizes a protocol by its first bytes, and logs it. `reader` is the address.
    pub fn recognize(&self, bytes: &[u8], reader: &str) -> Option<&'static Foreign> {
        let (at, foreign) = FOREIGN.iter().enumerate().find(|(_, one)| (one.shows)(bytes))?;
        if let Some(times) = self.count(at, Instant::now()) {
            tracing::warn!(reader, times, "{}", foreign.log);
        }
        Some(foreign)
    }

    /// Counts a connection. If it is time for a line, returns how many came since the last one.
    fn count(&self, at: usize, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, logged) = &mut all[at];
        *count += 1;
        if logged.is_some_and(|logged| now < logged + LOG_AGAIN) {
            return None;
        }
        *logged = Some(now);
        Some(std::mem::take(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Option<usize> {
        FOREIGN.iter().position(|one| (one.shows)(bytes))
    }

    #[test]
    fn protocols_are_recognized_by_their_first_bytes() {
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
    fn one_line_counts_many() {
        let foreign_log = ForeignLog::default();
        let start = Instant::now();
        assert_eq!(foreign_log.count(0, start), Some(1));
        assert_eq!(foreign_log.count(0, start), None);
        assert_eq!(foreign_log.count(2, start), Some(1), "each kind has its own count");
        assert_eq!(foreign_log.count(0, start + LOG_AGAIN / 2), None);
        assert_eq!(foreign_log.count(0, start + LOG_AGAIN), Some(3));
    }
}
