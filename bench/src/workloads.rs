//! The workloads: one table.

use crate::load::{Asks, Load, Shape};

/// One row.
pub struct Workload {
    pub name: &'static str,
    /// For people.
    pub what: &'static str,
    pub clients: usize,
    pub pipeline: usize,
    pub asks: Asks,
    pub is_memcached: bool,
    /// Bytes of values, from and to.
    pub value_bytes: (usize, usize),
    pub key_count: u64,
    /// CPU per request as a ratio to nutcracker's, null servers, pinned: what we must reach, and what
    /// we want to reach.
    pub required: f64,
    pub goal: f64,
}

const SMALL: (usize, usize) = (16, 100);

const PLAIN: Workload = Workload {
    name: "",
    what: "",
    clients: 50,
    pipeline: 1,
    asks: Asks::Mix,
    is_memcached: false,
    value_bytes: SMALL,
    key_count: 10_000,
    required: 1.0,
    goal: 1.0,
};

pub static WORKLOADS: [Workload; 13] = [
    Workload {
        name: "p1",
        what: "GET and SET, 50 clients, no pipelining",
        required: 0.83,
        goal: 0.75,
        ..PLAIN
    },
    Workload {
        name: "p16",
        what: "GET and SET, 50 clients, pipelines of 16",
        pipeline: 16,
        required: 0.52,
        goal: 0.45,
        ..PLAIN
    },
    Workload {
        name: "p64",
        what: "GET and SET, 50 clients, pipelines of 64",
        pipeline: 64,
        required: 0.14,
        goal: 0.12,
        ..PLAIN
    },
    Workload {
        name: "c500",
        what: "GET and SET, 500 clients, no pipelining",
        clients: 500,
        required: 0.70,
        goal: 0.60,
        ..PLAIN
    },
    Workload {
        name: "mget10",
        what: "MGET of 10 keys, 50 clients",
        asks: Asks::Many(10),
        required: 0.75,
        goal: 0.60,
        ..PLAIN
    },
    Workload {
        name: "mget100",
        what: "MGET of 100 keys, 20 clients",
        clients: 20,
        asks: Asks::Many(100),
        required: 0.65,
        goal: 0.52,
        ..PLAIN
    },
    Workload {
        name: "mget10000",
        what: "MGET of 10,000 keys, one client",
        clients: 1,
        asks: Asks::Many(10_000),
        required: 0.80,
        goal: 0.50,
        ..PLAIN
    },
    Workload {
        name: "16k",
        what: "GET and SET of 16 KiB, 50 clients",
        value_bytes: (16 << 10, 16 << 10),
        key_count: 2_000,
        required: 0.85,
        goal: 0.72,
        ..PLAIN
    },
    Workload {
        name: "1m",
        what: "GET and SET of 1 MiB, 8 clients",
        clients: 8,
        value_bytes: (1 << 20, 1 << 20),
        key_count: 60,
        required: 1.0,
        goal: 0.75,
        ..PLAIN
    },
    Workload {
        name: "connect",
        what: "connect, GET, close, 50 at a time",
        asks: Asks::Connect,
        required: 0.95,
        goal: 0.80,
        ..PLAIN
    },
    Workload {
        name: "mc1",
        what: "memcached get and set, 50 clients, no pipelining",
        is_memcached: true,
        required: 0.82,
        goal: 0.75,
        ..PLAIN
    },
    Workload {
        name: "mc16",
        what: "memcached get and set, 50 clients, pipelines of 16",
        pipeline: 16,
        is_memcached: true,
        required: 0.50,
        goal: 0.45,
        ..PLAIN
    },
    Workload {
        name: "mcget100",
        what: "memcached get of 100 keys, 20 clients",
        clients: 20,
        asks: Asks::Many(100),
        is_memcached: true,
        required: 0.70,
        goal: 0.52,
        ..PLAIN
    },
];

pub fn by_name(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

impl Workload {
    /// The size of a null server's values: the middle of what is set.
    pub fn null_value_bytes(&self) -> usize {
        usize::midpoint(self.value_bytes.0, self.value_bytes.1)
    }

    /// Its load on `port`.
    pub fn load(&self, port: u16, warm_ms: u64, ms: u64, watch: Vec<u32>) -> Load {
        Load {
            port,
            clients: self.clients,
            asks: self.asks,
            is_memcached: self.is_memcached,
            shape: Shape::Saturate { pipeline: self.pipeline },
            value_bytes: self.value_bytes,
            key_count: self.key_count,
            keys_from: None,
            warm_ms,
            ms,
            watch,
        }
    }

    /// The load that stores every key before real servers are measured.
    pub fn fill(&self, port: u16) -> Load {
        let pipeline = if self.value_bytes.1 > 4096 { 1 } else { 8 };
        Load {
            clients: 4,
            asks: Asks::Fill,
            shape: Shape::Saturate { pipeline },
            ..self.load(port, 0, 0, Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_targets_make_sense() {
        for (at, workload) in WORKLOADS.iter().enumerate() {
            assert!(WORKLOADS[..at].iter().all(|other| other.name != workload.name));
            assert!(!workload.what.is_empty() && workload.goal <= workload.required);
        }
    }
}
