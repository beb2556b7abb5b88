//! A short connection of the control plane to a server: connect, ask, read the answer, close.

use super::line::connect;
use nuthatch_engine::protocol::resp::{encode, reply};
use nuthatch_engine::topology::{Address, PoolSpec, Protocol};
use std::io;
use std::ops::Range;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The most bytes of an answer that are read. INFO's section *server* has about 600, PONG seven.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The commands for a server: AUTH if the pool has a password, and others.
pub struct Talk {
    request: Vec<u8>,
    protocol: Protocol,
    /// The number of the first command's reply; the password's comes before it.
    pub first: usize,
    replies: usize,
}

impl Talk {
    pub fn redis(spec: &PoolSpec, commands: &[&[&str]]) -> Talk {
        let (protocol, replies) = (Protocol::Redis, commands.len());
        let mut talk = Talk { request: Vec::new(), protocol, first: 0, replies };
        if let Some(password) = &spec.redis_auth {
            encode::command(&mut talk.request, &["AUTH", password]);
            talk.first = 1;
            talk.replies += 1;
        }
        for command in commands {
            encode::command(&mut talk.request, command);
        }
        talk
    }

    /// A command of memcached's, whose answer is one line.
    pub fn memcache(command: &str) -> Talk {
        let request = format!("{command}\r\n").into_bytes();
        Talk { request, protocol: Protocol::Memcache, first: 0, replies: 1 }
    }

    /// The whole replies that `answer` begins with.
    pub fn replies(&self, answer: &[u8]) -> Vec<Range<usize>> {
        self.walk(answer).0
    }

    /// The same, and where they end.
    fn walk(&self, answer: &[u8]) -> (Vec<Range<usize>>, usize) {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(len) = self.whole(&answer[at..]) {
            // A push is no reply.
            if self.protocol == Protocol::Memcache || answer[at] != b'>' {
                found.push(at..at + len);
            }
            at += len;
        }
        (found, at)
    }

    fn whole(&self, bytes: &[u8]) -> Option<usize> {
        match self.protocol {
            Protocol::Memcache => Some(bytes.iter().position(|&byte| byte == b'\n')? + 1),
            Protocol::Redis => match reply::parse(bytes, &mut reply::Progress::default()) {
                Ok(reply::Parsed::Complete { len, .. }) => Some(len),
                _ => None,
            },
        }
    }
}

/// How long a server may take to answer: twice the time of a connection.
pub fn max_wait(spec: &PoolSpec) -> Duration {
    Duration::from_millis(2 * u64::from(spec.connect_timeout_ms.max(100)))
}

/// The answer, or as much of it as came before the server closed. Not bounded in time.
pub async fn call(address: &Address, talk: &Talk) -> io::Result<Vec<u8>> {
    let mut stream = connect(address).await?;
    stream.write_all(&talk.request).await?;
    let mut answer = Vec::new();
    // What is known of the answer so far: it may come a byte at a time.
    let (mut at, mut whole) = (0, 0);
    while whole < talk.replies && answer.len() <= ANSWER_BYTES_MAX {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {
                let (replies, end) = talk.walk(&answer[at..]);
                (at, whole) = (at + end, whole + replies.len());
            }
            Ok(0) => break,
            // It closed before it had read all our bytes.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart() {
        let redis = Talk { request: Vec::new(), protocol: Protocol::Redis, first: 0, replies: 3 };
        assert_eq!(redis.replies(b"+OK\r\n*1\r\n:1\r\n$3\r\nab"), [0..5, 5..13]);
        assert_eq!(redis.replies(b">1\r\n+x\r\n+OK\r\n:1\r\n"), [8..13, 13..17]);
        assert_eq!(redis.replies(b"\x15nonsense\r\n"), []);
        let memcached = Talk::memcache("version");
        assert_eq!(memcached.replies(b"VERSION 1.6.18\r\n").last(), Some(&(0..16)));
        assert_eq!(memcached.replies(b"VERSION 1.6"), []);
    }
}
