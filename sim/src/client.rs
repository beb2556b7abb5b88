//! Simulated clients. Some send long pipelines, some read slowly or never, some send malformed requests.
//!
//! A client writes requests and reads replies as its habits say. It compares each reply with the oldest
//! request that has none. Its habits also say how it leaves: in the middle of a request, with a half
//! close, with QUIT, or with a malformed request. A client that stays must never be closed.

use crate::check::Ledger;
use crate::dice::Dice;
use crate::expect::{Asked, Expect};
use crate::listening::Asking;
use crate::memcache;
use crate::quiet::{Quiet, ReplyOwner};
use crate::resp::{self, Value};
use crate::script::Script;
use crate::transport::{EndId, Net, Read};
use nuthatch_engine::base::Time;
use nuthatch_engine::topology::{Manners, Protocol};
use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    Eagerly,
    /// Reads up to this many bytes, then pauses for this many milliseconds.
    Slowly {
        bytes: usize,
        pause_ms: u64,
    },
    Never,
}

/// How a client leaves after the last request of its quota.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaves {
    Stays,
    /// A reset in the middle of a request.
    Resets,
    HalfCloses,
    Quits,
    /// Sends a malformed request.
    SendsGarbage,
}

#[derive(Clone, Debug)]
pub struct Habits {
    pub pipeline: usize,
    pub quota: usize,
    pub pace_us: u64,
    pub reads: Reads,
    pub leaves: Leaves,
    pub inline: bool,
    /// Sends HELLO 3 after this many requests.
    pub resp3_after: Option<usize>,
    pub value_bytes_max: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// It sends nothing more; the proxy must close it.
    Leaving,
    Closed,
}

pub struct Client {
    pub id: usize,
    pub end: EndId,
    pub habits: Habits,
    state: State,
    script: Script,
    dice: Dice,
    auth_sent: bool,
    made: usize,
    asked: VecDeque<Asked>,
    quiet: Quiet,
    out: Vec<u8>,
    input: Vec<u8>,
    next_read: Time,
    next_ask: Time,
    /// A fault hit its connection: it may be closed.
    pub disturbed: bool,
    /// It is in the last round: no error is excused.
    pub faults_over: bool,
}

impl Client {
    pub fn new(
        id: usize,
        end: EndId,
        mut habits: Habits,
        mut script: Script,
        dice: Dice,
    ) -> Client {
        // A scan is a walk of many steps, one after the other.
        if script.is_scanner() {
            habits.pipeline = habits.pipeline.min(3);
            habits.quota += 100;
        }
        script.inline = habits.inline;
        script.value_bytes_max = habits.value_bytes_max;
        script.listening.is_deaf = habits.reads == Reads::Never;
        Client {
            id,
            end,
            habits,
            state: State::Open,
            script,
            dice,
            auth_sent: false,
            made: 0,
            asked: VecDeque::new(),
            quiet: Quiet::default(),
            out: Vec::new(),
            input: Vec::new(),
            next_read: Time::ZERO,
            next_ask: Time::ZERO,
            disturbed: false,
            faults_over: false,
        }
    }

    /// Whether it is connected and does not want to leave.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub fn owed(&self) -> usize {
        self.waiting() + self.out.len()
    }

    /// The number of replies that must come.
    fn waiting(&self) -> usize {
        self.asked.iter().filter(|asked| !asked.expect.may_be_silent()).count()
    }

    fn speaks_redis(&self) -> bool {
        self.script.spec().protocol == Protocol::Redis
    }

    pub fn oldest(&self) -> Option<&Asked> {
        self.asked.front()
    }

    /// Sends no new requests before the last round, and reads as fast as it can.
    pub fn stop_asking(&mut self) {
        self.made = self.made.max(self.habits.quota);
        if self.habits.reads != Reads::Never {
            self.habits.reads = Reads::Eagerly;
        }
        self.next_read = Time::ZERO;
    }

    /// Sends 12 more requests. None of them may fail.
    pub fn final_round(&mut self, ledger: &mut Ledger, now: Time) {
        self.faults_over = true;
        self.send_auth(ledger, now);
        self.script.is_last = true;
        if self.script.is_restricted() {
            let (out, all) = (&mut self.out, &mut self.asked);
            self.script.end_subscriptions(&mut Asking { out, all, ledger: &mut *ledger, now });
        }
        self.script.end_transactions(&mut self.out, &mut self.asked, ledger, now);
        for _ in 0..12 {
            self.script.next(&mut self.out, &mut self.asked, &mut self.dice, ledger, now);
        }
        self.made += 12;
        self.habits.quota = self.made;
    }

    pub fn leave(&mut self, net: &mut Net, ledger: &mut Ledger, now: Time) {
        ledger.stops_listening(self.id);
        if self.state != State::Closed {
            self.state = State::Closed;
            net.close(self.end, now);
        }
    }

    pub fn handle_wake(&mut self, net: &mut Net, ledger: &mut Ledger, now: Time) {
        if self.state == State::Closed {
            return;
        }
        self.ask(net, ledger, now);
        if self.state == State::Closed || !self.write(net, now) {
            return self.handle_closed(ledger, "reset while writing");
        }
        self.read(net, ledger, now);
    }

    fn ask(&mut self, net: &mut Net, ledger: &mut Ledger, now: Time) {
        if self.state != State::Open || now < self.next_ask {
            return;
        }
        self.send_auth(ledger, now);
        while self.made < self.habits.quota
            && self.waiting() < self.habits.pipeline
            && self.out.len() < 64 * 1024
        {
            if self.habits.resp3_after.is_some_and(|after| after <= self.made)
                && self.script.resp3 == Some(false)
                && self.speaks_redis()
                && !self.script.is_in_transaction()
                && !self.script.is_restricted()
            {
                self.habits.resp3_after = None;
                self.script.resp3 = None;
                let words: &[&str] = match self.script.spec().redis_auth.as_deref() {
                    Some(password) => &["HELLO", "3", "AUTH", "default", password],
                    None => &["HELLO", "3"],
                };
                let asked = self.script.fixed(&mut self.out, words, Expect::Hello, ledger, now);
                self.asked.push_back(asked);
            }
            self.script.next(&mut self.out, &mut self.asked, &mut self.dice, ledger, now);
            self.made += 1;
            if self.habits.pace_us > 0 && self.dice.percent(30) {
                self.next_ask = Time(now.0 + self.dice.range(1, self.habits.pace_us) * 1_000);
                net.wake(self.next_ask, self.end);
                break;
            }
        }
        if self.made >= self.habits.quota {
            self.start_leaving(net, ledger, now);
        }
    }

    fn send_auth(&mut self, ledger: &mut Ledger, now: Time) {
        if std::mem::replace(&mut self.auth_sent, true) {
            return;
        }
        let Some(password) = self.script.spec().redis_auth.clone() else { return };
        let twemproxy = self.script.spec().manners == Manners::Twemproxy;
        let mut say = |words: &[&str], expect| {
            let asked = self.script.fixed(&mut self.out, words, expect, ledger, now);
            self.asked.push_back(asked);
        };
        if self.dice.percent(30) {
            say(&["GET", "x"], Expect::Error("NOAUTH"));
            let text = if twemproxy { "ERR invalid password" } else { "WRONGPASS" };
            say(&["AUTH", "wrong"], Expect::Error(text));
        }
        say(&["AUTH", &password], Expect::Value(Value::Status("OK".into())));
    }

    fn start_leaving(&mut self, net: &mut Net, ledger: &mut Ledger, now: Time) {
        if self.habits.leaves != Leaves::Stays {
            ledger.stops_listening(self.id);
        }
        match self.habits.leaves {
            Leaves::Stays => return,
            Leaves::HalfCloses => {}
            leaves if !self.speaks_redis() => {
                let last: &[u8] = match leaves {
                    Leaves::Resets => b"set half 0 0 50\r\nhal",
                    // Earlier replies must still arrive. The `set` must not reach a server.
                    Leaves::Quits => b"quit\r\nset after#4294967295# 0 0 4\r\nquit\r\n",
                    _ => &[b'x'; 3000],
                };
                self.out.extend_from_slice(last);
                if leaves == Leaves::Resets {
                    return self.reset(net, now);
                }
            }
            Leaves::Resets => {
                self.out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$5\r\nhal");
                return self.reset(net, now);
            }
            Leaves::Quits => {
                if self.script.spec().manners == Manners::Modern {
                    let asked =
                        self.script.fixed(&mut self.out, &["QUIT"], Expect::Quit, ledger, now);
                    self.asked.push_back(asked);
                } else {
                    resp::request(&mut self.out, &["QUIT"]);
                }
                // This one is dropped. Earlier replies must still arrive.
                resp::request(&mut self.out, &["SET", "after", "quit"]);
            }
            Leaves::SendsGarbage => {
                if self.script.spec().manners == Manners::Modern {
                    let expect = Expect::Error("ERR Protocol error");
                    let asked = self.script.fixed(&mut self.out, &[], expect, ledger, now);
                    self.asked.push_back(asked);
                }
                self.out.extend_from_slice(b"*2\r\n$x\r\nmore of this");
            }
        }
        self.state = State::Leaving;
    }

    fn reset(&mut self, net: &mut Net, now: Time) {
        if self.write(net, now) {
            net.reset(self.end, now);
        }
        self.state = State::Closed;
    }

    /// Returns `false` if the connection is lost.
    fn write(&mut self, net: &mut Net, now: Time) -> bool {
        if !self.out.is_empty() {
            match net.write(self.end, &self.out, now) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(_) => return false,
            }
        }
        if self.out.is_empty()
            && self.state == State::Leaving
            && self.habits.leaves == Leaves::HalfCloses
        {
            net.shut(self.end, now);
        }
        true
    }

    fn read(&mut self, net: &mut Net, ledger: &mut Ledger, now: Time) {
        let before = self.asked.len();
        loop {
            let max = match self.habits.reads {
                Reads::Never => {
                    if net.is_reset(self.end, now) {
                        self.handle_closed(ledger, "reset");
                    }
                    return;
                }
                Reads::Eagerly => 64 * 1024,
                Reads::Slowly { .. } if now < self.next_read => return,
                Reads::Slowly { bytes, pause_ms } => {
                    self.next_read = now.plus_ms(pause_ms);
                    net.wake(self.next_read, self.end);
                    bytes
                }
            };
            match net.read(self.end, max, now, &mut self.input) {
                Read::Bytes => {}
                Read::Empty => break,
                Read::Fin => {
                    self.take_replies(ledger, now);
                    self.handle_closed(ledger, "closed");
                    net.close(self.end, now);
                    return;
                }
                Read::Reset => return self.handle_closed(ledger, "reset"),
            }
        }
        self.take_replies(ledger, now);
        if self.asked.len() < before {
            let at = now.0 + self.dice.range(0, 1 + self.habits.pace_us) * 1_000;
            net.wake(Time(at), self.end);
        }
    }

    fn take_replies(&mut self, ledger: &mut Ledger, now: Time) {
        let mut at = 0;
        loop {
            let bytes = &self.input[at..];
            let read = if self.speaks_redis() { resp::read(bytes) } else { memcache::read(bytes) };
            match read {
                Ok(Some((value, len))) => {
                    at += len;
                    if self.speaks_redis() && self.script.take_message(&value, ledger) {
                        continue;
                    }
                    let mut silent = Vec::new();
                    let owner = self.quiet.owner(&mut self.asked, &value, &mut silent);
                    for asked in silent {
                        self.script.judge_silent(&asked, ledger);
                    }
                    let faults_over = self.faults_over;
                    match owner {
                        Ok(ReplyOwner::Request(asked)) => {
                            self.script.judge(&asked, &value, ledger, (now, faults_over));
                        }
                        Ok(ReplyOwner::Unknown) => {
                            self.script.judge_unknown(&value, ledger, faults_over);
                        }
                        Err(error) => {
                            return ledger
                                .fail(format!("client {} got {value:?}: {error}", self.id));
                        }
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    return ledger.fail(format!("client {} cannot read: {error}", self.id));
                }
            }
        }
        self.input.drain(..at);
    }

    fn handle_closed(&mut self, ledger: &mut Ledger, how: &str) {
        let left = std::mem::replace(&mut self.state, State::Closed);
        ledger.stops_listening(self.id);
        // As in Redis: who sends FIN while its command waits is gone.
        // Replies that it has not read are lost then.
        let is_pop = |asked: &Asked| matches!(asked.expect, Expect::Popped { .. });
        let waits = self.asked.iter().any(is_pop);
        let is_gone = left == State::Leaving && self.habits.leaves == Leaves::HalfCloses && waits;
        let place = (self.script.pool.index, self.id);
        if is_gone || ledger.elements.killed.contains(&place) {
            return;
        }
        if self.disturbed || self.habits.reads == Reads::Never || left == State::Closed {
            return;
        }
        let is_slow = matches!(self.habits.reads, Reads::Slowly { .. });
        let answered = self.waiting() == 0 && self.input.is_empty();
        let excused = left == State::Leaving && (answered || is_slow);
        ledger.check(excused, || {
            format!(
                "client {} ({:?}) was {how} in state {left:?}, still owed {:?}",
                self.id, self.habits, self.asked
            )
        });
    }
}
