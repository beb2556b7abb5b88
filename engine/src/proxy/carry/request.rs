//! One request, from its bytes to its tickets: look up, check, route, split, or answer here.

use crate::base::limits::REFUSED_MULTI_MS;
use crate::base::{ShardId, Time};
use crate::command::keys::KeyError;
use crate::command::merge::Merge;
use crate::command::{self, Before, Command, Group, Joined, Local, Split, Verb, keys};
use crate::protocol::resp::{Args, encode};
use crate::proxy::link::action::{Action, Note};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::Client;
use crate::proxy::link::ticket::Fence;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::plan::foreign::Foreign;
use crate::proxy::plan::texts::{self, Sent};
use crate::routing::distribution::Ring;
use crate::topology::{Manners, ShardState};

/// Routes commands without a key, as in twemproxy.
pub const PLACEHOLDER: &[u8] = b"placeholder";

/// Keys of a request for which the worker keeps its scratch space; a larger one gives it back.
pub const OWNERS_KEPT: usize = 64 * 1024;

/// Bytes of an unknown command that the log gets.
const NAME_BYTES_LOGGED: usize = 32;

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    Yes,
    /// It must wait until everything before it has been answered; offer it again then.
    NotYet,
}

/// Everything that one request touches.
pub struct Path<'a> {
    pub client: &'a mut Client,
    pub pool: &'a mut Pool,
    pub upstreams: &'a mut Vec<Upstream>,
    pub turn: &'a mut Turn,
}

impl Path<'_> {
    /// Takes one request of the client.
    #[inline]
    pub fn take(&mut self, args: &Args<'_>) -> Taken {
        if self.client.refused_multi.is_some() && self.refuse_in_multi(args.name()) {
            return Taken::Yes;
        }
        let Some(command) = command::lookup(args.name()) else {
            self.unknown(args);
            return Taken::Yes;
        };
        if !self.client.authenticated && !is_open_to_strangers(command) {
            self.turn_away(command, args);
            return Taken::Yes;
        }
        if !command.arity_ok(args.len()) {
            self.refuse_keys(command, args, &KeyError::Arity(command.name));
            return Taken::Yes;
        }
        match command.verb {
            Verb::Forward if command.single_key => {
                if let Some(key) = args.get(1) {
                    let shard = self.pool.topology.router.route(key, &mut self.turn.chance);
                    self.forward(shard, args.bytes());
                }
            }
            Verb::Forward => self.forward_checked(command, args),
            Verb::Split(split) => self.split(split, command.name, args),
            Verb::Placeholder => self.forward_to_placeholder(args),
            Verb::Local(local) => return self.answer_locally(local, command, args),
        }
        Taken::Yes
    }

    /// Sends the request as it came to the shard's primary.
    #[inline]
    pub fn forward(&mut self, shard: Option<ShardId>, bytes: &[u8]) {
        match self.upstream_of(shard) {
            Ok(at) => {
                let upstream = &mut self.upstreams[at];
                upstream.out.tail(&mut self.turn.buffers).extend_from_slice(bytes);
                let number = self.client.expect(self.turn);
                let ticket = (self.client.key, number, 0);
                let timeout_ms = self.pool.spec.timeout_ms;
                upstream.push(self.turn, ticket, Fence::None, bytes.len(), timeout_ms);
            }
            Err(cause) => {
                let text = self.failure(shard, &cause);
                self.turn.counters[self.pool.id.index()].forward_error += 1;
                self.error(&text);
            }
        }
    }

    /// The upstream for a shard, ready to take a request.
    #[inline]
    pub fn upstream_of(&mut self, shard: Option<ShardId>) -> Result<usize, Cause> {
        let Some(id) = shard else {
            return Err(Cause::NoneLive);
        };
        let shard = self.pool.topology.shard(id);
        if shard.state != ShardState::Live {
            return Err(Cause::Down);
        }
        let primary = shard.primary;
        let at =
            self.pool.upstream(self.upstreams, primary, self.client.lane, self.client.key.index);
        let prepared = self.upstreams[at].prepare(self.turn, self.pool.spec.connect_timeout_ms);
        match prepared {
            Ok(()) => Ok(at),
            Err(cause) => {
                if cause == Cause::QueueFull {
                    self.turn.counters[self.pool.id.index()].upstream_queue_full += 1;
                }
                Err(cause)
            }
        }
    }

    pub fn failure(&self, shard: Option<ShardId>, cause: &Cause) -> String {
        let shard = shard.and_then(|id| self.pool.describe_shard(self.pool.topology.shard(id)));
        texts::failure_text(&self.pool.spec, cause, shard, Sent::No)
    }

    /// A command whose keys are several, or not at argument 1: all must have one owner.
    fn forward_checked(&mut self, command: &'static Command, args: &Args<'_>) {
        let command = match keys::resolve(command, args) {
            Ok(row) => row,
            Err(error) => return self.refuse_keys(command, args, &error),
        };
        if let Verb::Local(local) = command.verb {
            self.answer_locally(local, command, args);
            return;
        }
        let mut keys = match keys::keys(command, args) {
            Ok(keys) => keys,
            Err(error) => return self.refuse_keys(command, args, &error),
        };
        let Some(first) = keys.next() else {
            return self.forward_keyless(command, args);
        };
        let router = &self.pool.topology.router;
        let shard = router.route(first, &mut self.turn.chance);
        let one_owner = matches!(router.ring, Ring::Random(_))
            || keys.all(|key| router.route(key, &mut self.turn.chance) == shard);
        if !one_owner {
            // twemproxy sent some commands by one key and checked no other. It closed on all
            // others: unchecked, they would lose data that was safe before.
            let as_before =
                self.pool.spec.manners == Manners::Twemproxy && command.before == Before::Sent;
            if !as_before {
                self.count_refused();
                return self.error(texts::CROSSSLOT);
            }
            self.tell_unchecked(command.name);
        }
        self.forward(shard, args.bytes());
    }

    /// A script without keys. Always to the same server, so that EVALSHA finds what EVAL left; where
    /// keys have no owner, to the first that is live.
    fn forward_keyless(&mut self, command: &'static Command, args: &Args<'_>) {
        if self.pool.spec.manners == Manners::Twemproxy && command.before == Before::Sent {
            // twemproxy closed on this form of EVAL and EVALSHA.
            self.count_refused();
            return self.hang_up_on(command.name.into());
        }
        if matches!(self.pool.topology.router.ring, Ring::Random(_)) {
            let shards = &self.pool.topology.shards;
            let first = shards.iter().position(|shard| shard.state == ShardState::Live);
            return self.forward(first.map(|at| ShardId(at as u16)), args.bytes());
        }
        self.forward_to_placeholder(args);
    }

    fn forward_to_placeholder(&mut self, args: &Args<'_>) {
        let shard = self.pool.topology.router.route(PLACEHOLDER, &mut self.turn.chance);
        self.forward(shard, args.bytes());
    }

    fn tell_unchecked(&mut self, command: &'static str) {
        self.turn.counters[self.pool.id.index()].requests_unchecked += 1;
        if !self.pool.unchecked.contains(&command) {
            self.pool.unchecked.push(command);
            let note = Note::Unchecked { pool: self.pool.id, command };
            self.turn.actions.push_back(Action::Note(note));
        }
    }

    /// Cuts the request by the owners of its keys; see `command::split`.
    fn split(&mut self, split: Split, name: &'static str, args: &Args<'_>) {
        let stride = split.stride();
        let mut owners = std::mem::take(&mut self.turn.owners);
        owners.clear();
        let router = &self.pool.topology.router;
        for key in args.iter_from(1).step_by(stride) {
            match router.route(key, &mut self.turn.chance) {
                Some(shard) => owners.push(shard.0),
                None => break,
            }
        }
        let Some(&first) = owners.first() else {
            self.forward(None, args.bytes());
            self.turn.owners = owners;
            return;
        };
        let whole = owners.len() == 1
            // twemproxy cut even what has one owner, and clients can tell by its errors.
            || (self.pool.spec.manners == Manners::Modern && owners.iter().all(|&o| o == first));
        if whole {
            self.forward(Some(ShardId(first)), args.bytes());
        } else {
            self.scatter(split, name, args, &mut owners);
        }
        if owners.capacity() <= OWNERS_KEPT {
            self.turn.owners = owners;
        }
    }

    /// Writes a fragment to each owner. `owners` becomes the part of each key.
    fn scatter(&mut self, split: Split, name: &str, args: &Args<'_>, owners: &mut [u16]) {
        struct Part {
            shard: ShardId,
            keys: usize,
            upstream: Result<usize, Cause>,
            bytes_before: usize,
        }
        // Parts in the order of the shards, as twemproxy has it.
        let mut keys_of = vec![0usize; self.pool.topology.shards.len()];
        for &owner in owners.iter() {
            keys_of[usize::from(owner)] += 1;
        }
        let mut part_of = vec![0u16; keys_of.len()];
        let mut parts: Vec<Part> = Vec::with_capacity(keys_of.len().min(owners.len()));
        for (shard, &keys) in keys_of.iter().enumerate() {
            if keys > 0 {
                part_of[shard] = parts.len() as u16;
                let shard = ShardId(shard as u16);
                let upstream = self.upstream_of(Some(shard));
                let mut bytes_before = 0;
                if let Ok(at) = upstream {
                    let out = self.upstreams[at].out.tail(&mut self.turn.buffers);
                    bytes_before = out.len();
                    split.fragment_head(out, name, keys);
                }
                // Fragments are written in turns: two on one upstream would run into each other.
                debug_assert!(
                    upstream.is_err() || parts.iter().all(|part| part.upstream != upstream),
                    "each shard has an upstream of its own"
                );
                parts.push(Part { shard, keys, upstream, bytes_before });
            }
        }
        let stride = split.stride();
        let mut rest = args.iter_from(1);
        for owner in owners.iter_mut() {
            *owner = part_of[usize::from(*owner)];
            let part = &parts[usize::from(*owner)];
            debug_assert!(part.keys > 0);
            let encoded = rest.next_encoded(stride);
            if let Ok(at) = part.upstream {
                self.upstreams[at].out.tail(&mut self.turn.buffers).extend_from_slice(encoded);
            }
        }
        let order = if split == Split::Mget { Box::from(&*owners) } else { Box::default() };
        let hide_errors = self.pool.spec.manners == Manners::Twemproxy;
        let merge = Merge::new(split, parts.len() as u16, order, hide_errors);
        let number = self.client.expect_merge(self.turn, Box::new(Joined::Redis(merge)));
        self.turn.counters[self.pool.id.index()].fragments += parts.len() as u64;
        for (at, part) in parts.iter().enumerate() {
            match &part.upstream {
                Ok(upstream) => {
                    let upstream = &mut self.upstreams[*upstream];
                    let after = upstream.out.tail(&mut self.turn.buffers).len();
                    let ticket = (self.client.key, number, at as u16);
                    let bytes = after - part.bytes_before;
                    let timeout_ms = self.pool.spec.timeout_ms;
                    upstream.push(self.turn, ticket, Fence::None, bytes, timeout_ms);
                }
                Err(cause) => {
                    let text = self.failure(Some(part.shard), cause);
                    self.client.handle_failure(self.turn, number, at as u16, &text);
                }
            }
        }
    }

    fn unknown(&mut self, args: &Args<'_>) {
        // A web page that makes a browser send requests here must not get through line by line.
        if args.name().eq_ignore_ascii_case(b"post") || args.name().eq_ignore_ascii_case(b"host:") {
            return self.hang_up(Foreign::Http.why());
        }
        // twemproxy closed on what it could not read before it asked who the client is.
        if !self.client.authenticated && self.pool.spec.manners == Manners::Modern {
            return self.error(texts::noauth(self.pool.spec.manners));
        }
        let is_multi = args.len() == 1 && args.name().eq_ignore_ascii_case(b"multi");
        self.client.refused_multi = is_multi.then_some(self.turn.now);
        self.refuse(args.name(), texts::unknown_command(args));
    }

    /// A client whose MULTI was refused may not have noticed yet, and means what it sends now to
    /// happen at EXEC or not at all. It does not happen. `false`: the request is taken as any.
    ///
    /// A library that sends MULTI by itself reads the refusal, and may lend the connection to
    /// somebody who knows nothing of it. What belongs to a transaction follows its MULTI closely,
    /// so after a while without EXEC we take it for such a one, unless the transaction was seen
    /// to go on in the very bytes that the MULTI came in.
    fn refuse_in_multi(&mut self, name: &[u8]) -> bool {
        if let Some(at) = self.client.refused_multi {
            let goes_on = at == self.turn.now;
            if !goes_on
                && at != Time::NEVER
                && at.plus_ms(REFUSED_MULTI_MS) <= self.turn.now
                && self.client.in_flight() == 0
            {
                self.client.refused_multi = None;
                return false;
            }
            if goes_on {
                self.client.refused_multi = Some(Time::NEVER);
            }
        }
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        if is(b"quit") || is(b"reset") {
            self.client.refused_multi = None;
            return false;
        }
        if is(b"exec") {
            self.client.refused_multi = None;
            self.error(texts::EXECABORT);
        } else if is(b"discard") {
            self.client.refused_multi = None;
            self.answer(|out| encode::status(out, "OK"));
        } else {
            self.error(texts::IN_REFUSED_MULTI);
        }
        true
    }

    /// A stranger's command, where a password is asked for.
    #[cold]
    fn turn_away(&mut self, command: &'static Command, args: &Args<'_>) {
        let manners = self.pool.spec.manners;
        let unread = !command.arity_ok(args.len()) && !was_left_to_the_server(command, args);
        if manners == Manners::Twemproxy && unread {
            return self.refuse_keys(command, args, &KeyError::Arity(command.name));
        }
        self.error(texts::noauth(manners));
    }

    /// What twemproxy closed on, and we answer with an error under modern manners.
    pub fn refuse(&mut self, name: &[u8], text: impl AsRef<[u8]>) {
        self.count_refused();
        match self.pool.spec.manners {
            Manners::Modern => self.error(text),
            Manners::Twemproxy => self.hang_up_on(called(name)),
        }
    }

    pub fn refuse_keys(&mut self, command: &Command, args: &Args<'_>, error: &KeyError<'_>) {
        self.count_refused();
        match self.pool.spec.manners {
            Manners::Twemproxy
                if !was_left_to_the_server(command, args) && !has_zeros_before(args, error) =>
            {
                self.hang_up_on(command.name.into());
            }
            Manners::Modern | Manners::Twemproxy => self.answer(|out| error.encode(out)),
        }
    }

    pub fn count_refused(&mut self) {
        self.turn.counters[self.pool.id.index()].requests_refused += 1;
    }

    /// Takes no further request, and says so in the log.
    pub fn hang_up(&mut self, why: &'static str) {
        self.hang_up_because(why, None);
    }

    /// The same for a command that is refused. Without its name an operator would have to guess
    /// which of a client's requests it was.
    pub fn hang_up_on(&mut self, command: Box<str>) {
        self.hang_up_because("request refused", Some(command));
    }

    fn hang_up_because(&mut self, why: &'static str, command: Option<Box<str>>) {
        let (pool, peer) = (self.pool.id, self.client.peer);
        let note = Note::ClientRefused { pool, peer, why, command };
        self.turn.actions.push_back(Action::Note(note));
        self.client.errs = true;
        self.client.finish(self.turn, true);
    }

    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.answer(|out| encode::error(out, text));
    }

    pub fn answer(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.turn.counters[self.pool.id.index()].requests_local += 1;
        self.client.answer(self.turn, write);
    }
}

/// What the log calls a command. What stands in a name's place may be anything, so its beginning;
/// the log escapes what is no text.
fn called(name: &[u8]) -> Box<str> {
    match command::lookup(name) {
        Some(command) => command.name.into(),
        None => String::from_utf8_lossy(&name[..name.len().min(NAME_BYTES_LOGGED)]).into(),
    }
}

/// twemproxy counted the arguments of commands of a fixed form, of those it split and of scripts,
/// and closed when the count was wrong. Of others that it sent it wanted a key and no more: the
/// server's error came back.
fn was_left_to_the_server(command: &Command, args: &Args<'_>) -> bool {
    command.arity < 0
        && args.len() > 1
        && command.verb == Verb::Forward
        && command.before == Before::Sent
        && command.group != Group::Scripting
}

/// `EVAL s 01 k`: twemproxy read the number, and the server, which does not, said so.
fn has_zeros_before(args: &Args<'_>, error: &KeyError<'_>) -> bool {
    let counts = |text: &[u8]| {
        text.iter().all(u8::is_ascii_digit) && text.iter().any(|&digit| digit != b'0')
    };
    *error == KeyError::NotInteger && args.len() > 3 && args.get(2).is_some_and(counts)
}

/// May this be asked before AUTH?
fn is_open_to_strangers(command: &Command) -> bool {
    matches!(command.verb, Verb::Local(Local::Auth | Local::Hello | Local::Quit | Local::Reset))
}
