//! A connected stream of bytes, of any kind. The loop reads and writes streams, not sockets, so that
//! another kind (TLS; see docs/adr/0004) is one more variant here.
//!
//! epoll reports about the socket, once. So a stream with a buffer of its own must keep three rules:
//! `establish` is true only when both sides can send; `read` says whether there may be bytes that
//! epoll will not report; and `write` returns the whole length only if the kernel has all bytes, so
//! that an empty output means that nothing is left to send.

use super::sys;
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use nuthatch_engine::base::limits::{READ_BYTES, UNSENT_BYTES};
use nuthatch_engine::proxy::Cause;
use rustix::io::Errno;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The result of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// Bytes in the buffer; 0 when the peer has closed.
    pub len: usize,
    /// Read again: there may be bytes, or the end, that epoll will not report.
    pub more: bool,
}

/// When a server's machine that answers no probe counts as gone: after half a minute.
const SILENCE_BEFORE_PROBES: Duration = Duration::from_secs(15);
const BETWEEN_PROBES: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

impl Stream {
    /// Begins to connect. The stream becomes writable when it is connected or has failed.
    pub fn connect_tcp(address: SocketAddr) -> io::Result<Stream> {
        let stream = TcpStream::connect(address)?;
        // If it fails, writes come in larger bursts.
        let _ = sys::limit_unsent(&stream, UNSENT_BYTES);
        // Without it a command that waits would wait for a machine that is gone until clients give up.
        let keepalive = TcpKeepalive::new()
            .with_time(SILENCE_BEFORE_PROBES)
            .with_interval(BETWEEN_PROBES)
            .with_retries(PROBES);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        Ok(Stream::Tcp(stream))
    }

    pub fn connect_unix(path: &str) -> io::Result<Stream> {
        Ok(Stream::Unix(UnixStream::connect(path)?))
    }

    /// Continues to connect. Call it at each event until it is done. `Ok(false)`: not yet.
    pub fn establish(&mut self) -> io::Result<bool> {
        let error = match self {
            Stream::Tcp(stream) => stream.take_error()?,
            Stream::Unix(stream) => stream.take_error()?,
        };
        if let Some(error) = error {
            return Err(error);
        }
        let peer = match self {
            Stream::Tcp(stream) => stream.peer_addr().map(|_| ()),
            Stream::Unix(stream) => stream.peer_addr().map(|_| ()),
        };
        match peer {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Without it a pipeline has a twentieth of its speed: the kernel holds small writes until the
    /// peer's delayed acknowledgement.
    pub fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_nodelay(true),
            Stream::Unix(_) => Ok(()),
        }
    }

    pub fn set_keepalive(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => SockRef::from(stream).set_keepalive(true),
            Stream::Unix(_) => Ok(()),
        }
    }

    /// If the read fills the buffer, the socket may hold more. After a short read it is empty.
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Incoming> {
        let len = match self {
            Stream::Tcp(stream) => stream.read(buffer)?,
            Stream::Unix(stream) => stream.read(buffer)?,
        };
        Ok(Incoming { len, more: len == buffer.len() })
    }

    /// The same to the end of `out`, into capacity that it has already.
    pub fn read_onto(&mut self, out: &mut Vec<u8>) -> io::Result<Incoming> {
        let room = READ_BYTES.min(out.capacity() - out.len());
        let len = match self {
            Stream::Tcp(stream) => sys::receive_onto(stream, out, room)?,
            Stream::Unix(stream) => sys::receive_onto(stream, out, room)?,
        };
        Ok(Incoming { len, more: len == room })
    }

    /// Returns how many bytes the kernel accepted. Fewer than given, or `WouldBlock`: call again when
    /// the socket is writable, with bytes that begin with the rest.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    pub fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, r: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.register(r, token, interests),
            Stream::Unix(stream) => stream.register(r, token, interests),
        }
    }

    fn reregister(&mut self, r: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.reregister(r, token, interests),
            Stream::Unix(stream) => stream.reregister(r, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.deregister(registry),
            Stream::Unix(stream) => stream.deregister(registry),
        }
    }
}

/// The engine's `Cause` for a system error.
pub fn cause_of(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Cause::Refused,
        io::ErrorKind::ConnectionReset => Cause::Reset,
        io::ErrorKind::BrokenPipe => Cause::BrokenPipe,
        io::ErrorKind::TimedOut => Cause::TimedOut,
        io::ErrorKind::NotFound => Cause::NoSocket,
        _ => {
            // std adds "(os error N)"; twemproxy sent the text without it.
            let text = error.to_string();
            let bare = text.split(" (os error").next().unwrap_or_default();
            match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    Cause::Exhausted(bare.into())
                }
                _ => Cause::System(bare.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_fills_the_buffer_may_have_left_bytes() -> io::Result<()> {
        let (mut ours, theirs) = UnixStream::pair()?;
        let mut stream = Stream::Unix(theirs);
        ours.write_all(b"hello")?;
        let mut buffer = [0; 4];
        assert_eq!(stream.read(&mut buffer)?, Incoming { len: 4, more: true });
        assert_eq!(stream.read(&mut buffer)?, Incoming { len: 1, more: false });
        let empty = stream.read(&mut buffer).map_err(|error| error.kind());
        assert_eq!(empty, Err(io::ErrorKind::WouldBlock));
        drop(ours);
        assert_eq!(stream.read(&mut buffer)?, Incoming { len: 0, more: false });
        Ok(())
    }

    #[test]
    fn system_errors_have_only_the_text_of_the_c_library() {
        let cause = cause_of(&Errno::NETUNREACH.into());
        assert_eq!(cause, Cause::System("Network is unreachable".into()));
        let cause = cause_of(&Errno::MFILE.into());
        assert_eq!(cause, Cause::Exhausted("Too many open files".into()));
    }
}
