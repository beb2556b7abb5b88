//! One request of memcached's protocol, from its bytes to its tickets.
//!
//! The same way as `request.rs`, with what that protocol has of its own: a line whose reply may be
//! silence carries a fence (`protocol::memcache::reply`), retrievals are parted by key, and a few
//! commands go to every server. Each request has its slot, also one that wants no reply: so a
//! flood of `noreply` is held back by the same window as any other, and what a client asks next
//! is answered after it.

use crate::base::ShardId;
use crate::command::Joined;
use crate::command::memcache::{
    self, Command, Join, Local, Merge, MetaFlags, MetaKey, Verb, has_noreply,
};
use crate::protocol::memcache::reply::FENCE;
use crate::protocol::memcache::request::Refusal;
use crate::protocol::memcache::words::Words;
use crate::protocol::memcache::{KEY_BYTES_MAX, Request, encode};
use crate::proxy::carry::request::{OWNERS_KEPT, PLACEHOLDER, Path};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::Fence;
use crate::proxy::plan::foreign::{self, Foreign};
use crate::proxy::plan::texts;
use crate::topology::Manners;

impl Path<'_> {
    /// Takes one request of the client.
    #[inline]
    pub fn take_memcache(&mut self, request: &Request<'_>) {
        let mut words = request.words.clone();
        let Some(command) = memcache::lookup(request.name) else {
            if foreign::is_of_http(request.line) {
                self.count_refused();
                return self.hang_up(Foreign::Http.why());
            }
            return self.refuse_line(request.line, texts::MEMCACHE_ERROR);
        };
        if let Some(refusal) = request.refusal {
            return self.refuse_block(request, refusal);
        }
        match command.verb {
            Verb::Forward => {
                let key = words.next().unwrap_or_default();
                if self.has_words(command, request, words.clone(), key) {
                    let mute = has_noreply(request.line);
                    let fence = if mute { Fence::Mute } else { Fence::None };
                    self.forward_fenced(key, request.bytes, fence);
                }
            }
            Verb::Retrieve { first } => {
                if first == 2 && words.next().is_none() {
                    return self.refuse_line(request.line, texts::MEMCACHE_ERROR);
                }
                self.retrieve(first, words, request);
            }
            Verb::Meta { flags } => {
                let key = words.next().unwrap_or_default();
                if self.has_words(command, request, words.clone(), key) {
                    let flags = MetaFlags::read_behind(words, flags);
                    let fence = if flags.quiet { Fence::Quiet } else { Fence::Meta };
                    let key = MetaKey::read(key, flags);
                    if key.may_break_lines() && (flags.returns_key || command.name == "me") {
                        return self.refuse_line(request.line, texts::MEMCACHE_KEY_LINES);
                    }
                    self.forward_fenced(key.as_slice(), request.bytes, fence);
                }
            }
            Verb::All(join) => self.ask_all(command, join, request),
            Verb::Local(local) => self.answer_memcache(local),
            Verb::Refused => {
                self.refuse_line(request.line, &texts::memcache_not_served(command.name));
            }
        }
    }

    /// Whether there are words enough, `key` and those behind it, and a key that any server takes.
    /// If not, the client is told.
    #[inline]
    fn has_words(
        &mut self,
        command: &Command,
        request: &Request<'_>,
        rest: Words<'_>,
        key: &[u8],
    ) -> bool {
        if request.stores {
            return true;
        }
        let given = 1 + usize::from(!key.is_empty());
        let wanted = usize::from(command.words_min);
        if given + rest.take(wanted.saturating_sub(given)).count() < wanted {
            self.refuse_line(command.name.as_bytes(), texts::MEMCACHE_ERROR);
            return false;
        }
        if key.len() > KEY_BYTES_MAX {
            if command.verb == Verb::Forward && has_noreply(request.line) {
                self.refuse_unheard(request.line);
            } else {
                self.refuse_line(command.name.as_bytes(), texts::MEMCACHE_FORMAT);
            }
            return false;
        }
        true
    }

    #[inline]
    fn forward_fenced(&mut self, key: &[u8], bytes: &[u8], fence: Fence) {
        let shard = self.pool.topology.router.route(key, &mut self.turn.chance);
        self.forward_memcache(shard, bytes, fence);
    }

    #[inline]
    fn forward_memcache(&mut self, shard: Option<ShardId>, bytes: &[u8], fence: Fence) {
        match self.upstream_of(shard) {
            Ok(at) => {
                let upstream = &mut self.upstreams[at];
                let is_meta = matches!(fence, Fence::Meta | Fence::Quiet);
                if is_meta && self.pool.knows_no_meta(upstream.server, self.turn.now) {
                    return self.refuse_line(bytes, texts::MEMCACHE_NO_META);
                }
                let out = upstream.out.tail(&mut self.turn.buffers);
                let before = out.len();
                write_fenced(out, bytes, fence);
                let bytes = out.len() - before;
                let ticket = (self.client.key, self.client.expect(self.turn), 0);
                upstream.push(self.turn, ticket, fence, bytes, self.pool.spec.timeout_ms);
            }
            Err(cause) => {
                self.turn.counters[self.pool.id.index()].forward_error += 1;
                if fence != Fence::Mute {
                    let text = self.failure(shard, &cause);
                    self.say(&text);
                }
            }
        }
    }

    /// A retrieval; `words` are its keys, from number `first` on.
    #[inline]
    fn retrieve(&mut self, first: u8, mut words: Words<'_>, request: &Request<'_>) {
        let keys = words.rest();
        match (words.next(), words.next()) {
            (None, _) if first == 1 => self.refuse_line(request.line, texts::MEMCACHE_ERROR),
            // `gat 0`: memcached has an answer to that, so let one give it.
            (None, _) => self.forward_fenced(PLACEHOLDER, request.bytes, Fence::None),
            (Some(key), None) if key.len() <= KEY_BYTES_MAX => {
                self.forward_fenced(key, request.bytes, Fence::None);
            }
            (Some(_), _) => self.retrieve_many(keys, request),
        }
    }

    /// Parts a retrieval by the owners of its keys.
    fn retrieve_many(&mut self, keys: &[u8], request: &Request<'_>) {
        let head = &request.line[..request.line.len() - keys.len()];
        let mut owners = std::mem::take(&mut self.turn.owners);
        owners.clear();
        let router = &self.pool.topology.router;
        let (mut too_long, mut nobody) = (false, false);
        for key in Words::new(keys) {
            too_long |= key.len() > KEY_BYTES_MAX;
            match router.route(key, &mut self.turn.chance) {
                Some(shard) => owners.push(shard.0),
                None => nobody = true,
            }
        }
        if too_long {
            self.refuse_line(request.line, texts::MEMCACHE_FORMAT);
        } else if nobody {
            self.forward_memcache(None, request.bytes, Fence::None);
        } else if owners.iter().all(|&owner| owner == owners[0]) {
            self.forward_memcache(Some(ShardId(owners[0])), request.bytes, Fence::None);
        } else {
            self.scatter_keys(head, keys, &mut owners);
        }
        if owners.capacity() <= OWNERS_KEPT {
            self.turn.owners = owners;
        }
    }

    /// Writes a fragment to each owner, in the order of the shards. `owners` becomes the part of
    /// each key.
    fn scatter_keys(&mut self, head: &[u8], keys: &[u8], owners: &mut [u16]) {
        struct Part {
            shard: ShardId,
            upstream: Result<usize, Cause>,
            bytes_before: usize,
        }
        let mut part_of = vec![u16::MAX; self.pool.topology.shards.len()];
        for &owner in owners.iter() {
            part_of[usize::from(owner)] = 0;
        }
        let mut parts: Vec<Part> = Vec::with_capacity(part_of.len().min(owners.len()));
        for (shard, part) in part_of.iter_mut().enumerate().filter(|(_, part)| **part == 0) {
            *part = parts.len() as u16;
            let shard = ShardId(shard as u16);
            let upstream = self.upstream_of(Some(shard));
            let mut bytes_before = 0;
            if let Ok(at) = upstream {
                let out = self.upstreams[at].out.tail(&mut self.turn.buffers);
                bytes_before = out.len();
                out.extend_from_slice(head);
            }
            debug_assert!(
                upstream.is_err() || parts.iter().all(|part| part.upstream != upstream),
                "each shard has an upstream of its own"
            );
            parts.push(Part { shard, upstream, bytes_before });
        }
        for (key, owner) in Words::new(keys).zip(owners.iter_mut()) {
            *owner = part_of[usize::from(*owner)];
            if let Ok(at) = parts[usize::from(*owner)].upstream {
                let out = self.upstreams[at].out.tail(&mut self.turn.buffers);
                out.push(b' ');
                out.extend_from_slice(key);
            }
        }
        let strict = self.pool.spec.manners == Manners::Twemproxy;
        let merge = Merge::values(parts.len() as u16, Box::from(&*owners), keys, strict);
        let number = self.client.expect_merge(self.turn, Box::new(Joined::Memcache(merge)));
        self.turn.counters[self.pool.id.index()].fragments += parts.len() as u64;
        for (at, part) in parts.iter().enumerate() {
            match &part.upstream {
                Ok(upstream) => {
                    let upstream = &mut self.upstreams[*upstream];
                    let out = upstream.out.tail(&mut self.turn.buffers);
                    out.extend_from_slice(b"\r\n");
                    let bytes = out.len() - part.bytes_before;
                    let ticket = (self.client.key, number, at as u16);
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

    /// Sends the request to every shard, also to one that is left out now: `flush_all` that has
    /// not reached it is not done.
    fn ask_all(&mut self, command: &Command, join: Join, request: &Request<'_>) {
        let argument = request.words.clone().next();
        if usize::from(command.words_min) > 1 + usize::from(argument.is_some()) {
            return self.refuse_line(request.line, texts::MEMCACHE_ERROR);
        }
        let join = match (join, argument) {
            (Join::Stats, Some(b"settings" | b"conns")) => Join::Settings,
            (join, _) => join,
        };
        let mute = join == Join::Same && has_noreply(request.line);
        let fence = if mute { Fence::Mute } else { Fence::None };
        let shards = self.pool.topology.shards.len();
        let names = self.pool.topology.shards.iter().map(|shard| shard.name.clone()).collect();
        let strict = self.pool.spec.manners == Manners::Twemproxy;
        let merge = Merge::all(join, names, strict, mute);
        let number = self.client.expect_merge(self.turn, Box::new(Joined::Memcache(merge)));
        self.turn.counters[self.pool.id.index()].fragments += shards as u64;
        for at in 0..shards as u16 {
            match self.upstream_of(Some(ShardId(at))) {
                Ok(upstream) => {
                    let upstream = &mut self.upstreams[upstream];
                    let out = upstream.out.tail(&mut self.turn.buffers);
                    let before = out.len();
                    write_fenced(out, request.bytes, fence);
                    let bytes = out.len() - before;
                    let ticket = (self.client.key, number, at);
                    upstream.push(self.turn, ticket, fence, bytes, self.pool.spec.timeout_ms);
                }
                Err(cause) => {
                    let text = self.failure(Some(ShardId(at)), &cause);
                    self.client.handle_failure(self.turn, number, at, &text);
                }
            }
        }
    }

    fn answer_memcache(&mut self, local: Local) {
        match local {
            Local::Version => self.say(texts::MEMCACHE_VERSION),
            Local::Noop => self.say("MN"),
            Local::Quit => self.client.finish(self.turn, true),
        }
    }

    /// A line that stores and must not be sent. memcached says nothing of a block that ends wrongly
    /// if nothing was to be said.
    fn refuse_block(&mut self, request: &Request<'_>, refusal: Refusal) {
        let is_meta = request.line.trim_ascii_start().starts_with(b"ms");
        if !is_meta && refusal != Refusal::Words && has_noreply(request.line) {
            return self.refuse_unheard(request.line);
        }
        self.refuse_line(request.line, texts::memcache_refusal(refusal));
    }

    /// `noreply` goes for errors too, once there are words enough.
    fn refuse_unheard(&mut self, line: &[u8]) {
        self.count_refused();
        if self.pool.spec.manners == Manners::Twemproxy {
            self.hang_up_memcache(line);
        }
    }

    /// What twemproxy closed on, and we answer with an error under modern manners.
    fn refuse_line(&mut self, line: &[u8], text: &str) {
        self.count_refused();
        match self.pool.spec.manners {
            Manners::Modern => self.say(text),
            Manners::Twemproxy => self.hang_up_memcache(line),
        }
    }

    /// A word that is no command's may be a piece of a value, where a client lost its place: the
    /// log does not get it.
    fn hang_up_memcache(&mut self, line: &[u8]) {
        match Words::new(line).next().and_then(memcache::lookup) {
            Some(command) => self.hang_up_on(command.name.into()),
            None => self.hang_up("unknown command"),
        }
    }

    fn say(&mut self, line: &str) {
        self.answer(|out| encode::line(out, line));
    }
}

/// A request and the fence behind it.
#[inline]
fn write_fenced(out: &mut Vec<u8>, bytes: &[u8], fence: Fence) {
    out.extend_from_slice(bytes);
    if fence.is_sent() {
        out.extend_from_slice(FENCE);
    }
}
