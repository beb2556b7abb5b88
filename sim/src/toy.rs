//! A toy Redis: a map, a dozen commands, both protocol versions, and moods.
//!
//! Besides a map it has keys that answer for themselves, so that a reply tells whose it is:
//!
//! | key            | |
//! |----------------|-|
//! | `e:#tag#i:len` | GET and MGET return the key, a bar and `len` letters; EXISTS counts it |
//! | `d:#tag#i`     | DEL removes one, always |
//! | anything else  | lives in the map |
//!
//! Replies leave after a while of service, in order. What a server does when it is in a mood
//! (dead, stopped, ...) is done by `world.rs` through the few verbs here.

use crate::check::{Ledger, Scene, tag_of};
use crate::dice::Dice;
use crate::resp::{self, Value};
use crate::transport::{EndId, Net, Read};
use nuthatch_engine::base::Time;
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    Well,
    /// SIGSTOP: the system accepts, nobody answers.
    Stopped,
    /// Nobody listens.
    Dead,
    /// Packets get lost: connecting takes for ever.
    Silent,
    /// Accepts, and closes at once.
    Curt,
}

/// Mistakes made on purpose, to see that they are noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    SwapReplies,
    DropReply,
    DoubleWrite,
    WrongValue,
}

struct Conn {
    input: Vec<u8>,
    replies: VecDeque<(Time, Vec<u8>)>,
    out: Vec<u8>,
    authenticated: bool,
    db: u32,
    resp3: bool,
    eof: bool,
}

pub struct Toy {
    pub id: usize,
    pub mood: Mood,
    pub loading: bool,
    pub out_of_memory: bool,
    /// Longest time of service.
    pub service_us: u64,
    password: Option<String>,
    /// The database that the pool should have selected.
    db: u32,
    data: BTreeMap<Vec<u8>, Vec<u8>>,
    lists: BTreeMap<Vec<u8>, i64>,
    conns: BTreeMap<EndId, Conn>,
    pub sabotage: Option<Sabotage>,
    served: u64,
}

pub const LETTER: u8 = b'x';

/// What an `e:` key holds.
pub fn echo_value(key: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(key);
    let len = text.rsplit(':').next().and_then(|len| len.parse().ok()).unwrap_or(0);
    let mut value = key.to_vec();
    value.push(b'|');
    value.resize(value.len() + len, LETTER);
    value
}

impl Toy {
    pub fn new(id: usize, password: Option<&str>, db: u32) -> Toy {
        Toy {
            id,
            mood: Mood::Well,
            loading: false,
            out_of_memory: false,
            service_us: 300,
            password: password.map(str::to_owned),
            db,
            data: BTreeMap::new(),
            lists: BTreeMap::new(),
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
            authenticated: self.password.is_none(),
            db: 0,
            resp3: false,
            eof: false,
        };
        self.conns.insert(end, conn);
    }

    pub fn ends(&self) -> Vec<EndId> {
        self.conns.keys().copied().collect()
    }

    /// Connections on which nothing is under way.
    pub fn idle_ends(&self) -> Vec<EndId> {
        let idle = |conn: &Conn| conn.replies.is_empty() && conn.out.is_empty();
        self.conns.iter().filter(|(_, conn)| idle(conn)).map(|(&end, _)| end).collect()
    }

    /// What the map held is gone.
    pub fn lose_data(&mut self) {
        self.data.clear();
        self.lists.clear();
    }

    /// Closes one connection, in good order or not.
    pub fn hang_up(&mut self, end: EndId, net: &mut Net, now: Time, reset: bool) {
        if self.conns.remove(&end).is_some() {
            if reset { net.reset(end, now) } else { net.close(end, now) }
        }
    }

    /// Writes what is no reply.
    pub fn babble(&mut self, end: EndId, net: &mut Net, now: Time) {
        if let Some(conn) = self.conns.get_mut(&end) {
            conn.replies.push_back((now, b"?what\r\n".to_vec()));
            net.wake(now, end);
        }
    }

    /// Looks at a connection: reads, carries out, answers what is due.
    pub fn handle_wake(
        &mut self,
        end: EndId,
        now: Time,
        net: &mut Net,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) {
        if self.mood == Mood::Stopped || !self.conns.contains_key(&end) {
            return;
        }
        let Some(mut conn) = self.conns.remove(&end) else { return };
        loop {
            match net.read(end, 64 * 1024, now, &mut conn.input) {
                Read::Bytes => {}
                Read::Empty => break,
                Read::Fin => {
                    conn.eof = true;
                    break;
                }
                Read::Reset => return,
            }
        }
        let mut at = 0;
        loop {
            match resp::read(&conn.input[at..]) {
                Ok(Some((Value::Array(args), len))) => {
                    at += len;
                    self.serve(&mut conn, &args, now, dice, ledger);
                }
                Ok(None) => break,
                other => {
                    let bytes = String::from_utf8_lossy(&conn.input[at..]).into_owned();
                    ledger.fail(format!("server {} was sent {bytes:?}: {other:?}", self.id));
                    return;
                }
            }
        }
        conn.input.drain(..at);
        while conn.replies.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, reply)) = conn.replies.pop_front() {
                conn.out.extend_from_slice(&reply);
            }
        }
        if !conn.out.is_empty() {
            match net.write(end, &conn.out, now) {
                Ok(written) => drop(conn.out.drain(..written)),
                Err(_) => return,
            }
        }
        if let Some((due, _)) = conn.replies.front() {
            net.wake(*due, end);
        }
        if conn.eof && conn.replies.is_empty() && conn.out.is_empty() {
            net.close(end, now);
            return;
        }
        self.conns.insert(end, conn);
    }

    fn serve(
        &mut self,
        conn: &mut Conn,
        args: &[Value],
        now: Time,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) {
        let args: Vec<&[u8]> = args
            .iter()
            .map(|arg| if let Value::Bulk(bytes) = arg { bytes.as_slice() } else { b"" })
            .collect();
        let value = self.carry_out(conn, &args, now, ledger);
        let mut reply = Vec::new();
        resp::write(&mut reply, &value);
        let due = Time(now.0 + dice.range(0, self.service_us) * 1_000);
        let due = conn.replies.back().map_or(due, |(last, _)| due.max(*last));
        self.served += 1;
        if self.served.is_multiple_of(40) {
            match self.sabotage {
                Some(Sabotage::DropReply) => return,
                Some(Sabotage::SwapReplies) => {
                    let at = conn.replies.len().saturating_sub(1);
                    conn.replies.insert(at, (now, reply));
                    return;
                }
                Some(Sabotage::DoubleWrite) => {
                    let _ = self.carry_out(conn, &args, now, ledger);
                }
                Some(Sabotage::WrongValue) => reply = b"+STRANGE\r\n".to_vec(),
                None => {}
            }
        }
        conn.replies.push_back((due, reply));
    }

    fn carry_out(
        &mut self,
        conn: &mut Conn,
        args: &[&[u8]],
        now: Time,
        ledger: &mut Ledger,
    ) -> Value {
        let ok = Value::Status("OK".into());
        let error = |text: &str| Value::Error(text.to_owned());
        let name = String::from_utf8_lossy(args[0]).to_ascii_uppercase();
        let password = self.password.as_deref().map(str::as_bytes);
        match (name.as_str(), args) {
            ("AUTH", [_, given]) if password == Some(given) => {
                conn.authenticated = true;
                return ok;
            }
            ("AUTH", _) => return error("WRONGPASS no"),
            ("HELLO", [_, b"3", rest @ ..]) => {
                conn.authenticated |= rest.get(2).copied() == password;
                if !conn.authenticated {
                    return error("NOAUTH HELLO");
                }
                conn.resp3 = true;
                return Value::Map(vec![Value::Bulk(b"proto".to_vec()), Value::Integer(3)]);
            }
            _ if !conn.authenticated => {
                ledger.fail(format!("server {}: {name} before AUTH", self.id));
                return error("NOAUTH Authentication required.");
            }
            ("SELECT", [_, db]) => {
                conn.db = String::from_utf8_lossy(db).parse().unwrap_or(99);
                return ok;
            }
            _ => {}
        }
        ledger.check(conn.db == self.db, || format!("server {}: wrong database", self.id));
        for arg in &args[1..] {
            if let Some(tag) = tag_of(arg) {
                ledger.arrived(tag, &Scene { server: self.id, now, resp3: conn.resp3 });
                break;
            }
        }
        if self.loading {
            return error("LOADING Redis is loading the dataset in memory");
        }
        let is_write = !matches!(name.as_str(), "GET" | "MGET" | "EXISTS" | "SINTER");
        if self.out_of_memory && is_write {
            return error("OOM command not allowed when used memory > 'maxmemory'.");
        }
        self.command(conn.resp3, &name, args, ledger)
    }

    fn command(&mut self, resp3: bool, name: &str, args: &[&[u8]], ledger: &mut Ledger) -> Value {
        let server = self.id;
        let mut wrote = |key: &[u8], value: &[u8]| {
            if let Some(tag) = tag_of(key).or_else(|| tag_of(value)) {
                ledger.wrote(tag, key, server);
            }
        };
        match (name, args) {
            ("GET", [_, key]) => self.get(key, resp3),
            ("MGET", [_, keys @ ..]) => {
                Value::Array(keys.iter().map(|key| self.get(key, resp3)).collect())
            }
            ("SET" | "MSET", [_, pairs @ ..]) => {
                for pair in pairs.chunks_exact(2) {
                    wrote(pair[0], pair[1]);
                    self.data.insert(pair[0].to_vec(), pair[1].to_vec());
                }
                Value::Status("OK".into())
            }
            ("EXISTS", [_, keys @ ..]) => {
                let known = |key: &&&[u8]| key.starts_with(b"e:") || self.data.contains_key(**key);
                Value::Integer(keys.iter().filter(known).count() as i64)
            }
            ("DEL" | "UNLINK", [_, keys @ ..]) => {
                for key in keys {
                    wrote(key, b"");
                }
                Value::Integer(keys.len() as i64)
            }
            ("APPEND", [_, key, more]) => {
                wrote(key, more);
                let value = self.data.entry(key.to_vec()).or_default();
                value.extend_from_slice(more);
                Value::Integer(value.len() as i64)
            }
            ("INCRBY", [_, key, by]) => {
                wrote(key, b"");
                let sum = self.lists.entry(key.to_vec()).or_default();
                *sum += String::from_utf8_lossy(by).parse::<i64>().unwrap_or(0);
                Value::Integer(*sum)
            }
            ("LPUSH", [_, key, items @ ..]) => {
                wrote(key, b"");
                let len = self.lists.entry(key.to_vec()).or_default();
                *len += items.len() as i64;
                Value::Integer(*len)
            }
            ("SINTER", [_, keys @ ..]) => {
                Value::Array(keys.iter().map(|key| Value::Bulk(key.to_vec())).collect())
            }
            _ => Value::Error(format!("ERR a toy does not know {name}")),
        }
    }

    fn get(&self, key: &[u8], resp3: bool) -> Value {
        if key.starts_with(b"e:") {
            return Value::Bulk(echo_value(key));
        }
        match self.data.get(key) {
            Some(value) => Value::Bulk(value.clone()),
            None if resp3 => Value::Null,
            None => Value::Nil,
        }
    }
}
