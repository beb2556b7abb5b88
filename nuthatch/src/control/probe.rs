//! Asks whether a server that was out is ready again, as a client would: connect, AUTH, PING. memcached
//! is asked for `version`, which every version of it answers.

use super::visit::{self, Talk, max_wait};
use nuthatch_engine::proxy::server_said;
use nuthatch_engine::topology::{Address, PoolSpec, Protocol};
use std::io;

/// Characters of an answer that the log gets.
const HEARD_CHARS_MAX: usize = 200;

/// Whether the server is ready. `Err`: its answer. It has twice the time of a connection. A server that
/// loads its data or runs a long script is not ready. A server that only refuses our password or the
/// command is ready, since it would not help to keep it out.
pub async fn ask(spec: &PoolSpec, address: &Address) -> Result<(), String> {
    let talk = match spec.protocol {
        Protocol::Redis => Talk::redis(spec, &[&["PING"]]),
        Protocol::Memcache => Talk::memcache("version"),
    };
    let max_wait = max_wait(spec);
    match tokio::time::timeout(max_wait, visit::call(address, &talk)).await {
        Ok(answer) => judge(spec, answer),
        Err(_) => Err(format!("no answer within {} ms", max_wait.as_millis())),
    }
}

fn judge(spec: &PoolSpec, answer: io::Result<Vec<u8>>) -> Result<(), String> {
    let answer = answer.map_err(|error| error.to_string())?;
    let last = last_line(&answer);
    if is_well(last) {
        return Ok(());
    }
    if answer.is_empty() {
        return Err("closed without an answer".to_owned());
    }
    let said = server_said(last, spec.redis_auth.as_deref());
    Err(said.chars().take(HEARD_CHARS_MAX).collect())
}

/// The answer to PING, or to `version`; that to AUTH where the server closed behind it.
fn last_line(answer: &[u8]) -> &[u8] {
    let last = answer.trim_ascii_end().rsplit(|&b| b == b'\n').next().unwrap_or_default();
    last.trim_ascii_end()
}

/// Whether a server that answers so serves its clients.
fn is_well(last: &[u8]) -> bool {
    const BEGIN: [&[u8]; 5] = [b"+PONG", b"VERSION ", b"-NOAUTH", b"-NOPERM", b"-ERR unknown"];
    // memcached's answer to a command that it does not know. With more words behind it, it is an error.
    last == b"ERROR" || BEGIN.iter().any(|well| last.starts_with(well))
}

#[cfg(test)]
mod tests {
    use super::{is_well, last_line};

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
            assert_eq!(is_well(last_line(answer.as_bytes())), well, "{answer:?}");
        }
    }
}
