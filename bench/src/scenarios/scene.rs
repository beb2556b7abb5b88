//! What every scenario uses.

use crate::contestants::{Contestant, Layout, Running};
use crate::pin;
use crate::row::Figure;
use crate::servers::{Kind, Servers};
use anyhow::{Context, Result};
use std::time::Instant;

/// The size of a run: all of it, or as much as two minutes allow.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub is_quick: bool,
    /// Of one load.
    pub ms: u64,
    pub rounds: usize,
    pub clients: usize,
    /// No scenario begins after this.
    pub until: Option<Instant>,
}

impl Size {
    pub const FULL: Size =
        Size { is_quick: false, ms: 4000, rounds: 5, clients: 10_000, until: None };
    pub const QUICK: Size =
        Size { is_quick: true, ms: 600, rounds: 1, clients: 2_000, until: None };
}

/// What a scenario uses, and where its figures go.
pub struct Scene<'a> {
    pub size: Size,
    pub contestants: &'a [&'static Contestant],
    pub figures: &'a mut Vec<Figure>,
    pub scenario: &'static str,
}

impl Scene<'_> {
    /// Contestants that shard.
    pub fn proxies(&self) -> Vec<&'static Contestant> {
        self.contestants.iter().copied().filter(|it| !it.is_reference).collect()
    }

    pub fn figure(&mut self, contestant: &str, what: &str, value: f64, unit: &str) {
        self.push(contestant, what, Some(value), unit, "");
    }

    pub fn missing(&mut self, contestant: &str, what: &str, why: &str) {
        self.push(contestant, what, None, "", why);
    }

    pub fn push(
        &mut self,
        contestant: &str,
        what: &str,
        value: Option<f64>,
        unit: &str,
        note: &str,
    ) {
        self.figures.push(Figure {
            scenario: self.scenario.to_owned(),
            contestant: contestant.to_owned(),
            what: what.to_owned(),
            value,
            unit: unit.to_owned(),
            note: note.to_owned(),
        });
    }
}

/// Three null servers on the core of all processes except the proxy.
pub fn null_servers(value_bytes: usize) -> Result<Servers> {
    Servers::start(Kind::Null, false, value_bytes, pin::REST)
}

/// A contestant on its own core.
pub fn pinned(contestant: &Contestant, servers: &Servers) -> Result<Running> {
    contestant.start(Layout::new(&servers.ports, false), pin::PROXY)
}

pub fn pid(running: &Running) -> Result<u32> {
    running.pid().context("no proxy has no process")
}

pub fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
