//! What ten thousand clients cost in memory: connected and silent, then after one request each.

use super::scene::{Scene, mib, null_servers, pid, pinned};
use crate::proc;
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

pub const WHAT: &str = "Memory of many clients, over the start";

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let servers = null_servers(WORKLOADS[0].null_value_bytes())?;
    let clients = scene.size.clients;
    for contestant in scene.proxies() {
        let running = pinned(contestant, &servers)?;
        let pid = pid(&running)?;
        // Memory for the first request counts as part of the start.
        ask(&mut connect(running.port)?)?;
        sleep(Duration::from_millis(300));
        let start = proc::rss_kib(pid)?;
        let mut connections = Vec::new();
        for _ in 0..clients {
            match connect(running.port) {
                Ok(connection) => connections.push(connection),
                Err(_) => break,
            }
        }
        sleep(Duration::from_millis(500));
        let idle = proc::rss_kib(pid)?;
        let mut answered = 0;
        for connection in &mut connections {
            answered += usize::from(ask(connection).is_ok());
        }
        sleep(Duration::from_millis(500));
        let used = proc::rss_kib(pid)?;
        let name = contestant.name;
        scene.figure(name, "after the start", mib(start), "MiB");
        let over = |now: u64| mib(now.saturating_sub(start));
        scene.figure(name, &format!("{clients} idle"), over(idle), "MiB");
        scene.figure(name, &format!("{clients} that asked once"), over(used), "MiB");
        if answered < clients {
            let why = format!("only {answered} got an answer");
            scene.missing(name, "all clients", &why);
        }
        drop(connections);
        sleep(Duration::from_millis(500));
        scene.figure(name, "after they have gone", over(proc::rss_kib(pid)?), "MiB");
    }
    Ok(())
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("cannot connect")?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

fn ask(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")?;
    let mut byte = [0; 256];
    anyhow::ensure!(stream.read(&mut byte)? > 0, "closed");
    Ok(())
}
