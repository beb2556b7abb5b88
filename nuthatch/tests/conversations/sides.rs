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

use crate::barrier::Barrier;
use crate::conversation::{Act, Conversation, Keys, Kind, Step};
use crate::talker::{Talker, What};
use crate::templates::SCRIPTS;
use nuthatch_testbed::{Client, Nuthatch, Proxy, RedisServer, free_port, poll_until, pool_yaml};
use std::cell::{Cell, RefCell};
use std::fmt::{Display, Formatter, Result as FmtResult, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

const STRICT: usize = 0;
const PER_SHARD: usize = 1;
const ALONE: usize = 2;
const NAMES: [&str; 3] = ["strict", "per_shard", "alone"];
/// How much of a reply a failure shows.
const SHOWN: usize = 600;
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Sides {
    proxy: Proxy,
    servers: Vec<RedisServer>,
    lone: RedisServer,
    barrier: RefCell<Barrier>,
    /// Somebody has begun or ended to listen since `Barrier::settle`.
    is_unsettled: Cell<bool>,
}

/// What a conversation has come to.
#[derive(Clone, Copy, Default)]
pub struct Held {
    /// Transactions that were executed.
    pub execs: usize,
    /// Messages that clients got.
    pub messages: usize,
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
        let lone = RedisServer::start().unwrap();
        let barrier = Barrier {
            pools: (0..NAMES.len()).map(|pool| proxy.client_of(pool).unwrap()).collect(),
            servers: servers.iter().chain([&lone]).map(|it| it.client().unwrap()).collect(),
        };
        let barrier = RefCell::new(barrier);
        let sides = Sides { proxy, servers, lone, barrier, is_unsettled: Cell::new(false) };
        // Not all conversations are held with all sides, and a script would be known to some.
        for connection in &mut sides.connections(&[STRICT, PER_SHARD, ALONE]) {
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

    /// Takes all steps. Returns what was done, or what was answered differently.
    pub fn hold(&self, conversation: &Conversation) -> Result<Held, Difference> {
        let pools: &[usize] = match conversation.keys {
            Keys::Tied => &[STRICT, ALONE],
            Keys::Spread => &[PER_SHARD, ALONE],
            Keys::Whole => &[ALONE],
        };
        let is_spread = conversation.keys == Keys::Spread;
        let mut talkers: Vec<Option<Talker>> = Vec::new();
        let mut held = Held::default();
        for step in &conversation.steps {
            if talkers.len() <= step.client {
                talkers.resize_with(step.client + 1, || None);
            }
            if step.acts(|act| matches!(act, Act::Publishes | Act::Looks))
                && self.is_unsettled.take()
            {
                self.barrier.borrow_mut().settle();
            }
            let mut taken = self.take(step, &mut talkers, pools, &mut held);
            if taken.is_ok() && step.acts(|act| act == Act::Publishes) {
                taken =
                    self.deliver(&mut talkers, is_spread).map(|messages| held.messages += messages);
            }
            taken.map_err(|what| differs(conversation, step, pools, &what))?;
            if step.acts(|act| matches!(act, Act::Begins | Act::Ends)) {
                self.is_unsettled.set(true);
            }
        }
        // Nothing may come late, or twice.
        if let Some(step) = conversation.steps.last() {
            self.deliver(&mut talkers, is_spread)
                .map_err(|what| differs(conversation, step, pools, &what))?;
        }
        self.is_unsettled.set(true);
        Ok(held)
    }

    fn take(
        &self,
        step: &Step,
        talkers: &mut [Option<Talker>],
        pools: &[usize],
        held: &mut Held,
    ) -> Result<(), What> {
        let talker = &mut talkers[step.client];
        match &step.kind {
            Kind::Leave => *talker = None,
            Kind::End { bytes } => {
                let mut talker = talker.take().unwrap_or_else(|| self.come(pools));
                talker.end(bytes)?;
            }
            Kind::Ask { requests, cuts } => {
                let talker = talker.get_or_insert_with(|| self.come(pools));
                let before = talker.queued.execs;
                talker.ask(requests, cuts)?;
                held.execs += talker.queued.execs - before;
            }
        }
        Ok(())
    }

    /// Compares the messages that all clients got. Returns how many there were.
    fn deliver(&self, talkers: &mut [Option<Talker>], is_spread: bool) -> Result<usize, What> {
        let mut barrier = self.barrier.borrow_mut();
        barrier.pass_on();
        // A server writes what is large in several turns, and answers one PING in each.
        let mut silent_turns = 0;
        while silent_turns < 2 {
            let mut has_heard = false;
            for talker in talkers.iter_mut().flatten() {
                has_heard |= talker.hear_lone()?;
            }
            silent_turns = if has_heard { 0 } else { silent_turns + 1 };
            barrier.ask_servers();
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let mut has_all = true;
            for talker in talkers.iter_mut().flatten() {
                has_all &= talker.hear_ours()?;
            }
            if has_all || Instant::now() >= until {
                break;
            }
            sleep(Duration::from_millis(1));
        }
        let mut count = 0;
        for (client, talker) in talkers.iter_mut().enumerate() {
            if let Some(talker) = talker {
                count += talker.compare_messages(client, is_spread)?;
            }
        }
        Ok(count)
    }

    fn come(&self, pools: &[usize]) -> Talker {
        Talker::new(self.connections(pools))
    }

    fn connections(&self, pools: &[usize]) -> Vec<Client> {
        let mut connections: Vec<Client> =
            pools.iter().map(|&pool| self.proxy.client_of(pool).unwrap()).collect();
        connections.push(self.lone.client().unwrap());
        connections
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
        What::Messages { client, side, ours, theirs } => {
            let _ = writeln!(text, "messages to {}", char::from(b'a' + *client as u8));
            for (side, messages) in [(*side, ours), (pools.len(), theirs)] {
                let _ = writeln!(text, "  {:10} {} messages", name(side), messages.len());
                for message in messages {
                    let _ = writeln!(text, "    {}", shown(message));
                }
            }
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
        (What::Messages { .. }, _) => "messages".to_owned(),
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
