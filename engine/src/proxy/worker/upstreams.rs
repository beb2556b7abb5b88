//! Upstreams by their sockets, and a connection that is made.

use super::Worker;
use crate::base::slab::Key;
use crate::proxy::link::action::ConnId;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::socket::SocketState;

impl Worker {
    /// The upstream of this socket, if it is still that one.
    #[inline]
    pub(super) fn upstream_mut(&mut self, key: Key) -> Option<&mut Upstream> {
        self.upstreams.get_mut(key.index as usize).filter(|upstream| upstream.key() == key)
    }

    pub(super) fn upstream_ref(&self, key: Key) -> Option<&Upstream> {
        self.upstreams.get(key.index as usize).filter(|upstream| upstream.key() == key)
    }

    /// Does it still wait for the connection that an `Action::Connect` asked for?
    pub fn is_connecting(&self, conn: ConnId) -> bool {
        let ConnId::Upstream(key) = conn else {
            return false;
        };
        self.upstream_ref(key).is_some_and(|up| up.state() == SocketState::Connecting)
    }

    /// The connection that an `Action::Connect` asked for is made.
    pub fn handle_connected(&mut self, conn: ConnId) {
        self.check_phase();
        let ConnId::Upstream(key) = conn else {
            return;
        };
        let Worker { pools, upstreams, turn, .. } = self;
        let Some(upstream) = upstreams.get_mut(key.index as usize).filter(|up| up.key() == key)
        else {
            return;
        };
        if upstream.state() != SocketState::Connecting {
            return;
        }
        let pool = &pools[upstream.pool().index()];
        let (lane, password) = (pool.lane_key(upstream.lane()), pool.spec.redis_auth.as_deref());
        let asks = lane.asks(pool.spec.failover.is_some(), pool.topology.common.valkey);
        let write = |out: &mut Vec<u8>| lane.handshake(password, asks, out).len() as u8;
        upstream.handle_connected(turn, asks, write);
    }
}
