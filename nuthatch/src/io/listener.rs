//! Where clients come in. One listening socket a pool, shared by all workers; with `reuseport`
//! one a worker.

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

/// Connections accepted at a time from one listener, at the most.
const BATCH_MAX: usize = 64;
/// How long a listener rests when the process has no descriptor left. Without it the loop would
/// spin: the connection stays in the backlog and is announced again at once.
const REST_MS: u64 = 100;
/// How often a listener that keeps failing says so.
const SAY_AGAIN_MS: u64 = 10_000;

/// A bound and listening socket and what it knows of its pool.
#[derive(Debug)]
pub struct Listener {
    pub pool: PoolId,
    pub socket: Socket,
    pub keepalive: bool,
    /// Clients of the pool over all workers; 0 is unlimited.
    pub clients_max: u32,
    /// What a client reads that is one too many; twemproxy closed without a word.
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

    /// Binds and listens. A socket left behind at a Unix path is replaced, nothing else.
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
                    if let Err(error) = sys::bound_unsent(&socket, UNSENT_BYTES) {
                        tracing::debug!(%error, "sockets keep the system's bound of unsent bytes");
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

/// A client that was let in, counted already, and the worker it goes to.
pub struct Accepted {
    pub pool: PoolId,
    pub stream: Stream,
    pub peer: Option<SocketAddr>,
    pub id: u64,
    pub to: WorkerId,
}

/// One worker's view of all listeners.
pub struct Doors {
    doors: Vec<Door>,
    /// The pool of each client here, by its place.
    pools: Vec<PoolId>,
}

struct Door {
    listener: Arc<Listener>,
    /// How many to accept at the next event: doubled while all of them are there.
    batch: usize,
    /// Unregistered until then.
    resting_until: Option<Time>,
    /// When it was last said that nobody can be let in.
    said: Option<Time>,
    /// For the pool's limit and for the process's.
    turned_away: [TurnedAway; 2],
}

/// Clients that were one too many.
#[derive(Default)]
struct TurnedAway {
    untold: u64,
    told: Option<Time>,
}

impl TurnedAway {
    /// One line at once, and then one a period with how many there were.
    fn tell(&mut self, listener: &Listener, peer: Option<SocketAddr>, full: Full, now: Time) {
        self.untold += 1;
        if self.told.is_some_and(|at| now < at.plus_ms(SAY_AGAIN_MS)) {
            return;
        }
        self.told = Some(now);
        let clients = std::mem::take(&mut self.untold);
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
                            rest is for servers";
                tracing::warn!(pool, room_for_clients = room, clients, last, "{text}");
            }
        }
    }
}

impl Doors {
    pub fn open(poll: &Poll, listeners: Vec<Arc<Listener>>) -> io::Result<Doors> {
        let mut doors = Vec::with_capacity(listeners.len());
        for (at, listener) in listeners.into_iter().enumerate() {
            sys::register_listener(poll, &listener.socket, listener_token(at))?;
            doors.push(Door {
                listener,
                batch: 1,
                resting_until: None,
                said: None,
                turned_away: <[TurnedAway; 2]>::default(),
            });
        }
        Ok(Doors { doors, pools: Vec::new() })
    }

    pub fn len(&self) -> usize {
        self.doors.len()
    }

    /// Lets nobody in any more. The sockets close when the last worker has done this, and another
    /// process may listen there.
    pub fn close(&mut self, poll: &Poll) {
        for door in self.doors.drain(..) {
            if door.resting_until.is_none() {
                // It goes with the socket anyway.
                let _ = sys::unregister_listener(poll, &door.listener.socket);
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
        let Some(door) = self.doors.get_mut(at) else {
            return Vec::new();
        };
        let mut let_in = Vec::with_capacity(door.batch);
        for _ in 0..door.batch {
            match door.listener.accept() {
                Ok((stream, peer)) => match admit(&door.listener, stream, peer, balance, me) {
                    Ok(accepted) => let_in.push(accepted),
                    Err(full) => {
                        let turned_away = &mut door.turned_away[usize::from(full != Full::Pool)];
                        turned_away.tell(&door.listener, peer, full, now);
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    door.batch = 1;
                    return let_in;
                }
                // The client went away while it waited.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    if door.said.is_none_or(|at| at.plus_ms(SAY_AGAIN_MS) <= now) {
                        door.said = Some(now);
                        tracing::warn!(%error, retry_ms = REST_MS, "cannot accept clients");
                    }
                    door.resting_until = Some(now.plus_ms(REST_MS));
                    let _ = sys::unregister_listener(poll, &door.listener.socket);
                    return let_in;
                }
            }
        }
        door.batch = (door.batch * 2).min(BATCH_MAX);
        let_in
    }

    /// Listens again where a rest is over.
    pub fn reopen(&mut self, poll: &Poll, now: Time) -> io::Result<()> {
        for (at, door) in self.doors.iter_mut().enumerate() {
            if door.resting_until.is_some_and(|until| until <= now) {
                door.resting_until = None;
                sys::register_listener(poll, &door.listener.socket, listener_token(at))?;
            }
        }
        Ok(())
    }

    pub fn deadline(&self) -> Option<Time> {
        self.doors.iter().filter_map(|door| door.resting_until).min()
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
        // What fits an empty socket buffer is never refused.
        let _ = stream.write(listener.farewell);
    })?;
    if !sys::ACCEPTED_INHERIT {
        if let Err(error) = stream.set_nodelay() {
            tracing::debug!(%error, "a client left before it was welcomed");
        }
        if listener.keepalive
            && let Err(error) = stream.set_keepalive()
        {
            tracing::debug!(%error, "no keep-alive for a client");
        }
    }
    Ok(Accepted { pool, stream, peer, id, to })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use socket2::SockRef;

    /// On both sides of a client: its own socket, and one to a server.
    #[test]
    fn sockets_have_their_options_though_nobody_sets_them_for_each() -> io::Result<()> {
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
