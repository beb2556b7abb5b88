//! Toy clients: patient, greedy, slow, deaf, rude.
//!
//! A client writes requests as its habits have it, reads replies, and compares each with the
//! request it belongs to: the oldest that has none. When its habit says so it leaves in its way
//! (in the middle of a request, half-closing, by QUIT, with a malformed frame). One that stays
//! must never be closed.

use crate::check::Ledger;
use crate::dice::Dice;
use crate::memcache;
use crate::quiet::{Owner, Quiet};
use crate::resp::{self, Value};
use crate::script::{Asked, Expect, Script};
use crate::transport::{EndId, Net, Read};
use nuthatch_engine::base::Time;
use nuthatch_engine::topology::{Manners, Protocol};
use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    Eagerly,
    /// So many bytes, then a rest of some milliseconds.
    Slowly {
        bytes: usize,
        rest_ms: u64,
    },
    Never,
}

/// How it leaves once it has asked its quota.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaves {
    Stays,
    /// A reset in the middle of a request.
    Vanishes,
    HalfCloses,
    Quits,
    /// Sends what is no request.
    Stammers,
}

#[derive(Clone, Debug)]
pub struct Habits {
    pub pipeline: usize,
    pub quota: usize,
    pub pace_us: u64,
    pub reads: Reads,
    pub leaves: Leaves,
    pub inline: bool,
    /// Switches with HELLO 3 after so many requests.
    pub resp3_after: Option<usize>,
    pub value_bytes_max: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// Has said its last; the proxy is to end it.
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
    greeted: bool,
    made: usize,
    asked: VecDeque<Asked>,
    quiet: Quiet,
    out: Vec<u8>,
    input: Vec<u8>,
    next_read: Time,
    next_ask: Time,
    /// Its connection had an accident: being closed is excused.
    pub disturbed: bool,
    /// The last round: no error is excused.
    pub undisturbed: bool,
}

impl Client {
    pub fn new(id: usize, end: EndId, habits: Habits, mut script: Script, dice: Dice) -> Client {
        script.inline = habits.inline;
        script.value_bytes_max = habits.value_bytes_max;
        Client {
            id,
            end,
            habits,
            state: State::Open,
            script,
            dice,
            greeted: false,
            made: 0,
            asked: VecDeque::new(),
            quiet: Quiet::default(),
            out: Vec::new(),
            input: Vec::new(),
            next_read: Time::ZERO,
            next_ask: Time::ZERO,
            disturbed: false,
            undisturbed: false,
        }
    }

    /// Still there, and means to be.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub fn owed(&self) -> usize {
        self.waiting() + self.out.len()
    }

    /// Replies that must come.
    fn waiting(&self) -> usize {
        self.asked.iter().filter(|asked| !asked.expect.may_be_silent()).count()
    }

    fn speaks_redis(&self) -> bool {
        self.script.spec().protocol == Protocol::Redis
    }

    pub fn oldest(&self) -> Option<&Asked> {
        self.asked.front()
    }

    /// Asks no more of its own accord, and reads as fast as it can.
    pub fn calm_down(&mut self) {
        self.made = self.made.max(self.habits.quota);
        if self.habits.reads != Reads::Never {
            self.habits.reads = Reads::Eagerly;
        }
        self.next_read = Time::ZERO;
    }

    /// Asks a few more, all of which must be answered well.
    pub fn final_round(&mut self, ledger: &mut Ledger, now: Time) {
        self.undisturbed = true;
        self.greet(ledger, now);
        for _ in 0..12 {
            self.script.next(&mut self.out, &mut self.asked, &mut self.dice, ledger, now);
        }
        self.made += 12;
        self.habits.quota = self.made;
    }

    pub fn leave(&mut self, net: &mut Net, now: Time) {
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
        self.greet(ledger, now);
        while self.made < self.habits.quota
            && self.waiting() < self.habits.pipeline
            && self.out.len() < 64 * 1024
        {
            if self.habits.resp3_after == Some(self.made)
                && self.script.resp3 == Some(false)
                && self.speaks_redis()
            {
                self.script.resp3 = None;
                let words: &[&str] = match self.script.spec().redis_auth.as_deref() {
                    Some(password) => &["HELLO", "3", "AUTH", "default", password],
                    None => &["HELLO", "3"],
                };
                let asked = self.script.fixed(&mut self.out, words, Expect::Greeting, ledger, now);
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
            self.take_leave(net, ledger, now);
        }
    }

    fn greet(&mut self, ledger: &mut Ledger, now: Time) {
        if std::mem::replace(&mut self.greeted, true) {
            return;
        }
        let Some(password) = self.script.spec().redis_auth.clone() else { return };
        let twemproxy = self.script.spec().manners == Manners::Twemproxy;
        let mut say = |words: &[&str], expect| {
            let asked = self.script.fixed(&mut self.out, words, expect, ledger, now);
            self.asked.push_back(asked);
        };
        if self.dice.percent(30) {
            say(&["GET", "x"], Expect::Refusal("NOAUTH"));
            let text = if twemproxy { "ERR invalid password" } else { "WRONGPASS" };
            say(&["AUTH", "wrong"], Expect::Refusal(text));
        }
        say(&["AUTH", &password], Expect::Value(Value::Status("OK".into())));
    }

    fn take_leave(&mut self, net: &mut Net, ledger: &mut Ledger, now: Time) {
        match self.habits.leaves {
            Leaves::Stays => return,
            Leaves::HalfCloses => {}
            leaves if !self.speaks_redis() => {
                let last: &[u8] = match leaves {
                    Leaves::Vanishes => b"set half 0 0 50\r\nhal",
                    // What follows must not cost it the replies before, nor reach a server.
                    Leaves::Quits => b"quit\r\nset after#4294967295# 0 0 4\r\nquit\r\n",
                    _ => &[b'x'; 3000],
                };
                self.out.extend_from_slice(last);
                if leaves == Leaves::Vanishes {
                    return self.vanish(net, now);
                }
            }
            Leaves::Vanishes => {
                self.out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$5\r\nhal");
                return self.vanish(net, now);
            }
            Leaves::Quits => {
                if self.script.spec().manners == Manners::Modern {
                    let asked =
                        self.script.fixed(&mut self.out, &["QUIT"], Expect::Farewell, ledger, now);
                    self.asked.push_back(asked);
                } else {
                    resp::request(&mut self.out, &["QUIT"]);
                }
                // Dropped, and must not cost it the replies before.
                resp::request(&mut self.out, &["SET", "after", "quit"]);
            }
            Leaves::Stammers => {
                if self.script.spec().manners == Manners::Modern {
                    let expect = Expect::Refusal("ERR Protocol error");
                    let asked = self.script.fixed(&mut self.out, &[], expect, ledger, now);
                    self.asked.push_back(asked);
                }
                self.out.extend_from_slice(b"*2\r\n$x\r\nmore of this");
            }
        }
        self.state = State::Leaving;
    }

    fn vanish(&mut self, net: &mut Net, now: Time) {
        if self.write(net, now) {
            net.reset(self.end, now);
        }
        self.state = State::Closed;
    }

    /// `false`: the connection is gone.
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
                Reads::Slowly { bytes, rest_ms } => {
                    self.next_read = now.plus_ms(rest_ms);
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
                    let mut silent = Vec::new();
                    let owner = self.quiet.owner(&mut self.asked, &value, &mut silent);
                    for asked in silent {
                        self.script.settle(&asked, ledger);
                    }
                    let undisturbed = self.undisturbed;
                    match owner {
                        Ok(Owner::One(asked)) => {
                            self.script.judge(&asked, &value, ledger, (now, undisturbed));
                        }
                        Ok(Owner::Some) => self.script.judge_some(&value, ledger, undisturbed),
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
        if self.disturbed || self.habits.reads == Reads::Never || left == State::Closed {
            return;
        }
        let deaf = matches!(self.habits.reads, Reads::Slowly { .. });
        let answered = self.waiting() == 0 && self.input.is_empty();
        let excused = left == State::Leaving && (answered || deaf);
        ledger.check(excused, || {
            format!(
                "client {} ({:?}) was {how} in state {left:?}, still owed {:?}",
                self.id, self.habits, self.asked
            )
        });
    }
}
