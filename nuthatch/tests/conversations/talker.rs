//! One client: its connections to all sides, and what it was told on them.

use crate::compare::Queued;
use crate::conversation::{Act, Request};
use crate::messages::{self, Listening};
use nuthatch_testbed::Client;
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// A cut is seen by the proxy as one if it has time to read what is before it.
const PAUSE: Duration = Duration::from_micros(100);

pub struct Talker {
    /// That to the lone server is the last one.
    connections: Vec<Client>,
    /// Messages that have come on each of them and are not compared.
    inboxes: Vec<Vec<Vec<u8>>>,
    listening: Listening,
    pub queued: Queued,
}

/// The answers to one request that are not the same, or what went wrong.
pub enum What {
    Differs {
        at: usize,
        ours: Vec<Vec<u8>>,
        theirs: Vec<u8>,
    },
    Failed {
        side: usize,
        at: usize,
        error: io::Error,
    },
    /// Messages to this client.
    Messages {
        client: usize,
        side: usize,
        ours: Vec<Vec<u8>>,
        theirs: Vec<Vec<u8>>,
    },
}

impl Talker {
    pub fn new(connections: Vec<Client>) -> Talker {
        let inboxes = connections.iter().map(|_| Vec::new()).collect();
        Talker { connections, inboxes, listening: Listening::default(), queued: Queued::default() }
    }

    pub fn ask(&mut self, requests: &[Request], cuts: &[usize]) -> Result<(), What> {
        let mut bytes = Vec::new();
        for request in requests {
            request.write(&mut bytes);
        }
        for (side, connection) in self.connections.iter_mut().enumerate() {
            send(connection, &bytes, cuts).map_err(|error| What::Failed { side, at: 0, error })?;
        }
        for (at, request) in requests.iter().enumerate() {
            let mut replies = Vec::new();
            for side in 0..self.connections.len() {
                let reply = self.reply(side, request);
                replies.push(reply.map_err(|error| What::Failed { side, at, error })?);
            }
            let theirs = replies.pop().unwrap();
            let is_same = if messages::is_confirmation(&theirs) {
                replies.iter().all(|ours| messages::same_confirmations(request, ours, &theirs))
            } else {
                let ours: Vec<&[u8]> = replies.iter().map(Vec::as_slice).collect();
                self.queued.same(request, &theirs, &ours)
            };
            if !is_same {
                return Err(What::Differs { at, ours: replies, theirs });
            }
            self.listening.follow(&theirs);
        }
        Ok(())
    }

    /// One reply, or all confirmations. Messages before it are put aside.
    fn reply(&mut self, side: usize, request: &Request) -> io::Result<Vec<u8>> {
        let mut reply = self.frame(side)?;
        if matches!(request.act(), Act::Begins | Act::Ends) && messages::is_confirmation(&reply) {
            for _ in 1..self.listening.confirmations(request) {
                reply.extend(self.frame(side)?);
            }
        }
        Ok(reply)
    }

    fn frame(&mut self, side: usize) -> io::Result<Vec<u8>> {
        loop {
            let frame = self.connections[side].recv_raw()?;
            if !messages::is_message(&frame) {
                return Ok(frame);
            }
            self.inboxes[side].push(frame);
        }
    }

    pub fn end(&mut self, bytes: &[u8]) -> Result<(), What> {
        let mut all = Vec::new();
        for (side, connection) in self.connections.iter_mut().enumerate() {
            let said = connection.send_raw(bytes).and_then(|()| connection.recv_to_end());
            let said = said.map_err(|error| What::Failed { side, at: 0, error })?;
            // What it publishes itself with its last words may reach it or not.
            all.push(messages::without(&said));
        }
        let theirs = all.pop().unwrap();
        if all.iter().all(|ours| self.queued.same_to_end(ours, &theirs)) {
            return Ok(());
        }
        Err(What::Differs { at: 0, ours: all, theirs })
    }

    fn lone(&self) -> usize {
        self.connections.len() - 1
    }

    /// Takes what the lone server has sent. Returns whether there was anything, or more is to come.
    pub fn hear_lone(&mut self) -> Result<bool, What> {
        let lone = self.lone();
        let before = self.inboxes[lone].len();
        self.hear(lone)?;
        Ok(self.inboxes[lone].len() > before || self.connections[lone].has_part())
    }

    fn hear(&mut self, side: usize) -> Result<(), What> {
        loop {
            match self.connections[side].recv_ready() {
                Ok(Some(frame)) => self.inboxes[side].push(frame),
                Ok(None) => return Ok(()),
                Err(error) => return Err(What::Failed { side, at: 0, error }),
            }
        }
    }

    /// Takes what has come on our sides. Returns whether all have as much as the lone server sent.
    pub fn hear_ours(&mut self) -> Result<bool, What> {
        (0..self.lone()).try_for_each(|side| self.hear(side))?;
        let theirs = self.inboxes[self.lone()].len();
        Ok(self.inboxes.iter().all(|inbox| inbox.len() >= theirs))
    }

    /// Compares the messages, and forgets them. Returns how many there were.
    pub fn compare_messages(&mut self, client: usize, is_spread: bool) -> Result<usize, What> {
        let lone = self.lone();
        let theirs = std::mem::take(&mut self.inboxes[lone]);
        for side in 0..lone {
            let ours = std::mem::take(&mut self.inboxes[side]);
            if messages::in_order(&ours, is_spread) != messages::in_order(&theirs, is_spread) {
                return Err(What::Messages { client, side, ours, theirs });
            }
        }
        Ok(theirs.len())
    }
}

fn send(connection: &mut Client, bytes: &[u8], cuts: &[usize]) -> io::Result<()> {
    let mut start = 0;
    for &cut in cuts {
        let end = cut.clamp(start, bytes.len());
        if end > start {
            connection.send_raw(&bytes[start..end])?;
            sleep(PAUSE);
        }
        start = end;
    }
    connection.send_raw(&bytes[start..])
}
