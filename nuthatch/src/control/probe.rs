//! Is a server that was out ready again? Asked as a client would ask: connect, AUTH, PING; of
//! memcached its `version`, which every version of it answers.

use super::visit::{self, Visit};
use nuthatch_engine::protocol::resp::encode;
use nuthatch_engine::topology::{Address, PoolSpec, Protocol};
use std::time::Duration;

/// Bytes of answers looked at; PONG needs seven.
const ANSWER_BYTES_MAX: usize = 4096;

/// Characters of an answer that the log gets.
const HEARD_CHARS_MAX: usize = 200;

/// Whether the server is ready, within the time a connection may take twice over; otherwise what was
/// heard of it. A server that is loading its data or busy with a script is not ready. One that only
/// refuses our password or the command is, since keeping it out would not help.
pub async fn ask(spec: &PoolSpec, address: &Address) -> Result<(), String> {
    let patience = patience(spec);
    let heard = match tokio::time::timeout(patience, visit::call(address, Ping::new(spec))).await {
        Ok(Ok(answer)) if is_well(&answer) => return Ok(()),
        Ok(Ok(answer)) if answer.is_empty() => "closed without an answer".to_owned(),
        Ok(Ok(answer)) => last_line(&answer).chars().take(HEARD_CHARS_MAX).collect(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} ms", patience.as_millis()),
    };
    Err(heard)
}

/// How long a server may take for a few words.
pub fn patience(spec: &PoolSpec) -> Duration {
    Duration::from_millis(2 * u64::from(spec.connect_timeout_ms.max(100)))
}

struct Ping {
    request: Vec<u8>,
    answers: usize,
}

impl Ping {
    fn new(spec: &PoolSpec) -> Ping {
        let mut ping = Ping { request: Vec::new(), answers: 1 };
        if let Some(password) = &spec.redis_auth {
            encode::command(&mut ping.request, &["AUTH", password]);
            ping.answers += 1;
        }
        match spec.protocol {
            Protocol::Redis => encode::command(&mut ping.request, &["PING"]),
            Protocol::Memcache => ping.request.extend_from_slice(b"version\r\n"),
        }
        ping
    }
}

impl Visit for Ping {
    fn request(&self) -> &[u8] {
        &self.request
    }

    fn is_answered(&self, answer: &[u8]) -> bool {
        // A piece behind each line's end.
        answer.split(|&byte| byte == b'\n').count() > self.answers
            || answer.len() > ANSWER_BYTES_MAX
    }
}

/// The answer to PING, or to `version`.
fn last_line(answer: &[u8]) -> String {
    let last = answer.trim_ascii_end().rsplit(|&b| b == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(last.trim_ascii_end()).into_owned()
}

/// Whether a server that answers so serves its clients.
fn is_well(answer: &[u8]) -> bool {
    const BEGIN: [&str; 5] = ["+PONG", "VERSION ", "-NOAUTH", "-NOPERM", "-ERR unknown"];
    let last = last_line(answer);
    // memcached's word for a command that it does not know; with more behind it, it means trouble.
    last == "ERROR" || BEGIN.iter().any(|well| last.starts_with(well))
}

#[cfg(test)]
mod tests {
    use super::is_well;

    #[test]
    fn well_is_what_serves() {
        for (answer, well) in [
            ("+PONG\r\n", true),
            ("+OK\r\n+PONG\r\n", true),
            ("VERSION 1.6.18\r\n", true),
            ("ERROR\r\n", true),
            ("ERROR Too many open connections\r\n", false),
            ("-WRONGPASS x\r\n-NOAUTH Authentication required.\r\n", true),
            ("-NOPERM this user has no permissions to run the 'ping' command\r\n", true),
            ("-ERR unknown command 'PING', with args beginning with: \r\n", true),
            ("-ERR unknown command `PING`, with args beginning with: \r\n", true),
            ("-ERR max number of clients reached\r\n", false),
            ("-MISCONF Redis is configured to save RDB snapshots\r\n", false),
            ("-LOADING Redis is loading the dataset in memory\r\n", false),
            ("-MASTERDOWN Link with MASTER is down\r\n", false),
            ("+OK\r\n-BUSY Redis is busy running a script\r\n", false),
            ("", false),
        ] {
            assert_eq!(is_well(answer.as_bytes()), well, "{answer:?}");
        }
    }
}
