//! One server asked for some of its keys: the way to it, and what both protocols share.
//!
//! ```text
//!   connect ─▶ redis.rs      SCAN
//!           ─▶ memcache.rs   lru_crawler metadump
//! ```
//!
//! Blocking sockets of the standard library do: a thread asks one server and ends.

mod memcache;
mod redis;

use nuthatch_engine::topology::{Address, PoolSpec, Protocol};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a read or a write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line of a reply: a length, a number, an error's text, a key with what is known of it.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// What a server said of itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Seen {
    /// Keys in the pool's database; memcached has one.
    pub keys: u64,
    /// Keys in database 0, when the pool's is another.
    pub keys_in_zero: Option<u64>,
    /// Has every key been looked at?
    pub is_whole: bool,
    /// The pool has a password, and the server has none.
    pub has_no_password: bool,
}

/// Hands about `sample` keys of a server to `take`; 0 means all. The error is for people.
pub fn some(
    spec: &PoolSpec,
    address: &Address,
    sample: u64,
    take: impl FnMut(Vec<u8>),
) -> Result<Seen, String> {
    let stream = connect(spec, address).map_err(|error| error.to_string())?;
    let input = BufReader::new(stream);
    match spec.protocol {
        Protocol::Redis => redis::walk(input, spec, sample, take),
        Protocol::Memcache => memcache::walk(input, sample, take),
    }
}

fn connect(spec: &PoolSpec, address: &Address) -> io::Result<Stream> {
    match address {
        Address::Tcp { host, port } => {
            // The first address, as the proxy takes it.
            let address = (&**host, *port).to_socket_addrs()?.next();
            let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
            let limit = Duration::from_millis(u64::from(spec.connect_timeout_ms.max(100)));
            let stream = TcpStream::connect_timeout(&address, limit)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(Stream::Tcp(stream))
        }
        Address::Unix { path } => {
            let stream = UnixStream::connect(&**path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(Stream::Unix(stream))
        }
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was read up to a line feed.
enum Line {
    /// Without the line feed.
    Whole(Vec<u8>),
    /// The bytes ended within it, or it is too long for one.
    Torn,
}

/// The next line of the answer to `command`; none at all is an error.
fn line(input: &mut impl BufRead, command: &str) -> Result<Line, String> {
    let mut line = Vec::new();
    let mut input = input.take(LINE_BYTES_MAX);
    input.read_until(b'\n', &mut line).map_err(|error| lost(command, &error))?;
    match line.pop() {
        Some(b'\n') => Ok(Line::Whole(line)),
        Some(_) => Ok(Line::Torn),
        None => Err(format!("{command}: the connection was closed")),
    }
}

fn lost(command: &str, error: &io::Error) -> String {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return format!("{command}: no answer within {} s", PATIENCE.as_secs());
    }
    format!("{command}: {error}")
}

#[cfg(test)]
mod script {
    use std::io::{self, Cursor, Read, Write};

    /// Answers from a script; what is asked is kept.
    pub struct Script {
        answers: Cursor<Vec<u8>>,
        pub asked: Vec<u8>,
    }

    impl Script {
        pub fn new(answers: &str) -> Script {
            Script { answers: Cursor::new(answers.into()), asked: Vec::new() }
        }
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.answers.read(buffer)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
