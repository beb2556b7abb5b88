//! A small blocking client.
//!
//! It does only what a test asks for: no handshake, no reconnect, no retry.
//! Errors are `io::Error`, so that a test can distinguish a timeout (`is_timeout`) from a close
//! (`ErrorKind::UnexpectedEof`).

use crate::text::text_reply_len;
use crate::value::{ParseError, Value, parse};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// One connection to a server or a proxy.
pub struct Client {
    stream: Stream,
    /// Bytes that have arrived and are not part of a returned reply.
    pending: Vec<u8>,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Client {
    /// Connects over TCP. Connecting, reading and writing may take 5 s each; see `set_timeout`.
    pub fn connect(addr: impl ToSocketAddrs) -> io::Result<Client> {
        let addr = addr.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let stream = TcpStream::connect_timeout(&addr, TIMEOUT)?;
        stream.set_nodelay(true)?;
        Client::over(Stream::Tcp(stream))
    }

    pub fn connect_unix(path: impl AsRef<Path>) -> io::Result<Client> {
        Client::over(Stream::Unix(UnixStream::connect(path)?))
    }

    fn over(stream: Stream) -> io::Result<Client> {
        let client = Client { stream, pending: Vec::new() };
        client.set_timeout(TIMEOUT)?;
        Ok(client)
    }

    /// A second handle on the same connection, so that a thread may send while another receives.
    /// Only one of the two should receive.
    pub fn try_clone(&self) -> io::Result<Client> {
        Client::over(match &self.stream {
            Stream::Tcp(s) => Stream::Tcp(s.try_clone()?),
            Stream::Unix(s) => Stream::Unix(s.try_clone()?),
        })
    }

    /// How long one read or write may take.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match &self.stream {
            Stream::Tcp(s) => s.set_read_timeout(timeout).and(s.set_write_timeout(timeout)),
            Stream::Unix(s) => s.set_read_timeout(timeout).and(s.set_write_timeout(timeout)),
        }
    }

    /// Sends one command and waits for its reply. An error reply is a `Value::Error`.
    pub fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        self.send(args)?;
        self.recv()
    }

    /// The same, returning the reply's bytes as they came.
    pub fn command_raw<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Vec<u8>> {
        self.send(args)?;
        self.recv_raw()
    }

    /// Sends all commands in one write, then waits for all replies.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, commands: &[Vec<A>]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        for args in commands {
            encode(args, &mut bytes);
        }
        self.send_raw(&bytes)?;
        commands.iter().map(|_| self.recv()).collect()
    }

    /// Sends one command and does not wait.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(args, &mut bytes);
        self.send_raw(&bytes)
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(s) => s.write_all(bytes),
            Stream::Unix(s) => s.write_all(bytes),
        }
    }

    /// Waits for one reply.
    pub fn recv(&mut self) -> io::Result<Value> {
        let (value, used) = self.wait_reply()?;
        self.pending.drain(..used);
        Ok(value)
    }

    /// Waits for one reply and returns its bytes as they came.
    pub fn recv_raw(&mut self) -> io::Result<Vec<u8>> {
        let (_, used) = self.wait_reply()?;
        Ok(self.pending.drain(..used).collect())
    }

    /// One reply that has arrived already, as its bytes came. `None`: there is none, or a part of one.
    pub fn recv_ready(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let len = match parse(&self.pending) {
                Ok((_, used)) => return Ok(Some(self.pending.drain(..used).collect())),
                Err(ParseError::Malformed(what)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                Err(ParseError::NeedBytes(len)) => len,
            };
            self.set_nonblocking(true)?;
            let outcome = self.fill(len);
            self.set_nonblocking(false)?;
            match outcome {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }

    /// Whether the beginning of a reply has been read, and not its end.
    pub fn has_part(&self) -> bool {
        !self.pending.is_empty()
    }

    fn set_nonblocking(&self, is_so: bool) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(s) => s.set_nonblocking(is_so),
            Stream::Unix(s) => s.set_nonblocking(is_so),
        }
    }

    /// Sends a memcached request unchanged and waits for one reply.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> io::Result<Vec<u8>> {
        self.send_raw(request.as_ref())?;
        self.recv_text()
    }

    /// Waits for one memcached reply and returns its bytes as they came.
    pub fn recv_text(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(used) = text_reply_len(&self.pending) {
                return Ok(self.pending.drain(..used).collect());
            }
            if self.fill(self.pending.len() + 1)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The bytes that are already there, or those that arrive next. Empty when the peer has closed.
    pub fn recv_some(&mut self) -> io::Result<Vec<u8>> {
        if self.pending.is_empty() {
            self.fill(1)?;
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// Everything up to the peer's close. A reset counts as a close.
    pub fn recv_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill(self.pending.len() + 1) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => break,
                Err(e) => return Err(e),
            }
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// True if for this time nothing arrives, not even a close.
    pub fn is_silent_for(&mut self, time: Duration) -> io::Result<bool> {
        if !self.pending.is_empty() {
            return Ok(false);
        }
        self.set_timeout(time)?;
        let outcome = self.fill(1);
        self.set_timeout(TIMEOUT)?;
        match outcome {
            Err(e) if is_timeout(&e) => Ok(true),
            Err(e) => Err(e),
            Ok(_) => Ok(false),
        }
    }

    /// Half-close: the peer sees that we send nothing more.
    pub fn shutdown_write(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(s) => s.shutdown(Shutdown::Write),
            Stream::Unix(s) => s.shutdown(Shutdown::Write),
        }
    }

    fn wait_reply(&mut self) -> io::Result<(Value, usize)> {
        loop {
            match parse(&self.pending) {
                Ok(found) => return Ok(found),
                Err(ParseError::Malformed(what)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                Err(ParseError::NeedBytes(len)) => {
                    if self.fill(len)? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    /// Reads until `pending` holds `len` bytes or the peer closes; returns how many bytes came.
    fn fill(&mut self, len: usize) -> io::Result<usize> {
        let before = self.pending.len();
        let mut chunk = [0; 16 * 1024];
        while self.pending.len() < len {
            let n = match &mut self.stream {
                Stream::Tcp(s) => s.read(&mut chunk),
                Stream::Unix(s) => s.read(&mut chunk),
            };
            let n = match n {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                n => n?,
            };
            if n == 0 {
                // A close in the middle: a waiting parser cannot use the bytes before it.
                return Ok(0);
            }
            self.pending.extend_from_slice(&chunk[..n]);
        }
        Ok(self.pending.len() - before)
    }
}

/// A read that hit its timeout; Linux and macOS name it differently.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Appends one command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(args: &[A], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// A peer that reads up to 64 bytes, sends `chunks` one after the other, and closes.
    fn peer(chunks: &'static [&'static [u8]]) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request).unwrap();
            for chunk in chunks {
                stream.write_all(chunk).unwrap();
                thread::sleep(Duration::from_millis(5));
            }
        });
        Client::connect(addr).unwrap()
    }

    #[test]
    fn a_reply_in_pieces() {
        let mut client = peer(&[b"$1", b"0\r\n01234", b"56789\r", b"\n+OK\r\n"]);
        assert_eq!(client.command(&["GET", "x"]).unwrap(), Value::bulk("0123456789"));
        assert_eq!(client.recv_raw().unwrap(), b"+OK\r\n");
        assert_eq!(client.recv().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_ready_is_taken_without_waiting() {
        let mut client = peer(&[b"+a\r\n+b\r\n$1", b"\r\nx\r\n"]);
        client.send(&["PING"]).unwrap();
        let mut ready = Vec::new();
        while ready.len() < 3 {
            ready.extend(client.recv_ready().unwrap());
        }
        assert_eq!(ready, [&b"+a\r\n"[..], b"+b\r\n", b"$1\r\nx\r\n"]);
        assert!(!client.has_part());
    }

    #[test]
    fn silence_is_not_a_close() {
        let mut client = peer(&[b"x"]);
        assert!(client.is_silent_for(Duration::from_millis(30)).unwrap());
        client.send(&["PING"]).unwrap();
        assert_eq!(client.recv_to_end().unwrap(), b"x");
    }

    #[test]
    fn encodes_as_clients_do() {
        let mut bytes = Vec::new();
        encode(&["GET", "ab"], &mut bytes);
        assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$2\r\nab\r\n");
    }
}
