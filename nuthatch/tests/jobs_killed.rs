//! Many short jobs, and workers that are killed meanwhile (SIGKILL): through a pool of three servers, and the
//! same with one server.
//!
//! ```text
//!   enqueue ──▶ nuthatch ──▶ three redis-servers        or one redis-server
//!   workers ──▶    "                                    some are killed, others start in their place
//!      └──────────────────▶ the ledger: how often each job was done, at a server that no pool knows
//! ```
//!
//! A library may lose what a killed worker had in its hands, or do it again; a row says how many jobs these can be
//! for each kill. The bound is the same with one server: a pool loses nothing more.
//!
//! `NUTHATCH_JOBS` is how many jobs, 300 without it. The long run prints what became of them:
//! `NUTHATCH_JOBS=10000 cargo test -p nuthatch --test jobs_killed -- --nocapture --test-threads=1`
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod programs;

use nuthatch_testbed::{
    Client, Folder, Nuthatch, Process, Proxy, RedisServer, find_program, free_port, pool_yaml,
};
use programs::{is_all_prepared, python, succeeds};
use std::env;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

const JOBS: u64 = 300;
const WORKERS: usize = 3;

/// One library.
struct Library {
    name: &'static str,
    /// Of `tests/`.
    program: &'static str,
    /// The lines of the pool, as docs/guide/frameworks.md has them.
    pool: &'static [(&'static str, &'static str)],
    /// Jobs that may be lost with a killed worker.
    lost_of_each: u64,
    /// Jobs that may be done again after a kill.
    again_of_each: u64,
    /// After this time without any job done, the rest is lost.
    quiet: Duration,
}

/// What became of the jobs.
struct Outcome {
    kills: u64,
    done: u64,
    again: u64,
    lost: u64,
    seconds: f64,
}

/// A pool or one server, and what has to live with it.
struct Broker {
    port: u16,
    _proxy: Option<Proxy>,
    _servers: Vec<RedisServer>,
}

impl Broker {
    fn pool(keys: &[(&str, &str)]) -> Broker {
        let servers: Vec<_> = (0..3).map(|_| RedisServer::start().unwrap()).collect();
        let names = ["north", "east", "south"];
        let entries: Vec<_> = servers.iter().zip(names).map(|(s, name)| s.entry(1, name)).collect();
        let port = free_port();
        let yaml = pool_yaml("jobs", port, &[&[("redis", "true")], keys].concat(), &entries);
        let proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
        Broker { port, _proxy: Some(proxy), _servers: servers }
    }

    fn one_server() -> Broker {
        let server = RedisServer::start().unwrap();
        Broker { port: server.port(), _proxy: None, _servers: vec![server] }
    }
}

/// How the library's program is started.
struct Program {
    interpreter: PathBuf,
    args: Vec<String>,
}

impl Program {
    fn start(&self, more: &[&str]) -> Process {
        let args = self.args.iter().map(String::as_str).chain(more.iter().copied());
        Process::start(&self.interpreter, args, Folder::new().unwrap()).unwrap()
    }
}

fn in_python(library: &Library) -> Option<Program> {
    Some(Program { interpreter: python()?, args: vec!["-B".into(), source(library)] })
}

fn in_ruby(library: &Library) -> Option<Program> {
    let ruby = find_program("ruby").filter(|_| succeeds(&["ruby", "-e", "require 'sidekiq'"]));
    if ruby.is_none() {
        assert!(!is_all_prepared(), "no Sidekiq");
        eprintln!("passed over: no Sidekiq; `cargo xtask test` installs it");
    }
    Some(Program { interpreter: ruby?, args: vec![source(library)] })
}

fn source(library: &Library) -> String {
    format!("{}/tests/{}", env!("CARGO_MANIFEST_DIR"), library.program)
}

/// Both runs, and a line for each.
fn assert_kept(library: &Library, program: Option<&Program>) {
    let Some(program) = program else { return };
    let jobs = env::var("NUTHATCH_JOBS").map_or(JOBS, |text| text.parse().unwrap());
    for (what, broker) in
        [("three shards", Broker::pool(library.pool)), ("one server", Broker::one_server())]
    {
        let Outcome { kills, done, again, lost, seconds } = run(library, program, &broker, jobs);
        let text = format!(
            "{}, {what}: {jobs} jobs, {kills} kills: {done} done, {again} more than once, {lost} lost, {seconds:.1} s",
            library.name
        );
        eprintln!("{text}");
        assert!(lost <= kills * library.lost_of_each, "{text}");
        assert!(again <= kills * library.again_of_each, "{text}");
    }
}

fn run(library: &Library, program: &Program, broker: &Broker, jobs: u64) -> Outcome {
    let ledger_server = RedisServer::start().unwrap();
    let mut ledger = ledger_server.client().unwrap();
    let (port, ledger_port) = (broker.port.to_string(), ledger_server.port().to_string());
    let worker = || program.start(&[&port, &ledger_port, "work"]);
    let mut workers: Vec<_> = (0..WORKERS).map(|_| worker()).collect();
    let kills_wanted = if jobs > JOBS { 4 } else { 2 };
    let begun = Instant::now();
    let limit = Duration::from_secs(60 + jobs / 20);
    let mut enqueue = program.start(&[&port, &ledger_port, "enqueue", &jobs.to_string()]);
    let (mut kills, mut done, mut last) = (0, 0, begun);
    while done < jobs {
        sleep(Duration::from_millis(20));
        let now_done = count(&mut ledger);
        if now_done > done {
            (done, last) = (now_done, Instant::now());
        }
        if kills < kills_wanted && done >= jobs * (kills + 1) / (kills_wanted + 1) {
            let victim = &mut workers[kills as usize % WORKERS];
            victim.kill().unwrap();
            *victim = worker();
            kills += 1;
        }
        let is_enqueued = enqueue.ended().is_some_and(|status| {
            assert!(status.success(), "{}: {status}\n{}", library.name, enqueue.log());
            true
        });
        if is_enqueued && last.elapsed() > library.quiet {
            break;
        }
        assert!(begun.elapsed() < limit, "{}: {done} of {jobs} after {limit:?}", library.name);
    }
    for worker in &mut workers {
        assert!(worker.ended().is_none(), "a worker ended:\n{}", worker.log());
    }
    assert_eq!(kills, kills_wanted, "{}: {done} of {jobs}", library.name);
    // What is done again comes late.
    sleep(library.quiet.saturating_sub(last.elapsed()));
    let again = again(&mut ledger);
    assert_eq!(count(&mut ledger), done, "{}: a job came after it was lost", library.name);
    Outcome { kills, done, again, lost: jobs - done, seconds: (last - begun).as_secs_f64() }
}

fn count(ledger: &mut Client) -> u64 {
    ledger.command(&["HLEN", "done"]).unwrap().as_int().unwrap().unsigned_abs()
}

/// Jobs that were done more than once.
fn again(ledger: &mut Client) -> u64 {
    let times = ledger.command(&["HVALS", "done"]).unwrap();
    times.items().unwrap().iter().filter(|times| times.as_bytes() != Some(b"1")).count() as u64
}

#[test]
fn celery() {
    let library = Library {
        name: "Celery",
        program: "python/killed_celery.py",
        pool: &[("colocate", "[\"jobs:\", \"celery-taskset-meta-\"]")],
        // A task is acknowledged when it is done. But a worker takes it from the queue in one step, and notes it as
        // not acknowledged in another: a kill between the two loses it.
        lost_of_each: 1,
        again_of_each: 1,
        quiet: Duration::from_secs(15),
    };
    assert_kept(&library, in_python(&library).as_ref());
}

#[test]
fn rq() {
    let library = Library {
        name: "RQ",
        program: "python/killed_rq.py",
        pool: &[("colocate", "[\"rq:\"]")],
        lost_of_each: 1,
        again_of_each: 0,
        quiet: Duration::from_secs(10),
    };
    assert_kept(&library, in_python(&library).as_ref());
}

#[test]
fn huey() {
    let library = Library {
        name: "huey",
        program: "python/killed_huey.py",
        pool: &[],
        // A job for each of its threads.
        lost_of_each: 2,
        again_of_each: 0,
        quiet: Duration::from_secs(10),
    };
    assert_kept(&library, in_python(&library).as_ref());
}

#[test]
fn dramatiq() {
    let library = Library {
        name: "dramatiq",
        program: "python/killed_dramatiq.py",
        pool: &[("colocate", "[\"dramatiq\"]")],
        // A message is acknowledged when it is done.
        lost_of_each: 0,
        // As many as a worker of two threads fetches in advance: acknowledgements leave together.
        again_of_each: 4,
        quiet: Duration::from_secs(10),
    };
    assert_kept(&library, in_python(&library).as_ref());
}

#[test]
fn sidekiq() {
    let library = Library {
        name: "Sidekiq",
        program: "ruby/killed_sidekiq.rb",
        pool: &[("colocate", "[\"queue:\"]"), ("transactions", "per_shard")],
        // A job for each of its threads.
        lost_of_each: 5,
        again_of_each: 0,
        quiet: Duration::from_secs(10),
    };
    assert_kept(&library, in_ruby(&library).as_ref());
}
