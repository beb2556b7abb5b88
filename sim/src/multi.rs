//! Transactions of a simulated Redis: MULTI, EXEC, DISCARD, WATCH and UNWATCH, for each connection.
//!
//! ```text
//!   MULTI ──▶ QUEUED, QUEUED, ... ──▶ EXEC ──▶ the replies      all commands were taken
//!                                          ──▶ null             a watched key has changed
//!                                          ──▶ EXECABORT        a command was refused
//! ```
//!
//! Commands with some keys fail, whichever client sends them:
//!
//! | key      | |
//! |----------|-|
//! | `oom:..` | is refused when it is queued, as by a server without memory |
//! | `bad:..` | is taken, and fails when it is executed |
//!
//! The proxy sends blocks in one piece. So a connection is inside a transaction for a moment only, and
//! whatever comes there that is not of the transaction is a mistake.

use crate::check::{Context, Ledger, tag_of};
use crate::login::{Login, Queue, Watched};
use crate::redis::READ_ONLY;
use crate::redis::Redis;
use crate::resp::Value;
use crate::server_state::Trouble;

const ABORTED: &str = "EXECABORT Transaction discarded because of previous errors.";
const NO_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

impl Redis {
    /// Executes a command about transactions, or queues one. `None`: it is executed now.
    pub fn transact(
        &mut self,
        login: &mut Login,
        (name, args): (&str, &[&[u8]]),
        trouble: Trouble,
        context: &Context,
        ledger: &mut Ledger,
    ) -> Option<Value> {
        let server = context.server;
        let ok = || Value::Status("OK".into());
        let in_multi = login.multi.is_some();
        match name {
            "MULTI" => {
                ledger.check(!in_multi, || format!("server {server}: MULTI inside of MULTI"));
                login.multi = Some(Queue { db: login.db, ..Queue::default() });
                Some(ok())
            }
            "EXEC" => {
                ledger.check(in_multi, || format!("server {server}: EXEC without MULTI"));
                Some(self.exec(login, trouble, context, ledger))
            }
            "WATCH" | "DISCARD" | "UNWATCH" if in_multi => {
                ledger.fail(format!("server {server}: {name} inside of MULTI"));
                None
            }
            "WATCH" => {
                let tag = args.iter().find_map(|arg| tag_of(arg));
                if let Some(tag) = tag {
                    Redis::admit(login, args, context, ledger);
                    login.watcher = ledger.client_of(tag);
                }
                for key in &args[1..] {
                    let writes = self.writes_of(key);
                    login.watched.push(Watched { key: key.to_vec(), writes });
                }
                Some(ok())
            }
            "UNWATCH" => {
                login.watched.clear();
                Some(ok())
            }
            _ if in_multi => Some(queue(login, (name, args), trouble, context, ledger)),
            _ => {
                Redis::check_stranger(login, (name, args), server, ledger);
                None
            }
        }
    }

    /// While a connection watches keys, it is one client's.
    fn check_stranger(
        login: &Login,
        (name, args): (&str, &[&[u8]]),
        server: usize,
        ledger: &mut Ledger,
    ) {
        if login.watched.is_empty() {
            return;
        }
        let client = args.iter().find_map(|arg| tag_of(arg)).and_then(|tag| ledger.client_of(tag));
        let watcher = login.watcher;
        ledger.check(client.is_none() || client == watcher, || {
            format!("server {server}: {name} of client {client:?} where {watcher:?} watches keys")
        });
    }

    fn exec(
        &mut self,
        login: &mut Login,
        trouble: Trouble,
        context: &Context,
        ledger: &mut Ledger,
    ) -> Value {
        let queue = login.multi.take().unwrap_or_default();
        let watched = std::mem::take(&mut login.watched);
        let has_watched = !watched.is_empty();
        if queue.is_refused {
            return Value::Error(ABORTED.to_owned());
        }
        // It became a replica after they were queued.
        let writes = |args: &Vec<Vec<u8>>| {
            Redis::is_refused_by_replica(&String::from_utf8_lossy(&args[0]).to_ascii_uppercase())
        };
        if trouble.is_replica && queue.commands.iter().any(writes) {
            return Value::Error(format!(
                "EXECABORT Transaction discarded because of: {READ_ONLY}"
            ));
        }
        let tag = queue.tag.unwrap_or_default();
        if has_watched {
            let client = queue.tag.and_then(|tag| ledger.client_of(tag));
            let watcher = login.watcher;
            ledger.check(client.is_none() || client == watcher, || {
                format!("transaction {tag} of client {client:?} where {watcher:?} watches keys")
            });
        }
        if watched.iter().any(|watched| self.writes_of(&watched.key) != watched.writes) {
            ledger.answered_null(tag);
            return if login.resp3 { Value::Null } else { Value::NilArray };
        }
        if queue.tag.is_some() {
            let args = queue.commands.iter().flat_map(|args| &args[1..]);
            let pieces: Vec<_> = args.filter(|arg| tag_of(arg).is_some()).cloned().collect();
            ledger.executed(tag, &pieces, context.server);
        }
        let executed = queue.commands.iter().map(|args| {
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            let name = String::from_utf8_lossy(args[0]).to_ascii_uppercase();
            if name == "SELECT" {
                return login.select(args[1]);
            }
            if args.get(1).is_some_and(|key| key.starts_with(b"bad:")) {
                return Value::Error("WRONGTYPE not this kind of value".to_owned());
            }
            self.command((context.server, login), &name, &args, ledger)
        });
        Value::Array(executed.collect())
    }
}

fn queue(
    login: &mut Login,
    (name, args): (&str, &[&[u8]]),
    trouble: Trouble,
    context: &Context,
    ledger: &mut Ledger,
) -> Value {
    let server = context.server;
    let home = login.home;
    let Some(queue) = &mut login.multi else {
        return Value::Error(ABORTED.to_owned());
    };
    let tag = args.iter().find_map(|arg| tag_of(arg));
    let is_of_it = name == "SELECT" || tag.is_some() && queue.tag.is_none_or(|it| Some(it) == tag);
    ledger.check(is_of_it, || {
        format!("server {server}: {name} of request {tag:?} came into transaction {:?}", queue.tag)
    });
    queue.tag = queue.tag.or(tag);
    let mut refusal = None;
    if name == "SELECT" {
        queue.db = String::from_utf8_lossy(args[1]).parse().unwrap_or(99);
    } else {
        ledger.check_database(args, (home, queue.db), server);
        if let Some(tag) = tag {
            ledger.arrived(tag, &Context { resp3: login.resp3, ..*context });
        }
        let is_oom = args.get(1).is_some_and(|key| key.starts_with(b"oom:"));
        if is_oom || trouble.out_of_memory && Redis::is_write(name) {
            refusal = Some(NO_MEMORY);
        }
    }
    if trouble.is_replica && Redis::is_refused_by_replica(name) {
        refusal = Some(READ_ONLY);
    }
    if trouble.loading {
        refusal = Some("LOADING Redis is loading the dataset in memory");
    }
    if let Some(text) = refusal {
        queue.is_refused = true;
        return Value::Error(text.to_owned());
    }
    queue.commands.push(args.iter().map(|arg| arg.to_vec()).collect());
    Value::Status("QUEUED".into())
}
