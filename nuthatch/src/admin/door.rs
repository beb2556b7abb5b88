//! The stats port, or a Unix socket in its place: who reads, and what they get.
//!
//! twemproxy sent its document to each connection and read nothing. Such readers still get it, but a
//! reader of HTTP must be told from them, and a connection does not say which one has come:
//!
//! ```text
//!   first byte within FIRST_BYTE ─┬─ a request line ──▶ the rest of the head ──▶ a response
//!                                 └─ anything else ──┐
//!   nothing until then, or a FIN ────────────────────┴▶ the bare document
//! ```
//!
//! An HTTP client sends its request with the end of the handshake, so a tenth of a second is
//! plenty for it, and no collector that reads once in ten seconds minds waiting that long.

use super::desk::Desk;
use super::document::Members;
use super::http::{self, HEAD_BYTES_MAX, Head, Status};
use super::pages;
use crate::config::Bind;
use crate::control::{View, bind_reason};
use crate::io::Socket;
use anyhow::bail;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Readers that the kernel holds ready while all seats are taken.
const BACKLOG: u32 = 512;
/// Silence after which a reader is taken for one of plain TCP.
const FIRST_BYTE: Duration = Duration::from_millis(100);
/// A request's head must be here by then. Over it: 408.
const HEAD_WITHIN: Duration = Duration::from_secs(2);
/// From accept to close. Over it: closed.
const READER_WITHIN: Duration = Duration::from_secs(5);
/// How long a reader may take to close after us, so that our words are not lost in a reset.
const LINGER: Duration = Duration::from_millis(500);
/// A pause after an accept that failed (no descriptor left), so as not to spin.
const REST: Duration = Duration::from_millis(100);
/// How often accepts that fail are told of.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// The bound stats port or socket, not served yet.
pub struct Door(Socket);

impl Door {
    /// `address` is what an error calls it.
    pub fn bind(bind: &Bind, address: &str) -> anyhow::Result<Door> {
        match Socket::bind(bind, BACKLOG, false, false) {
            Ok(socket) => Ok(Door(socket)),
            Err(error) => {
                let (who, key) = match bind {
                    Bind::Tcp(_) if error.kind() == ErrorKind::AddrInUse => {
                        ("the stats port", "-s PORT")
                    }
                    Bind::Tcp(_) => ("the stats port", "-a ADDRESS"),
                    Bind::Unix { .. } => ("the stats socket", "-a PATH"),
                };
                bail!("{}", bind_reason(who, address, key, &error))
            }
        }
    }
}

/// What tokio watches.
enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// A reader's connection, of either kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Listener {
    fn new(door: Door) -> io::Result<Listener> {
        Ok(match door.0 {
            Socket::Tcp(socket) => Listener::Tcp(tokio::net::TcpListener::from_std(socket.into())?),
            Socket::Unix(socket) => {
                Listener::Unix(tokio::net::UnixListener::from_std(socket.into())?)
            }
        })
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Listener::Tcp(listener) => Box::new(listener.accept().await?.0),
            Listener::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// Serves readers for as long as the runtime runs, so many at a time; the others wait in the
/// backlog until a seat is free. Each is a file that a server's connection might need. `bare` says
/// whose members the bare document has.
pub async fn serve(door: Door, bare: Members, readers_max: usize, view: View) {
    let listener = match Listener::new(door) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no statistics: the port cannot be watched"),
    };
    let desk = Arc::new(Desk::new(view));
    let seats = Arc::new(Semaphore::new(readers_max));
    let mut said: Option<Instant> = None;
    while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
        match listener.accept().await {
            Ok(stream) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    // A reader that leaves or dawdles is its own loss.
                    let _ = timeout(READER_WITHIN, attend(stream, &desk, bare)).await;
                    drop(seat);
                });
            }
            Err(error) => {
                if said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
                    said = Some(Instant::now());
                    tracing::warn!(%error, "cannot accept a reader of statistics");
                }
                sleep(REST).await;
            }
        }
    }
}

/// One reader, from its first byte (if it has one) to the end.
async fn attend(mut stream: Box<dyn Stream>, desk: &Desk, bare: Members) -> io::Result<()> {
    let mut head = Vec::new();
    let answer = match timeout(HEAD_WITHIN, hear(&mut stream, &mut head)).await {
        Ok(heard) => {
            heard?;
            answer(&head, desk, bare).await
        }
        Err(_) => http::refusal(Status::RequestTimeout, "the request did not end"),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with bytes unread would reset the connection under the reader's eyes.
    let _ = timeout(LINGER, drain(&mut stream)).await;
    Ok(())
}

/// Reads and drops until the peer closes.
async fn drain(stream: &mut Box<dyn Stream>) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

/// Reads until it is clear what the reader wants.
async fn hear(stream: &mut Box<dyn Stream>, head: &mut Vec<u8>) -> io::Result<()> {
    match timeout(FIRST_BYTE, stream.read_buf(head)).await {
        Ok(Ok(1..)) => {}
        // Silent, closed for writing, or gone (as the write will find).
        _ => return Ok(()),
    }
    while http::read_head(head) == Head::Incomplete && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(head).await? == 0 {
            break;
        }
    }
    Ok(())
}

async fn answer(head: &[u8], desk: &Desk, bare: Members) -> String {
    match http::read_head(head) {
        Head::Plain | Head::Incomplete => desk.document(bare).await,
        Head::TooLong => http::refusal(Status::HeadTooLarge, "the head is too long"),
        Head::Request { method, path } => pages::answer(method, path, desk, bare).await,
    }
}
