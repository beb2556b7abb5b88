//! The stage on which stories are played: one worker, the director, and named connections.
//! A line is one turn of the loop, unless it ends with ` &`: then the next line belongs to it.
//!
//! Server `s2` of a story has the address of that name, and the id 2: a pool of two shards begins with
//! `s0` and `s1`, and a story moves shards to further servers in the order of their numbers.

use nuthatch_engine::base::{PoolId, ServerId, ShardId, Time, WorkerId};
use nuthatch_engine::proxy::{
    Action, COUNTERS, Cause, ConnId, FlowBounds, Gathering, Note, Order, Reading, Step, Waited,
    Worker,
};
use nuthatch_engine::routing::distribution;
use nuthatch_engine::topology::{
    Ability, Address, AfterWrite, Director, Eject, Failover, Manners, PoolSpec, PoolTopology,
    Protocol, Reads, Release, Report, Wish,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const POOL: PoolId = PoolId(0);

#[derive(Default)]
pub struct Stage {
    now: Time,
    play: Option<Play>,
    /// What flows is read to where it will be written from.
    in_place: bool,
    trace: Vec<String>,
}

struct Play {
    worker: Worker,
    gathers: bool,
    in_place: bool,
    /// A turn in which nothing happens.
    idle: bool,
    protocol: Protocol,
    director: Director,
    in_turn: bool,
    names: BTreeMap<String, ConnId>,
    /// Bytes that a peer's socket still takes; absent: any number.
    takes: BTreeMap<String, usize>,
    sockets: BTreeMap<u16, u32>,
    clients: u64,
}

fn spec(words: &[&str]) -> PoolSpec {
    let shards = words.iter().find_map(|word| word.strip_prefix("shards="));
    let shards = shards.map_or(2, |count| count.parse().unwrap());
    let mut spec = PoolSpec {
        timeout_ms: Some(400),
        server_retry_timeout_ms: 500,
        server_failure_limit: 2,
        ..PoolSpec::plain(Protocol::Redis, (0..shards).map(address))
    };
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u32>().unwrap_or_else(|_| panic!("{word}: a number"));
        match (key, value) {
            ("shards", _) => {} // read above
            ("distribution", name) => spec.distribution = distribution::by_name(name).unwrap(),
            ("timeout", "never") => spec.timeout_ms = None,
            ("timeout", _) => spec.timeout_ms = Some(number()),
            ("connect_timeout", _) => spec.connect_timeout_ms = number(),
            ("stall", _) => spec.serves.client_stall_ms = number(),
            ("connections", _) => spec.server_connections = number() as u16,
            ("preconnect", _) => spec.preconnect = true,
            ("per_shard", _) => spec.serves.transactions_per_shard = true,
            ("pubsub_bytes", _) => spec.serves.pubsub_output_bytes = number(),
            ("pubsub_soft", _) => spec.serves.pubsub_output_soft_bytes = number(),
            ("auth", password) => spec.redis_auth = Some(password.into()),
            ("db", _) => spec.redis_db = number(),
            ("hold", _) => {
                spec.failover = Some(Arc::new(Failover::plain(number(), spec.reads())));
            }
            ("reads", word) => {
                let reads = match word {
                    "prefer_replica" => Reads::PreferReplica,
                    "replica" => Reads::Replica,
                    _ => panic!("reads go nowhere by {word}"),
                };
                spec.failover = Some(Arc::new(Failover::plain(spec.hold_ms(), reads)));
            }
            ("after_write", word) => {
                let after = match word {
                    "auto" => AfterWrite::Auto,
                    _ => AfterWrite::Ms(number()),
                };
                Arc::make_mut(spec.failover.as_mut().unwrap()).after_write = after;
            }
            ("eject", "remap") => spec.eject = Eject::Remap,
            ("eject", "fail_fast") => spec.eject = Eject::FailFast,
            ("retry", _) => spec.server_retry_timeout_ms = number(),
            ("limit", _) => spec.server_failure_limit = number(),
            ("protocol", "memcache") => spec.protocol = Protocol::Memcache,
            ("flows", _) | ("gathers", "on") | ("unasked", _) => {} // the worker's, not the pool's
            ("manners", "twemproxy") => spec.manners = Manners::Twemproxy,
            _ => panic!("a pool has no {word}"),
        }
    }
    spec
}

/// Of a server of this version: `9.1.0-valkey` is a Valkey.
fn ability(version: &str) -> Ability {
    let release = Release::read(version).unwrap_or_else(|| panic!("{version}: a version"));
    let valkey = version.ends_with("-valkey").then_some(release);
    let redis = Some(if valkey.is_some() { Release([7, 2, 4]) } else { release });
    Ability { resp3: redis >= Some(Release([6, 0, 0])), redis, valkey }
}

fn address(server: u16) -> Address {
    Address::Tcp { host: format!("s{server}").into(), port: 6379 }
}

fn encode(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        // `x*1000` is a thousand x.
        let word = match word.split_once('*').map(|(what, times)| (what, times.parse())) {
            Some((what, Ok(times))) => what.repeat(times),
            _ => word.to_owned(),
        };
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

/// What has so many bytes flows, and may be twice as many ahead.
fn bounds(bytes_min: usize) -> FlowBounds {
    FlowBounds {
        bytes_min,
        pause_bytes: 2 * bytes_min,
        shared_pause_bytes: 4 * bytes_min,
        resume_bytes: bytes_min,
    }
}

/// `\r`, `\n`, and `\x80` for a byte.
fn unescape(text: &str) -> Vec<u8> {
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    let mut pieces = text.split("\\x");
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}

fn lines(text: &str) -> Vec<u8> {
    text.split(" ; ").flat_map(|line| unescape(&format!("{line}\\r\\n"))).collect()
}

/// Bytes as a line: long runs of one letter are shortened.
fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() <= 300 {
        return text;
    }
    format!("{} ... ({} bytes)", &text[..100], bytes.len())
}

impl Stage {
    pub fn new(in_place: bool) -> Stage {
        Stage { in_place, ..Stage::default() }
    }

    /// One line; what came of it.
    pub fn play(&mut self, line: &str) -> Vec<String> {
        let (line, goes_on) = match line.strip_suffix(" &") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["pool", options @ ..] = words.as_slice() {
            self.now = Time::from_ms(10_000);
            let spec = Arc::new(spec(options));
            let mut director = Director::new(&[Arc::clone(&spec)], 1);
            // Servers have answered before the story begins, where it says nothing of them.
            if !options.contains(&"unasked") {
                for server in 0..spec.shards.len() {
                    let server = ServerId(server as u16);
                    director.handle_ability(POOL, server, Some(ability("7.0.15")), Time::ZERO);
                }
            }
            while director.poll_wish().is_some() {}
            let mut worker = Worker::new(WorkerId(0), 1, &director.snapshot());
            if let Some(bytes) = options.iter().find_map(|option| option.strip_prefix("flows=")) {
                worker.set_flow_bounds(bounds(bytes.parse().unwrap()));
            }
            self.play = Some(Play {
                worker,
                gathers: options.contains(&"gathers=on"),
                in_place: self.in_place,
                idle: false,
                protocol: spec.protocol,
                director,
                in_turn: false,
                names: BTreeMap::new(),
                takes: BTreeMap::new(),
                sockets: BTreeMap::new(),
                clients: 0,
            });
        }
        if let ["time", by] = words.as_slice() {
            let ms = by.strip_prefix('+').and_then(|by| by.strip_suffix("ms")).unwrap();
            self.now = self.now.plus_ms(ms.parse().unwrap());
        }
        let play = self.play.as_mut().expect("a story begins with its pool");
        if !play.in_turn {
            play.worker.begin_turn(self.now);
        }
        play.in_turn = goes_on;
        play.idle = words == ["turn"];
        play.happen(line, &words, self.now, &mut self.trace);
        if !goes_on {
            play.end_turn(self.now, &mut self.trace);
        }
        std::mem::take(&mut self.trace)
    }
}

impl Play {
    fn happen(&mut self, line: &str, words: &[&str], now: Time, trace: &mut Vec<String>) {
        let conn = |name: &str| *self.names.get(name).unwrap_or_else(|| panic!("who is {name}?"));
        match words {
            ["pool" | "time" | "turn", ..] => {
                if self.director.deadline().is_some_and(|at| at <= now) {
                    self.director.handle_deadline(now);
                }
            }
            ["routes", keys @ ..] => {
                let mut chance = nuthatch_engine::base::Chance::new(1);
                let topology = self.topology();
                for key in keys {
                    let shard = topology.router.route(key.as_bytes(), &mut chance);
                    trace.push(format!("{key} -> {}", shard.map_or(99, |shard| shard.0)));
                }
            }
            ["counter", name] => {
                let row = COUNTERS.iter().find(|row| row.name == *name).expect("a counter");
                let counts = self.worker.count();
                trace.push(format!("{name} is {}", (row.read)(&counts.pools[0].counters)));
            }
            ["client", name, "comes"] => {
                self.clients += 1;
                let conn = self.worker.handle_accept(POOL, self.clients, None);
                self.names.insert((*name).to_owned(), conn);
            }
            [name, "accepts"] => self.worker.handle_connected(conn(name)),
            [name, "refuses"] => self.worker.handle_closed(conn(name), &Cause::Refused),
            [name, "cannot", "be", "opened"] => {
                let cause = Cause::Exhausted("Too many open files".into());
                self.worker.handle_closed(conn(name), &cause);
            }
            [name, "closes"] => self.worker.handle_eof(conn(name)),
            [name, "resets"] => self.worker.handle_closed(conn(name), &Cause::Reset),
            [name, "takes", "all"] => {
                self.takes.remove(*name);
                self.write(conn(name), trace);
            }
            [name, "takes", bytes] => {
                self.takes.insert((*name).to_owned(), bytes.parse().unwrap());
                self.write(conn(name), trace);
            }
            [name, "takes", bytes, "untold"] => {
                self.takes.insert((*name).to_owned(), bytes.parse().unwrap());
            }
            ["probe", server, outcome] => {
                let server = ServerId(server[1..].parse().unwrap());
                self.director.handle_probe(POOL, server, *outcome == "good", now);
            }
            ["ability", server, "none"] => {
                let server = ServerId(server[1..].parse().unwrap());
                self.director.handle_ability(POOL, server, None, now);
            }
            ["ability", server, version] => {
                let server = ServerId(server[1..].parse().unwrap());
                self.director.handle_ability(POOL, server, Some(ability(version)), now);
            }
            ["replicas", shard, replicas @ ..] => {
                let shard = ShardId(shard.strip_prefix("shard").unwrap().parse().unwrap());
                let replica =
                    |words: &[&str]| (address(words[0][1..].parse().unwrap()), words[1] == "good");
                let replicas: Vec<_> = replicas.chunks(2).map(replica).collect();
                self.director.handle_replicas(POOL, shard, &replicas, now);
                for order in self.decide(trace) {
                    self.worker.handle_order(&order);
                }
            }
            ["caught_up", ago, "ago"] => {
                let ago: u64 = ago.strip_suffix("ms").unwrap().parse().unwrap();
                let at = Time::from_ms(now.as_ms() - ago);
                self.worker.handle_order(&Order::CaughtUp { pool: POOL, at });
            }
            ["move", shard, "to", server] => {
                let shard = ShardId(shard.strip_prefix("shard").unwrap().parse().unwrap());
                let server = ServerId(server[1..].parse().unwrap());
                self.director.handle_primary(POOL, shard, &address(server.0), now);
                let primary = self.topology().shard(shard).primary;
                assert_eq!(primary, server, "stories number new servers one after the other");
                // Its orders come in this turn.
                for order in self.decide(trace) {
                    self.worker.handle_order(&order);
                }
            }
            _ => {
                let (name, text) = line.split_once(": ").unwrap_or_else(|| panic!("{line}?"));
                let conn = conn(name);
                let bytes = match (conn, text.strip_prefix("raw ")) {
                    (_, Some(raw)) => unescape(raw),
                    (ConnId::Client(_), None) if self.protocol == Protocol::Redis => {
                        text.split(" ; ").flat_map(encode).collect()
                    }
                    (_, None) => lines(text),
                };
                let target = if self.in_place { self.worker.flow_target(conn) } else { None };
                let reading = match target {
                    Some(out) => {
                        out.extend_from_slice(&bytes);
                        self.worker.handle_flowed(conn, bytes.len())
                    }
                    None => self.worker.handle_bytes(conn, &bytes),
                };
                if reading == Reading::Stop {
                    trace.push(format!("{name} is not read"));
                }
            }
        }
    }

    fn end_turn(&mut self, now: Time, trace: &mut Vec<String>) {
        let gathering = match (self.gathers, self.idle) {
            (false, _) => Gathering::None,
            (true, true) => Gathering::Idle,
            (true, false) => Gathering::Busy,
        };
        loop {
            self.worker.finish_turn(gathering);
            while let Some(step) = self.worker.poll() {
                match step {
                    Step::Write(conn) => self.write(conn, trace),
                    Step::Act(action) => self.act(action, now, trace),
                }
            }
            self.worker.check_invariants();
            let orders = self.decide(trace);
            if orders.is_empty() && self.worker.deadline().is_none_or(|at| at > now) {
                return;
            }
            self.worker.begin_turn(now);
            for order in orders {
                self.worker.handle_order(&order);
            }
        }
    }

    /// Carries out what the director wishes; what the worker is told.
    fn decide(&mut self, trace: &mut Vec<String>) -> Vec<Order> {
        let mut orders = Vec::new();
        while let Some(wish) = self.director.poll_wish() {
            match wish {
                Wish::Publish(snapshot) => orders.push(Order::Follow(snapshot)),
                Wish::Watch { pool, server } => {
                    orders.push(Order::Watch { pool, server });
                    trace.push(format!("health: watch s{}", server.0));
                }
                Wish::Probe { server, .. } => trace.push(format!("health: probe s{}", server.0)),
                Wish::Ask { server, .. } => trace.push(format!("health: ask s{}", server.0)),
                Wish::Note { shard, change, .. } => {
                    trace.push(format!("health: shard{} {change:?}", shard.0));
                }
            }
        }
        orders
    }

    fn topology(&self) -> Arc<PoolTopology> {
        Arc::clone(self.director.snapshot().pool(POOL).unwrap())
    }

    fn name(&self, conn: ConnId) -> String {
        self.names
            .iter()
            .find(|(_, known)| **known == conn)
            .map_or_else(|| format!("{conn:?}"), |(name, _)| name.clone())
    }

    fn act(&mut self, action: Action, now: Time, trace: &mut Vec<String>) {
        let line = match action {
            Action::Connect { conn, server, .. } => {
                let socket = self.sockets.entry(server.0).or_default();
                *socket += 1;
                let name = format!("s{}.{socket}", server.0);
                self.names.insert(name.clone(), conn);
                format!("connect {name}")
            }
            Action::Close { conn } => format!("close {}", self.name(conn)),
            Action::ShutdownWrite { conn } => format!("shut {}", self.name(conn)),
            Action::ResumeReading { conn } => format!("read {} again", self.name(conn)),
            Action::Report(report) => {
                self.director.handle_report(report, now);
                let Report { server, sight, .. } = report;
                format!("report s{} {sight:?}", server.0)
            }
            Action::AskServers { pool } => {
                self.director.handle_wanted(pool, now);
                self.director.handle_deadline(now);
                "ask the servers".to_owned()
            }
            Action::Note(note) => format!("note {}", about(&note)),
            Action::Follow { epoch } => {
                self.director.handle_follow(self.worker.id(), epoch);
                return;
            }
            // One worker: what it says to all, it says to itself.
            Action::Send { to, message } => {
                if to.has(self.worker.id(), self.worker.id()) {
                    self.worker.handle_order(&Order::Read(message));
                }
                return;
            }
            Action::TryWriting { conn } => {
                trace.push(format!("try {} again", self.name(conn)));
                self.write(conn, trace);
                return;
            }
        };
        trace.push(line);
    }

    fn write(&mut self, conn: ConnId, trace: &mut Vec<String>) {
        let name = self.name(conn);
        let output = self.worker.output(conn);
        let room = self.takes.get(&name).copied().unwrap_or(usize::MAX);
        let taken = output.len().min(room);
        if taken > 0 {
            trace.push(format!("to {name}: {}", show(&output[..taken])));
        }
        if taken < output.len() {
            trace.push(format!("{name} is full, {} bytes wait", output.len() - taken));
        }
        if let Some(room) = self.takes.get_mut(&name) {
            *room -= taken;
        }
        self.worker.handle_written(conn, taken);
    }
}

fn about(note: &Note) -> String {
    match note {
        Note::ClientRefused { why, command: Some(command), .. } => {
            format!("client refused: {why}: {command}")
        }
        Note::ClientRefused { why, .. } => format!("client refused: {why}"),
        Note::ClientStalled { unread_bytes, .. } => {
            format!("client stalled, {unread_bytes} bytes unread")
        }
        Note::StreamBroken { server, .. } => format!("reply of s{} cut off", server.0),
        Note::UpstreamFailed { server, cause, requests, .. } => {
            format!("s{} failed: {cause}, {requests} requests", server.0)
        }
        Note::HandshakeRefused { server, answer, .. } => {
            format!("s{} refused the handshake: {answer}", server.0)
        }
        Note::ClientForeign { why, .. } => format!("client of another protocol: {why}"),
        Note::PasswordNotNeeded { server, .. } => format!("s{} needs no password", server.0),
        Note::RequestsWait { server, .. } => format!("requests wait at s{}", server.0),
        Note::WaitEnded { server, wait, .. } => {
            let Waited { requests, waited_ms, is_served } = wait;
            let how = if *is_served { "go on at" } else { "fail at" };
            format!("{requests} requests {how} s{} after {waited_ms} ms", server.0)
        }
        Note::Unchecked { command, .. } => format!("{command} went unchecked"),
    }
}
