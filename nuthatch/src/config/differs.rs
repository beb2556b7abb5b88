//! Where the same file makes another proxy of nuthatch than of nutcracker: what `-t` tells
//! besides what is wrong.
//!
//! A row of [`RULES`] each. There are two kinds:
//!
//! * *differs from nutcracker*: clients, servers or data would notice the change.
//! * *as under nutcracker*: kept to the bit, since keys are placed by it, and yet not what the
//!   file seems to say. Better heard of now than when a server is added.
//!
//! A difference says what the old proxy did, what we do, and how to have it the other way. What
//! no file decides (a timeout fails only the request that is late, say) is in the guide,
//! `docs/guide/migrate.md`, and not repeated for every file. Nothing here changes an exit code.

use super::checked::{Config, Pool};
use super::colocate;
use super::export;
use super::place::Place;
use super::quote::quoted;
use super::schema::{self, KEYS, Key};
use super::written::{Form, Written};
use nuthatch_engine::routing::{Member, distribution::Ring};
use nuthatch_engine::topology::{Address, Manners, PoolSpec, Protocol};
use std::fmt;

/// A place where the two proxies part, or seem to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Of the row in `RULES`.
    pub rule: &'static str,
    pub kind: Kind,
    /// A warning at the same place says less of the same matter.
    pub has_warning: bool,
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub pool: Option<String>,
    /// What nutcracker did.
    pub old: String,
    /// What we do.
    pub ours: String,
    /// What to write.
    pub cure: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Differs,
    Kept,
}

/// A rule: its name, its kind, and what it finds in a file.
#[derive(Clone, Copy)]
pub struct Rule {
    pub name: &'static str,
    pub kind: Kind,
    /// Does `advice.rs` speak of it too?
    has_warning: bool,
    check: fn(&Asked<'_>) -> Vec<Found>,
}

/// What a rule looks at.
struct Asked<'a> {
    config: &'a Config,
    written: &'a Written<'a>,
    workers: u16,
}

/// A finding of a rule.
struct Found {
    place: Place,
    pool: Option<String>,
    old: String,
    ours: String,
    cure: String,
}

/// Sorted by name.
pub static RULES: [Rule; 13] = [
    rule("client_connections", Kind::Differs, client_connections),
    rule("colocate", Kind::Differs, colocated),
    warned(rule("crc32", Kind::Kept, crc32)),
    rule("forms", Kind::Differs, forms),
    rule("keys", Kind::Differs, keys),
    rule("password", Kind::Differs, password),
    warned(rule("password_and_database", Kind::Differs, password_and_database)),
    rule("port_11211", Kind::Kept, port_11211),
    rule("preconnect", Kind::Differs, preconnect),
    rule("server_brackets", Kind::Differs, server_brackets),
    rule("unix_and_database", Kind::Differs, unix_and_database),
    rule("upstreams", Kind::Differs, upstreams),
    warned(rule("weights", Kind::Kept, weights)),
];

const fn rule(name: &'static str, kind: Kind, check: fn(&Asked<'_>) -> Vec<Found>) -> Rule {
    Rule { name, kind, has_warning: false, check }
}

/// A rule for what `advice.rs` speaks of too.
const fn warned(rule: Rule) -> Rule {
    Rule { has_warning: true, ..rule }
}

/// All differences of a file, in its order. `workers` is how many threads would serve.
pub fn differences(config: &Config, workers: u16) -> Vec<Difference> {
    let written = Written::new(config);
    let asked = Asked { config, written: &written, workers };
    let mut all = Vec::new();
    for rule in &RULES {
        all.extend((rule.check)(&asked).into_iter().map(|found| Difference {
            rule: rule.name,
            kind: rule.kind,
            has_warning: rule.has_warning,
            file: config.source.file.clone(),
            line: found.place.line,
            column: found.place.column,
            pool: found.pool,
            old: found.old,
            ours: found.ours,
            cure: found.cure,
        }));
    }
    all.sort_by_key(|difference| (difference.line, difference.column));
    all
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Differs => "differs from nutcracker",
            Kind::Kept => "as under nutcracker",
        };
        write!(f, "{}:{}:{}: {kind}", self.file, self.line, self.column)?;
        if let Some(pool) = &self.pool {
            write!(f, " in pool {}", quoted(pool))?;
        }
        write!(f, "\n  nutcracker: {}\n  nuthatch:   {}", self.old, self.ours)?;
        write!(f, "\n  cure:       {}", self.cure)
    }
}

impl Asked<'_> {
    /// A finding at a key's value in a pool, or at the pool when the key is not written.
    fn at(&self, pool: &Pool, key: &str, old: String, ours: String, cure: String) -> Found {
        let value = self.written.pool(&pool.spec.name).and_then(|lines| lines.key(key));
        let place = value.map_or(pool.place, |(_, value)| value.place());
        Found { place, pool: Some(pool.spec.name.to_string()), old, ours, cure }
    }

    /// A finding at the server of that index in the order of names.
    fn at_server(&self, pool: &Pool, shard: usize, texts: [String; 3]) -> Found {
        let [old, ours, cure] = texts;
        let lines = self.written.pool(&pool.spec.name);
        let name = &pool.spec.shards[shard].name;
        let is_it = |text: &str| super::servers::read(text).is_ok_and(|shard| shard.name == *name);
        let item = lines.and_then(|lines| lines.servers().find(|item| is_it(&item.text)));
        let place = item.map_or(pool.place, |item| item.place);
        Found { place, pool: Some(pool.spec.name.to_string()), old, ours, cure }
    }

    fn redis(&self) -> impl Iterator<Item = &Pool> {
        self.config.pools.iter().filter(|pool| pool.spec.protocol == Protocol::Redis)
    }
}

fn client_connections(asked: &Asked<'_>) -> Vec<Found> {
    let limited =
        |pool: &&Pool| pool.spec.client_connections > 0 && pool.spec.manners == Manners::Modern;
    let found = |pool: &Pool| {
        asked.at(
            pool,
            "client_connections",
            "read the number and let in any number of clients".into(),
            format!("lets in {} clients at a time", pool.spec.client_connections),
            "`client_connections: 0` for no limit".into(),
        )
    };
    asked.config.pools.iter().filter(limited).map(found).collect()
}

fn colocated(asked: &Asked<'_>) -> Vec<Found> {
    let found = |pool: &Pool| {
        let owners = colocate::owners(&pool.spec);
        let ours = if owners.is_empty() {
            "takes it; in this pool no key is hashed, so it has no effect".into()
        } else {
            format!(
                "keeps all keys of an entry on one server: {owners}. How many keys these are is not \
                 known here: such a server may get most of the load"
            )
        };
        let lines = asked.written.pool(&pool.spec.name);
        let key = lines.and_then(|lines| lines.key("colocate"));
        Found {
            place: key.map_or(pool.place, |(key, _)| key.place),
            pool: Some(pool.spec.name.to_string()),
            old: "refused the file: 0.5.0 does not know `colocate`".into(),
            ours,
            cure: "none; `nuthatch export --for nutcracker` leaves it out, and nutcracker then looks for \
                   these keys on other servers"
                .into(),
        }
    };
    let with = asked.config.pools.iter().filter(|pool| pool.spec.colocate.is_some());
    with.map(found).collect()
}

fn is_ketama_of_many(spec: &PoolSpec) -> bool {
    spec.distribution.name == "ketama" && spec.shards.len() > 1
}

fn crc32(asked: &Asked<'_>) -> Vec<Found> {
    let narrow = |pool: &&Pool| pool.spec.hash.max < u32::MAX / 16 && is_ketama_of_many(&pool.spec);
    let found = |pool: &Pool| {
        let share = view(&pool.spec).share(pool.spec.shards.len(), pool.spec.hash.max);
        let busy = share.iter().filter(|&&part| part > 0.0).count();
        asked.at(
            pool,
            "hash",
            format!(
                "`{}` has 15 bits, so that {busy} of {} servers got all keys",
                pool.spec.hash.name,
                pool.spec.shards.len()
            ),
            "the same, or every key would move".into(),
            "nothing for a pool that has data; for a new one `hash: fnv1a_64`".into(),
        )
    };
    asked.config.pools.iter().filter(narrow).map(found).collect()
}

fn forms(asked: &Asked<'_>) -> Vec<Found> {
    let mut all = Vec::new();
    for refused in asked.written.refused() {
        let what = match refused.form {
            Form::Flow => "lists and maps in brackets",
            Form::Marker => "lines that begin with `---`, `...` or `%`",
            Form::Tab => "a tab here",
            Form::ListenBrackets => "IPv6 addresses in brackets",
            Form::ServerBrackets => continue,
        };
        all.push(Found {
            place: refused.place,
            pool: refused.pool.map(str::to_owned),
            old: format!("refused the file: it does not take {what}"),
            ours: "takes it".into(),
            cure: EXPORT.into(),
        });
    }
    all
}

const EXPORT: &str = "none is needed; `nuthatch export --for nutcracker` makes a file for it";

fn keys(asked: &Asked<'_>) -> Vec<Found> {
    let mut all = Vec::new();
    for pool in asked.written.pools() {
        // `colocate` has a rule of its own.
        let is_new = |key: &&Key| !export::is_known(key) && key.kind != schema::Kind::Colocate;
        for key in KEYS.iter().filter(is_new) {
            let Some((at, _)) = pool.key(key.name) else { continue };
            all.push(Found {
                place: at.place,
                pool: Some(pool.name.text.clone()),
                old: format!("refused the file: 0.5.0 does not know `{}`", key.name),
                ours: "takes it".into(),
                cure: EXPORT.into(),
            });
        }
    }
    all
}

fn password(asked: &Asked<'_>) -> Vec<Found> {
    let found = |pool: &Pool| {
        asked.at(
            pool,
            "redis_auth",
            "sent the password to the servers and took no notice of their answer".into(),
            "uses a server without a password, with a warning in the log; where a server refuses it, \
             requests fail and say so"
                .into(),
            "`nuthatch verify` names the servers that have no password or another one".into(),
        )
    };
    asked.redis().filter(|pool| pool.spec.redis_auth.is_some()).map(found).collect()
}

fn password_and_database(asked: &Asked<'_>) -> Vec<Found> {
    let both = |pool: &&Pool| pool.spec.redis_auth.is_some() && pool.spec.redis_db > 0;
    let found = |pool: &Pool| {
        asked.at(
            pool,
            "redis_db",
            "sent SELECT before AUTH: it was refused, and the data went to database 0".into(),
            format!("sends AUTH first and uses database {}", pool.spec.redis_db),
            "`redis_db: 0` where the data is to be found again; `nuthatch verify` looks".into(),
        )
    };
    asked.redis().filter(both).map(found).collect()
}

fn unix_and_database(asked: &Asked<'_>) -> Vec<Found> {
    let is_unix = |pool: &Pool| {
        pool.spec.shards.iter().any(|shard| matches!(shard.address, Address::Unix { .. }))
    };
    let found = |pool: &Pool| {
        asked.at(
            pool,
            "redis_db",
            "sent no SELECT over Unix sockets: the data there went to database 0".into(),
            format!("uses database {} on every server", pool.spec.redis_db),
            "`redis_db: 0` where the data is to be found again; `nuthatch verify` looks".into(),
        )
    };
    let both = |pool: &&Pool| {
        // With a password the other rule has said it.
        pool.spec.redis_db > 0 && pool.spec.redis_auth.is_none() && is_unix(pool)
    };
    asked.redis().filter(both).map(found).collect()
}

/// Told once a pool: 11211 is memcached's port, and so may stand in every line.
fn port_11211(asked: &Asked<'_>) -> Vec<Found> {
    let unnamed = |pool: &Pool| {
        pool.spec.shards.iter().position(|shard| match &shard.address {
            // Brackets are part of the name as written.
            Address::Tcp { host, port: 11211 } => {
                *shard.name == **host || *shard.name == format!("[{host}]")
            }
            _ => false,
        })
    };
    let found = |pool: &Pool| {
        let at = unnamed(pool)?;
        let name = &pool.spec.shards[at].name;
        Some(
            asked.at_server(
                pool,
                at,
                [
                    format!(
                        "left the port 11211 out of the name that places keys: {}",
                        quoted(name)
                    ),
                    "the same, or every key would move".into(),
                    "nothing; before a server moves, write the name out, as in \
                 `host:11211:1 host`, and keep it"
                        .into(),
                ],
            ),
        )
    };
    asked.config.pools.iter().filter_map(found).collect()
}

/// What several workers add is reported by `upstreams`.
fn preconnect(asked: &Asked<'_>) -> Vec<Found> {
    let several = |pool: &&Pool| pool.spec.preconnect && pool.spec.server_connections > 1;
    let found = |pool: &Pool| {
        let (old, cure) = (
            "made one connection to each server at the start, and others as requests came",
            "`server_connections: 1`, if servers' logs or limits at the start matter",
        );
        let ours = format!("makes all {} of them at the start", pool.spec.server_connections);
        asked.at(pool, "preconnect", old.into(), ours, cure.into())
    };
    asked.config.pools.iter().filter(several).map(found).collect()
}

fn server_brackets(asked: &Asked<'_>) -> Vec<Found> {
    let brackets = asked.written.refused().into_iter();
    brackets
        .filter(|refused| refused.form == Form::ServerBrackets)
        .map(|refused| Found {
            place: refused.place,
            pool: refused.pool.map(str::to_owned),
            old: "took the brackets for part of a host name, and never reached the server".into(),
            ours: "reaches it".into(),
            cure: EXPORT.into(),
        })
        .collect()
}

/// Told once a file.
fn upstreams(asked: &Asked<'_>) -> Vec<Found> {
    let pools = &asked.config.pools;
    let per_server =
        pools.iter().map(|pool| u64::from(pool.spec.server_connections)).max().unwrap_or(0);
    let workers = u64::from(asked.workers);
    let first = pools.iter().min_by_key(|pool| pool.place.line);
    let Some(first) = first.filter(|_| workers > 1) else { return Vec::new() };
    let has = |protocol| pools.iter().any(|pool| pool.spec.protocol == protocol);
    let (twice, limit) = match (has(Protocol::Redis), has(Protocol::Memcache)) {
        (true, false) => (RESP3_TWICE, "`maxclients` allow it"),
        (true, true) => (RESP3_TWICE, "`maxclients` (memcached: `-c`) allow it"),
        _ => ("", "`-c` allow it"),
    };
    vec![Found {
        place: first.place,
        pool: None,
        old: format!(
            "made up to {per_server} connection{} to a server for each pool",
            if per_server == 1 { "" } else { "s" }
        ),
        ours: format!(
            "up to {}: {workers} workers make {per_server} each{twice}",
            workers * per_server
        ),
        cure: format!("`-w 1` for as many as ever; else see that the servers' {limit}"),
    }]
}

const RESP3_TWICE: &str = "; twice that while there are clients that speak RESP3";

fn weights(asked: &Asked<'_>) -> Vec<Found> {
    let mut all = Vec::new();
    for pool in asked.config.pools.iter().filter(|pool| is_ketama_of_many(&pool.spec)) {
        let Ring::Ketama(continuum) = view(&pool.spec) else { continue };
        let mut points = vec![0; pool.spec.shards.len()];
        for point in continuum.points() {
            points[point.shard.index()] += 1;
        }
        for (at, shard) in pool.spec.shards.iter().enumerate().filter(|(at, _)| points[*at] == 0) {
            all.push(asked.at_server(
                pool,
                at,
                [
                    format!(
                        "beside the others, a weight of {} got no point on the ring, and no key",
                        shard.weight
                    ),
                    "the same, or keys would move".into(),
                    "a server that is to get keys needs a fortieth of the average weight; \
                     `nuthatch ring` shows what a change moves"
                        .into(),
                ],
            ));
        }
    }
    all
}

fn view(spec: &PoolSpec) -> Ring {
    let members: Vec<Member<'_>> = spec
        .shards
        .iter()
        .zip(0u16..)
        .map(|(shard, id)| Member {
            shard: nuthatch_engine::base::ShardId(id),
            name: &shard.name,
            weight: shard.weight,
        })
        .collect();
    (spec.distribution.build)(&members)
}

#[cfg(test)]
#[path = "differs_tests.rs"]
mod tests;
