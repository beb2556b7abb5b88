//! A network in memory. Its pipes deliver bytes late, in pieces, or never.
//!
//! ```text
//!   end A  write ──▶ │ chunk, at │ chunk, at │ fin │ ──▶ read  end B       and the same in reverse
//!            ▲       └── bounded: a write may be short ─┘       │
//!            └──────────── wake: there is room again ◀─────────┘
//! ```
//!
//! Each pipe has a capacity, a latency and a largest piece. A pipe may stall. Resets are as in TCP. An
//! end sends a reset if it closes with unread bytes, or if bytes arrive after it has closed. After a
//! reset the peer cannot read what it has not read before.
//!
//! There are no callbacks. `wakes` lists the ends to look at, each with its time.

use crate::dice::Dice;
use nuthatch_engine::base::Time;
use std::collections::VecDeque;

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct EndId(pub u32);

impl EndId {
    #[must_use]
    pub fn peer(self) -> EndId {
        EndId(self.0 ^ 1)
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    Client(usize),
    Worker(usize),
    Server(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    Bytes,
    Empty,
    Fin,
    Reset,
}

/// The peer has reset the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone;

/// The limits and delays of a pipe.
#[derive(Clone, Copy, Debug)]
pub struct Quality {
    pub capacity: usize,
    pub latency_us: u64,
    /// Most bytes that one read returns.
    pub piece_max: usize,
    /// Longest pause between two pieces.
    pub pause_us: u64,
}

impl Quality {
    pub const GOOD: Quality =
        Quality { capacity: 4 * 1024 * 1024, latency_us: 50, piece_max: 64 * 1024, pause_us: 5 };
}

/// A pipe delivers small pieces for this many bytes only. Otherwise a run takes too long.
const FINE_BYTES: usize = 1_500;

struct Pipe {
    chunks: VecDeque<(Time, Vec<u8>)>,
    queued: usize,
    quality: Quality,
    last_at: Time,
    fin_at: Option<Time>,
    writer_waits: bool,
    carried: usize,
}

struct End {
    owner: Owner,
    closed: bool,
    reset_at: Option<Time>,
    inbound: Pipe,
}

pub struct Net {
    ends: Vec<End>,
    dice: Dice,
    /// Faults are over: large pieces, short delays.
    good: bool,
    pub wakes: Vec<(Time, EndId)>,
}

fn plus_us(time: Time, us: u64) -> Time {
    Time(time.0 + us * 1_000)
}

impl Net {
    pub fn new(dice: Dice) -> Net {
        Net { ends: Vec::new(), dice, good: false, wakes: Vec::new() }
    }

    pub fn owner(&self, end: EndId) -> Owner {
        self.ends[end.index()].owner
    }

    /// Opens a connection from `a` to `b`, with a quality for each direction.
    pub fn open(&mut self, a: Owner, b: Owner, to_b: Quality, to_a: Quality) -> (EndId, EndId) {
        let id = EndId(self.ends.len() as u32);
        for (owner, quality) in [(a, to_a), (b, to_b)] {
            let quality = if self.good { Quality::GOOD } else { quality };
            self.ends.push(End {
                owner,
                closed: false,
                reset_at: None,
                inbound: Pipe {
                    chunks: VecDeque::new(),
                    queued: 0,
                    quality,
                    last_at: Time::ZERO,
                    fin_at: None,
                    writer_waits: false,
                    carried: 0,
                },
            });
        }
        (id, id.peer())
    }

    /// Writes as many bytes as there is room for.
    pub fn write(&mut self, end: EndId, bytes: &[u8], now: Time) -> Result<usize, Gone> {
        let own = &self.ends[end.index()];
        debug_assert!(!own.closed, "a closed end does not write");
        if own.reset_at.is_some_and(|at| at <= now) {
            return Err(Gone);
        }
        let peer = &mut self.ends[end.peer().index()];
        let pipe = &mut peer.inbound;
        let at =
            plus_us(now, self.dice.range(1, 1 + 2 * pipe.quality.latency_us)).max(pipe.last_at);
        if peer.closed {
            self.mark_reset(end, at);
            return Ok(bytes.len());
        }
        debug_assert!(pipe.fin_at.is_none(), "an end does not write after FIN");
        let taken = bytes.len().min(pipe.quality.capacity - pipe.queued.min(pipe.quality.capacity));
        if taken < bytes.len() {
            pipe.writer_waits = true;
        }
        if taken > 0 {
            pipe.queued += taken;
            pipe.last_at = at;
            pipe.chunks.push_back((at, bytes[..taken].to_vec()));
            self.wakes.push((at, end.peer()));
        }
        Ok(taken)
    }

    /// Appends the next piece to `into`. Call it until it returns `Empty`.
    pub fn read(&mut self, end: EndId, max: usize, now: Time, into: &mut Vec<u8>) -> Read {
        let own = &mut self.ends[end.index()];
        if own.reset_at.is_some_and(|at| at <= now) {
            return Read::Reset;
        }
        let pipe = &mut own.inbound;
        let Some((at, chunk)) = pipe.chunks.front_mut() else {
            return match pipe.fin_at {
                Some(at) if at <= now => Read::Fin,
                _ => Read::Empty,
            };
        };
        if *at > now {
            return Read::Empty;
        }
        let most = if pipe.carried > FINE_BYTES { 64 * 1024 } else { pipe.quality.piece_max };
        let piece = if most > 4096 { most } else { self.dice.range(1, most as u64) as usize };
        let taken = chunk.len().min(max).min(piece);
        into.extend_from_slice(&chunk[..taken]);
        pipe.queued -= taken;
        pipe.carried += taken;
        if taken == chunk.len() {
            pipe.chunks.pop_front();
        } else {
            chunk.drain(..taken);
            if taken < max {
                *at = plus_us(now, self.dice.range(0, pipe.quality.pause_us));
                let at = *at;
                self.wakes.push((at, end));
            }
        }
        if pipe.writer_waits {
            pipe.writer_waits = false;
            self.wakes.push((plus_us(now, pipe.quality.latency_us), end.peer()));
        }
        Read::Bytes
    }

    /// Whether a reset has arrived. Reads nothing.
    pub fn is_reset(&self, end: EndId, now: Time) -> bool {
        self.ends[end.index()].reset_at.is_some_and(|at| at <= now)
    }

    /// Whether a FIN has arrived. Reads nothing.
    pub fn is_shut(&self, end: EndId, now: Time) -> bool {
        self.ends[end.index()].inbound.fin_at.is_some_and(|at| at <= now)
    }

    pub fn is_closed(&self, end: EndId) -> bool {
        self.ends[end.index()].closed
    }

    /// Sends a FIN. This end may still read.
    pub fn shut(&mut self, end: EndId, now: Time) {
        let pipe = &mut self.ends[end.peer().index()].inbound;
        if pipe.fin_at.is_none() {
            let at = plus_us(now, pipe.quality.latency_us).max(pipe.last_at);
            pipe.fin_at = Some(at);
            self.wakes.push((at, end.peer()));
        }
    }

    /// Closes this end: with a FIN, or with a reset if there are unread bytes.
    pub fn close(&mut self, end: EndId, now: Time) {
        if self.ends[end.index()].closed {
            return;
        }
        if self.ends[end.index()].inbound.queued > 0 {
            return self.reset(end, now);
        }
        self.shut(end, now);
        self.ends[end.index()].closed = true;
    }

    /// Closes this end with a reset.
    pub fn reset(&mut self, end: EndId, now: Time) {
        self.ends[end.index()].closed = true;
        let latency_us = self.ends[end.peer().index()].inbound.quality.latency_us;
        self.mark_reset(end.peer(), plus_us(now, latency_us));
    }

    fn mark_reset(&mut self, end: EndId, at: Time) {
        let end_state = &mut self.ends[end.index()];
        if end_state.reset_at.is_none() {
            end_state.reset_at = Some(at);
            self.wakes.push((at, end));
        }
    }

    /// Resets both ends, as a fault of the network.
    pub fn reset_both(&mut self, end: EndId, now: Time) {
        for end in [end, end.peer()] {
            if !self.ends[end.index()].closed {
                self.mark_reset(end, now);
            }
        }
    }

    /// Bytes that are on the way to this end, and all later ones, arrive at `until` or later.
    pub fn stall(&mut self, end: EndId, until: Time) {
        let pipe = &mut self.ends[end.index()].inbound;
        pipe.last_at = pipe.last_at.max(until);
        for (at, _) in &mut pipe.chunks {
            *at = (*at).max(until);
        }
        pipe.fin_at = pipe.fin_at.map(|at| at.max(until));
        self.wakes.push((until, end));
    }

    /// From now on every connection has good quality.
    pub fn make_good(&mut self) {
        self.good = true;
        for end in &mut self.ends {
            end.inbound.quality = Quality::GOOD;
        }
    }

    /// Wakes the owner of this end at this time.
    pub fn wake(&mut self, at: Time, end: EndId) {
        self.wakes.push((at, end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(quality: Quality) -> (Net, EndId, EndId) {
        let mut net = Net::new(Dice::new(1));
        let (a, b) = net.open(Owner::Client(0), Owner::Worker(0), quality, quality);
        (net, a, b)
    }

    #[test]
    fn bytes_arrive_late_in_pieces_and_writes_are_short() {
        let (mut net, a, b) =
            pair(Quality { capacity: 8, latency_us: 10, piece_max: 3, pause_us: 5 });
        let now = Time::from_ms(1);
        assert_eq!(net.write(a, b"0123456789", now), Ok(8));
        let mut got = Vec::new();
        assert_eq!(net.read(b, 100, now, &mut got), Read::Empty);
        let mut now = Time::from_ms(2);
        while got.len() < 8 {
            let before = got.len();
            if net.read(b, 100, now, &mut got) == Read::Bytes {
                assert!(got.len() - before <= 3);
            }
            now = now.plus_ms(1);
        }
        assert_eq!(got, b"01234567");
        assert!(
            net.wakes.iter().any(|&(_, end)| end == a),
            "the writer is woken when there is room"
        );
        net.close(a, now);
        assert_eq!(net.read(b, 100, now.plus_ms(1), &mut got), Read::Fin);
    }

    #[test]
    fn closing_with_bytes_unread_resets() {
        let (mut net, a, b) = pair(Quality::GOOD);
        net.write(a, b"x", Time::ZERO).unwrap();
        net.close(b, Time::from_ms(1));
        let mut got = Vec::new();
        assert_eq!(net.read(a, 1, Time::from_ms(2), &mut got), Read::Reset);
        assert_eq!(net.write(a, b"y", Time::from_ms(2)), Err(Gone));
    }
}
