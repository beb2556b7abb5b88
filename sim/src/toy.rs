//! A simulated server process: its connections and its state. `redis.rs` and `memcached.rs` make
//! its replies.
//!
//! Each reply takes some service time. Replies leave in order. `world.rs` and `faults.rs` change the
//! state (dead, stopped, ...) and call the functions here.

use crate::check::{Context, Ledger, Sent};
use crate::dataset::Dataset;
use crate::dice::Dice;
use crate::login::Login;
use crate::memcached::Cache;
use crate::redis::Redis;
use crate::resp;
use crate::server_state::{ServerState, Trouble};
use crate::topics::Topic;
use crate::transport::{EndId, Net, Read};
use crate::waiters::Waiter;
use nuthatch_engine::base::Time;
use std::collections::{BTreeMap, VecDeque};

/// Deliberate mistakes, to test that the checks find them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    SwapReplies,
    DropReply,
    DoubleWrite,
    WrongValue,
    /// A replica does the write that it refuses.
    RefusedWrite,
}

struct Conn {
    input: Vec<u8>,
    replies: VecDeque<(Time, Vec<u8>)>,
    out: Vec<u8>,
    login: Login,
    eof: bool,
}

pub enum Store {
    Redis(Box<Redis>),
    Memcached(Cache),
}

pub struct Toy {
    pub id: usize,
    pub state: ServerState,
    pub trouble: Trouble,
    /// Longest service time of a request.
    pub service_us: u64,
    store: Store,
    conns: BTreeMap<EndId, Conn>,
    pub sabotage: Option<Sabotage>,
    served: u64,
}

impl Toy {
    pub fn new(id: usize, store: Store) -> Toy {
        Toy {
            id,
            state: ServerState::Up,
            trouble: Trouble::default(),
            service_us: 300,
            store,
            conns: BTreeMap::new(),
            sabotage: None,
            served: 0,
        }
    }

    pub fn accept(&mut self, end: EndId) {
        let conn = Conn {
            input: Vec::new(),
            replies: VecDeque::new(),
            out: Vec::new(),
            login: Login { end, ..Login::default() },
            eof: false,
        };
        self.conns.insert(end, conn);
    }

    pub fn ends(&self) -> Vec<EndId> {
        self.conns.keys().copied().collect()
    }

    /// Connections that owe no reply.
    pub fn idle_ends(&self) -> Vec<EndId> {
        let idle = |conn: &Conn| conn.replies.is_empty() && conn.out.is_empty();
        self.conns.iter().filter(|(_, conn)| idle(conn)).map(|(&end, _)| end).collect()
    }

    /// Connections that are inside a transaction or watch keys.
    pub fn busy_ends(&self) -> Vec<EndId> {
        let busy = |conn: &Conn| conn.login.multi.is_some() || !conn.login.watched.is_empty();
        self.conns.iter().filter(|(_, conn)| busy(conn)).map(|(&end, _)| end).collect()
    }

    /// The same, and those that listen or wait.
    pub fn ends_with_state(&self) -> Vec<EndId> {
        let mut ends = self.busy_ends();
        ends.extend(self.topics().into_iter().map(|(end, _)| end));
        ends.extend(self.waiters().into_iter().map(|waiter| waiter.end));
        ends
    }

    /// What its connections listen to.
    pub fn topics(&self) -> Vec<(EndId, Topic)> {
        if let Store::Redis(redis) = &self.store { redis.ears.topics() } else { Vec::new() }
    }

    /// Connections that wait for an element.
    pub fn waiters(&self) -> Vec<Waiter> {
        if let Store::Redis(redis) = &self.store { redis.lists.waiters.clone() } else { Vec::new() }
    }

    /// Somebody pushes an element at the server.
    pub fn push(
        &mut self,
        key: &[u8],
        (net, dice): (&mut Net, &mut Dice),
        now: Time,
        ledger: &mut Ledger,
    ) {
        let Store::Redis(redis) = &mut self.store else { return };
        let tag = ledger.tag(Sent { client: usize::MAX, at: now, resp3: None });
        let context = Context { server: self.id, now, resp3: false };
        redis.push(key, vec![format!("el#{tag}#").into_bytes()], false, &context, ledger);
        self.deliver(net, dice, now);
    }

    /// Queues what connections get that have not asked.
    fn deliver(&mut self, net: &mut Net, dice: &mut Dice, now: Time) {
        let Store::Redis(redis) = &mut self.store else { return };
        for (end, value) in std::mem::take(&mut redis.outbox) {
            let Some(conn) = self.conns.get_mut(&end) else { continue };
            let mut bytes = Vec::new();
            resp::write(&mut bytes, &value);
            let due = Time(now.0 + dice.range(0, self.service_us) * 1_000);
            let due = conn.replies.back().map_or(due, |(last, _)| due.max(*last));
            conn.replies.push_back((due, bytes));
            net.wake(due, end);
        }
    }

    fn forget(&mut self, end: EndId) {
        if let Store::Redis(redis) = &mut self.store {
            redis.forget(end);
        }
    }

    fn waits(&self, end: EndId) -> bool {
        matches!(&self.store, Store::Redis(redis) if redis.lists.waits(end))
    }

    /// The value of a counter.
    pub fn count(&self, key: &[u8]) -> u64 {
        if let Store::Redis(redis) = &self.store { redis.count(key) } else { 0 }
    }

    pub fn data(&self) -> Option<&Dataset> {
        if let Store::Redis(redis) = &self.store { Some(&redis.data) } else { None }
    }

    pub fn set_data(&mut self, data: Dataset) {
        if let Store::Redis(redis) = &mut self.store {
            redis.data = data;
        }
    }

    /// It is a replica from now on.
    pub fn demote(&mut self, (net, dice): (&mut Net, &mut Dice), now: Time) {
        self.trouble.is_replica = true;
        if let Store::Redis(redis) = &mut self.store {
            redis.demote();
        }
        self.deliver(net, dice, now);
    }

    /// Empties the map.
    pub fn lose_data(&mut self) {
        match &mut self.store {
            Store::Redis(redis) => redis.clear(),
            Store::Memcached(cache) => cache.clear(),
        }
    }

    /// Its process is another one from now on.
    pub fn restart(&mut self) {
        if let Store::Redis(redis) = &mut self.store {
            redis.restart();
        }
    }

    pub fn lose_scripts(&mut self) {
        if let Store::Redis(redis) = &mut self.store {
            redis.lose_script();
        }
    }

    /// Closes one connection, with a FIN or a reset.
    pub fn close(&mut self, end: EndId, net: &mut Net, now: Time, reset: bool) {
        if self.conns.remove(&end).is_some() {
            self.forget(end);
            if reset { net.reset(end, now) } else { net.close(end, now) }
        }
    }

    /// Closes a connection that it has just accepted. A memcached may send the error of a server with too
    /// many clients first.
    pub fn close_at_once(&mut self, end: EndId, net: &mut Net, now: Time) {
        if matches!(self.store, Store::Memcached(_)) && end.0 % 4 == 1 {
            let _ = net.write(end, b"ERROR Too many open connections\r\n", now);
        }
        self.close(end, net, now, false);
    }

    /// Writes bytes that are not a reply.
    pub fn send_unsolicited(&mut self, end: EndId, net: &mut Net, now: Time) {
        if let Some(conn) = self.conns.get_mut(&end) {
            conn.replies.push_back((now, b"?what\r\n".to_vec()));
            net.wake(now, end);
        }
    }

    /// Reads a connection, executes its requests and writes the replies that are due.
    pub fn handle_wake(
        &mut self,
        end: EndId,
        now: Time,
        net: &mut Net,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) {
        if self.state == ServerState::Stopped || !self.conns.contains_key(&end) {
            return;
        }
        let Some(mut conn) = self.conns.remove(&end) else { return };
        if self.talk(end, &mut conn, now, net, (dice, ledger)) {
            self.conns.insert(end, conn);
        } else {
            self.forget(end);
        }
        self.deliver(net, dice, now);
    }

    /// `false`: the connection is gone.
    fn talk(
        &mut self,
        end: EndId,
        conn: &mut Conn,
        now: Time,
        net: &mut Net,
        (dice, ledger): (&mut Dice, &mut Ledger),
    ) -> bool {
        loop {
            match net.read(end, 64 * 1024, now, &mut conn.input) {
                Read::Bytes => {}
                Read::Empty => break,
                Read::Fin => {
                    conn.eof = true;
                    break;
                }
                Read::Reset => return false,
            }
        }
        if let Store::Redis(redis) = &mut self.store {
            redis.expire(end, now);
        }
        let mut at = 0;
        while !self.waits(end) {
            match self.serve(conn, at, now, dice, ledger) {
                Ok(0) => break,
                Ok(len) => at += len,
                Err(error) => {
                    let bytes = String::from_utf8_lossy(&conn.input[at..]).into_owned();
                    ledger.fail(format!("server {} was sent {bytes:?}: {error}", self.id));
                    return false;
                }
            }
        }
        conn.input.drain(..at);
        ledger.check(!self.waits(end) || conn.input.is_empty(), || {
            let bytes = conn.input.escape_ascii();
            format!("server {} was sent {bytes} behind a command that waits", self.id)
        });
        if let Some(until) = self.waiters().iter().find(|it| it.end == end).and_then(|it| it.until)
        {
            net.wake(until, end);
        }
        while conn.replies.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, reply)) = conn.replies.pop_front() {
                conn.out.extend_from_slice(&reply);
            }
        }
        if !conn.out.is_empty() {
            match net.write(end, &conn.out, now) {
                Ok(written) => drop(conn.out.drain(..written)),
                Err(_) => return false,
            }
        }
        if let Some((due, _)) = conn.replies.front() {
            net.wake(*due, end);
        }
        if conn.eof && conn.replies.is_empty() && conn.out.is_empty() {
            net.close(end, now);
            return false;
        }
        true
    }

    /// Executes the request at `at`. Returns its length, or 0 if it is incomplete.
    fn serve(
        &mut self,
        conn: &mut Conn,
        at: usize,
        now: Time,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) -> Result<usize, String> {
        let context = Context { server: self.id, now, resp3: false };
        let trouble = self.trouble;
        let bytes = &conn.input[at..];
        let mut execute = |trouble| match &mut self.store {
            Store::Redis(redis) => redis.serve(&mut conn.login, bytes, trouble, context, ledger),
            Store::Memcached(cache) => cache.serve(bytes, trouble, context, ledger),
        };
        let Some((mut reply, len)) = execute(trouble)? else { return Ok(0) };
        if self.sabotage == Some(Sabotage::RefusedWrite) && reply.starts_with(b"-READONLY") {
            execute(Trouble { is_replica: false, ..trouble })?;
        }
        let due = Time(now.0 + dice.range(0, self.service_us) * 1_000);
        let due = conn.replies.back().map_or(due, |(last, _)| due.max(*last));
        self.served += 1;
        if self.served.is_multiple_of(40) {
            match self.sabotage {
                Some(Sabotage::DropReply) => return Ok(len),
                Some(Sabotage::SwapReplies) => {
                    let at = conn.replies.len().saturating_sub(1);
                    conn.replies.insert(at, (now, reply));
                    return Ok(len);
                }
                Some(Sabotage::DoubleWrite) => drop(execute(trouble)?),
                Some(Sabotage::WrongValue) => {
                    reply = match &self.store {
                        Store::Redis(_) => b"+STRANGE\r\n".to_vec(),
                        Store::Memcached(_) => b"HD strange\r\n".to_vec(),
                    };
                }
                Some(Sabotage::RefusedWrite) | None => {}
            }
        }
        // A memcached request may have no reply.
        if !reply.is_empty() {
            conn.replies.push_back((due, reply));
        }
        Ok(len)
    }
}
