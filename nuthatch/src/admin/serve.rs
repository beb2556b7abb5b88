//! Serves the stats port, or a Unix socket in its place.
//!
//! twemproxy sent its document to each connection and read nothing. Such readers still get it, but we
//! must distinguish readers by HTTP from them, and a new connection does not show its kind:
//!
//! ```text
//!   first byte within FIRST_BYTE ─┬─ a request line ──▶ the rest of the head ──▶ a response
//!                                 ├─ another protocol ──▶ an error (foreign.rs)
//!                                 └─ anything else ──┐
//!   nothing until then, or a FIN ────────────────────┴▶ the bare document
//! ```
//!
//! An HTTP client sends its request right after the handshake, so a tenth of a second is enough. For
//! a collector that reads once in ten seconds this wait does not matter.

use super::collect::Collector;
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

/// Readers that wait in the kernel's queue while as many are served as allowed.
const BACKLOG: u32 = 512;
/// A reader that sends nothing for this time reads plain TCP.
const FIRST_BYTE: Duration = Duration::from_millis(100);
/// Time for the head of a request. Over it: 408.
const HEAD_WITHIN: Duration = Duration::from_secs(2);
/// From accept to close. Over it: closed.
const READER_WITHIN: Duration = Duration::from_secs(5);
/// Time for a reader to close after us. An early close could reset the connection and lose our
/// answer.
const LINGER: Duration = Duration::from_millis(500);
/// Bytes that a reader may send meanwhile. Over it: closed, and perhaps reset.
const DROPPED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The pause after an accept that failed (no file descriptor left). Without it the loop would spin.
const RETRY: Duration = Duration::from_millis(100);
/// The log has a line about failed accepts at most once in this time.
const LOG_AGAIN: Duration = Duration::from_secs(10);

/// The bound stats port or socket, not served yet.
pub struct StatsSocket(Socket);

impl StatsSocket {
    /// `address` is for error texts.
    pub fn bind(bind: &Bind, address: &str) -> anyhow::Result<StatsSocket> {
        match Socket::bind(bind, BACKLOG, false, false) {
            Ok(socket) => Ok(StatsSocket(socket)),
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

/// The socket in tokio's form.
enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// A reader's connection, of either kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Listener {
    fn new(socket: StatsSocket) -> io::Result<Listener> {
        Ok(match socket.0 {
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

/// State shared by all readers.
struct Readers {
    collector: Collector,
    /// The members of the bare document.
    bare: Members,
    foreign_log: ForeignLog,
}

/// Serves readers as long as the runtime runs, at most `readers_max` at a time, since each needs a
/// file that a connection to a server might need. The others wait in the backlog. `bare` are the
/// members of the bare document.
pub async fn serve(socket: StatsSocket, bare: Members, readers_max: usize, view: View) {
    let listener = match Listener::new(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no statistics: cannot watch the port"),
    };
    let collector = Collector::new(view);
    let readers = Arc::new(Readers { collector, bare, foreign_log: ForeignLog::default() });
    let permits = Arc::new(Semaphore::new(readers_max));
    let mut logged: Option<Instant> = None;
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, reader)) => {
                let readers = Arc::clone(&readers);
                tokio::spawn(async move {
                    // It fails when the reader closes early or is too slow.
                    let _ = timeout(READER_WITHIN, readers.serve_one(stream, &reader)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                if logged.is_none_or(|at| at.elapsed() >= LOG_AGAIN) {
                    logged = Some(Instant::now());
                    tracing::warn!(%error, "cannot accept a reader of statistics");
                }
                sleep(RETRY).await;
            }
        }
    }
}

impl Readers {
    /// One reader, from its first byte (if it sends any) to the end.
    async fn serve_one(&self, mut stream: Box<dyn Stream>, reader: &str) -> io::Result<()> {
        let mut head = Vec::new();
        let answer = match timeout(HEAD_WITHIN, receive(&mut stream, &mut head)).await {
            Ok(received) => {
                received?;
                self.answer(&head, reader).await
            }
            Err(_) => http::refusal(Status::RequestTimeout, "the request did not end"),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // A close with unread bytes would reset the connection, and the answer could be lost.
        let _ = timeout(LINGER, drop_input(&mut stream)).await;
        Ok(())
    }

    async fn answer(&self, head: &[u8], reader: &str) -> String {
        if let Some(foreign) = self.foreign_log.recognize(head, reader) {
            return (foreign.answer)();
        }
        match http::read_head(head) {
            Head::Plain | Head::Incomplete => self.collector.document(self.bare).await,
            Head::OtherVersion => http::other_version(),
            Head::TooLong => http::refusal(Status::HeadTooLarge, "the head is too long"),
            Head::Request { method, path, accept } => {
                pages::answer((method, path, accept), &self.collector, self.bare).await
            }
        }
    }
}

/// Reads until the kind of the reader is known.
async fn receive(stream: &mut Box<dyn Stream>, head: &mut Vec<u8>) -> io::Result<()> {
    match timeout(FIRST_BYTE, stream.read_buf(head)).await {
        Ok(Ok(1..)) => {}
        // It sent nothing, closed its sending side, or closed (then the write fails).
        _ => return Ok(()),
    }
    while http::read_head(head) == Head::Incomplete && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(head).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Reads and drops bytes until the peer closes, or has sent far more than a request.
async fn drop_input(stream: &mut Box<dyn Stream>) {
    let mut rest = vec![0; 16 * 1024];
    let mut left = DROPPED_BYTES_MAX;
    while let Ok(read @ 1..) = stream.read(&mut rest).await {
        left = left.saturating_sub(read);
        if left == 0 {
            break;
        }
    }
}
