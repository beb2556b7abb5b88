//! A server that stores nothing and answers at once, so that only the proxy is measured.
//!
//! ```text
//!   bytes ──▶ resp.rs / memcache.rs ──▶ Answers ──▶ one vectored write an event
//!              where does it end?        pieces: small ones copied together,
//!                                        big values borrowed from the single value
//! ```
//!
//! One thread, mio, edge-triggered: a socket is read until a read does not fill the buffer. If a
//! connection does not take its answers, it is not read until the next writable event.
//!
//! The letter in a value shows which server sent it. So a scenario that needs the keys of one server
//! reads some keys and looks at their values.

mod answers;
pub mod memcache;
pub mod resp;

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

pub use answers::{Answers, Value};

/// With this many unwritten bytes a connection is not read.
const BACKLOG_BYTES: usize = 4 << 20;
const LISTENER: Token = Token(usize::MAX);

/// What to serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Null {
    pub port: u16,
    pub is_memcached: bool,
    /// The size of every value.
    pub value_bytes: usize,
    /// The letter that every value is made of.
    pub letter: char,
}

/// A parser for one of the two protocols.
pub enum Parser {
    Resp(resp::Parser),
    Memcache(memcache::Parser),
}

impl Parser {
    pub fn new(is_memcached: bool) -> Parser {
        if is_memcached {
            Parser::Memcache(memcache::Parser::default())
        } else {
            Parser::Resp(resp::Parser::default())
        }
    }

    /// Takes bytes as they arrive and answers the requests that end in them.
    pub fn take(&mut self, bytes: &[u8], answers: &mut Answers) {
        match self {
            Parser::Resp(parser) => parser.take(bytes, answers),
            Parser::Memcache(parser) => parser.take(bytes, answers),
        }
    }
}

struct Connection {
    stream: TcpStream,
    parser: Parser,
    answers: Answers,
}

/// Serves until the process is ended.
pub fn serve(null: &Null) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, null.port)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let value = Rc::new(Value::new(null.value_bytes, null.letter as u8));
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for event in &events {
            if event.token() != LISTENER {
                let place = event.token().0;
                let Some(connection) = connections.get_mut(place).and_then(Option::as_mut) else {
                    continue;
                };
                if !connection.go_on(&mut buffer) {
                    connections[place] = None;
                    free.push(place);
                }
                continue;
            }
            loop {
                let mut stream = match listener.accept() {
                    Ok((stream, _)) => stream,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // The client is already gone, or no descriptor is left: continue.
                    Err(_) => continue,
                };
                let place = free.pop().unwrap_or(connections.len());
                let both = Interest::READABLE | Interest::WRITABLE;
                stream.set_nodelay(true)?;
                poll.registry().register(&mut stream, Token(place), both)?;
                let parser = Parser::new(null.is_memcached);
                let answers = Answers::new(Rc::clone(&value));
                let connection = Some(Connection { stream, parser, answers });
                if place == connections.len() {
                    connections.push(connection);
                } else {
                    connections[place] = connection;
                }
            }
        }
    }
}

impl Connection {
    /// Writes and reads as long as there is something to do. False when the connection has ended.
    fn go_on(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            if self.answers.write_to(&mut self.stream).is_err() {
                return false;
            }
            if self.answers.pending_bytes() > BACKLOG_BYTES {
                return true;
            }
            let read = match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) => return is_patience(&error),
            };
            self.parser.take(&buffer[..read], &mut self.answers);
            if read < buffer.len() {
                // If there are more bytes, they make a new event.
                return self.answers.write_to(&mut self.stream).is_ok();
            }
        }
    }
}

fn is_patience(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
