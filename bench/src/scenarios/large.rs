//! Big values and slow readers: what a proxy holds for a client that takes its time, for one that
//! never reads, and for a value of 256 MiB; and what such a value costs others of its server.

use super::{Scene, mib, null_servers, pid, pinned};
use crate::contestants::{Layout, Running};
use crate::load::{Asks, Load, Shape};
use crate::measure;
use crate::pin;
use crate::proc;
use crate::servers::Servers;
use crate::summary::median;
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result, anyhow, ensure};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

pub const WHAT: &str = "Big values and slow readers: memory over rest";

const MIB: usize = 1 << 20;
const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
/// How fast the slow reader reads.
const PER_SECOND: usize = 10_000_000;
/// How often others ask while a value passes.
const PER_SECOND_BESIDE: f64 = 2_000.0;
/// How fast it passes: what a network of a gigabit carries. At full speed two cores are full of
/// copying, and p99 is 80 ms with no proxy at all.
const PASSED_PER_SECOND: usize = 100_000_000;
/// Bytes that are written or read at a time.
const STEP: usize = 64 << 10;

/// A value of so many bytes, so many a second at the most, to or from a port.
type Deed = fn(u16, usize, usize) -> Result<()>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let quick = scene.size.is_quick;
    let gets = if quick { 30 } else { 300 };
    // Enough for the bound at which a client that reads nothing is closed early.
    let hoard = if quick { 100 } else { 300 };
    let stall_ms = 2_000;
    let patience = Duration::from_secs(if quick { 3 } else { 20 });
    let big = if quick { 64 } else { 256 };
    let servers = null_servers(MIB)?;
    for contestant in scene.proxies() {
        let name = contestant.name;
        let running = pinned(contestant, &servers)?;
        let rest = rest(&running)?;
        let what = format!("peak, {gets} GETs of 1 MiB read at 10 MB/s");
        match slow(running.port, gets) {
            Ok(()) => scene.figure(name, &what, over(&running, rest)?, "MiB"),
            Err(error) => scene.missing(name, &what, &format!("{error:#}")),
        }
        drop(running);

        let mut layout = Layout::new(&servers.ports, false);
        layout.client_stall_ms = Some(stall_ms);
        let running = contestant.start(layout, pin::PROXY)?;
        let rest = self::rest(&running)?;
        scene.figure(name, "never read: at rest before", mib(rest), "MiB");
        let after = silent(&running, hoard, patience)?;
        let what = format!("peak, {hoard} GETs of 1 MiB never read");
        scene.figure(name, &what, over(&running, rest)?, "MiB");
        let closed = format!("never read: closed after (`client_stall_ms: {stall_ms}`)");
        if let Some(after) = after {
            scene.figure(name, &closed, after.as_secs_f64(), "s");
            sleep(Duration::from_secs(if quick { 1 } else { 10 }));
        } else {
            let why = format!("still open after {} s", patience.as_secs());
            scene.missing(name, &closed, &why);
        }
        let left = mib(proc::rss_kib(pid(&running)?)?.saturating_sub(rest));
        scene.figure(name, "never read: left behind", left, "MiB");
    }
    drop(servers);
    let servers = null_servers(big * MIB)?;
    for contestant in scene.proxies() {
        for (verb, deed) in [("SET", set as Deed), ("GET", get)] {
            let running = pinned(contestant, &servers)?;
            let rest = rest(&running)?;
            let what = format!("peak, {verb} of {big} MiB");
            match deed(running.port, big * MIB, usize::MAX) {
                Ok(()) => scene.figure(contestant.name, &what, over(&running, rest)?, "MiB"),
                Err(error) => scene.missing(contestant.name, &what, &format!("{error:#}")),
            }
        }
    }
    beside(scene, big, &servers)
}

/// p99 of others on the same server, who SET, before and while large values go to it and come from
/// it, one after the other. A null server: a real one stands still itself, for 255 ms where no proxy
/// is between, while it stores what has come or begins to answer.
fn beside(scene: &mut Scene<'_>, mib: usize, servers: &Servers) -> Result<()> {
    for &contestant in scene.contestants {
        let running = contestant.start(Layout::new(&servers.ports[..1], false), pin::PROXY)?;
        let (port, ms) = (running.port, scene.size.ms);
        let shape = Shape::Rate { per_second: PER_SECOND_BESIDE };
        let plain = WORKLOADS[0].load(port, ms / 10, ms, Vec::new());
        let load = Load { asks: Asks::Set, shape, ..plain };
        let (mut before, mut during, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut passed = 0;
        for _ in 0..scene.size.rounds {
            let calm = measure::load(&load, pin::REST)?.p99;
            let is_over = AtomicBool::new(false);
            let busy = thread::scope(|scope| {
                let passing = scope.spawn(|| pass(port, mib * MIB, &is_over));
                let outcome = measure::load(&load, pin::REST);
                is_over.store(true, Ordering::Relaxed);
                passed += passing.join().map_err(|_| anyhow!("passing values panicked"))??;
                outcome
            })?;
            ensure!(busy.errors + busy.unanswered == 0, "others had errors: {}", busy.first_error);
            before.push(calm);
            during.push(busy.p99);
            ratios.push(busy.p99 / calm);
        }
        let name = contestant.name;
        scene.figure(name, "p99 on a server, before", median(before), "us");
        let what = format!("p99 while values of {mib} MiB pass, 100 MB/s");
        scene.figure(name, &what, median(during), "us");
        let what = format!("ratio, while values of {mib} MiB pass, 100 MB/s");
        scene.figure(name, &what, median(ratios), "x");
        scene.figure(name, &format!("values of {mib} MiB passed"), passed as f64, "");
    }
    Ok(())
}

/// SET and GET, until it is over; how many there were.
fn pass(port: u16, bytes: usize, is_over: &AtomicBool) -> Result<u64> {
    let mut passed = 0;
    while !is_over.load(Ordering::Relaxed) {
        set(port, bytes, PASSED_PER_SECOND)?;
        get(port, bytes, PASSED_PER_SECOND)?;
        passed += 2;
    }
    Ok(passed)
}

/// Memory at rest, after a first small request; the peak counts from here.
fn rest(running: &Running) -> Result<u64> {
    let mut stream = connect(running.port)?;
    stream.write_all(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\nv\r\n")?;
    ensure!(stream.read(&mut [0; 16])? > 0, "closed at the first request");
    sleep(Duration::from_millis(200));
    let pid = pid(running)?;
    proc::forget_peak(pid)?;
    proc::rss_kib(pid)
}

fn over(running: &Running, rest: u64) -> Result<f64> {
    Ok(mib(proc::peak_kib(pid(running)?)?.saturating_sub(rest)))
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("cannot connect")?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Sends all at once and reads at a steady pace.
fn slow(port: u16, gets: usize) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(&GET.repeat(gets))?;
    let total = gets * format!("${MIB}\r\n").len() + gets * (MIB + 2);
    read_paced(&mut stream, total, PER_SECOND)
}

/// What a step of so much in all has to wait for.
fn wait_until_due(begun: Instant, done: usize, per_second: usize) {
    let due = Duration::from_secs_f64(done as f64 / per_second as f64);
    sleep(due.saturating_sub(begun.elapsed()));
}

fn read_paced(stream: &mut TcpStream, bytes: usize, per_second: usize) -> Result<()> {
    let mut buffer = vec![0; STEP];
    let begun = Instant::now();
    let mut taken = 0;
    while taken < bytes {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "closed after {taken} of {bytes} bytes");
        ensure!(taken > 0 || buffer[0] == b'$', "answered with an error");
        taken += read;
        wait_until_due(begun, taken, per_second);
    }
    Ok(())
}

/// Sends all at once and reads nothing; how long until we are closed. We look at the proxy's own
/// descriptors: with the window full, neither its FIN nor anything else of its reaches us.
fn silent(running: &Running, gets: usize, patience: Duration) -> Result<Option<Duration>> {
    let pid = pid(running)?;
    let mut stream = connect(running.port)?;
    stream.write_all(&GET.repeat(gets))?;
    let begun = Instant::now();
    sleep(Duration::from_millis(300));
    let open = proc::descriptors(pid)?;
    while begun.elapsed() < patience {
        sleep(Duration::from_millis(100));
        if proc::descriptors(pid)? < open {
            return Ok(Some(begun.elapsed()));
        }
    }
    Ok(None)
}

fn set(port: u16, bytes: usize, per_second: usize) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${bytes}\r\n").as_bytes())?;
    let block = vec![b'x'; STEP];
    let begun = Instant::now();
    for step in 1..=bytes / STEP {
        stream.write_all(&block)?;
        wait_until_due(begun, step * STEP, per_second);
    }
    stream.write_all(b"\r\n")?;
    let mut reply = [0; 5];
    stream.read_exact(&mut reply)?;
    ensure!(&reply == b"+OK\r\n", "answered {:?}", String::from_utf8_lossy(&reply));
    Ok(())
}

fn get(port: u16, bytes: usize, per_second: usize) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(GET)?;
    read_paced(&mut stream, format!("${bytes}\r\n").len() + bytes + 2, per_second)
}
