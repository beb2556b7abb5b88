//! A simulated Redis: a map, a dozen commands, both protocol versions.
//!
//! Some keys are not in the map. Their replies show which request they belong to:
//!
//! | key            | |
//! |----------------|-|
//! | `e:#tag#i:len` | GET and MGET return the key, a bar and `len` letters; EXISTS counts it |
//! | `d:#tag#i`     | DEL always counts it as deleted |
//! | `k:toy:i`      | what SCAN and KEYS find, in an order that a restart changes |
//! | `w:#tag#`       | GET returns the number of the database |
//! | `q:...`         | a list (`lists.rs`) |
//! | any other key  | is in the map |
//!
//! A key with `@3` in it is used in database 3 only, others in that of the pool. `multi.rs` has the
//! transactions, `listen.rs` the subscriptions.

use crate::blocks::{COUNTER, count_of};
use crate::check::{Context, Ledger, tag_of};
use crate::dataset::Dataset;
use crate::ears::Ears;
use crate::echo::echo_value;
use crate::login::Login;
use crate::resp::{self, Value};
use crate::server_state::Trouble;
use crate::transport::EndId;
use crate::waiters::Lists;

/// Keys that SCAN finds on a server, and those of a page. The number has no factor 5.
pub const SCAN_KEYS: usize = 12;
const SCAN_PAGE: usize = 2;

/// The script that clients call.
pub const SCRIPT: &str = "return KEYS[1]";
pub const SCRIPT_SHA: &str = "4a2267357833227dd98abdedb8cf24b15a986445";

pub const READ_ONLY: &str = "READONLY You can't write against a read only replica.";

pub struct Redis {
    password: Option<String>,
    /// The database that the pool must select.
    db: u32,
    pub data: Dataset,
    /// Which server it is, and which of its starts.
    id: usize,
    incarnation: usize,
    has_script: bool,
    pub ears: Ears,
    pub lists: Lists,
    /// What other connections than the one that asks get.
    pub outbox: Vec<(EndId, Value)>,
}

impl Redis {
    pub fn new(id: usize, password: Option<&str>, db: u32) -> Redis {
        Redis {
            id,
            incarnation: 0,
            has_script: false,
            password: password.map(str::to_owned),
            db,
            data: Dataset::default(),
            ears: Ears::default(),
            lists: Lists::default(),
            outbox: Vec::new(),
        }
    }

    pub fn writes_of(&self, key: &[u8]) -> u64 {
        self.data.writes.get(key).copied().unwrap_or(0)
    }

    /// The value of a counter.
    pub fn count(&self, key: &[u8]) -> u64 {
        self.data.values.get(key).map_or(0, |value| count_of(value))
    }

    pub fn clear(&mut self) {
        self.data.clear();
        self.lists.clear();
    }

    /// The order of SCAN is another one, and the script is gone.
    pub fn restart(&mut self) {
        self.incarnation += 1;
        self.has_script = false;
    }

    /// Somebody flushes its scripts.
    pub fn lose_script(&mut self) {
        self.has_script = false;
    }

    /// Executes the first request in the bytes. Returns its reply and its length.
    pub fn serve(
        &mut self,
        login: &mut Login,
        bytes: &[u8],
        trouble: Trouble,
        context: Context,
        ledger: &mut Ledger,
    ) -> Result<Option<(Vec<u8>, usize)>, String> {
        let (args, len) = match resp::read(bytes)? {
            None => return Ok(None),
            Some((Value::Array(args), len)) => (args, len),
            Some((other, _)) => return Err(format!("not a request: {other:?}")),
        };
        let args: Vec<&[u8]> = args
            .iter()
            .map(|arg| if let Value::Bulk(bytes) = arg { bytes.as_slice() } else { b"" })
            .collect();
        let value = self.execute(login, &args, trouble, context, ledger);
        let mut reply = Vec::new();
        resp::write(&mut reply, &value);
        Ok(Some((reply, len)))
    }

    fn execute(
        &mut self,
        login: &mut Login,
        args: &[&[u8]],
        trouble: Trouble,
        context: Context,
        ledger: &mut Ledger,
    ) -> Value {
        let ok = Value::Status("OK".into());
        let error = |text: &str| Value::Error(text.to_owned());
        let name = String::from_utf8_lossy(args[0]).to_ascii_uppercase();
        let password = self.password.as_deref().map(str::as_bytes);
        let server = context.server;
        match (name.as_str(), args) {
            ("AUTH", [_, given]) if password == Some(given) => {
                login.authenticated = true;
                return ok;
            }
            ("AUTH", _) => return error("WRONGPASS no"),
            // On a connection that stands: AUTH was before.
            ("HELLO", [_, b"2"]) => {
                login.resp3 = false;
                return Value::Array(vec![Value::Bulk(b"proto".to_vec()), Value::Integer(2)]);
            }
            ("HELLO", [_, b"3", rest @ ..]) => {
                login.authenticated |= rest.get(2).copied() == password;
                if !login.authenticated && password.is_some() {
                    return error("NOAUTH HELLO");
                }
                login.resp3 = true;
                return Value::Map(vec![Value::Bulk(b"proto".to_vec()), Value::Integer(3)]);
            }
            _ if !login.authenticated && password.is_some() => {
                ledger.fail(format!("server {server}: {name} before AUTH"));
                return error("NOAUTH Authentication required.");
            }
            _ => {}
        }
        login.home = self.db;
        if let Some(value) = self.transact(login, (&name, args), trouble, &context, ledger) {
            return value;
        }
        if let ("SELECT", [_, db]) = (name.as_str(), args) {
            return login.select(db);
        }
        // As in Redis, these do not mind LOADING.
        if let Some(value) = self.listen(login, (&name, args), &context, ledger) {
            return value;
        }
        if name == "ROLE" {
            return self.role(trouble);
        }
        Redis::admit(login, args, &context, ledger);
        if trouble.loading && name != "CLIENT" {
            return error("LOADING Redis is loading the dataset in memory");
        }
        if trouble.out_of_memory && Redis::is_write(&name) {
            return error("OOM command not allowed when used memory > 'maxmemory'.");
        }
        if trouble.is_replica && Redis::is_refused_by_replica(&name) {
            return error(READ_ONLY);
        }
        if let Some(value) = self.wait(login, (&name, args), &context, ledger) {
            return value;
        }
        self.command((server, login), &name, args, ledger)
    }

    /// Checks that a command may come on this connection.
    pub fn admit(login: &Login, args: &[&[u8]], context: &Context, ledger: &mut Ledger) {
        ledger.check_database(args, (login.home, login.db), context.server);
        if let Some(tag) = args[1..].iter().find_map(|arg| tag_of(arg)) {
            ledger.arrived(tag, &Context { resp3: login.resp3, ..*context });
        }
    }

    pub fn is_write(name: &str) -> bool {
        const TAKEN: [&str; 11] = [
            "GET", "MGET", "EXISTS", "SINTER", "SCAN", "INFO", "DBSIZE", "KEYS", "BLPOP", "BRPOP",
            "CLIENT",
        ];
        !TAKEN.contains(&name)
    }

    pub fn command(
        &mut self,
        (server, login): (usize, &Login),
        name: &str,
        args: &[&[u8]],
        ledger: &mut Ledger,
    ) -> Value {
        let resp3 = login.resp3;
        if let ("SET", [_, key, value]) = (name, args)
            && key.starts_with(COUNTER.as_bytes())
        {
            ledger.counted(key, (self.count(key), count_of(value)), server);
        }
        let Dataset { values, pushed, writes, log, lists } = &mut self.data;
        let mut wrote = |key: &[u8], value: &[u8]| {
            *writes.entry(key.to_vec()).or_default() += 1;
            if let Some(tag) = tag_of(key).or_else(|| tag_of(value)) {
                ledger.wrote(tag, key, server);
                log.push(tag);
            }
        };
        match (name, args) {
            ("GET", [_, key]) if key.starts_with(b"w:") => {
                Value::Bulk(login.db.to_string().into_bytes())
            }
            ("GET", [_, key]) => self.get(key, resp3),
            ("MGET", [_, keys @ ..]) => {
                Value::Array(keys.iter().map(|key| self.get(key, resp3)).collect())
            }
            ("SET" | "MSET", [_, pairs @ ..]) => {
                for pair in pairs.chunks_exact(2) {
                    wrote(pair[0], pair[1]);
                    values.insert(pair[0].to_vec(), pair[1].to_vec());
                }
                Value::Status("OK".into())
            }
            ("EXISTS", [_, keys @ ..]) => {
                let known = |key: &&&[u8]| key.starts_with(b"e:") || values.contains_key(**key);
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
                let value = values.entry(key.to_vec()).or_default();
                value.extend_from_slice(more);
                Value::Integer(value.len() as i64)
            }
            ("INCRBY", [_, key, by]) => {
                wrote(key, b"");
                let sum = pushed.entry(key.to_vec()).or_default();
                *sum += String::from_utf8_lossy(by).parse::<i64>().unwrap_or(0);
                Value::Integer(*sum)
            }
            ("LPUSH", [_, key, items @ ..]) => {
                wrote(key, b"");
                let len = pushed.entry(key.to_vec()).or_default();
                *len += items.len() as i64;
                Value::Integer(*len)
            }
            ("RPUSH", [_, key, item]) => {
                wrote(key, item);
                let list = lists.entry(key.to_vec()).or_default();
                list.extend(tag_of(item));
                Value::Integer(list.len() as i64)
            }
            ("SINTER", [_, keys @ ..]) => {
                Value::Array(keys.iter().map(|key| Value::Bulk(key.to_vec())).collect())
            }
            _ => self.of_the_pool((name, args)),
        }
    }

    /// Commands about the whole key space, and scripts.
    fn of_the_pool(&mut self, (name, args): (&str, &[&[u8]])) -> Value {
        match (name, args) {
            ("INFO", _) => {
                let text = format!("# Server\r\nrun_id:{}-{}\r\n", self.id, self.incarnation);
                Value::Bulk(text.into_bytes())
            }
            ("SCAN", [_, cursor, ..]) => {
                let at = String::from_utf8_lossy(cursor).parse::<usize>().unwrap_or(0);
                let next = at + SCAN_PAGE;
                let next = if next < SCAN_KEYS { next } else { 0 };
                let keys = (at..SCAN_KEYS.min(at + SCAN_PAGE)).map(|at| self.scan_key(at));
                let cursor = Value::Bulk(next.to_string().into_bytes());
                Value::Array(vec![cursor, Value::Array(keys.collect())])
            }
            ("KEYS", _) => Value::Array((0..SCAN_KEYS).map(|at| self.scan_key(at)).collect()),
            ("DBSIZE", _) => Value::Integer(SCAN_KEYS as i64),
            ("FLUSHALL", _) => Value::Status("OK".into()),
            ("SCRIPT", [_, b"LOAD", _]) => {
                self.has_script = true;
                Value::Bulk(SCRIPT_SHA.into())
            }
            ("SCRIPT", [_, b"EXISTS", _]) => {
                Value::Array(vec![Value::Integer(i64::from(self.has_script))])
            }
            ("EVALSHA", [_, _, _, key]) if self.has_script => Value::Bulk(key.to_vec()),
            ("EVALSHA", _) => {
                Value::Error("NOSCRIPT No matching script. Please use EVAL.".to_owned())
            }
            _ => Value::Error(format!("ERR a toy does not know {name}")),
        }
    }

    /// The key at this place of the order of this incarnation.
    fn scan_key(&self, at: usize) -> Value {
        let key = (at * 5 + self.id * 3 + self.incarnation * 7) % SCAN_KEYS;
        Value::Bulk(format!("k:{}:{key}", self.id).into_bytes())
    }

    fn get(&self, key: &[u8], resp3: bool) -> Value {
        if key.starts_with(b"e:") {
            return Value::Bulk(echo_value(key));
        }
        match self.data.values.get(key) {
            Some(value) => Value::Bulk(value.clone()),
            None if resp3 => Value::Null,
            None => Value::Nil,
        }
    }
}
