//! From a client's bytes to its requests: the worker's reading half.
//!
//! Bytes are parsed where they lie, in the loop's own buffer; only what is not a whole request
//! yet, or may not be taken yet, is copied to the client's input.

use crate::base::limits::REQUEST_BYTES_MAX;
use crate::base::slab::Key;
use crate::protocol::memcache;
use crate::protocol::resp::{encode, inline, request};
use crate::proxy::carry::request::{Path, Taken};
use crate::proxy::carry::upload::Begun;
use crate::proxy::link::action::{Action, Note, Reading};
use crate::proxy::link::client::{ClientState, Input, RequestProgress};
use crate::proxy::plan::foreign::{self, Foreign};
use crate::proxy::plan::texts;
use crate::proxy::worker::Worker;
use crate::topology::{Manners, Protocol};

impl Worker {
    pub(in crate::proxy) fn client_bytes(&mut self, key: Key, fresh: &[u8]) -> Reading {
        let Some(client) = self.clients.get_mut(key) else {
            return Reading::Go;
        };
        if client.state != ClientState::Open {
            return Reading::Go; // what comes after QUIT or a refusal is dropped
        }
        client.asked_at_once = client.in_flight() == 0 && client.out.is_empty();
        let mut input = client.input.take();
        let protocol = client.protocol;
        match &mut input {
            None => {
                let mut progress = RequestProgress::new(protocol);
                let used = self.take_requests(key, fresh, &mut progress);
                if used < fresh.len() || is_dropping(&progress) {
                    // Not from the pool: a slow client would sit on the largest buffer there is.
                    let bytes = fresh[used..].to_vec();
                    input = Some(Box::new(Input { bytes, at: 0, progress }));
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
        if client.state != ClientState::Open {
            return Reading::Go;
        }
        let waiting = input.as_ref().map_or(0, |input| input.bytes.len() - input.at);
        client.input = input;
        if waiting > REQUEST_BYTES_MAX {
            client.answer(&mut self.turn, |out| match protocol {
                Protocol::Redis => encode::error(out, texts::REQUEST_TOO_LARGE),
                Protocol::Memcache => memcache::encode::line(out, texts::MEMCACHE_TOO_LARGE),
            });
            self.refuse_client(key, "request above 1 GiB");
            return Reading::Go;
        }
        if client.paused {
            return Reading::Stop;
        }
        if (client.eof || self.draining) && client.upload.is_none() {
            // A request cut short by the end is dropped, as in twemproxy.
            client.finish(&mut self.turn, !client.eof);
        }
        Reading::Go
    }

    /// Takes whole requests from the front of `bytes`; returns how many bytes they had.
    fn take_requests(&mut self, key: Key, bytes: &[u8], progress: &mut RequestProgress) -> usize {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        let Some(client) = clients.get_mut(key) else {
            return bytes.len();
        };
        let pool = &mut pools[client.pool.index()];
        let mut path = Path { client, pool, upstreams, turn };
        if !path.client.has_spoken && path.is_foreign(bytes) {
            return bytes.len();
        }
        let progress = match progress {
            RequestProgress::Resp(progress) => progress,
            RequestProgress::Memcache(progress) => return take_lines(&mut path, bytes, progress),
        };
        let mut at = 0;
        while at < bytes.len() {
            if !path.has_room() {
                break;
            }
            if path.client.upload.is_some() {
                match path.flow_upload(&bytes[at..]) {
                    Ok((len, _)) => at += len,
                    Err(error) => {
                        path.fail_upload(error);
                        return bytes.len();
                    }
                }
                if path.client.upload.is_some() {
                    break;
                }
                continue;
            }
            let trust = if path.client.authenticated {
                request::Trust::Authenticated
            } else {
                request::Trust::Stranger
            };
            let (taken, len) = match request::parse(&bytes[at..], progress, trust) {
                Ok(request::Parsed::Request(args)) => (path.take_any(&args), args.bytes().len()),
                Ok(request::Parsed::Inline { line, len }) => match path.take_line(line) {
                    _ if path.client.state != ClientState::Open => return bytes.len(),
                    Ok(taken) => (taken, len),
                    Err(error) => return refuse_malformed(&mut path, error, bytes.len()),
                },
                Ok(request::Parsed::Empty { len }) => {
                    at += len;
                    // What comes behind blank lines may be the first that tells.
                    if !path.client.has_spoken && path.is_foreign(&bytes[at..]) {
                        return bytes.len();
                    }
                    continue;
                }
                Ok(request::Parsed::Incomplete { missing }) => {
                    let size = bytes.len() - at + missing;
                    match path.begin_upload(&bytes[at..], progress, size) {
                        Begun::Yes => continue,
                        Begun::No => break,
                        Begun::NotYet => (Taken::NotYet, 0),
                    }
                }
                Err(error) => return refuse_malformed(&mut path, error, bytes.len()),
            };
            if taken == Taken::NotYet {
                path.client.draining = true;
                path.client.paused = true;
                break;
            }
            at += len;
            if path.client.state != ClientState::Open {
                return bytes.len();
            }
        }
        at
    }

    fn refuse_client(&mut self, key: Key, why: &'static str) {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        if let Some(client) = clients.get_mut(key) {
            let pool = &mut pools[client.pool.index()];
            Path { client, pool, upstreams, turn }.hang_up(why);
        }
    }
}

/// Takes whole requests of memcached's protocol; returns how many bytes they had.
fn take_lines(
    path: &mut Path<'_>,
    bytes: &[u8],
    progress: &mut memcache::request::Progress,
) -> usize {
    let mut at = 0;
    while at < bytes.len() && path.has_room() {
        if path.client.upload.is_some() {
            at += path.flow_upload(&bytes[at..]).map_or(0, |(len, _)| len);
            continue;
        }
        match memcache::request::parse(&bytes[at..], progress) {
            Ok(memcache::request::Parsed::Request(request)) => {
                at += request.bytes.len();
                if !path.client.has_spoken && path.is_foreign_line(request.line) {
                    return bytes.len();
                }
                path.take_memcache(&request);
            }
            Ok(memcache::request::Parsed::Skip(len)) => at += len,
            Ok(memcache::request::Parsed::Incomplete { missing }) => {
                match path.begin_block(&bytes[at..], progress, missing) {
                    Begun::Yes => {}
                    Begun::No => break,
                    Begun::NotYet => {
                        path.client.draining = true;
                        path.client.paused = true;
                        break;
                    }
                }
            }
            Err(memcache::request::Error::LineTooLong) => {
                path.count_refused();
                path.hang_up("a line without an end");
                return bytes.len();
            }
        }
        if path.client.state != ClientState::Open {
            return bytes.len();
        }
    }
    at
}

/// Something is to be dropped that has not come yet.
fn is_dropping(progress: &RequestProgress) -> bool {
    matches!(progress, RequestProgress::Memcache(progress) if progress.is_dropping())
}

/// Tells a client what was wrong with its bytes, and takes no more of them.
fn refuse_malformed(path: &mut Path<'_>, error: request::Error, len: usize) -> usize {
    path.count_refused();
    if path.pool.spec.manners == Manners::Modern {
        path.answer(|out| texts::protocol_error(out, error));
    }
    path.hang_up(texts::protocol_why(error));
    len
}

impl Path<'_> {
    /// Whether the client may have one more request taken; if not, it is paused.
    #[inline]
    fn has_room(&mut self) -> bool {
        if self.client.draining && self.client.awaits_nothing() {
            self.client.draining = false;
        }
        if self.client.has_room() {
            return true;
        }
        if !self.client.paused {
            self.client.paused = true;
            self.turn.counters[self.pool.id.index()].clients_paused += 1;
        }
        false
    }

    /// Looks at the first bytes of a connection. `true`: they are of another protocol, and the client
    /// is closed.
    #[cold]
    fn is_foreign(&mut self, bytes: &[u8]) -> bool {
        let protocol = self.client.protocol;
        // A line is looked at again when it is whole.
        self.client.has_spoken = protocol == Protocol::Redis && bytes.first() == Some(&b'*');
        let foreign = foreign::of_bytes(protocol, bytes);
        foreign.is_some_and(|foreign| self.refuse_foreign(foreign))
    }

    /// The same for the first line.
    #[cold]
    fn is_foreign_line(&mut self, line: &[u8]) -> bool {
        self.client.has_spoken = true;
        let foreign = foreign::of_line(self.client.protocol, line);
        foreign.is_some_and(|foreign| self.refuse_foreign(foreign))
    }

    /// Says what was wrong, where the client may understand it. `false`: what it asked for is to be
    /// answered all the same.
    fn refuse_foreign(&mut self, foreign: Foreign) -> bool {
        let (pool, peer, why) = (self.pool.id, self.client.peer, foreign.why());
        if foreign == Foreign::MemcacheLine && self.pool.spec.manners == Manners::Modern {
            let note = Note::ClientForeign { pool, peer, why };
            self.turn.actions.push_back(Action::Note(note));
            return false;
        }
        self.count_refused();
        if self.pool.spec.manners == Manners::Modern {
            let name = &self.pool.spec.name;
            match foreign {
                Foreign::Resp => {
                    let text = texts::resp_on_memcache(name);
                    self.answer(|out| encode::error(out, text));
                }
                Foreign::MemcacheBlock => {
                    let text = texts::memcache_on_redis(name);
                    self.answer(|out| memcache::encode::line(out, &text));
                }
                _ => {}
            }
        }
        self.hang_up(why);
        true
    }

    /// A request as it came, unless servers would not take it so.
    #[inline]
    fn take_any(&mut self, args: &request::Args<'_>) -> Taken {
        if args.is_usual() { self.take(args) } else { self.take_odd(args) }
    }

    /// One that some servers close on has connections apart, so that nobody loses by it. It must not
    /// overtake what its client has asked before, nor be overtaken.
    #[cold]
    fn take_odd(&mut self, args: &request::Args<'_>) -> Taken {
        if !args.goes_apart() {
            return self.take_rewritten(args);
        }
        if self.client.in_flight() > 0 {
            return Taken::NotYet;
        }
        let apart = self.pool.lane_apart(self.client.version);
        let before = std::mem::replace(&mut self.client.lane, apart);
        let taken = if args.must_rewrite() { self.take_rewritten(args) } else { self.take(args) };
        // HELLO and RESET choose a lane themselves.
        if self.client.lane == apart {
            self.client.lane = before;
        }
        self.client.draining = true;
        taken
    }

    /// Takes a request after it is rewritten without zeros before its lengths.
    fn take_rewritten(&mut self, args: &request::Args<'_>) -> Taken {
        let mut bytes = Vec::with_capacity(args.bytes().len());
        args.encode(&mut bytes);
        self.take_encoded(&bytes)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<Taken, request::Error> {
        let is_foreign = !self.client.has_spoken && self.is_foreign_line(line)
            || foreign::has_block(line) && self.refuse_foreign(Foreign::MemcacheBlock);
        if is_foreign {
            return Ok(Taken::Yes);
        }
        let mut bytes = Vec::with_capacity(line.len() + 64);
        inline::rewrite(line, &mut bytes)?;
        Ok(self.take_encoded(&bytes))
    }

    fn take_encoded(&mut self, bytes: &[u8]) -> Taken {
        let mut progress = request::Progress::default();
        match request::parse(bytes, &mut progress, request::Trust::Authenticated) {
            Ok(request::Parsed::Request(args)) => self.take(&args),
            _ => Taken::Yes, // we wrote it ourselves: it is whole
        }
    }
}
