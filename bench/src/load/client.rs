//! One connection of the load.

use super::replies::{Kind, Replies};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

/// A connection, what it has to write, and when its unanswered requests began.
pub struct Client {
    stream: TcpStream,
    replies: Replies,
    pub out: Vec<u8>,
    written: usize,
    /// When each unanswered request was sent, or was due, in nanoseconds.
    pub began: VecDeque<u64>,
    is_connected: bool,
}

impl Client {
    pub fn connect(
        registry: &Registry,
        token: Token,
        port: u16,
        is_memcached: bool,
    ) -> io::Result<Client> {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, token, both)?;
        Ok(Client {
            stream,
            replies: Replies::new(is_memcached),
            out: Vec::new(),
            written: 0,
            began: VecDeque::new(),
            is_connected: false,
        })
    }

    /// At the first writable event: has the connect succeeded?
    pub fn connected(&mut self) -> io::Result<()> {
        if !self.is_connected {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            self.stream.set_nodelay(true)?;
            self.is_connected = true;
        }
        Ok(())
    }

    /// Writes as much as the socket takes.
    pub fn write(&mut self) -> io::Result<()> {
        while self.is_connected && self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// Reads all there is. `done` gets each reply's kind, the time when its request began, and its
    /// line.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        mut done: impl FnMut(Kind, u64, &[u8]),
    ) -> io::Result<()> {
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "closed by peer")),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let began = &mut self.began;
            self.replies.take(&buffer[..read], |kind, line| {
                if let Some(at) = began.pop_front() {
                    done(kind, at, line);
                }
            });
            if read < buffer.len() {
                return Ok(()); // more bytes make a new event
            }
        }
    }
}
