//! `nuthatch verify`: are the keys where this file would look for them?
//!
//! ```text
//!   servers of the file ──ask──▶ some keys of each ──▶ the router ──▶ "not here: there"
//!    a thread each, 8 at most     only names                           by pool, by server
//! ```
//!
//! In a pool with replicas it also asks the Sentinels and the replicas (`failover.rs`).
//!
//! Asked before the first client comes, it shows a wrong hash, tag, distribution, weight or name
//! while that costs nothing yet. It only reads (`ask/` lists the commands), and gently.
//!
//! What it answers, as an exit code:
//!
//! * **1**: in some pool more keys than `--max-misplaced` are not where the file would look, or
//!   the database that the file selects is empty while the data lies in database 0, where
//!   nutcracker left it in such a pool, or a Sentinel does not know a shard's name. Also a file that cannot
//!   be used.
//! * **2**: nothing like that, but some server could not be asked, or no pool can be: nobody
//!   knows. A server that holds misplaced keys is reason enough for 1, whoever else is silent.
//! * **0**: every server was asked, and what it holds is in place.

mod ask;
mod failover;
mod hint;
mod report;
mod tally;

use super::flags::CONF_FILE;
use super::load::{self, View};
use super::print::{shown, tell};
use nuthatch_engine::routing::distribution::Ring;
use nuthatch_engine::topology::{Address, PoolSpec, Protocol};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use tally::{Found, Place, Tally, places};

/// Servers asked at a time: a network of many is not to be flooded.
const THREADS_MAX: usize = 8;

#[derive(clap::Args, Debug)]
pub struct Verify {
    /// The configuration: twemproxy's YAML
    #[arg(short, long, value_name = "FILE", default_value = CONF_FILE)]
    conf_file: PathBuf,
    /// Only this pool; absent: every pool of the file
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Keys to look at on each server; 0: every one
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    sample: u64,
    /// Misplaced keys to put up with in each pool: a number, or a part such as 0.5%
    #[arg(long, value_name = "N|P%", default_value = "0", value_parser = limit)]
    max_misplaced: Limit,
    /// One JSON object a line, a pool each
    #[arg(long)]
    json: bool,
}

/// What is put up with.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Limit {
    Keys(u64),
    /// Of the keys looked at, 0 to 1.
    Part(f64),
}

fn limit(text: &str) -> Result<Limit, String> {
    let wrong = || "a number of keys, or a percentage such as 0.5%".to_owned();
    match text.strip_suffix('%') {
        None => text.parse().map(Limit::Keys).map_err(|_| wrong()),
        Some(part) => match part.trim_end().parse::<f64>() {
            Ok(part) if (0.0..=100.0).contains(&part) => Ok(Limit::Part(part / 100.0)),
            _ => Err(wrong()),
        },
    }
}

impl Limit {
    fn allows(self, misplaced: u64, sampled: u64) -> bool {
        match self {
            Limit::Keys(keys) => misplaced <= keys,
            Limit::Part(part) => misplaced as f64 <= part * sampled as f64,
        }
    }
}

pub fn run(asked: &Verify) -> anyhow::Result<ExitCode> {
    let pools = match load::all(&asked.conf_file) {
        Ok(pools) => pools,
        Err(code) => return Ok(code),
    };
    let named = |name: &str| asked.pool.as_deref().is_none_or(|pool| pool == name);
    if let Some(name) = asked.pool.as_deref().filter(|_| !pools.iter().any(|p| named(&p.spec.name)))
    {
        return Ok(load::no_such_pool(&asked.conf_file, name, &pools));
    }
    let specs: Vec<PoolSpec> = pools.into_iter().map(|pool| pool.spec).collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut is_wrong, mut is_unknown, mut asked_some) = (false, false, false);
    for spec in specs.iter().filter(|spec| named(&spec.name)) {
        let view = View::new(spec.clone());
        if let Some(reason) = not_asked(&view) {
            // A pool that is not looked at is no answer; JSON is answers.
            tell!("nuthatch: pool {} is not asked: {reason}", shown(spec.name.as_bytes()));
            continue;
        }
        asked_some = true;
        let found = find(&view, asked, &specs);
        is_wrong |= !found.is_within_limit;
        is_unknown |= found.tallies.iter().any(|tally| tally.seen.is_err());
        let has = |level| found.remarks.iter().any(|(of, _)| *of == level);
        is_wrong |= has(failover::Level::Wrong);
        is_unknown |= has(failover::Level::Unknown);
        let told =
            if asked.json { report::json(&view, &found) } else { report::text(&view, &found) };
        writeln!(out, "{told}")?;
        out.flush()?;
    }
    Ok(match (is_wrong, is_unknown || !asked_some) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(2),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// Why a pool has no wrong places.
fn not_asked(view: &View) -> Option<&'static str> {
    matches!(view.router.ring, Ring::Random(_)).then_some("it is `random`: any key may be anywhere")
}

fn find(view: &View, asked: &Verify, specs: &[PoolSpec]) -> Found {
    let places = places(view);
    let tallies = ask_all(view, &places, asked.sample);
    let sampled = tallies.iter().map(|tally| tally.sampled).sum();
    let misplaced = tallies.iter().map(|tally| tally.misplaced).sum();
    let mut hints = hint::hints(view, &places, &tallies);
    let left_in_zero = left_in_zero(view, &tallies);
    hints.extend(left_in_zero.clone());
    hints.extend(colocated(&tallies));
    hints.extend(without_password(&places, &tallies));
    if misplaced > 0 {
        hints.extend(shared(view, specs));
    }
    Found {
        is_within_limit: asked.max_misplaced.allows(misplaced, sampled) && left_in_zero.is_none(),
        places,
        tallies,
        sampled,
        misplaced,
        hints,
        remarks: failover::remarks(&view.spec),
    }
}

/// A tally for every place, in their order.
fn ask_all(view: &View, places: &[Place], sample: u64) -> Vec<Tally> {
    let next = AtomicUsize::new(0);
    let (results, inbox) = channel();
    let mut tallies: Vec<Tally> =
        places.iter().map(|_| Tally::new(view.spec.shards.len())).collect();
    thread::scope(|scope| {
        for _ in 0..places.len().min(THREADS_MAX) {
            let (results, next) = (results.clone(), &next);
            scope.spawn(move || {
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut tally = Tally::new(view.spec.shards.len());
                    let seen = ask::some(&view.spec, &place.address, sample, |key| {
                        tally.add(view, place, key);
                    });
                    tally.seen = seen;
                    // The receiver lives until all of us are done.
                    let _ = results.send((place, tally));
                }
            });
        }
        drop(results);
        for (place, tally) in inbox {
            if let Some(at) = places.iter().position(|other| other == place) {
                tallies[at] = tally;
            }
        }
    });
    tallies
}

/// Keys that are misplaced because `colocate` moves them, which is what it is for.
fn colocated(tallies: &[Tally]) -> Option<String> {
    let keys: u64 = tallies.iter().map(|tally| tally.colocated).sum();
    (keys > 0).then(|| {
        format!(
            "{keys} of the misplaced keys begin with a prefix of `colocate`: nutcracker has no such key \
             and placed each of them by its own hash. They differ on purpose, and must be moved before \
             this file serves them"
        )
    })
}

/// Servers that anybody may use, whatever the pool's password.
fn without_password(places: &[Place], tallies: &[Tally]) -> Option<String> {
    let is_open = |tally: &Tally| tally.seen.as_ref().is_ok_and(|seen| seen.has_no_password);
    let open = places.iter().zip(tallies).filter(|(_, tally)| is_open(tally));
    let names: Vec<String> = open.map(|(place, _)| place.address.to_string()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "no password is set at {}: the pool's `redis_auth` is demanded of clients and protects \
             nothing there",
            names.join(", ")
        )
    })
}

/// nutcracker left the data in database 0 with a password, or over a Unix socket; we do not.
fn left_in_zero(view: &View, tallies: &[Tally]) -> Option<String> {
    let spec = &view.spec;
    let is_unix = |address: &Address| matches!(address, Address::Unix { .. });
    let by_nutcracker =
        spec.redis_auth.is_some() || spec.shards.iter().any(|shard| is_unix(&shard.address));
    let seen = || tallies.iter().filter_map(|tally| tally.seen.as_ref().ok());
    let here: u64 = seen().map(|seen| seen.keys).sum();
    let zero: u64 = seen().filter_map(|seen| seen.keys_in_zero).sum();
    (by_nutcracker && here == 0 && zero > 0).then(|| {
        format!(
            "database {} is empty and database 0 has {zero} keys: nutcracker left them there; \
             `redis_db: 0` finds them",
            spec.redis_db
        )
    })
}

/// Other pools whose keys we may have met.
fn shared(view: &View, specs: &[PoolSpec]) -> Option<String> {
    let ours = &view.spec;
    let has_no_databases = ours.protocol == Protocol::Memcache;
    let meets = |other: &&PoolSpec| {
        other.name != ours.name
            && other.protocol == ours.protocol
            && (has_no_databases || other.redis_db == ours.redis_db)
            && other.shards.iter().any(|o| ours.shards.iter().any(|s| s.address == o.address))
    };
    let names: Vec<String> =
        specs.iter().filter(meets).map(|spec| shown(spec.name.as_bytes())).collect();
    let what = if has_no_databases { "servers" } else { "servers and database" };
    (!names.is_empty()).then(|| {
        format!("{what} are shared with pool {}, whose keys are among these", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_parts() {
        assert_eq!(limit("0"), Ok(Limit::Keys(0)));
        assert_eq!(limit("12"), Ok(Limit::Keys(12)));
        assert_eq!(limit("50%"), Ok(Limit::Part(0.5)));
        for bad in ["", "%", "-1", "101%", "x", "1.5", "NaN%"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
        assert!(Limit::Keys(2).allows(2, 10) && !Limit::Keys(2).allows(3, 10));
        assert!(Limit::Part(0.1).allows(1, 10) && !Limit::Part(0.1).allows(2, 10));
        assert!(Limit::Part(0.0).allows(0, 0));
    }
}
