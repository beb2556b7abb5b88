//! Clients that ask and do not read. What they are owed waits within bounds; what is beyond stays
//! unasked, and the memory is given back when they go.

use super::Scene;
use nuthatch_testbed::{Client, Process, encode, poll_until};
use std::thread::sleep;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;

fn pipelined_gets(key: &str, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    (0..count).for_each(|_| encode(&["GET", key], &mut bytes));
    bytes
}

/// The highest it occupies while we wait, in KiB over `base`.
fn peak(process: &Process, base: u64, time: Duration) -> Option<u64> {
    let start = Instant::now();
    let mut most = process.rss_kib()?;
    while start.elapsed() < time {
        most = most.max(process.rss_kib()?);
        sleep(Duration::from_millis(10));
    }
    Some(most.saturating_sub(base))
}

#[test]
fn one_that_never_reads_costs_little_and_gives_it_back() {
    let mut scene = Scene::new(2, &[]);
    scene.store("big", MIB);
    assert!(!scene.client().command(&["GET", "big"]).unwrap().is_error());
    let Some(base) = scene.proxy.process().rss_kib() else {
        println!("no /proc here: passed over");
        return;
    };
    let neighbour = scene.neighbour();
    let mut silent: Vec<Client> = (0..2).map(|_| scene.client()).collect();
    for client in &mut silent {
        client.send_raw(&pipelined_gets("big", 300)).unwrap();
    }
    let most = peak(scene.proxy.process(), base, Duration::from_secs(2)).unwrap();
    println!("{most} KiB for two clients that asked for 300 MiB each and read nothing");
    // Twemproxy took 300 MiB for each.
    assert!(most < 200 * 1024, "{most} KiB for two clients that do not read");
    neighbour.was_served_within(Duration::from_millis(200));
    drop(silent);
    let process = scene.proxy.process();
    let given_back = || process.rss_kib().unwrap() < base + 16 * 1024;
    let back = poll_until(Duration::from_secs(10), given_back);
    println!("{base} KiB before, {} KiB after", process.rss_kib().unwrap());
    assert!(back, "{base} KiB before, {} KiB after", process.rss_kib().unwrap());
}

#[test]
fn one_that_reads_late_gets_everything() {
    let scene = Scene::new(1, &[]);
    scene.store("big", MIB);
    let neighbour = scene.neighbour();
    let mut late = scene.client();
    late.send_raw(&pipelined_gets("big", 100)).unwrap();
    sleep(Duration::from_millis(500));
    for n in 0..100 {
        let reply = late.recv().unwrap();
        assert_eq!(reply.as_bytes().map(<[u8]>::len), Some(MIB), "reply {n}");
    }
    neighbour.was_served_within(Duration::from_millis(500));
}

#[test]
fn slow_readers_hold_up_nobody() {
    let scene = Scene::new(2, &[]);
    scene.store("some", 100_000);
    let neighbour = scene.neighbour();
    let mut slow: Vec<Client> = (0..20).map(|_| scene.client()).collect();
    for client in &mut slow {
        client.send_raw(&pipelined_gets("some", 50)).unwrap();
    }
    for n in 0..50 {
        for client in &mut slow {
            let reply = client.recv().unwrap();
            assert_eq!(reply.as_bytes().map(<[u8]>::len), Some(100_000), "reply {n}");
        }
        sleep(Duration::from_millis(10));
    }
    neighbour.was_served_within(Duration::from_millis(200));
}

#[test]
fn one_that_vanishes_in_mid_reply_is_forgotten() {
    let mut scene = Scene::new(2, &[]);
    scene.store("big", MIB);
    assert!(!scene.client().command(&["GET", "big"]).unwrap().is_error());
    let Some(files) = scene.proxy.process().open_files() else {
        println!("no /proc here: passed over");
        return;
    };
    let base = scene.proxy.process().rss_kib().unwrap();
    let neighbour = scene.neighbour();
    for n in 0..40 {
        let mut client = scene.client();
        client.send_raw(&pipelined_gets("big", 10)).unwrap();
        if n % 2 == 0 {
            client.recv().unwrap();
        }
    }
    // It shares its connection to the server with 400 MiB that nobody wants any more.
    neighbour.was_served_within(Duration::from_secs(1));
    let process = scene.proxy.process();
    let settled = || {
        process.open_files().unwrap() <= files + 2 && process.rss_kib().unwrap() < base + 16 * 1024
    };
    let back = poll_until(Duration::from_secs(10), settled);
    let (files_now, now) = (process.open_files().unwrap(), process.rss_kib().unwrap());
    assert!(back, "{files} files and {base} KiB before, {files_now} and {now} after");
}
