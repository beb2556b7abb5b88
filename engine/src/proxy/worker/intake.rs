//! From a client's bytes to its requests.
//!
//! Bytes are parsed in place, in the loop's buffer. Only an unfinished request, or one that must wait, is
//! copied to the client's input.

use super::Worker;
use super::dispatch::{self, Begun};
use crate::base::limits::REQUEST_BYTES_MAX;
use crate::base::slab::Key;
use crate::protocol::memcache;
use crate::protocol::resp::{encode, inline, request};
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::action::{Action, Note, Reading};
use crate::proxy::link::client::RequestInput;
use crate::proxy::link::flow::RequestProgress;
use crate::proxy::plan::foreign::{self, Foreign};
use crate::texts;
use crate::topology::Protocol;

impl Worker {
    pub(super) fn client_bytes(&mut self, key: Key, fresh: &[u8]) -> Reading {
        let Some(client) = self.clients.get_mut(key) else {
            return Reading::Go;
        };
        if !client.is_open() {
            return Reading::Go; // what comes after QUIT or a refusal is dropped
        }
        client.handle_asked(self.turn.now);
        let mut input = client.take_input();
        let protocol = client.origin().protocol;
        match &mut input {
            None => {
                let mut progress = RequestProgress::new(protocol);
                let used = self.take_requests(key, fresh, &mut progress);
                if used < fresh.len() || is_dropping(&progress) {
                    // Not from the pool: a slow client would sit on the largest buffer there is.
                    let bytes = fresh[used..].to_vec();
                    input = Some(Box::new(RequestInput { bytes, at: 0, progress }));
                }
            }
            Some(kept) => {
                kept.bytes.extend_from_slice(fresh);
                let used = self.take_requests(key, &kept.bytes[kept.at..], &mut kept.progress);
                kept.at += used;
                if kept.at == kept.bytes.len() && !is_dropping(&kept.progress) {
                    input = None;
                } else if kept.at > kept.bytes.len() / 2 {
                    kept.bytes.drain(..kept.at);
                    kept.at = 0;
                }
            }
        }
        let Some(client) = self.clients.get_mut(key) else {
            return Reading::Go;
        };
        if !client.is_open() {
            return Reading::Go;
        }
        let waiting = input.as_ref().map_or(0, |input| input.bytes.len() - input.at);
        client.keep_input(input);
        if waiting > REQUEST_BYTES_MAX {
            client.answer(&mut self.turn, |out| match protocol {
                Protocol::Redis => encode::error(out, texts::REQUEST_TOO_LARGE),
                Protocol::Memcache => memcache::encode::line(out, texts::MEMCACHE_TOO_LARGE),
            });
            self.refuse_client(key, "request above 1 GiB");
            return Reading::Go;
        }
        if client.is_stopped() {
            return Reading::Stop;
        }
        if (client.is_at_end() || self.shutting_down) && client.upload().is_none() {
            // A request cut short by the end is dropped, as in twemproxy.
            let linger = !client.is_at_end();
            client.finish(&mut self.turn, linger);
        }
        Reading::Go
    }

    /// Takes whole requests from the front of `bytes`; returns how many bytes they had.
    fn take_requests(&mut self, key: Key, bytes: &[u8], progress: &mut RequestProgress) -> usize {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        let Some(client) = clients.get_mut(key) else {
            return bytes.len();
        };
        let pool = &mut pools[client.pool().index()];
        let mut x = Exchange { client, pool, upstreams, turn };
        if !x.client.has_spoken && is_foreign(&mut x, bytes) {
            return bytes.len();
        }
        let progress = match progress {
            RequestProgress::Resp(progress) => progress,
            RequestProgress::Memcache(progress) => return take_lines(&mut x, bytes, progress),
        };
        let mut at = 0;
        while at < bytes.len() && has_room(&mut x) {
            match take_next(&mut x, &bytes[at..], progress) {
                Next::Took(len) => at += len,
                Next::TookPart(len) => {
                    at += len;
                    break;
                }
                Next::NotYet => {
                    x.client.await_replies_and_stop();
                    break;
                }
                Next::Incomplete => break,
                Next::End => return bytes.len(),
            }
        }
        at
    }

    fn refuse_client(&mut self, key: Key, why: &'static str) {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        if let Some(client) = clients.get_mut(key) {
            let pool = &mut pools[client.pool().index()];
            Exchange { client, pool, upstreams, turn }.hang_up(why);
        }
    }
}

/// What became of the bytes in front.
enum Next {
    /// So many were taken.
    Took(usize),
    /// So many belong to what flows; the rest of it is still to come.
    TookPart(usize),
    /// They wait until the client has its replies.
    NotYet,
    /// They wait for more bytes.
    Incomplete,
    /// The client is being closed: all its bytes are dropped.
    End,
}

/// Takes what stands in front of `bytes`: a request, blank lines, or a part of what flows.
#[inline]
fn take_next(x: &mut Exchange<'_>, bytes: &[u8], progress: &mut request::Progress) -> Next {
    if x.client.upload().is_some() {
        return match x.flow_upload(bytes) {
            Ok((len, true)) => Next::Took(len),
            Ok((len, false)) => Next::TookPart(len),
            Err(error) => {
                x.fail_upload(error);
                Next::End
            }
        };
    }
    let trust = if x.client.settings.is_authenticated {
        request::Trust::Authenticated
    } else {
        request::Trust::Stranger
    };
    let (taken, len) = match request::parse(bytes, progress, trust) {
        Ok(request::Parsed::Request(args)) => (take_any(x, &args), args.bytes().len()),
        Ok(request::Parsed::Inline { line, len }) => match take_inline(x, line) {
            Ok(taken) => (taken, len),
            Err(_) if !x.client.is_open() => return Next::End,
            Err(error) => return refuse_malformed(x, error),
        },
        Ok(request::Parsed::Empty { len }) => {
            // What comes behind blank lines may be the first that tells.
            let is_foreign = !x.client.has_spoken && is_foreign(x, &bytes[len..]);
            return if is_foreign { Next::End } else { Next::Took(len) };
        }
        Ok(request::Parsed::Incomplete { missing }) => {
            let size = bytes.len() + missing;
            return match dispatch::begin_request(x, bytes, progress, size) {
                Begun::Yes => Next::Took(0),
                Begun::No => Next::Incomplete,
                Begun::NotYet => Next::NotYet,
            };
        }
        Err(error) => return refuse_malformed(x, error),
    };
    match taken {
        _ if !x.client.is_open() => Next::End,
        Taken::Yes => Next::Took(len),
        Taken::NotYet => Next::NotYet,
    }
}

/// Takes whole requests of memcached's protocol; returns how many bytes they had.
fn take_lines(
    x: &mut Exchange<'_>,
    bytes: &[u8],
    progress: &mut memcache::request::Progress,
) -> usize {
    let mut at = 0;
    while at < bytes.len() && has_room(x) {
        if x.client.upload().is_some() {
            at += x.flow_upload(&bytes[at..]).map_or(0, |(len, _)| len);
            continue;
        }
        match memcache::request::parse(&bytes[at..], progress) {
            Ok(memcache::request::Parsed::Request(request)) => {
                at += request.bytes.len();
                if !x.client.has_spoken && is_foreign_line(x, request.line) {
                    return bytes.len();
                }
                dispatch::take_line(x, &request);
            }
            Ok(memcache::request::Parsed::Skip(len)) => at += len,
            Ok(memcache::request::Parsed::Incomplete { missing }) => {
                match dispatch::begin_block(x, &bytes[at..], progress, missing) {
                    Begun::Yes => {}
                    Begun::No => break,
                    Begun::NotYet => {
                        x.client.await_replies_and_stop();
                        break;
                    }
                }
            }
            Err(memcache::request::Error::LineTooLong) => {
                x.count_refused();
                x.hang_up("a line without an end");
                return bytes.len();
            }
        }
        if !x.client.is_open() {
            return bytes.len();
        }
    }
    at
}

/// Whether the rest of a block that is dropped is still to come.
fn is_dropping(progress: &RequestProgress) -> bool {
    matches!(progress, RequestProgress::Memcache(progress) if progress.is_dropping())
}

/// Tells a client what was wrong with its bytes, and takes no more of them.
#[cold]
fn refuse_malformed(x: &mut Exchange<'_>, error: request::Error) -> Next {
    x.count_refused();
    if !x.pool.policy.closes_on_malformed {
        x.answer(|out| encode::error(out, texts::protocol_error(error)));
    }
    x.hang_up(texts::protocol_why(error));
    Next::End
}

/// Whether the client may have one more request taken; if not, it is not read.
#[inline]
fn has_room(x: &mut Exchange<'_>) -> bool {
    match x.client.take_room() {
        Ok(()) => true,
        Err(is_new) => {
            x.turn.counters[x.pool.id.index()].clients_paused += u64::from(is_new);
            false
        }
    }
}

/// Looks at the first bytes of a connection. `true`: they are of another protocol, and the client
/// is closed.
#[cold]
fn is_foreign(x: &mut Exchange<'_>, bytes: &[u8]) -> bool {
    let protocol = x.client.origin().protocol;
    // A line is looked at again when it is whole.
    x.client.has_spoken = protocol == Protocol::Redis && bytes.first() == Some(&b'*');
    let foreign = foreign::of_bytes(protocol, bytes);
    foreign.is_some_and(|foreign| refuse_foreign(x, foreign))
}

/// The same for the first line.
#[cold]
fn is_foreign_line(x: &mut Exchange<'_>, line: &[u8]) -> bool {
    x.client.has_spoken = true;
    let foreign = foreign::of_line(x.client.origin().protocol, line);
    foreign.is_some_and(|foreign| refuse_foreign(x, foreign))
}

/// Answers a client of another protocol, if it may understand the answer, and closes it. `false`: the
/// request is answered like any other.
fn refuse_foreign(x: &mut Exchange<'_>, foreign: Foreign) -> bool {
    let (pool, peer, why) = (x.pool.id, x.client.origin().peer, foreign.why());
    if foreign == Foreign::MemcacheLine && !x.pool.policy.closes_on_malformed {
        let note = Note::ClientForeign { pool, peer, why };
        x.turn.actions.push_back(Action::Note(note));
        return false;
    }
    x.count_refused();
    if !x.pool.policy.closes_on_malformed {
        let name = &x.pool.spec.name;
        match foreign {
            Foreign::Resp => {
                let text = texts::resp_on_memcache(name);
                x.answer(|out| encode::error(out, text));
            }
            Foreign::MemcacheBlock => {
                let text = texts::memcache_on_redis(name);
                x.answer(|out| memcache::encode::line(out, &text));
            }
            _ => {}
        }
    }
    x.hang_up(why);
    true
}

/// Takes a request as it came, or an odd one by the slow way.
#[inline]
fn take_any(x: &mut Exchange<'_>, args: &request::Args<'_>) -> Taken {
    if args.is_usual() { dispatch::take(x, args) } else { take_odd(x, args) }
}

/// Takes a request that some servers do not accept as it came. If a server may close the connection on
/// it, it gets a lane of its own, so that other clients lose nothing. It must not overtake its client's
/// earlier requests, nor be overtaken.
#[cold]
fn take_odd(x: &mut Exchange<'_>, args: &request::Args<'_>) -> Taken {
    if !args.goes_apart() {
        return take_rewritten(x, args);
    }
    if x.client.owed() > 0 {
        return Taken::NotYet;
    }
    let apart = x.pool.lane_apart(x.client.settings.lane);
    let before = std::mem::replace(&mut x.client.settings.lane, apart);
    let taken = if args.must_rewrite() { take_rewritten(x, args) } else { dispatch::take(x, args) };
    // HELLO and RESET choose a lane themselves.
    if x.client.settings.lane == apart {
        x.client.settings.lane = before;
    }
    x.client.await_replies();
    taken
}

/// Takes a request after it is rewritten without zeros before its lengths.
fn take_rewritten(x: &mut Exchange<'_>, args: &request::Args<'_>) -> Taken {
    let mut bytes = Vec::with_capacity(args.bytes().len());
    args.encode(&mut bytes);
    take_encoded(x, &bytes)
}

fn take_inline(x: &mut Exchange<'_>, line: &[u8]) -> Result<Taken, request::Error> {
    let is_foreign = !x.client.has_spoken && is_foreign_line(x, line)
        || foreign::has_block(line) && refuse_foreign(x, Foreign::MemcacheBlock);
    if is_foreign {
        return Ok(Taken::Yes);
    }
    let mut bytes = Vec::with_capacity(line.len() + 64);
    inline::rewrite(line, &mut bytes)?;
    Ok(take_encoded(x, &bytes))
}

fn take_encoded(x: &mut Exchange<'_>, bytes: &[u8]) -> Taken {
    let mut progress = request::Progress::default();
    match request::parse(bytes, &mut progress, request::Trust::Authenticated) {
        Ok(request::Parsed::Request(args)) => dispatch::take(x, &args),
        _ => Taken::Yes, // we wrote it ourselves: it is whole
    }
}
