//! Many requests from one client, many clients, and many that come at once.

use super::Scene;
use nuthatch_testbed::{Client, Value, encode, poll_until};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_hundred_thousand_pipelined_requests_get_as_many_ordered_replies() {
    const COUNT: usize = 100_000;
    let scene = Scene::new(2, &[]);
    let neighbour = scene.neighbour();
    let mut bytes = Vec::new();
    for n in 0..COUNT {
        let text = n.to_string();
        match n % 3 {
            0 => encode(&["ECHO", &text], &mut bytes), // answered by the proxy itself
            1 => encode(&["MGET", &text, "nothing"], &mut bytes),
            _ => encode(&["INCR", "counter"], &mut bytes),
        }
    }
    let mut client = scene.client();
    let mut sender = client.try_clone().unwrap();
    sender.set_timeout(Duration::from_secs(20)).unwrap();
    let start = Instant::now();
    let sending = thread::spawn(move || sender.send_raw(&bytes).unwrap());
    for n in 0..COUNT {
        let want = match n % 3 {
            0 => Value::bulk(n.to_string()),
            1 => Value::Array(vec![Value::Nil, Value::Nil]),
            _ => Value::Integer(n as i64 / 3 + 1),
        };
        assert_eq!(client.recv().unwrap(), want, "reply {n}");
    }
    sending.join().unwrap();
    println!("{COUNT} requests in {:?}", start.elapsed());
    assert_eq!(
        client.command(&["PING"]).unwrap(),
        Value::Simple("PONG".into()),
        "and no reply more"
    );
    neighbour.was_served_within(Duration::from_millis(300));
}

/// How many files this process may open; a guess where there is no /proc.
fn open_files_max() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or(256)
}

#[test]
fn idle_clients_cost_next_to_nothing() {
    let mut scene = Scene::new(2, &[]);
    // The proxy has the same limit, and other tests of this file share ours.
    let count = open_files_max().saturating_sub(3_000).min(10_000);
    if count < 1_000 {
        println!("only {} open files allowed: passed over", open_files_max());
        return;
    }
    let mut first = scene.client();
    assert!(first.command(&["SET", "k", "v"]).unwrap().is_ok());
    let Some(before) = scene.proxy.process().rss_kib() else {
        println!("no /proc here: passed over");
        return;
    };
    let mut clients: Vec<Client> = Vec::with_capacity(count);
    for n in 0..count {
        let mut client = scene.client();
        // Each has been served once, as a pool of an application would have been.
        if n % 10 == 0 {
            assert_eq!(client.command(&["GET", "k"]).unwrap(), Value::bulk("v"), "client {n}");
        }
        clients.push(client);
    }
    let last = clients.last_mut().unwrap();
    assert_eq!(last.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
    let with_all = scene.proxy.process().rss_kib().unwrap();
    let each = (with_all.saturating_sub(before)) as f64 / count as f64;
    println!(
        "{count} idle clients: {before} KiB before, {with_all} KiB with them, {each:.2} KiB each"
    );
    assert!(each < 2.0, "{each:.2} KiB for each idle client");
    // An idle crowd takes no time either.
    let ticks = scene.proxy.process().cpu_ticks().unwrap();
    thread::sleep(Duration::from_millis(500));
    let spent = scene.proxy.process().cpu_ticks().unwrap() - ticks;
    assert!(spent <= 5, "{spent} ticks of processor time in half an idle second");
    drop(clients);
    let process = scene.proxy.process();
    assert!(poll_until(Duration::from_secs(10), || process.open_files().unwrap() < 100));
    assert_eq!(first.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
}

#[test]
fn a_burst_of_connections_is_served() {
    const THREADS: usize = 20;
    const EACH: usize = 50;
    let scene = Scene::new(2, &[("backlog", "1024")]);
    let neighbour = scene.neighbour();
    let addr = scene.proxy.listens()[0].clone();
    let start = Instant::now();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let addr = addr.clone();
            thread::spawn(move || {
                let mut clients: Vec<Client> =
                    (0..EACH).map(|_| Client::connect(addr.as_str()).unwrap()).collect();
                for (n, client) in clients.iter_mut().enumerate() {
                    let text = format!("{thread}:{n}");
                    assert!(client.command(&["SET", &text, &text]).unwrap().is_ok());
                    assert_eq!(client.command(&["GET", &text]).unwrap(), Value::bulk(&text));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    println!("{} connections served in {:?}", THREADS * EACH, start.elapsed());
    neighbour.was_served_within(Duration::from_millis(300));
}

#[test]
fn client_connections_is_a_limit_that_is_told() {
    let scene = Scene::new(2, &[("client_connections", "3")]);
    // Whoever looked whether the proxy is up has gone, but may still be counted.
    thread::sleep(Duration::from_millis(200));
    let mut clients: Vec<Client> = (0..3).map(|_| scene.client()).collect();
    for client in &mut clients {
        assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    }
    let mut over = scene.client();
    assert_eq!(over.recv_to_end().unwrap(), b"-ERR max number of clients reached\r\n");
    clients.pop();
    let room = || {
        let reply = scene.client().command(&["GET", "k"]);
        reply.is_ok_and(|reply| !reply.is_error())
    };
    assert!(poll_until(Duration::from_secs(5), room), "a place that was left is free again");
}

/// Out of descriptors: those who are in are served, those at the door wait, the loop does not
/// spin, and everybody comes in once there is room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_house_serves_those_inside() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let mut scene = Scene::new(1, &[]);
    let mut inside = scene.client();
    assert!(inside.command(&["SET", "k", "v"]).unwrap().is_ok());
    let process = scene.proxy.process();
    let limit = process.open_files().unwrap() as u64 + 10;
    let pid = Pid::from_raw(process.pid().cast_signed());
    let rlimit = Rlimit { current: Some(limit), maximum: Some(limit) };
    prlimit(pid, Resource::Nofile, rlimit).unwrap();

    let neighbour = scene.neighbour();
    let mut crowd: Vec<Client> = (0..40).map(|_| scene.client()).collect();
    for client in &mut crowd {
        client.send(&["GET", "k"]).unwrap();
    }
    thread::sleep(Duration::from_millis(300));
    let ticks = scene.proxy.process().cpu_ticks().unwrap();
    thread::sleep(Duration::from_millis(500));
    let spent = scene.proxy.process().cpu_ticks().unwrap() - ticks;
    assert!(spent <= 25, "{spent} ticks of processor time in half a second at a closed door");
    neighbour.was_served_within(Duration::from_millis(300));
    // Ten at a time, each is served and leaves.
    for (n, mut client) in crowd.into_iter().enumerate() {
        assert_eq!(client.recv().unwrap(), Value::bulk("v"), "client {n}");
    }
    assert_eq!(inside.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
}
