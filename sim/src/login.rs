//! What a simulated Redis knows of a connection.

use crate::resp::Value;
use crate::transport::EndId;

/// A transaction that has begun.
#[derive(Default)]
pub struct Queue {
    pub commands: Vec<Vec<Vec<u8>>>,
    /// The tag of its commands.
    pub tag: Option<u64>,
    /// The database that its next command uses.
    pub db: u32,
    pub is_refused: bool,
}

/// A watched key, and how often it had been written.
pub struct Watched {
    pub key: Vec<u8>,
    pub writes: u64,
}

/// The state of a connection after AUTH, HELLO and SELECT.
#[derive(Default)]
pub struct Login {
    /// The connection.
    pub end: EndId,
    pub authenticated: bool,
    pub db: u32,
    /// The database of the pool.
    pub home: u32,
    pub resp3: bool,
    pub multi: Option<Queue>,
    pub watched: Vec<Watched>,
    /// The client whose WATCH came last.
    pub watcher: Option<usize>,
}

impl Login {
    pub fn select(&mut self, db: &[u8]) -> Value {
        self.db = String::from_utf8_lossy(db).parse().unwrap_or(99);
        Value::Status("OK".into())
    }
}
