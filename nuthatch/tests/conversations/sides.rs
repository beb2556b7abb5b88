//! The sides that a conversation is held with, and how its steps are taken.
//!
//! ```text
//!   nuthatch ─┬ strict      three shards              keys tied
//!             ├ per_shard   the same three            keys spread
//!             └ alone       one shard                 always
//!   one server                                        always: says what is right
//! ```
//!
//! Servers are used for many conversations, so each has keys of its own.

use crate::compare::Queued;
use crate::conversation::{Conversation, Keys, Kind, Request, Step};
use crate::generate::SCRIPTS;
use nuthatch_testbed::{Client, Nuthatch, Proxy, RedisServer, free_port, poll_until, pool_yaml};
use std::fmt::{Display, Formatter, Result as FmtResult, Write};
use std::io;
use std::thread::sleep;
use std::time::Duration;

const STRICT: usize = 0;
const PER_SHARD: usize = 1;
const ALONE: usize = 2;
const NAMES: [&str; 3] = ["strict", "per_shard", "alone"];
/// A cut is seen by the proxy as one if it has time to read what is before it.
const PAUSE: Duration = Duration::from_micros(100);
/// How much of a reply a failure shows.
const SHOWN: usize = 600;
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Sides {
    proxy: Proxy,
    servers: Vec<RedisServer>,
    lone: RedisServer,
}

/// One client: its connections to all sides, that to the lone server last.
struct Talker {
    connections: Vec<Client>,
    queued: Queued,
}

impl Sides {
    pub fn start() -> Sides {
        let servers: Vec<RedisServer> = (0..4).map(|_| RedisServer::start().unwrap()).collect();
        let entries: Vec<String> = servers.iter().map(|server| server.entry(1, "")).collect();
        let keys = [("redis", "true"), ("hash_tag", "\"{}\"")];
        let per_shard = [&keys[..], &[("transactions", "per_shard")]].concat();
        let yaml = [
            pool_yaml(NAMES[STRICT], free_port(), &keys, &entries[..3]),
            pool_yaml(NAMES[PER_SHARD], free_port(), &per_shard, &entries[..3]),
            pool_yaml(NAMES[ALONE], free_port(), &keys, &entries[3..]),
        ];
        let proxy = Nuthatch::start(&yaml.concat(), &[]).unwrap();
        let sides = Sides { proxy, servers, lone: RedisServer::start().unwrap() };
        // Not all conversations are held with all sides, and a script would be known to some.
        let mut talker = sides.come(&[STRICT, PER_SHARD, ALONE]);
        for connection in &mut talker.connections {
            for script in SCRIPTS.iter().filter(|script| !script.ends_with('(')) {
                let reply = connection.command(&["SCRIPT", "LOAD", script]).unwrap();
                assert!(!reply.is_error(), "{reply}");
            }
        }
        sides
    }

    /// A connection to the pool of three shards, and one to the lone server.
    pub fn strict_and_lone(&self) -> (Client, Client) {
        (self.proxy.client_of(STRICT).unwrap(), self.lone.client().unwrap())
    }

    /// Removes all keys of all servers.
    pub fn clear(&self) {
        for server in self.servers.iter().chain([&self.lone]) {
            assert!(server.client().unwrap().command(&["FLUSHALL"]).unwrap().is_ok());
        }
    }

    /// Takes all steps. Returns how many transactions were executed, or what was answered differently.
    pub fn hold(&self, conversation: &Conversation) -> Result<usize, Difference> {
        let pools: &[usize] = match conversation.keys {
            Keys::Tied => &[STRICT, ALONE],
            Keys::Spread => &[PER_SHARD, ALONE],
            Keys::Whole => &[ALONE],
        };
        let mut talkers: Vec<Option<Talker>> = Vec::new();
        let mut execs = 0;
        for step in &conversation.steps {
            if talkers.len() <= step.client {
                talkers.resize_with(step.client + 1, || None);
            }
            let talker = &mut talkers[step.client];
            match &step.kind {
                Kind::Leave => *talker = None,
                Kind::End { bytes } => {
                    let mut talker = talker.take().unwrap_or_else(|| self.come(pools));
                    talker.end(bytes).map_err(|what| differs(conversation, step, pools, &what))?;
                }
                Kind::Ask { requests, cuts } => {
                    let talker = talker.get_or_insert_with(|| self.come(pools));
                    let before = talker.queued.execs;
                    talker
                        .ask(requests, cuts)
                        .map_err(|what| differs(conversation, step, pools, &what))?;
                    execs += talker.queued.execs - before;
                }
            }
        }
        Ok(execs)
    }

    fn come(&self, pools: &[usize]) -> Talker {
        let mut connections: Vec<Client> =
            pools.iter().map(|&pool| self.proxy.client_of(pool).unwrap()).collect();
        connections.push(self.lone.client().unwrap());
        Talker { connections, queued: Queued::default() }
    }

    /// No client is there any more: no server has a connection inside of a transaction.
    pub fn check_servers_at_rest(&self) -> Result<(), String> {
        for server in &self.servers {
            let mut client = server.client().map_err(|e| e.to_string())?;
            let mut left = String::new();
            let is_at_rest = poll_until(PATIENCE, || {
                let list = client.command(&["CLIENT", "LIST"]).ok().and_then(|list| list.text());
                let list = list.unwrap_or_default();
                left = list.lines().filter(|line| !line.contains(" multi=-1 ")).collect();
                left.is_empty()
            });
            if !is_at_rest {
                return Err(format!("a connection is left in a transaction: {left}"));
            }
        }
        Ok(())
    }
}

/// What was not the same.
pub struct Difference {
    /// The conversation up to it, the request, and all answers.
    pub text: String,
    /// The command and how the answers begin: other conversations show the same mistake if this is the same.
    pub sign: String,
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(&self.text)
    }
}

/// The answers to one request that are not the same, or what went wrong.
enum What {
    Differs { at: usize, ours: Vec<Vec<u8>>, theirs: Vec<u8> },
    Failed { side: usize, at: usize, error: io::Error },
}

impl Talker {
    fn ask(&mut self, requests: &[Request], cuts: &[usize]) -> Result<(), What> {
        let mut bytes = Vec::new();
        for request in requests {
            request.write(&mut bytes);
        }
        for (side, connection) in self.connections.iter_mut().enumerate() {
            send(connection, &bytes, cuts).map_err(|error| What::Failed { side, at: 0, error })?;
        }
        for (at, request) in requests.iter().enumerate() {
            let mut replies = Vec::new();
            for (side, connection) in self.connections.iter_mut().enumerate() {
                let reply = connection.recv_raw();
                replies.push(reply.map_err(|error| What::Failed { side, at, error })?);
            }
            let theirs = replies.pop().unwrap();
            let ours: Vec<&[u8]> = replies.iter().map(Vec::as_slice).collect();
            if !self.queued.same(request, &theirs, &ours) {
                return Err(What::Differs { at, ours: replies, theirs });
            }
        }
        Ok(())
    }
}

impl Talker {
    fn end(&mut self, bytes: &[u8]) -> Result<(), What> {
        let mut all = Vec::new();
        for (side, connection) in self.connections.iter_mut().enumerate() {
            let said = connection.send_raw(bytes).and_then(|()| connection.recv_to_end());
            all.push(said.map_err(|error| What::Failed { side, at: 0, error })?);
        }
        let theirs = all.pop().unwrap();
        if all.iter().all(|ours| self.queued.same_to_end(ours, &theirs)) {
            return Ok(());
        }
        Err(What::Differs { at: 0, ours: all, theirs })
    }
}

fn send(connection: &mut Client, bytes: &[u8], cuts: &[usize]) -> io::Result<()> {
    let mut start = 0;
    for &cut in cuts {
        let end = cut.clamp(start, bytes.len());
        if end > start {
            connection.send_raw(&bytes[start..end])?;
            sleep(PAUSE);
        }
        start = end;
    }
    connection.send_raw(&bytes[start..])
}

/// The conversation up to what differs.
fn differs(conversation: &Conversation, step: &Step, pools: &[usize], what: &What) -> Difference {
    let mut text = String::from("not what one server answers\n");
    let steps = &conversation.steps;
    let end = steps.iter().position(|it| std::ptr::eq(it, step)).map_or(0, |at| at + 1);
    steps[..end].iter().for_each(|step| {
        let _ = writeln!(text, "  {}", shown(step.to_string().as_bytes()));
    });
    let name = |side: usize| pools.get(side).map_or("one server", |&pool| NAMES[pool]);
    let request = |at: usize| match &step.kind {
        Kind::Ask { requests, .. } => requests[at].to_string(),
        Kind::Leave | Kind::End { .. } => step.to_string(),
    };
    match what {
        What::Differs { at, ours, theirs } => {
            let _ = writeln!(text, "request {at}: {}", shown(request(*at).as_bytes()));
            for (side, reply) in ours.iter().enumerate() {
                let _ = writeln!(text, "  {:10} {}", name(side), shown(reply));
            }
            let _ = writeln!(text, "  {:10} {}", name(pools.len()), shown(theirs));
        }
        What::Failed { side, at, error } => {
            let _ = writeln!(text, "request {at}: {}", shown(request(*at).as_bytes()));
            let _ = writeln!(text, "  {:10} {error}", name(*side));
        }
    }
    let sign = match (what, &step.kind) {
        (What::Differs { at, ours, theirs }, Kind::Ask { requests, .. }) => {
            let begin = |reply: &Vec<u8>| reply.iter().take(12).copied().collect::<Vec<u8>>();
            let replies: Vec<_> = ours.iter().chain([theirs]).map(begin).collect();
            format!("{:?} {replies:?}", requests[*at].words[0])
        }
        (What::Differs { .. }, Kind::End { .. }) => "the end".to_owned(),
        (What::Failed { error, .. }, _) => error.kind().to_string(),
        _ => String::new(),
    };
    Difference { text, sign }
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN {
        return bytes.escape_ascii().to_string();
    }
    format!("{} ... ({} bytes)", bytes[..SHOWN].escape_ascii(), bytes.len())
}
