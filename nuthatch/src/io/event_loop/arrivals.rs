//! Connections as they come into the loop: clients let in, servers connected to, and the doors closed.

use super::{EventLoop, key_of};
use crate::io::connection::{Connection, conn_token};
use crate::io::listener::Accepted;
use crate::io::mail::{Mail, ToControl};
use crate::io::stream::{Stream, cause_of};
use mio::Interest;
use nuthatch_engine::base::{PoolId, Time};
use nuthatch_engine::proxy::ConnId;
use nuthatch_engine::topology::Address;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Batches accepted when the end begins: a crowd that keeps coming must not put it off.
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
                    brims: false,
                    ended: false,
                };
                let room = if connecting { &mut self.upstreams } else { &mut self.clients };
                room.insert(key_of(conn), connection);
            }
            Err(error) => {
                if let ConnId::Client(_) = conn {
                    self.doors.left(conn, &self.balance, self.worker.id());
                }
                self.worker.handle_closed(conn, &cause_of(&error));
            }
        }
    }

    /// Returns whether anybody came in.
    pub(super) fn accept(&mut self, at: usize, now: Time) -> bool {
        let me = self.worker.id();
        let let_in = self.doors.accept(&self.poll, at, now, &self.balance, me);
        let anybody = !let_in.is_empty();
        for accepted in let_in {
            let Accepted { pool, stream, peer, id, to } = accepted;
            if to == me {
                self.welcome(pool, stream, peer, id);
            } else {
                let mail = Mail::Client { pool, stream, peer, id };
                self.post.workers[to.index()].send(mail);
            }
        }
        anybody
    }

    /// Those in the backlog are let in before the end: closing the socket resets all who wait there,
    /// though they may have sent a request.
    pub(super) fn accept_the_last(&mut self, now: Time) {
        for at in 0..self.doors.len() {
            let mut batches = 0;
            while batches < LAST_BATCHES_MAX && self.accept(at, now) {
                batches += 1;
            }
        }
    }

    /// Nobody is let in any more. The others hear of it behind all clients that we sent them.
    pub(super) fn close_doors(&mut self) {
        self.doors.close(&self.poll);
        self.closed += 1;
        let me = self.worker.id().index();
        for (at, worker) in self.post.workers.iter().enumerate() {
            if at != me {
                worker.send(Mail::DoorsClosed);
            }
        }
    }

    /// All doors are closed, so every client that will ever come is here. Each is read once more: a
    /// request that has arrived is in flight, and its client not an idle one.
    pub(super) fn drain(&mut self) {
        for conn in self.clients.all() {
            self.read(conn, false);
        }
        self.worker.handle_drain();
    }

    pub(super) fn welcome(
        &mut self,
        pool: PoolId,
        stream: Stream,
        peer: Option<SocketAddr>,
        id: u64,
    ) {
        let conn = self.worker.handle_accept(pool, id, peer);
        // The worker may have forgotten a client in this very turn and given its place away, while
        // its close waits for the turn's end: it must be counted out before its place is taken.
        if let Some(gone) = self.clients.occupant(key_of(conn)) {
            self.remove(gone);
        }
        self.doors.entered(conn, pool);
        self.register(conn, Ok(stream));
        // Its first request is often here already, but epoll will say so.
    }
}
