//! A simulated Redis: a map, a dozen commands, both protocol versions.
//!
//! Some keys are not in the map. Their replies show which request they belong to:
//!
//! | key            | |
//! |----------------|-|
//! | `e:#tag#i:len` | GET and MGET return the key, a bar and `len` letters; EXISTS counts it |
//! | `d:#tag#i`     | DEL always counts it as deleted |
//! | any other key  | is in the map |

use crate::check::{Context, Ledger, tag_of};
use crate::echo::echo_value;
use crate::resp::{self, Value};
use crate::server_state::Trouble;
use std::collections::BTreeMap;

/// The state of a connection after AUTH, HELLO and SELECT.
#[derive(Default)]
pub struct Login {
    authenticated: bool,
    db: u32,
    resp3: bool,
}

pub struct Redis {
    password: Option<String>,
    /// The database that the pool must select.
    db: u32,
    data: BTreeMap<Vec<u8>, Vec<u8>>,
    lists: BTreeMap<Vec<u8>, i64>,
}

impl Redis {
    pub fn new(password: Option<&str>, db: u32) -> Redis {
        Redis {
            password: password.map(str::to_owned),
            db,
            data: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }

    pub fn clear(&mut self) {
        self.data.clear();
        self.lists.clear();
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
            ("SELECT", [_, db]) => {
                login.db = String::from_utf8_lossy(db).parse().unwrap_or(99);
                return ok;
            }
            _ => {}
        }
        ledger.check(login.db == self.db, || format!("server {server}: wrong database"));
        for arg in &args[1..] {
            if let Some(tag) = tag_of(arg) {
                ledger.arrived(tag, &Context { resp3: login.resp3, ..context });
                break;
            }
        }
        if trouble.loading {
            return error("LOADING Redis is loading the dataset in memory");
        }
        let is_write = !matches!(name.as_str(), "GET" | "MGET" | "EXISTS" | "SINTER");
        if trouble.out_of_memory && is_write {
            return error("OOM command not allowed when used memory > 'maxmemory'.");
        }
        self.command((server, login.resp3), &name, args, ledger)
    }

    fn command(
        &mut self,
        (server, resp3): (usize, bool),
        name: &str,
        args: &[&[u8]],
        ledger: &mut Ledger,
    ) -> Value {
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
