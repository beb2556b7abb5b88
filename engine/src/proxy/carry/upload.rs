//! Large requests flow: a request with a large argument is sent while it still arrives.
//!
//! ```text
//!   client ══▶ its input ──── the rest of one request ────▶ an upstream of its own ══▶ server
//!     ▲                                                        │
//!     └── read no further while that has much unsent  ◀────────┘
//! ```
//!
//! A client that stalls in the middle of a request would stall all clients of its upstream. So such a
//! request waits until its client is owed no reply, and then gets an upstream alone. That upstream
//! becomes a spare afterwards (`link/upstream/duty.rs`). Requests behind it wait for its reply, so a
//! client's requests keep their order.
//!
//! A request flows only if it has one key, which comes before the large argument. Any other request is
//! collected. If the server is lost in the middle, the client gets an error, and the rest of the body is
//! dropped as it comes, so the connection stays in step. If the client is lost, its upstream is closed,
//! because the rest of the request will never come.

use super::Exchange;
use super::forward::cause_of;
use crate::base::buffer::Sifted;
use crate::base::slab::Key;
use crate::protocol::memcache::reply::FENCE;
use crate::protocol::resp;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::flow::{Upload, UploadRest};
use crate::proxy::link::ticket::Owner;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::duty::Why;
use crate::proxy::plan::Forward;
use crate::texts;
use crate::topology::Placed;

/// The upstream that sends this upload; `None` when its connection was lost.
pub fn sender<'a>(
    upload: &Upload,
    from: Key,
    upstreams: &'a mut [Upstream],
) -> Option<&'a mut Upstream> {
    upstreams.get_mut(upload.to?).filter(|upstream| upstream.duty().upload_from() == Some(from))
}

impl Exchange<'_> {
    /// Lets the request of this plan flow.
    pub fn begin_upload(&mut self, plan: Forward, rest: UploadRest) {
        self.turn.counters[self.pool.id.index()].requests_streamed += 1;
        let to = plan.place.map_err(|out| (out.shard(), cause_of(out)));
        let to = to.and_then(|placed| {
            let why = Why::Request { from: Some(self.client.key()) };
            self.upstream_alone(placed, why).map_err(|cause| (Some(placed.shard), cause))
        });
        let to = match to {
            Ok(at) => {
                let number = self.client.expect(self.turn);
                self.push(at, number, 0, plan.sent);
                Some(at)
            }
            Err((shard, cause)) => {
                self.fail(shard, &cause, plan.sent.care);
                None
            }
        };
        self.client.begin_upload(Upload { to, rest, care: plan.sent.care });
    }

    /// The index of an upstream for this request alone. It is ready to take the request.
    pub(super) fn upstream_alone(&mut self, placed: Placed, why: Why) -> Result<usize, Cause> {
        self.client.use_shard(placed.shard);
        let lane = self.lane_to(placed);
        let at = self.pool.upstream_alone(self.upstreams, placed.server, lane, why);
        let upstream = &mut self.upstreams[at];
        let prepared = upstream.prepare(self.turn, self.pool.spec.connect_timeout_ms);
        if prepared.is_err() {
            self.pool.make_spare(upstream, self.turn);
        }
        prepared.map(|()| at)
    }

    /// Sends a piece on. Returns how many bytes belonged to the request, and whether that was its end.
    pub fn flow_upload(&mut self, bytes: &[u8]) -> Result<(usize, bool), resp::request::Error> {
        let key = self.client.key();
        let Some(upload) = self.client.upload_mut() else {
            return Ok((0, true));
        };
        let (len, done) = upload.pass(bytes)?;
        if let Some(upstream) = sender(upload, key, self.upstreams) {
            upstream.tail(self.turn).extend_from_slice(&bytes[..len]);
            upstream.handle_appended(self.turn, self.pool.spec.timeout_ms);
        }
        self.settle_upload(done);
        Ok((len, done))
    }

    /// The same for the last `len` bytes of the upstream's output, which were read straight into it.
    /// Bytes behind the request are taken out again and returned.
    pub fn flow_upload_in_place(&mut self, len: usize) -> Result<Vec<u8>, resp::request::Error> {
        let key = self.client.key();
        let upload = self.client.upload_mut();
        let Some((upload, upstream)) =
            upload.and_then(|upload| sender(upload, key, self.upstreams).map(|to| (upload, to)))
        else {
            debug_assert!(false, "bytes were read to an output that does not take them");
            return Ok(Vec::new());
        };
        let Sifted { done, rest, .. } =
            upstream.output().sift(len, &mut self.turn.buffers, |bytes| upload.pass(bytes))?;
        upstream.handle_appended(self.turn, self.pool.spec.timeout_ms);
        self.settle_upload(done);
        Ok(rest)
    }

    /// After each piece. `done`: it was the last one.
    fn settle_upload(&mut self, done: bool) {
        let key = self.client.key();
        let Some(upload) = self.client.upload() else {
            return;
        };
        let mut is_full = false;
        if let Some(upstream) = sender(upload, key, self.upstreams) {
            if done {
                if upload.care.is_sent() {
                    upstream.tail(self.turn).extend_from_slice(FENCE);
                    upstream.handle_appended(self.turn, self.pool.spec.timeout_ms);
                }
                upstream.end_upload();
            } else {
                is_full = upstream.output().len() > self.turn.flow_bounds.pause_bytes;
            }
        }
        if done {
            self.client.end_upload();
        } else if is_full {
            self.client.pause_upload();
        }
    }

    /// The rest of the request is malformed: its client gets an error in place of the reply, and is
    /// closed.
    pub fn fail_upload(&mut self, error: resp::request::Error) {
        self.count_refused();
        let Some(upload) = self.client.end_upload() else {
            return;
        };
        if let Some(upstream) = sender(&upload, self.client.key(), self.upstreams) {
            let lost = upstream.abandon(self.turn);
            self.pool.make_spare(upstream, self.turn);
            let mut text = Vec::new();
            if !self.pool.policy.closes_on_malformed {
                resp::encode::error(&mut text, texts::protocol_error(error));
            }
            for lost in lost {
                if let Owner::Client { number, part, .. } = lost.ticket.owner {
                    self.client.handle_reply(self.turn, number, part, &text);
                }
            }
        }
        self.hang_up(texts::protocol_why(error));
    }
}
