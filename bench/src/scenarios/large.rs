//! Big values and slow readers: a proxy's memory for a client that reads slowly, for a client that
//! never reads, and for a value of 256 MiB.

use super::paced::{self, Deed, GET};
use super::scene::{Scene, mib, null_servers, pid, pinned};
use crate::contestants::{Layout, Running};
use crate::pin;
use crate::proc;
use anyhow::{Result, ensure};
use std::io::{Read, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub const WHAT: &str = "Big values and slow readers: memory over rest";

const MIB: usize = 1 << 20;
/// How fast the slow reader reads.
const PER_SECOND: usize = 10_000_000;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let quick = scene.size.is_quick;
    let gets = if quick { 30 } else { 300 };
    // Enough to reach the bound at which a client that reads nothing is closed early.
    let hoard = if quick { 100 } else { 300 };
    let stall_ms = 2_000;
    let max_wait = Duration::from_secs(if quick { 3 } else { 20 });
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
        let after = silent(&running, hoard, max_wait)?;
        let what = format!("peak, {hoard} GETs of 1 MiB never read");
        scene.figure(name, &what, over(&running, rest)?, "MiB");
        let closed = format!("never read: closed after (`client_stall_ms: {stall_ms}`)");
        if let Some(after) = after {
            scene.figure(name, &closed, after.as_secs_f64(), "s");
            sleep(Duration::from_secs(if quick { 1 } else { 10 }));
        } else {
            let why = format!("still open after {} s", max_wait.as_secs());
            scene.missing(name, &closed, &why);
        }
        let left = mib(proc::rss_kib(pid(&running)?)?.saturating_sub(rest));
        scene.figure(name, "never read: left behind", left, "MiB");
    }
    drop(servers);
    let servers = null_servers(big * MIB)?;
    for contestant in scene.proxies() {
        for (verb, deed) in [("SET", paced::set as Deed), ("GET", paced::get)] {
            let running = pinned(contestant, &servers)?;
            let rest = rest(&running)?;
            let what = format!("peak, {verb} of {big} MiB");
            match deed(running.port, big * MIB, usize::MAX) {
                Ok(()) => scene.figure(contestant.name, &what, over(&running, rest)?, "MiB"),
                Err(error) => scene.missing(contestant.name, &what, &format!("{error:#}")),
            }
        }
    }
    Ok(())
}

/// Memory at rest, after a first small request. The peak counts from here.
fn rest(running: &Running) -> Result<u64> {
    let mut stream = paced::connect(running.port)?;
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

/// Sends all requests at once and reads at a fixed rate.
fn slow(port: u16, gets: usize) -> Result<()> {
    let mut stream = paced::connect(port)?;
    stream.write_all(&GET.repeat(gets))?;
    let total = gets * format!("${MIB}\r\n").len() + gets * (MIB + 2);
    paced::read_paced(&mut stream, total, PER_SECOND)
}

/// Sends all requests at once and reads nothing. Returns the time until we are closed. We look at the
/// proxy's own descriptors: with a full window, neither its FIN nor anything else reaches us.
fn silent(running: &Running, gets: usize, max_wait: Duration) -> Result<Option<Duration>> {
    let pid = pid(running)?;
    let mut stream = paced::connect(running.port)?;
    stream.write_all(&GET.repeat(gets))?;
    let begun = Instant::now();
    sleep(Duration::from_millis(300));
    let open = proc::descriptors(pid)?;
    while begun.elapsed() < max_wait {
        sleep(Duration::from_millis(100));
        if proc::descriptors(pid)? < open {
            return Ok(Some(begun.elapsed()));
        }
    }
    Ok(None)
}
