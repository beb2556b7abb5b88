//! A pool with replicas: can its Sentinels and replicas be asked, and are they what the file says?
//!
//! ```text
//!   Sentinels ──▶ each shard's name known? its primary the file's?
//!   servers   ──▶ role, link, and what they do when a primary is lost
//! ```
//!
//! Only reading is sent: SENTINEL GET-MASTER-ADDR-BY-NAME, SENTINEL REPLICAS, INFO replication, CONFIG GET.

use super::ask::{Login, words};
use crate::cli::print::shown;
use crate::control::{Value, of_info};
use nuthatch_engine::topology::{Address, Failover, PoolSpec, Reads, ShardSpec};
use std::net::ToSocketAddrs;
use std::thread;

/// Servers asked at a time.
const AT_A_TIME: usize = 8;

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The pool cannot work so: exit code 1.
    Wrong,
    /// It could not be asked: exit code 2.
    Unknown,
    /// It works, and an operator should know.
    Warning,
    Advice,
}

impl Level {
    pub fn text(self) -> &'static str {
        match self {
            Level::Wrong => "wrong",
            Level::Unknown => "unknown",
            Level::Warning => "warning",
            Level::Advice => "advice",
        }
    }
}

pub type Remark = (Level, String);

/// Everything about the Sentinels and the servers of a pool. Empty without replicas.
pub fn remarks(spec: &PoolSpec) -> Vec<Remark> {
    let Some(failover) = &spec.failover else {
        return Vec::new();
    };
    let mut remarks = Vec::new();
    let mut shards: Vec<Servers> = spec.shards.iter().map(Servers::of_file).collect();
    for told in in_parallel(&failover.sentinels, |sentinel| ask_sentinel(spec, failover, sentinel))
    {
        remarks.extend(told.remarks);
        for (servers, claim) in shards.iter_mut().zip(told.claims) {
            servers.learn(claim);
        }
    }
    for (shard, servers) in spec.shards.iter().zip(&shards) {
        remarks.extend(servers.differs(shard));
    }
    let asked: Vec<Asked<'_>> =
        spec.shards.iter().zip(&shards).flat_map(|(shard, of)| of.asked(shard)).collect();
    for told in in_parallel(&asked, |asked| ask_server(spec, failover.reads, asked)) {
        remarks.extend(told);
    }
    remarks
}

/// The results in the order of the things asked.
fn in_parallel<T: Sync, R: Send>(asked: &[T], ask: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut results = Vec::new();
    for some in asked.chunks(AT_A_TIME) {
        thread::scope(|scope| {
            let ask = &ask;
            let threads: Vec<_> = some.iter().map(|it| scope.spawn(move || ask(it))).collect();
            results.extend(threads.into_iter().filter_map(|thread| thread.join().ok()));
        });
    }
    results
}

/// What a Sentinel says of a shard.
struct Claim {
    primary: Address,
    replicas: Vec<Address>,
}

/// What a Sentinel said.
struct Told {
    remarks: Vec<Remark>,
    /// Indexed by shard; none if it could not be asked.
    claims: Vec<Option<Claim>>,
}

fn ask_sentinel(spec: &PoolSpec, failover: &Failover, sentinel: &Address) -> Told {
    let login = Login {
        user: failover.sentinel_user.as_deref(),
        password: failover.sentinel_auth.as_deref(),
    };
    let mut commands = Vec::new();
    for shard in &spec.shards {
        commands.push(vec!["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &*shard.name]);
        commands.push(vec!["SENTINEL", "REPLICAS", &*shard.name]);
    }
    let replies = match words(spec, sentinel, login, &commands) {
        Ok(replies) => replies,
        Err(error) => {
            let text = format!("Sentinel {sentinel} cannot be asked: {error}");
            return Told { remarks: vec![(Level::Unknown, text)], claims: Vec::new() };
        }
    };
    let (pairs, _) = replies.as_chunks::<2>();
    let (mut remarks, mut claims) = (Vec::new(), Vec::new());
    for (shard, [primary, replicas]) in spec.shards.iter().zip(pairs) {
        let name = shown(shard.name.as_bytes());
        claims.push(match primary {
            Value::List(_) => {
                primary.address().map(|primary| Claim { primary, replicas: replicas.addresses() })
            }
            Value::Error(said) => {
                let text = format!("Sentinel {sentinel} refuses: {}", shown(said.as_bytes()));
                remarks.push((Level::Unknown, text));
                None
            }
            _ => {
                let text = format!("Sentinel {sentinel} does not know the name {name}");
                remarks.push((Level::Wrong, text));
                None
            }
        });
    }
    Told { remarks, claims }
}

/// The servers of a shard.
struct Servers {
    /// As a Sentinel says.
    primary: Option<Address>,
    replicas: Vec<Address>,
}

/// A server that is asked.
struct Asked<'a> {
    shard: &'a ShardSpec,
    address: Address,
    is_primary: bool,
}

impl Servers {
    fn of_file(shard: &ShardSpec) -> Servers {
        let replicas = shard.replicas.iter().map(|replica| replica.address.clone());
        Servers { primary: None, replicas: replicas.collect() }
    }

    fn learn(&mut self, claim: Option<Claim>) {
        let Some(claim) = claim else {
            return;
        };
        for replica in claim.replicas {
            if !self.replicas.iter().any(|known| is_same(known, &replica)) {
                self.replicas.push(replica);
            }
        }
        self.primary.get_or_insert(claim.primary);
    }

    fn differs(&self, shard: &ShardSpec) -> Option<Remark> {
        let primary = self.primary.as_ref().filter(|it| !is_same(it, &shard.address))?;
        let name = shown(shard.name.as_bytes());
        let text = format!(
            "the primary of {name} is {primary}, as Sentinels say; the file has {}, which is used only until \
             a Sentinel answers",
            shard.address
        );
        Some((Level::Warning, text))
    }

    fn asked<'a>(&self, shard: &'a ShardSpec) -> Vec<Asked<'a>> {
        let primary = self.primary.as_ref().unwrap_or(&shard.address);
        let replicas = self.replicas.iter().filter(|it| !is_same(it, primary));
        let of =
            |address: &Address, is_primary| Asked { shard, address: address.clone(), is_primary };
        let replicas = replicas.map(|address| of(address, false));
        std::iter::once(of(primary, true)).chain(replicas).collect()
    }
}

/// Whether both are one server: Sentinels may know it by its number where the file has a name.
fn is_same(a: &Address, b: &Address) -> bool {
    let resolve = |address: &Address| match address {
        Address::Tcp { host, port } => (&**host, *port).to_socket_addrs().ok()?.next(),
        Address::Unix { .. } => None,
    };
    a == b || resolve(a).is_some_and(|a| Some(a) == resolve(b))
}

fn ask_server(spec: &PoolSpec, reads: Reads, asked: &Asked<'_>) -> Vec<Remark> {
    let Asked { shard, address, is_primary } = asked;
    let commands = [
        vec!["INFO", "replication"],
        vec!["CONFIG", "GET", "replica-serve-stale-data"],
        vec!["CONFIG", "GET", "min-replicas-to-write"],
    ];
    let name = shown(shard.name.as_bytes());
    let what = if *is_primary { "primary" } else { "replica" };
    let who = format!("{what} {address} of {name}");
    let login = Login { user: None, password: spec.redis_auth.as_deref() };
    let replies = match words(spec, address, login, &commands) {
        Ok(replies) => replies,
        Err(error) => return vec![(Level::Unknown, format!("{who} cannot be asked: {error}"))],
    };
    let [Value::Text(info), stale, min] = replies.as_slice() else {
        return vec![(Level::Unknown, format!("{who} does not answer INFO"))];
    };
    // A server that does not let us ask for its configuration says nothing about it.
    let (stale, min) =
        (stale.field("replica-serve-stale-data"), min.field("min-replicas-to-write"));
    let is_master = of_info(info, "role") == Some("master");
    let is_lost = of_info(info, "master_link_status").is_some_and(|link| link != "up");
    let checks = [
        (
            *is_primary && !is_master,
            Level::Warning,
            "says that it is a replica: is a switch under way?",
        ),
        (!is_primary && is_master, Level::Warning, "says that it is a primary"),
        (!is_primary && is_lost, Level::Warning, "has lost its primary"),
        (
            reads != Reads::Primary && stale == Some("no"),
            Level::Warning,
            "has `replica-serve-stale-data no`: while its primary is lost it answers no reads",
        ),
        (
            *is_primary && min == Some("0"),
            Level::Advice,
            "has `min-replicas-to-write 0`: while it is cut off it takes writes that a switch loses",
        ),
    ];
    let found = checks.into_iter().filter(|(is_so, ..)| *is_so);
    found.map(|(_, level, says)| (level, format!("{who} {says}"))).collect()
}
