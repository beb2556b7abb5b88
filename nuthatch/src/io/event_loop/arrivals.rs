//! New connections: clients accepted, servers connected to, and the listeners closed.

use super::{EventLoop, key_of};
use crate::io::connection::{Connection, conn_token};
use crate::io::listener::Accepted;
use crate::io::mail::{Mail, ToControl};
use crate::io::stream::{Stream, cause_of};
use mio::Interest;
use nuthatch_engine::base::{PoolId, Time};
use nuthatch_engine::proxy::{ConnId, Order};
use nuthatch_engine::topology::Address;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Batches accepted when the shutdown begins: clients that keep coming must not delay it.
const LAST_BATCHES_MAX: usize = 64;

impl EventLoop {
    pub(super) fn connect(&mut self, conn: ConnId, address: &Address) {
        let stream = match address {
            Address::Unix { path } => Stream::connect_unix(path),
            Address::Tcp { host, port } => {
                let Ok(ip) = host.parse::<IpAddr>() else {
                    let (host, port, worker) = (host.clone(), *port, self.worker.id());
                    return self.tell(ToControl::Resolve { worker, conn, host, port });
                };
                Stream::connect_tcp(SocketAddr::new(ip, *port))
            }
        };
        self.register(conn, stream);
    }

    pub(super) fn register(&mut self, conn: ConnId, stream: io::Result<Stream>) {
        let registered = stream.and_then(|mut stream| {
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, conn_token(conn), both)?;
            Ok(stream)
        });
        match registered {
            Ok(stream) => {
                let connecting = matches!(conn, ConnId::Upstream(_));
                let connection = Connection {
                    stream,
                    conn,
                    connecting,
                    full: false,
                    paused: false,
                    unread: false,
                    unsent: false,
                    reads_fill_buffer: false,
                    ended: false,
                };
                let list = if connecting { &mut self.upstreams } else { &mut self.clients };
                list.insert(key_of(conn), connection);
            }
            Err(error) => {
                if let ConnId::Client(_) = conn {
                    self.listeners.left(conn, &self.balance, self.worker.id());
                }
                self.worker.handle_closed(conn, &cause_of(&error));
            }
        }
    }

    /// Returns whether a client was accepted.
    pub(super) fn accept(&mut self, at: usize, now: Time) -> bool {
        let me = self.worker.id();
        let accepted = self.listeners.accept(&self.poll, at, now, &self.balance, me);
        let is_any = !accepted.is_empty();
        for client in accepted {
            let Accepted { pool, stream, peer, id, to } = client;
            if to == me {
                self.add_client(pool, stream, peer, id);
            } else {
                let mail = Mail::Client { pool, stream, peer, id };
                self.post.workers[to.index()].send(mail);
            }
        }
        is_any
    }

    /// Accepts the clients in the backlog before the shutdown. A close of the socket would reset
    /// their connections, and they may have sent a request.
    pub(super) fn accept_backlog(&mut self, now: Time) {
        for at in 0..self.listeners.len() {
            let mut batches = 0;
            while batches < LAST_BATCHES_MAX && self.accept(at, now) {
                batches += 1;
            }
        }
    }

    /// Closes our listeners. The mail to other workers comes after all clients that we sent them.
    pub(super) fn close_listeners(&mut self) {
        self.listeners.close(&self.poll);
        self.closed += 1;
        let me = self.worker.id().index();
        for (at, worker) in self.post.workers.iter().enumerate() {
            if at != me {
                worker.send(Mail::ListenersClosed);
            }
        }
    }

    /// All workers have closed their listeners, so no further client will come. Each client is read
    /// once more: if a request has arrived, it is in flight and the client is not idle.
    pub(super) fn shut_down(&mut self) {
        for conn in self.clients.all() {
            self.read(conn, false);
        }
        self.worker.handle_order(&Order::ShutDown);
    }

    pub(super) fn add_client(
        &mut self,
        pool: PoolId,
        stream: Stream,
        peer: Option<SocketAddr>,
        id: u64,
    ) {
        let conn = self.worker.handle_accept(pool, id, peer);
        // The worker may have closed a client in this turn and given its key to this one, while the
        // close of the socket waits for the end of the turn. Remove the old client first, so that it
        // is no longer counted.
        if let Some(closed) = self.clients.occupant(key_of(conn)) {
            self.remove(closed);
        }
        self.listeners.entered(conn, pool);
        self.register(conn, Ok(stream));
        // Its first request has often arrived already. epoll will report it.
    }
}
