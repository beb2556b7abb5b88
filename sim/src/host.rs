//! Drives one worker as the loop in `nuthatch::io` does, with the world's transport in place of
//! sockets. What happens in a turn comes in some order.
//!
//! After each turn `Worker::check_invariants` runs, and no client is left that has taken nothing
//! for longer than its pool allows.

use crate::dice::Dice;
use crate::transport::{EndId, Net, Read};
use nuthatch_engine::base::{Epoch, PoolId, ServerId, Time};
use nuthatch_engine::proxy::{
    Action, Cause, ConnId, Gathering, Message, Note, Order, Reading, Step, Worker, Workers,
};
use nuthatch_engine::topology::{Report, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Outputs of more are written in part at times. A handshake is less: a loop writes it at once.
const PART_FROM_BYTES: usize = 256;

/// Milliseconds that a deadline may be late: the lot puts turns off.
const LATE_MS: u64 = 5;

pub enum Event {
    Accept { end: EndId, pool: PoolId, id: u64 },
    Connected { conn: ConnId, end: EndId },
    Refused { conn: ConnId },
    Wake(EndId),
    Order(Order),
}

/// What a turn asks of the world.
pub enum Wish {
    Connect {
        conn: ConnId,
        pool: PoolId,
        server: ServerId,
    },
    Report(Report),
    AskServers(PoolId),
    Follow(Epoch),
    Send {
        to: Workers,
        message: Message,
    },
    /// The worker has closed this end.
    Closed {
        end: EndId,
    },
    /// The client at this end was cut off for a reason that it must live with.
    Excuse {
        end: EndId,
    },
}

struct Seat {
    conn: ConnId,
    paused: bool,
    blocked: bool,
    eof: bool,
    /// For a client: what its pool allows.
    stall_ms: u64,
    /// When it must be gone if it takes nothing before.
    gone_by: Option<Time>,
}

pub struct Host {
    pub index: usize,
    pub worker: Worker,
    pub events: Vec<Event>,
    /// When the next turn is due, if one is planned.
    pub turn_at: Option<Time>,
    seats: BTreeMap<EndId, Seat>,
    ends: BTreeMap<ConnId, EndId>,
    /// `client_stall_ms` of each pool.
    stall_ms: Vec<u64>,
    /// Wished for and not made yet.
    connecting: BTreeSet<ConnId>,
    wishes: Vec<Wish>,
    /// The snapshot that it was sent last.
    pub followed: Option<Arc<Snapshot>>,
    /// What it has written to servers in this turn.
    pub sent: Vec<(EndId, Vec<u8>)>,
    buffer: Vec<u8>,
}

impl Host {
    pub fn new(index: usize, worker: Worker, stall_ms: Vec<u64>) -> Host {
        Host {
            index,
            worker,
            events: Vec::new(),
            turn_at: None,
            seats: BTreeMap::new(),
            ends: BTreeMap::new(),
            stall_ms,
            connecting: BTreeSet::new(),
            wishes: Vec::new(),
            followed: None,
            sent: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// The ends of upstream connections.
    pub fn upstream_ends(&self) -> Vec<EndId> {
        let upstream = |seat: &Seat| matches!(seat.conn, ConnId::Upstream(_));
        self.seats.iter().filter(|(_, seat)| upstream(seat)).map(|(&end, _)| end).collect()
    }

    pub fn describe(&self) -> String {
        let backlog = self.worker.backlog();
        format!("worker {} holds {backlog:?}", self.index)
    }

    /// One turn of the loop.
    pub fn turn(&mut self, net: &mut Net, dice: &mut Dice, now: Time) -> Vec<Wish> {
        self.worker.begin_turn(now);
        let events = std::mem::take(&mut self.events);
        let is_busy = !events.is_empty();
        let (mut mail, mut events): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| matches!(event, Event::Order(_)));
        shuffle(&mut events, dice);
        weave(&mut events, &mut mail, dice);
        let mut unblocked = Vec::new();
        for event in events {
            self.handle(event, net, dice, now, &mut unblocked);
        }
        let gathering = match (dice.percent(50), is_busy) {
            (false, _) => Gathering::None,
            (true, true) => Gathering::Busy,
            (true, false) => Gathering::Idle,
        };
        self.worker.finish_turn(gathering);
        for end in unblocked {
            if let Some(conn) = self.seats.get(&end).map(|seat| seat.conn) {
                self.write(conn, net, dice, now);
            }
        }
        while let Some(step) = self.worker.poll() {
            match step {
                Step::Write(conn) => self.write(conn, net, dice, now),
                Step::Act(action) => self.act(&action, net, dice, now),
            }
        }
        self.worker.check_invariants();
        for (end, seat) in &self.seats {
            let in_time = seat.gone_by.is_none_or(|at| now <= at);
            assert!(in_time, "the client at {end:?} has taken nothing for {} ms", seat.stall_ms);
        }
        std::mem::take(&mut self.wishes)
    }

    fn handle(
        &mut self,
        event: Event,
        net: &mut Net,
        dice: &mut Dice,
        now: Time,
        unblocked: &mut Vec<EndId>,
    ) {
        match event {
            Event::Accept { end, pool, id } => {
                let conn = self.worker.handle_accept(pool, id, None);
                self.seat(end, conn, self.stall_ms[pool.index()]);
                net.wake(now, end);
            }
            Event::Connected { conn, end } => {
                if self.connecting.remove(&conn) {
                    self.seat(end, conn, 0);
                    self.worker.handle_connected(conn);
                    self.read(end, net, dice, now); // it may be over already
                    net.wake(now, end);
                } else {
                    net.close(end, now); // nobody waits for it any more
                }
            }
            Event::Refused { conn } => {
                if self.connecting.remove(&conn) {
                    self.worker.handle_closed(conn, &Cause::Refused);
                }
            }
            Event::Order(order) => {
                self.worker.handle_order(&order);
                if let Order::Follow(snapshot) = order
                    && snapshot.epoch == self.worker.epoch()
                {
                    self.followed = Some(snapshot);
                }
            }
            Event::Wake(end) => {
                if let Some(seat) = self.seats.get_mut(&end) {
                    if std::mem::take(&mut seat.blocked) {
                        unblocked.push(end);
                    }
                    self.read(end, net, dice, now);
                }
            }
        }
    }

    fn seat(&mut self, end: EndId, conn: ConnId, stall_ms: u64) {
        let (paused, blocked, eof, gone_by) = (false, false, false, None);
        self.seats.insert(end, Seat { conn, paused, blocked, eof, stall_ms, gone_by });
        self.ends.insert(conn, end);
    }

    /// The socket is gone for us.
    fn unseat(&mut self, end: EndId) {
        if let Some(seat) = self.seats.remove(&end) {
            self.ends.remove(&seat.conn);
        }
    }

    /// A few bounded reads; the rest has another turn.
    fn read(&mut self, end: EndId, net: &mut Net, dice: &mut Dice, now: Time) {
        for _ in 0..dice.range(1, 4) {
            let Some(seat) = self.seats.get(&end) else { return };
            let conn = seat.conn;
            if seat.paused || seat.eof {
                if net.is_reset(end, now) {
                    self.unseat(end);
                    self.worker.handle_closed(conn, &Cause::Reset);
                } else if seat.paused && net.is_shut(end, now) {
                    self.worker.handle_hangup(conn);
                }
                return;
            }
            self.buffer.clear();
            let target = if dice.percent(50) { self.worker.flow_target(conn) } else { None };
            let flows = target.is_some();
            let buffer = target.unwrap_or(&mut self.buffer);
            let before = buffer.len();
            let read = net.read(end, 64 * 1024, now, buffer);
            let len = buffer.len() - before;
            if flows && len == 0 {
                self.worker.handle_flowed(conn, 0);
            }
            match read {
                Read::Bytes => {
                    let reading = if flows {
                        self.worker.handle_flowed(conn, len)
                    } else {
                        self.worker.handle_bytes(conn, &self.buffer)
                    };
                    if reading == Reading::Stop
                        && let Some(seat) = self.seats.get_mut(&end)
                    {
                        seat.paused = true;
                        return;
                    }
                }
                Read::Empty => return,
                Read::Fin => {
                    self.worker.handle_eof(conn);
                    if let ConnId::Upstream(_) = conn {
                        self.unseat(end);
                        net.close(end, now);
                    } else if let Some(seat) = self.seats.get_mut(&end) {
                        seat.eof = true;
                    }
                    return;
                }
                Read::Reset => {
                    self.unseat(end);
                    self.worker.handle_closed(conn, &Cause::Reset);
                    return;
                }
            }
        }
        net.wake(now, end);
    }

    /// At times only a part of much, though there is room for more: the rest in the next turn.
    fn write(&mut self, conn: ConnId, net: &mut Net, dice: &mut Dice, now: Time) {
        let Some(&end) = self.ends.get(&conn) else { return };
        let Some(seat) = self.seats.get_mut(&end) else { return };
        let output = self.worker.output(conn);
        if output.is_empty() || seat.blocked {
            return;
        }
        let is_part = output.len() > PART_FROM_BYTES && dice.percent(10);
        let most = if is_part { 1 + dice.index(output.len()) } else { output.len() };
        if let Ok(written) = net.write(end, &output[..most], now) {
            if let ConnId::Upstream(_) = conn {
                self.sent.push((end, output[..written].to_vec()));
            }
            seat.blocked = written < output.len();
            if !seat.blocked || seat.stall_ms == 0 {
                seat.gone_by = None;
            } else if written > 0 || seat.gone_by.is_none() {
                seat.gone_by = Some(now.plus_ms(seat.stall_ms + LATE_MS));
            }
            if written == most && seat.blocked {
                net.wake(now, end);
            }
            self.worker.handle_written(conn, written);
        } else {
            self.unseat(end);
            self.worker.handle_closed(conn, &Cause::BrokenPipe);
        }
    }

    fn act(&mut self, action: &Action, net: &mut Net, dice: &mut Dice, now: Time) {
        match *action {
            Action::Connect { conn, pool, server } => {
                self.connecting.insert(conn);
                self.wishes.push(Wish::Connect { conn, pool, server });
            }
            Action::Close { conn } => {
                self.connecting.remove(&conn);
                if let Some(end) = self.ends.get(&conn).copied() {
                    self.unseat(end);
                    net.close(end, now);
                    self.wishes.push(Wish::Closed { end });
                }
            }
            Action::ShutdownWrite { conn } => {
                if let Some(end) = self.ends.get(&conn) {
                    net.shut(*end, now);
                }
            }
            Action::TryWriting { conn } => {
                if let Some(end) = self.ends.get(&conn)
                    && let Some(seat) = self.seats.get_mut(end)
                {
                    seat.blocked = false;
                    self.write(conn, net, dice, now);
                }
            }
            Action::ResumeReading { conn } => {
                if let Some(end) = self.ends.get(&conn)
                    && let Some(seat) = self.seats.get_mut(end)
                {
                    seat.paused = false;
                    net.wake(now, *end);
                }
            }
            Action::Report(report) => self.wishes.push(Wish::Report(report)),
            Action::AskServers { pool } => self.wishes.push(Wish::AskServers(pool)),
            Action::Follow { epoch } => self.wishes.push(Wish::Follow(epoch)),
            Action::Send { to, ref message } => {
                self.wishes.push(Wish::Send { to, message: message.clone() });
            }
            // Cut off in the middle of a large reply: there is no other way to tell it.
            Action::Note(Note::StreamBroken { conn, .. }) => {
                if let Some(end) = self.ends.get(&conn) {
                    self.wishes.push(Wish::Excuse { end: end.peer() });
                }
            }
            Action::Note(_) => {}
        }
    }
}

/// Puts mail, which keeps its order, between other events.
fn weave(events: &mut Vec<Event>, mail: &mut Vec<Event>, dice: &mut Dice) {
    let mut at = 0;
    for letter in mail.drain(..) {
        at = dice.range(at as u64, events.len() as u64) as usize;
        events.insert(at, letter);
        at += 1;
    }
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for at in (1..items.len()).rev() {
        items.swap(at, dice.index(at + 1));
    }
}
