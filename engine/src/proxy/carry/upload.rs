//! Large requests flow too: a request whose body is large is sent on as it comes.
//!
//! ```text
//!   client ══▶ its input ──── the rest of one request ────▶ an upstream of its own ══▶ server
//!     ▲                                                        │
//!     └── read no further while that has much unsent  ◀────────┘
//! ```
//!
//! A client that stalls in the middle of a request would stall everybody on a shared upstream, so
//! such a request waits until its client is owed nothing, and then has an upstream apart, which is
//! laid by afterwards (see `stream.rs`). What the client sends behind it waits for its reply, so
//! its requests keep their order.
//!
//! Only what has one key, known before the large argument comes, flows; anything else is gathered.
//! If the server is lost in the middle the client is told, and the rest of the body is dropped as
//! it comes: the connection stays in step. If the client is lost, so is the upstream: nobody will
//! ever send it the rest.

use crate::base::ShardId;
use crate::base::buffer::Sifted;
use crate::base::slab::Key;
use crate::command::memcache::{MetaFlags, MetaKey, Verb as MemcacheVerb, has_noreply};
use crate::command::{self, Verb};
use crate::protocol::memcache::reply::FENCE;
use crate::protocol::memcache::words::Words;
use crate::protocol::{memcache, resp};
use crate::proxy::carry::request::Path;
use crate::proxy::link::action::{Action, ConnId};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::flow::{Rest, Upload};
use crate::proxy::link::ticket::Fence;
use crate::proxy::link::upstream::{SocketState, Upstream};
use crate::proxy::plan::texts;
use crate::topology::{Manners, Protocol, ShardState};

/// Whether an unfinished request may flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Yes,
    /// When its client is owed nothing.
    NotYet,
    /// It is gathered.
    No,
}

/// The upstream that sends this upload; `None` when its connection was lost.
pub fn sender<'a>(
    upload: &Upload,
    from: Key,
    upstreams: &'a mut [Upstream],
) -> Option<&'a mut Upstream> {
    upstreams.get_mut(upload.at).filter(|upstream| upstream.upload_from == Some(from))
}

impl Path<'_> {
    /// Lets the unfinished request that `bytes` begin with flow, of which `size` bytes are known.
    pub fn begin_upload(
        &mut self,
        bytes: &[u8],
        progress: &mut resp::request::Progress,
        size: usize,
    ) -> Begun {
        if size < self.turn.stream_bounds.bytes_min || !self.client.authenticated {
            return Begun::No;
        }
        let Some((name, key, args)) = progress.head(bytes) else {
            return Begun::No;
        };
        let flows = self.client.refused_multi.is_none()
            && command::lookup(name).is_some_and(|command| {
                command.verb == Verb::Forward && command.single_key && command.arity_ok(args)
            });
        if !flows {
            return Begun::No;
        }
        if self.client.in_flight() > 0 {
            return Begun::NotYet;
        }
        let rest = Rest::Resp(std::mem::take(progress));
        self.open_upload(key, rest, Fence::None);
        Begun::Yes
    }

    /// The same for a block of memcached's.
    pub fn begin_block(
        &mut self,
        bytes: &[u8],
        progress: &mut memcache::request::Progress,
        missing: usize,
    ) -> Begun {
        let size = bytes.len() + missing;
        let Some(line) = progress.line(bytes) else {
            return Begun::No;
        };
        if size < self.turn.stream_bounds.bytes_min {
            return Begun::No;
        }
        let mut words = Words::new(line);
        let name = words.next().unwrap_or_default();
        let key = words.next().unwrap_or_default();
        let Some(row) = command::memcache::lookup(name) else {
            return Begun::No;
        };
        // Refused when it is whole.
        if let MemcacheVerb::Meta { flags } = row.verb
            && MetaKey::read(key, MetaFlags::read_behind(words.clone(), flags)).may_break_lines()
        {
            return Begun::No;
        }
        if self.client.in_flight() > 0 {
            return Begun::NotYet;
        }
        *progress = memcache::request::Progress::default();
        self.client.has_spoken = true;
        let rest = Rest::Bytes(size);
        if let MemcacheVerb::Meta { flags } = row.verb {
            let flags = MetaFlags::read_behind(words, flags);
            let fence = if flags.quiet { Fence::Quiet } else { Fence::Meta };
            self.open_upload(MetaKey::read(key, flags).as_slice(), rest, fence);
        } else {
            let fence = if has_noreply(line) { Fence::Mute } else { Fence::None };
            self.open_upload(key, rest, fence);
        }
        Begun::Yes
    }

    fn open_upload(&mut self, key: &[u8], rest: Rest, fence: Fence) {
        self.turn.counters[self.pool.id.index()].requests_streamed += 1;
        let shard = self.pool.topology.router.route(key, &mut self.turn.chance);
        let at = match self.upstream_apart(shard) {
            Ok(at) => {
                let number = self.client.expect(self.turn);
                let upstream = &mut self.upstreams[at];
                upstream.upload_from = Some(self.client.key);
                upstream.uploads = true;
                let ticket = (self.client.key, number, 0);
                upstream.push(self.turn, ticket, fence, 0, self.pool.spec.timeout_ms);
                at
            }
            Err(cause) => {
                self.turn.counters[self.pool.id.index()].forward_error += 1;
                if fence != Fence::Mute {
                    let text = self.failure(shard, &cause);
                    match self.pool.spec.protocol {
                        Protocol::Redis => self.error(&text),
                        Protocol::Memcache => {
                            self.answer(|out| memcache::encode::line(out, &text));
                        }
                    }
                }
                usize::MAX
            }
        };
        self.client.upload = Some(Box::new(Upload { at, rest, fence }));
    }

    /// An upstream for a shard that nobody else has, ready to take a request.
    fn upstream_apart(&mut self, shard: Option<ShardId>) -> Result<usize, Cause> {
        let Some(id) = shard else {
            return Err(Cause::NoneLive);
        };
        let shard = self.pool.topology.shard(id);
        if shard.state != ShardState::Live {
            return Err(Cause::Down);
        }
        let primary = shard.primary;
        let at = self.pool.upstream_apart(self.upstreams, primary, self.client.lane);
        let upstream = &mut self.upstreams[at];
        upstream.prepare(self.turn, self.pool.spec.connect_timeout_ms).map(|()| at).inspect_err(
            |_| {
                upstream.spare = true;
                self.pool.spares.push((upstream.lane, upstream.server, at as u32));
            },
        )
    }

    /// Sends a piece on. Returns how many bytes of it belonged to the request, and whether that is
    /// its end.
    pub fn flow_upload(&mut self, bytes: &[u8]) -> Result<(usize, bool), resp::request::Error> {
        let Some(upload) = &mut self.client.upload else {
            return Ok((0, true));
        };
        let (len, done) = upload.pass(bytes)?;
        if let Some(upstream) = sender(upload, self.client.key, self.upstreams) {
            upstream.append(self.turn, &bytes[..len], self.pool.spec.timeout_ms);
        }
        self.settle_upload(done);
        Ok((len, done))
    }

    /// The same for the last `len` bytes of the upstream's output, read straight to there. Returns
    /// those behind the request, which it takes out again.
    pub fn flow_upload_in_place(&mut self, len: usize) -> Result<Vec<u8>, resp::request::Error> {
        let upload = self.client.upload.as_mut();
        let Some((upload, upstream)) = upload.and_then(|upload| {
            sender(upload, self.client.key, self.upstreams).map(|to| (upload, to))
        }) else {
            debug_assert!(false, "bytes were read to nobody's output");
            return Ok(Vec::new());
        };
        let Sifted { len, done, rest } =
            upstream.out.sift(len, &mut self.turn.buffers, |bytes| upload.pass(bytes))?;
        upstream.handle_appended(self.turn, len, self.pool.spec.timeout_ms);
        self.settle_upload(done);
        Ok(rest)
    }

    /// A piece is with its upstream; `done`: it was the last.
    fn settle_upload(&mut self, done: bool) {
        let Some(upload) = &self.client.upload else {
            return;
        };
        let fence = upload.fence;
        if let Some(upstream) = sender(upload, self.client.key, self.upstreams) {
            if done {
                if fence.is_sent() {
                    upstream.append(self.turn, FENCE, self.pool.spec.timeout_ms);
                }
                upstream.upload_from = None;
            } else if upstream.out.len() > self.turn.stream_bounds.pause_bytes {
                self.client.upload_paused = true;
                self.client.paused = true;
            }
        }
        if done {
            self.client.upload = None;
            self.client.upload_paused = false;
            self.client.draining = true;
        }
    }

    /// The rest of a request is none: its client is told so in its place, and refused.
    pub fn fail_upload(&mut self, error: resp::request::Error) {
        self.count_refused();
        self.client.upload_paused = false;
        let Some(upload) = self.client.upload.take() else {
            return;
        };
        if let Some(upstream) = sender(&upload, self.client.key, self.upstreams) {
            upstream.upload_from = None;
            if upstream.state != SocketState::Idle {
                let conn = ConnId::Upstream(upstream.key);
                self.turn.actions.push_back(Action::Close { conn });
            }
            let gone = upstream.take_down(self.turn, false);
            upstream.spare = true;
            self.pool.spares.push((upstream.lane, upstream.server, upload.at as u32));
            let mut text = Vec::new();
            if self.pool.spec.manners == Manners::Modern {
                texts::protocol_error(&mut text, error);
            }
            for (ticket, _) in gone.iter().filter(|(ticket, _)| !ticket.tombstone) {
                self.client.handle_reply(self.turn, ticket.number, ticket.part, &text);
            }
        }
        self.hang_up(texts::protocol_why(error));
    }
}
