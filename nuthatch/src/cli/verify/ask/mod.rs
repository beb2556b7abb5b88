//! One server asked for some of its keys: the way to it, and the choice of the protocol.
//!
//! ```text
//!   connect ─▶ redis.rs      SCAN
//!           ─▶ memcache.rs   lru_crawler metadump
//!           ─▶ words.rs      what a pool with replicas is asked besides
//! ```
//!
//! Blocking sockets of the standard library do: a thread asks one server and ends.

mod line;
mod memcache;
mod redis;
mod seen;
mod words;

pub use seen::Seen;
pub use words::{Login, words};

use line::PATIENCE;
use nuthatch_engine::topology::{Address, PoolSpec, Protocol};
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

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
