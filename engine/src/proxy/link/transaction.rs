//! A transaction that has begun: what waits for EXEC. Plain data; `session/` fills it and sends it.

use crate::base::ShardId;
use crate::command::{Step, Subject};
use crate::protocol::resp::encode;
use crate::proxy::link::scripts::Sha;

/// The room that a transaction begins with.
const USUAL_COMMANDS: usize = 16;
const USUAL_BYTES: usize = 1_000;

pub struct Transaction {
    /// Why EXEC will fail.
    pub doom: Option<Doom>,
    /// Where the elements of EXEC's reply come from, in the order of the commands.
    pub queued: Vec<Queued>,
    /// What goes to the servers: one block, or one for each shard under `transactions: per_shard`.
    pub blocks: Vec<Block>,
    /// Bytes of all blocks and of requests that are answered here.
    pub bytes: usize,
    /// The database that its next command uses.
    pub db: u32,
    /// Some command of it writes.
    pub writes: bool,
    /// How often the pool's topology had changed when it began.
    pub changes: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doom {
    /// A command was refused, and the client has read why.
    Errors,
    /// The client reads why at EXEC.
    Because(Box<str>),
}

pub enum Queued {
    Step(Step),
    /// A request that is answered here, at EXEC.
    Local(Box<[u8]>),
    /// PUBLISH: who listens is counted at EXEC.
    Publish {
        part: u16,
        subject: Subject,
        channel: Box<[u8]>,
    },
}

/// Commands for one shard, from MULTI to EXEC.
pub struct Block {
    /// `None` while it has only commands without keys.
    pub shard: Option<ShardId>,
    pub requests: Vec<u8>,
    pub commands: u32,
    /// The database that its last command uses.
    pub db: u32,
    /// The highest database that it uses.
    pub highest: u32,
    /// Places of replies that are ours: to SELECT.
    pub ours: Vec<u32>,
    /// Scripts that its commands call.
    pub scripts: Vec<Sha>,
    /// SCAN is in it.
    pub scans: bool,
}

impl Transaction {
    pub fn new(db: u32, changes: u32) -> Transaction {
        Transaction {
            doom: None,
            queued: Vec::with_capacity(USUAL_COMMANDS),
            blocks: Vec::with_capacity(1),
            bytes: 0,
            db,
            writes: false,
            changes,
        }
    }

    /// The first reason counts.
    pub fn doom(&mut self, doom: Doom) {
        self.doom.get_or_insert(doom);
    }
}

impl Block {
    pub fn new(shard: Option<ShardId>, db: u32) -> Block {
        Block {
            shard,
            requests: Vec::with_capacity(USUAL_BYTES),
            commands: 0,
            db,
            highest: db,
            ours: Vec::new(),
            scripts: Vec::new(),
            scans: false,
        }
    }

    /// What comes next uses this database.
    pub fn select(&mut self, db: u32) {
        if self.db != db {
            self.ours.push(self.commands);
            self.commands += 1;
            encode::command(&mut self.requests, &["SELECT", &db.to_string()]);
            self.db = db;
            self.highest = self.highest.max(db);
        }
    }

    /// It is sent on a connection of this database, and its first command uses `home`.
    pub fn begin_in(&mut self, db: u32, home: u32) {
        if db == home {
            return;
        }
        let mut requests = Vec::with_capacity(self.requests.len() + 64);
        encode::command(&mut requests, &["SELECT", &home.to_string()]);
        requests.extend_from_slice(&self.requests);
        self.requests = requests;
        self.commands += 1;
        for place in &mut self.ours {
            *place += 1;
        }
        self.ours.insert(0, 0);
    }

    /// Appends a command.
    pub fn add(&mut self, request: &[u8], db: u32) {
        self.select(db);
        self.requests.extend_from_slice(request);
        self.commands += 1;
    }
}
