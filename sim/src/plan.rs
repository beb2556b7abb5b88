//! The plan that a seed makes: pools and their settings, transport, clients' habits, and faults.

use crate::client::{Habits, Leaves, Reads};
use crate::control::address;
use crate::dice::Dice;
use crate::groups::{GroupFault, toys_of};
use crate::plan_failover::{self, add_replicas};
use crate::toy::Sabotage;
use crate::transport::Quality;
use nuthatch_engine::proxy::FlowBounds;
use nuthatch_engine::routing::{HashTag, distribution, hash};
use nuthatch_engine::topology::{Eject, Manners, PoolSpec, Protocol, Serves, ShardSpec};
use std::sync::Arc;

/// The settings of a whole run.
pub struct Plan {
    pub seed: u64,
    /// No faults. The network still delivers pieces, and clients still leave as their habits say.
    pub calm: bool,
    pub workers: usize,
    pub pools: Vec<Arc<PoolSpec>>,
    /// Extra servers of each pool, to which the primary of a shard may move.
    pub spares: usize,
    pub clients: usize,
    pub load_ms: u64,
    pub faults: Vec<(u64, Fault)>,
    /// From which size on requests and replies flow.
    pub stream: FlowBounds,
    pub sabotage: Option<Sabotage>,
}

/// A fault. `server` is the number of the toy that has it.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The process dies and is back after `back_ms`. `in_order`: it closes its connections with FIN.
    Kill {
        server: usize,
        back_ms: u64,
        data_lost: bool,
        in_order: bool,
    },
    Stop {
        server: usize,
        back_ms: u64,
    },
    Unreachable {
        server: usize,
        back_ms: u64,
    },
    /// It closes each new connection at once, with FIN.
    CloseAtOnce {
        server: usize,
        back_ms: u64,
    },
    /// Somebody flushes its scripts.
    FlushScripts {
        server: usize,
    },
    Slow {
        server: usize,
        service_us: u64,
        back_ms: u64,
    },
    Loading {
        server: usize,
        back_ms: u64,
    },
    OutOfMemory {
        server: usize,
        back_ms: u64,
    },
    /// It sends bytes that are not a reply.
    Unsolicited {
        server: usize,
    },
    CloseIdle {
        server: usize,
    },
    /// FIN on a connection, even if replies are owed on it.
    CloseAny {
        server: usize,
    },
    ResetUpstream,
    ResetClient,
    StallUpstream {
        ms: u64,
    },
    StallClient {
        ms: u64,
    },
    OfGroup(GroupFault),
    /// Another server becomes the primary of a shard.
    Move {
        pool: usize,
        shard: usize,
    },
}

impl Plan {
    pub fn new(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let dice = &mut dice;
        let calm = dice.percent(25);
        let pools: Vec<_> =
            (0..dice.range(1, 2)).map(|at| Arc::new(pool(dice, at, calm))).collect();
        let spares = 2;
        let servers: usize = pools.iter().map(|pool| toys_of(pool, spares)).sum();
        let load_ms = dice.range(500, 4_000);
        // With all kinds at once, one fault can hide another. So most runs have a few kinds only.
        let mut kinds: Vec<u64> = (0..FAULT_KINDS).filter(|_| dice.percent(30)).collect();
        if kinds.is_empty() || dice.percent(30) {
            kinds = (0..FAULT_KINDS).collect();
        }
        let count = if calm { 0 } else { dice.range(1, 60) };
        let mut faults: Vec<_> = (0..count)
            .map(|_| {
                let kind = dice.pick(&kinds);
                (dice.range(0, load_ms), fault(dice, kind, servers, &pools))
            })
            .collect();
        if !calm {
            let (is_alone, failovers) = plan_failover::faults(&mut dice.clone(), load_ms, &pools);
            if is_alone {
                faults.clear();
            }
            faults.extend(failovers.into_iter().map(|(at, fault)| (at, Fault::OfGroup(fault))));
        }
        Plan {
            seed,
            calm,
            workers: dice.range(1, 3) as usize,
            pools,
            spares,
            clients: dice.range(2, 22) as usize,
            load_ms,
            faults,
            stream: stream_bounds(dice),
            sabotage: None,
        }
    }
}

/// Mostly small bounds, so that values of a few hundred bytes flow.
fn stream_bounds(dice: &mut Dice) -> FlowBounds {
    let bytes_min = dice.pick(&[30, 300, 3_000, usize::MAX]);
    if bytes_min == usize::MAX {
        return FlowBounds::default();
    }
    let pause_bytes = dice.pick(&[50, 500, 5_000]);
    let (shared_pause_bytes, resume_bytes) = (2 * pause_bytes, pause_bytes / 2);
    FlowBounds { bytes_min, pause_bytes, shared_pause_bytes, resume_bytes }
}

fn pool(dice: &mut Dice, at: u64, calm: bool) -> PoolSpec {
    let shards = dice.range(1, 4);
    let name = |shard: u64| format!("pool{at}shard{shard}");
    let timeout_ms = match dice.range(0, 3) {
        0 if !calm => None,
        _ if calm => Some(20_000),
        _ => Some(dice.range(40, 400) as u32),
    };
    let protocol = if dice.percent(33) { Protocol::Memcache } else { Protocol::Redis };
    let is_redis = protocol == Protocol::Redis;
    let mut spec = PoolSpec {
        name: format!("pool{at}").into(),
        protocol,
        hash: hash::by_name(dice.pick(&["fnv1a_64", "md5", "crc16"])).expect("in the table"),
        hash_tag: dice.percent(20).then_some(HashTag { open: b'{', close: b'}' }),
        distribution: distribution::by_name(
            dice.pick(&["ketama", "ketama", "modula", "modula", "random"]),
        )
        .expect("in the table"),
        shards: (0..shards)
            .map(|shard| ShardSpec {
                name: name(shard).into(),
                address: address(shard as usize),
                weight: dice.range(1, 3) as u32,
                replicas: Vec::new(),
            })
            .collect(),
        timeout_ms,
        connect_timeout_ms: if calm { 20_000 } else { dice.range(30, 500) as u32 },
        server_connections: dice.pick(&[1, 1, 2, 3]),
        preconnect: dice.percent(30),
        redis_auth: (dice.percent(30) && is_redis).then(|| "secret".into()),
        redis_db: if is_redis { dice.pick(&[0, 0, 5]) } else { 0 },
        eject: dice.pick(&[Eject::Off, Eject::Remap, Eject::FailFast]),
        server_retry_timeout_ms: dice.pick(&[0, 50, 400]),
        server_failure_limit: dice.range(0, 3) as u32,
        manners: dice.pick(&[Manners::Modern, Manners::Modern, Manners::Twemproxy]),
        serves: Serves {
            databases: Some(16),
            // Of a clone: the other choices of a seed do not depend on it.
            transactions_per_shard: is_redis && dice.clone().percent(40),
            pinned_connections: 1_024,
            pubsub_output_bytes: 1_000_000,
            pubsub_output_soft_bytes: 1_000_000,
            client_stall_ms: if calm { 60_000 } else { dice.pick(&[60_000, 60_000, 1_000, 100]) },
            ..Serves::default()
        },
        ..PoolSpec::plain(protocol, [])
    };
    if is_redis {
        add_replicas(&mut spec, &mut dice.clone());
    }
    spec
}

const FAULT_KINDS: u64 = 16;

fn fault(dice: &mut Dice, kind: u64, servers: usize, pools: &[Arc<PoolSpec>]) -> Fault {
    let server = dice.index(servers);
    let back_ms = dice.range(1, 1_500);
    let pool = dice.index(pools.len());
    match kind {
        0 => {
            Fault::Kill { server, back_ms, data_lost: dice.percent(30), in_order: dice.percent(30) }
        }
        1 => Fault::Stop { server, back_ms },
        2 => Fault::Unreachable { server, back_ms },
        3 => Fault::Slow { server, service_us: dice.range(1_000, 300_000), back_ms },
        4 => Fault::Loading { server, back_ms },
        5 => Fault::OutOfMemory { server, back_ms },
        6 => Fault::Unsolicited { server },
        7 => Fault::CloseIdle { server },
        8 => Fault::CloseAny { server },
        9 => Fault::ResetUpstream,
        10 => Fault::ResetClient,
        11 => Fault::StallUpstream { ms: back_ms },
        12 => Fault::StallClient { ms: 2 * back_ms },
        13 => Fault::CloseAtOnce { server, back_ms },
        14 => Fault::FlushScripts { server },
        _ => Fault::Move { pool, shard: dice.index(pools[pool].shards.len()) },
    }
}

/// The quality of one direction of a connection.
pub fn quality(dice: &mut Dice, calm: bool) -> Quality {
    let piece_max = dice.pick(&[1, 3, 20, 100, 1_500, 64 * 1024, 64 * 1024]);
    Quality {
        capacity: dice.pick(&[100, 1_000, 16 * 1024, 64 * 1024, 4 * 1024 * 1024]),
        latency_us: dice.range(10, if calm { 300 } else { 3_000 }),
        piece_max,
        pause_us: if calm || dice.percent(50) { 10 } else { 300 },
    }
}

pub fn habits(dice: &mut Dice) -> Habits {
    let reads = match dice.range(0, 9) {
        0 => Reads::Slowly { bytes: dice.range(1, 2_000) as usize, pause_ms: dice.range(1, 40) },
        1 if dice.percent(50) => Reads::Never,
        _ => Reads::Eagerly,
    };
    let leaves = dice.pick(&[
        Leaves::Stays,
        Leaves::Stays,
        Leaves::Stays,
        Leaves::Stays,
        Leaves::Resets,
        Leaves::HalfCloses,
        Leaves::Quits,
        Leaves::SendsGarbage,
    ]);
    let greedy = dice.percent(15);
    let inline = dice.percent(10);
    // An inline request may have 64 KiB.
    let value_bytes_max = dice.pick(&[100, 100, 3_000, 30_000, if inline { 100 } else { 300_000 }]);
    Habits {
        pipeline: if greedy { 10_000 } else { dice.range(1, 60) as usize },
        quota: if greedy { dice.range(100, 900) } else { dice.range(5, 150) } as usize,
        pace_us: dice.pick(&[0, 0, 500, 20_000]),
        reads,
        leaves,
        inline,
        resp3_after: dice.percent(35).then(|| dice.range(0, 40) as usize),
        value_bytes_max,
    }
}
