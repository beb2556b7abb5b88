//! Listening sockets. Each pool has one, which all workers share; with `reuseport` each worker has
//! its own.

use super::balance::{Balance, Full};
use super::connection::listener_token;
use super::stream::Stream;
use super::{sys, unix_path};
use crate::config::Bind;
use mio::Poll;
use mio::net::{TcpListener, UnixListener};
use nuthatch_engine::base::limits::UNSENT_BYTES;
use nuthatch_engine::base::{PoolId, Time, WorkerId};
use nuthatch_engine::proxy::ConnId;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// The most connections accepted at a time from one listener.
const BATCH_MAX: usize = 64;
/// The pause of a listener when the process has no file descriptor left. Without it the loop would
/// spin: the connection stays in the backlog and epoll reports it again at once.
const RETRY_MS: u64 = 100;
/// The log has a line about a listener that fails at most once in this time.
const LOG_AGAIN_MS: u64 = 10_000;

/// A bound and listening socket, with settings of its pool.
#[derive(Debug)]
pub struct Listener {
    pub pool: PoolId,
    pub socket: Socket,
    pub keepalive: bool,
    /// The most clients of the pool, over all workers; 0 is unlimited.
    pub clients_max: u32,
    /// Sent to a client above the limit before it is closed; twemproxy sent nothing.
    pub farewell: &'static [u8],
    /// The pool's name, for the log.
    pub name: Box<str>,
}

#[derive(Debug)]
pub enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Socket {
    /// 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match self {
            Socket::Tcp(listener) => listener.local_addr().map_or(0, |address| address.port()),
            Socket::Unix(_) => 0,
        }
    }

    /// Binds and listens. At a Unix path an unused socket is replaced; no other file is.
    pub fn bind(bind: &Bind, backlog: u32, reuseport: bool, keepalive: bool) -> io::Result<Socket> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        match bind {
            Bind::Tcp(address) => {
                let domain = socket2::Domain::for_address(*address);
                let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                if reuseport {
                    socket.set_reuse_port(true)?;
                }
                socket.set_nonblocking(true)?;
                if sys::ACCEPTED_INHERIT {
                    socket.set_tcp_nodelay(true)?;
                    socket.set_keepalive(keepalive)?;
                    if let Err(error) = sys::limit_unsent(&socket, UNSENT_BYTES) {
                        tracing::debug!(%error, "cannot limit the unsent bytes of sockets");
                    }
                }
                socket.bind(&(*address).into())?;
                socket.listen(backlog)?;
                Ok(Socket::Tcp(TcpListener::from_std(socket.into())))
            }
            Bind::Unix { path, mode } => {
                let path = Path::new(&**path);
                unix_path::clear(path)?;
                let socket =
                    socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
                socket.set_nonblocking(true)?;
                socket.bind(&socket2::SockAddr::unix(path)?)?;
                if let Some(mode) = mode {
                    std::fs::set_permissions(path, Permissions::from_mode(*mode))?;
                }
                socket.listen(backlog)?;
                Ok(Socket::Unix(UnixListener::from_std(socket.into())))
            }
        }
    }
}

impl Listener {
    fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((Stream::Tcp(stream), Some(peer)))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((Stream::Unix(stream), None))
            }
        }
    }
}

/// A client that was accepted and counted, and its worker.
pub struct Accepted {
    pub pool: PoolId,
    pub stream: Stream,
    pub peer: Option<SocketAddr>,
    pub id: u64,
    pub to: WorkerId,
}

/// All listeners, as one worker uses them.
pub struct Listeners {
    entries: Vec<Entry>,
    /// The pool of each client of this worker, by the index of its key.
    pools: Vec<PoolId>,
}

struct Entry {
    listener: Arc<Listener>,
    /// How many to accept at the next event. Doubled while so many are waiting.
    batch: usize,
    /// Not registered until then.
    paused_until: Option<Time>,
    /// When the log last said that accept fails.
    failure_logged: Option<Time>,
    /// For the limit of the pool and for that of the process.
    refused: [Refused; 2],
}

/// Clients refused for a limit.
#[derive(Default)]
struct Refused {
    /// Since the last line in the log.
    count: u64,
    logged: Option<Time>,
}

impl Refused {
    /// Counts one. Writes a line at once, then at most one a period, with the number of clients.
    fn add(&mut self, listener: &Listener, peer: Option<SocketAddr>, full: Full, now: Time) {
        self.count += 1;
        if self.logged.is_some_and(|at| now < at.plus_ms(LOG_AGAIN_MS)) {
            return;
        }
        self.logged = Some(now);
        let clients = std::mem::take(&mut self.count);
        let pool = &*listener.name;
        let last = peer.map_or_else(|| "unix socket".to_owned(), |peer| peer.to_string());
        match full {
            Full::Pool => {
                let limit = listener.clients_max;
                let text = "clients refused: client_connections reached";
                tracing::warn!(pool, limit, clients, last, "{text}");
            }
            Full::Files { room } => {
                let text = "clients refused: the limit of open files has no room for more; the \
                            other files are for servers";
                tracing::warn!(pool, room_for_clients = room, clients, last, "{text}");
            }
        }
    }
}

impl Listeners {
    pub fn open(poll: &Poll, listeners: Vec<Arc<Listener>>) -> io::Result<Listeners> {
        let mut entries = Vec::with_capacity(listeners.len());
        for (at, listener) in listeners.into_iter().enumerate() {
            sys::register_listener(poll, &listener.socket, listener_token(at))?;
            entries.push(Entry {
                listener,
                batch: 1,
                paused_until: None,
                failure_logged: None,
                refused: <[Refused; 2]>::default(),
            });
        }
        Ok(Listeners { entries, pools: Vec::new() })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Stops accepting. The sockets close when the last worker has done this; then another process
    /// may listen there.
    pub fn close(&mut self, poll: &Poll) {
        for entry in self.entries.drain(..) {
            if entry.paused_until.is_none() {
                // If it fails, the close of the socket unregisters it.
                let _ = sys::unregister_listener(poll, &entry.listener.socket);
            }
        }
    }

    pub fn accept(
        &mut self,
        poll: &Poll,
        at: usize,
        now: Time,
        balance: &Balance,
        me: WorkerId,
    ) -> Vec<Accepted> {
        let Some(entry) = self.entries.get_mut(at) else {
            return Vec::new();
        };
        let mut accepted = Vec::with_capacity(entry.batch);
        for _ in 0..entry.batch {
            match entry.listener.accept() {
                Ok((stream, peer)) => match admit(&entry.listener, stream, peer, balance, me) {
                    Ok(client) => accepted.push(client),
                    Err(full) => {
                        let refused = &mut entry.refused[usize::from(full != Full::Pool)];
                        refused.add(&entry.listener, peer, full, now);
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    entry.batch = 1;
                    return accepted;
                }
                // The client closed while it waited.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    if entry.failure_logged.is_none_or(|at| at.plus_ms(LOG_AGAIN_MS) <= now) {
                        entry.failure_logged = Some(now);
                        tracing::warn!(%error, retry_ms = RETRY_MS, "cannot accept clients");
                    }
                    entry.paused_until = Some(now.plus_ms(RETRY_MS));
                    let _ = sys::unregister_listener(poll, &entry.listener.socket);
                    return accepted;
                }
            }
        }
        entry.batch = (entry.batch * 2).min(BATCH_MAX);
        accepted
    }

    /// Registers listeners again whose pause is over.
    pub fn resume(&mut self, poll: &Poll, now: Time) -> io::Result<()> {
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if entry.paused_until.is_some_and(|until| until <= now) {
                entry.paused_until = None;
                sys::register_listener(poll, &entry.listener.socket, listener_token(at))?;
            }
        }
        Ok(())
    }

    pub fn deadline(&self) -> Option<Time> {
        self.entries.iter().filter_map(|entry| entry.paused_until).min()
    }

    pub fn entered(&mut self, conn: ConnId, pool: PoolId) {
        let ConnId::Client(key) = conn else { return };
        let index = key.index as usize;
        if self.pools.len() <= index {
            self.pools.resize(index + 1, pool);
        }
        self.pools[index] = pool;
    }

    pub fn left(&self, conn: ConnId, balance: &Balance, me: WorkerId) {
        let ConnId::Client(key) = conn else { return };
        if let Some(&pool) = self.pools.get(key.index as usize) {
            balance.leave(me, pool);
        }
    }
}

fn admit(
    listener: &Listener,
    mut stream: Stream,
    peer: Option<SocketAddr>,
    balance: &Balance,
    me: WorkerId,
) -> Result<Accepted, Full> {
    let to = balance.place(me);
    let pool = listener.pool;
    let id = balance.enter(to, pool, listener.clients_max).inspect_err(|_| {
        // It fits the empty buffer of a new socket, so this write never blocks.
        let _ = stream.write(listener.farewell);
    })?;
    if !sys::ACCEPTED_INHERIT {
        if let Err(error) = stream.set_nodelay() {
            tracing::debug!(%error, "cannot set TCP_NODELAY for a client");
        }
        if listener.keepalive
            && let Err(error) = stream.set_keepalive()
        {
            tracing::debug!(%error, "cannot set keep-alive for a client");
        }
    }
    Ok(Accepted { pool, stream, peer, id, to })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use socket2::SockRef;

    /// The socket of a client, and one to a server.
    #[test]
    fn accepted_sockets_inherit_their_options() -> io::Result<()> {
        for keepalive in [false, true] {
            let bind = Bind::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
            let Socket::Tcp(listener) = Socket::bind(&bind, 16, false, keepalive)? else {
                panic!("not what was asked for");
            };
            let Stream::Tcp(server) = Stream::connect_tcp(listener.local_addr()?)? else {
                panic!("not what was asked for");
            };
            let client = loop {
                match listener.accept() {
                    Ok((client, _)) => break client,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        std::thread::yield_now();
                    }
                    Err(error) => return Err(error),
                }
            };
            let client = SockRef::from(&client);
            assert!(client.tcp_nodelay()?);
            assert_eq!(client.keepalive()?, keepalive);
            assert_eq!(client.tcp_notsent_lowat()? as usize, UNSENT_BYTES);
            assert_eq!(SockRef::from(&server).tcp_notsent_lowat()? as usize, UNSENT_BYTES);
        }
        Ok(())
    }
}
