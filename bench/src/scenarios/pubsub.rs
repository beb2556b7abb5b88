//! A thousand clients listen to one channel: what a delivered message costs, at the proxy and at the servers.
//!
//! ```text
//!   publisher ──▶ contestant ──▶ redis-server
//!   1,000 listeners ◀── contestant ◀── redis-server      each reads every message, once and in order
//! ```
//!
//! The publisher sends one message, or 16 in one write, and sends again when all listeners have read them. So
//! nothing is ever late or dropped, and the time between two messages is the time that all deliveries take. CPU
//! counts, of the proxy and of the servers, divided by messages and listeners.
//!
//! Without a proxy a redis-server writes to every listener; with one it writes once, and the proxy does the rest.

use super::paced::connect;
use super::scene::Scene;
use crate::contestants::{BASE, Contestant, Layout};
use crate::proc;
use crate::servers::{Kind, Servers};
use crate::summary::median;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub const WHAT: &str = "A message to 1,000 clients of a channel (real servers, unpinned)";

const LISTENERS: usize = 1_000;
const PAYLOAD_BYTES: usize = 100;
/// Messages in one write of the publisher.
const BATCHES: [usize; 2] = [1, 16];
const WARM_BATCHES: usize = 10;

const SUBSCRIBE: &[u8] = b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n";
const PUBLISH: &str = "*3\r\n$7\r\nPUBLISH\r\n";
const MESSAGE: &str = "*3\r\n$7\r\nmessage\r\n";
const CONFIRMED: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";

/// Microseconds of CPU for one message to one listener, and how many there were in a second.
#[derive(Clone, Copy)]
struct Seen {
    proxy: f64,
    servers: f64,
    per_second: f64,
}

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let mut all: BTreeMap<(&str, usize), Vec<Seen>> = BTreeMap::new();
    let mut order: Vec<&Contestant> =
        scene.contestants.iter().copied().filter(|it| it.name != BASE).collect();
    for _ in 0..scene.size.rounds {
        for &contestant in &order {
            for batch in BATCHES {
                let seen = one(contestant, batch, scene.size.ms)
                    .with_context(|| format!("{}, {batch} at once", contestant.name))?;
                all.entry((contestant.name, batch)).or_default().push(seen);
            }
        }
        order.rotate_left(1);
    }
    tell(scene, &all);
    Ok(())
}

fn tell(scene: &mut Scene<'_>, all: &BTreeMap<(&str, usize), Vec<Seen>>) {
    let both = |seen: &Seen| seen.proxy + seen.servers;
    for (&(name, batch), windows) in all {
        let mut figure = |what: &str, values: Vec<f64>, unit: &str| {
            scene.figure(name, &format!("{batch} at once: {what}"), median(values), unit);
        };
        let taken = |of: fn(&Seen) -> f64| windows.iter().map(of).collect::<Vec<f64>>();
        figure("deliveries/s", taken(|seen| seen.per_second), "/s");
        figure("servers' CPU a delivery", taken(|seen| seen.servers), "us");
        if name == "none" {
            continue;
        }
        figure("proxy's CPU a delivery", taken(|seen| seen.proxy), "us");
        if let Some(alone) = all.get(&("none", batch)) {
            let ratios = windows.iter().zip(alone).map(|(one, alone)| both(one) / both(alone));
            figure("CPU of both, by a server's alone", ratios.collect(), "x");
        }
    }
    if scene.contestants.iter().any(|contestant| contestant.name == BASE) {
        scene.missing(BASE, "all of it", "it does not serve SUBSCRIBE");
    }
}

/// A new contestant and new servers, for this many milliseconds.
fn one(contestant: &Contestant, batch: usize, ms: u64) -> Result<Seen> {
    let servers = Servers::start(Kind::Real, false, 0, None)?;
    let running = contestant.start(Layout::new(&servers.ports, false), None)?;
    let mut listeners = Vec::with_capacity(LISTENERS);
    for _ in 0..LISTENERS {
        listeners.push(subscribe(running.port)?);
    }
    let mut channel = Channel { publisher: connect(running.port)?, listeners, sent: 0 };
    for _ in 0..WARM_BATCHES {
        channel.publish(batch)?;
    }
    let cpu = || -> Result<(f64, f64)> {
        let proxy = running.pid().map_or(Ok(0.0), |pid| proc::cpu(pid).map(proc::Cpu::total))?;
        let servers = servers.pids();
        let servers: Result<f64> = servers.iter().map(|&pid| Ok(proc::cpu(pid)?.total())).sum();
        Ok((proxy, servers?))
    };
    let (proxy, at_servers) = cpu()?;
    let (before, begun) = (channel.sent, Instant::now());
    while begun.elapsed() < Duration::from_millis(ms) {
        channel.publish(batch)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (proxy, at_servers) = (cpu()?.0 - proxy, cpu()?.1 - at_servers);
    channel.check_silent()?;
    let deliveries = ((channel.sent - before) * LISTENERS) as f64;
    let micros = |seconds: f64| seconds / deliveries * 1e6;
    Ok(Seen { proxy: micros(proxy), servers: micros(at_servers), per_second: deliveries / seconds })
}

fn subscribe(port: u16) -> Result<TcpStream> {
    let mut stream = connect(port)?;
    stream.write_all(SUBSCRIBE)?;
    let mut reply = vec![0; CONFIRMED.len()];
    stream.read_exact(&mut reply)?;
    ensure!(reply == CONFIRMED, "SUBSCRIBE: {:?}", String::from_utf8_lossy(&reply));
    Ok(stream)
}

/// The publisher, and those who listen to it.
struct Channel {
    publisher: TcpStream,
    listeners: Vec<TcpStream>,
    /// Messages so far. Each has its number in it.
    sent: usize,
}

impl Channel {
    /// Publishes some messages. Every listener must read all of them, in their order, and nothing between.
    fn publish(&mut self, batch: usize) -> Result<()> {
        let (mut requests, mut messages) = (String::new(), String::new());
        for number in self.sent..self.sent + batch {
            let rest = format!("$4\r\nnews\r\n${PAYLOAD_BYTES}\r\n{number:0PAYLOAD_BYTES$}\r\n");
            requests.extend([PUBLISH, &rest]);
            messages.extend([MESSAGE, &rest]);
        }
        self.sent += batch;
        self.publisher.write_all(requests.as_bytes())?;
        let mut got = vec![0; messages.len()];
        for listener in &mut self.listeners {
            listener.read_exact(&mut got).context("a message is missing")?;
            ensure!(
                got == messages.as_bytes(),
                "not the messages: {:?}",
                String::from_utf8_lossy(&got)
            );
        }
        let wanted = format!(":{LISTENERS}\r\n").repeat(batch);
        let mut replies = vec![0; wanted.len()];
        self.publisher.read_exact(&mut replies)?;
        ensure!(replies == wanted.as_bytes(), "PUBLISH: {:?}", String::from_utf8_lossy(&replies));
        Ok(())
    }

    /// Nothing comes twice.
    fn check_silent(&mut self) -> Result<()> {
        for listener in &mut self.listeners {
            listener.set_nonblocking(true)?;
            let more = listener.read(&mut [0; 256]);
            let is_silent = more.as_ref().is_err_and(|it| it.kind() == ErrorKind::WouldBlock);
            ensure!(is_silent, "more than was published: {more:?}");
        }
        Ok(())
    }
}
