//! The stats port, or a Unix socket in its place: who reads, and what they get.
//!
//! twemproxy sent its document to each connection and read nothing. Such readers still get it, but a
//! reader of HTTP must be told from them, and a connection does not say which one has come:
//!
//! ```text
//!   first byte within FIRST_BYTE ─┬─ a request line ──▶ the rest of the head ──▶ a response
//!                                 ├─ another protocol ──▶ an error (foreign.rs)
//!                                 └─ anything else ──┐
//!   nothing until then, or a FIN ────────────────────┴▶ the bare document
//! ```
//!
//! An HTTP client sends its request with the end of the handshake, so a tenth of a second is
//! plenty for it, and no collector that reads once in ten seconds minds waiting that long.

use super::collect::Desk;
use super::document::Members;
use super::foreign::ForeignLog;
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
/// What a reader may still send meanwhile. Over it: closed, and perhaps reset.
const DRAINED_BYTES_MAX: usize = 8 * 1024 * 1024;
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
                    Bind::Tcp(_)
                        if matches!(
                            error.kind(),
                            ErrorKind::AddrInUse | ErrorKind::PermissionDenied
                        ) =>
                    {
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

    /// The connection, and the reader's address for the log.
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, String)> {
        Ok(match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                (Box::new(stream), peer.to_string())
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                (Box::new(stream), "unix socket".to_owned())
            }
        })
    }
}

/// What all readers share.
struct Readers {
    desk: Desk,
    /// Whose members the bare document has.
    bare: Members,
    foreign_log: ForeignLog,
}

/// Serves readers for as long as the runtime runs, so many at a time; the others wait in the
/// backlog until a seat is free. Each is a file that a server's connection might need. `bare` says
/// whose members the bare document has.
pub async fn serve(door: Door, bare: Members, readers_max: usize, view: View) {
    let listener = match Listener::new(door) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no statistics: the port cannot be watched"),
    };
    let readers = Readers { desk: Desk::new(view), bare, foreign_log: ForeignLog::default() };
    let readers = Arc::new(readers);
    let seats = Arc::new(Semaphore::new(readers_max));
    let mut said: Option<Instant> = None;
    while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, reader)) => {
                let readers = Arc::clone(&readers);
                tokio::spawn(async move {
                    // A reader that leaves or dawdles is its own loss.
                    let _ = timeout(READER_WITHIN, readers.attend(stream, &reader)).await;
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

impl Readers {
    /// One reader, from its first byte (if it has one) to the end.
    async fn attend(&self, mut stream: Box<dyn Stream>, reader: &str) -> io::Result<()> {
        let mut head = Vec::new();
        let answer = match timeout(HEAD_WITHIN, hear(&mut stream, &mut head)).await {
            Ok(heard) => {
                heard?;
                self.answer(&head, reader).await
            }
            Err(_) => http::refusal(Status::RequestTimeout, "the request did not end"),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with bytes unread would reset the connection under the reader's eyes.
        let _ = timeout(LINGER, drain(&mut stream)).await;
        Ok(())
    }

    async fn answer(&self, head: &[u8], reader: &str) -> String {
        if let Some(foreign) = self.foreign_log.recognize(head, reader) {
            return (foreign.answer)();
        }
        match http::read_head(head) {
            Head::Plain | Head::Incomplete => self.desk.document(self.bare).await,
            Head::OtherVersion => http::other_version(),
            Head::TooLong => http::refusal(Status::HeadTooLarge, "the head is too long"),
            Head::Request { method, path } => {
                pages::answer(method, path, &self.desk, self.bare).await
            }
        }
    }
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

/// Reads and drops until the peer closes, or has sent far more than any request has.
async fn drain(stream: &mut Box<dyn Stream>) {
    let mut rest = vec![0; 16 * 1024];
    let mut left = DRAINED_BYTES_MAX;
    while let Ok(read @ 1..) = stream.read(&mut rest).await {
        left = left.saturating_sub(read);
        if left == 0 {
            break;
        }
    }
}
