//! Reads by replicas.

use crate::cluster::{Cluster, PLAIN, Shape, Told};
use crate::{beside_each_other, sleep_ms};
use nuthatch_testbed::{Client, RedisServer, Value, free_port, poll_until};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const KEYS: usize = 100;
const READERS: usize = 60;

fn value(at: usize) -> String {
    format!("value {at}")
}

fn fill(cluster: &Cluster) {
    let mut client = cluster.client();
    for at in 0..KEYS {
        assert!(client.command(&["SET", &format!("k{at}"), &value(at)]).unwrap().is_ok());
    }
    assert_eq!(
        client.command(&["WAIT", "1", "2000"]).unwrap().as_int().map(|it| it > 0),
        Some(true)
    );
    sleep_ms(200);
}

/// A primary with two replicas, and the keys in all three. `read`: of the pool.
fn of_two_replicas(read: &str) -> Cluster {
    let cluster =
        Cluster::start(&Shape { replicas: &[&[], &[]], keys: &[("read", read)], ..PLAIN });
    fill(&cluster);
    // Under `read: replica` the first requests of all are errors: no replica has been asked yet.
    let is_read = || cluster.client().command(&["GET", "k1"]).unwrap() == Value::bulk(value(1));
    assert!(poll_until(Duration::from_secs(5), is_read), "no replica is read");
    cluster
}

/// Clients that read keys which never change.
struct Readers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<(usize, BTreeMap<String, usize>)>>,
}

impl Readers {
    fn start(cluster: &Cluster) -> Readers {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..READERS).map(|_| {
            let (mut client, stop) = (cluster.client(), Arc::clone(&stop));
            thread::spawn(move || read_on(&mut client, &stop))
        });
        Readers { threads: threads.collect(), stop }
    }

    /// How many reads there were; none of them failed or found anything but the value.
    #[track_caller]
    fn finish(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut reads = 0;
        let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
        for thread in self.threads {
            let (count, found) = thread.join().unwrap();
            reads += count;
            for (what, count) in found {
                *wrong.entry(what).or_default() += count;
            }
        }
        assert!(wrong.is_empty(), "of {reads} reads: {wrong:?}");
        assert!(reads > 500, "{reads} reads are no load");
        reads
    }
}

fn read_on(client: &mut Client, stop: &AtomicBool) -> (usize, BTreeMap<String, usize>) {
    let (mut count, mut wrong) = (0, BTreeMap::new());
    while !stop.load(Ordering::Relaxed) {
        let at = count % KEYS;
        let reply = client.command(&["GET", &format!("k{at}")]);
        let what = match reply {
            Ok(reply) if reply == Value::bulk(value(at)) => None,
            Ok(reply) => Some(reply.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(what) = what {
            *wrong.entry(what).or_default() += 1;
        }
        count += 1;
        sleep_ms(10);
    }
    (count, wrong)
}

fn reads_of(server: &RedisServer) -> u64 {
    server.calls("get").unwrap()
}

#[test]
fn replicas_answer_reads() {
    beside_each_other(&[
        ("replicas_share_the_reads", replicas_share_the_reads),
        ("a_replica_dies_or_stands_still", a_replica_dies_or_stands_still),
        (
            "a_replica_dies_or_stands_still_and_the_other_reads",
            a_replica_dies_or_stands_still_and_the_other_reads,
        ),
        ("an_empty_replica_is_not_asked", an_empty_replica_is_not_asked),
        ("a_replica_that_is_late_is_not_asked", a_replica_that_is_late_is_not_asked),
        ("a_client_finds_what_it_has_written", a_client_finds_what_it_has_written),
    ]);
}

fn replicas_share_the_reads() {
    let cluster = of_two_replicas("prefer_replica");
    let counts = || cluster.servers[0].iter().map(reads_of).collect::<Vec<_>>();
    let readers = Readers::start(&cluster);
    // Servers are asked once a second whether they can be read.
    sleep_ms(2_000);
    let before = counts();
    sleep_ms(1_500);
    let shares: Vec<u64> = counts().iter().zip(before).map(|(now, before)| now - before).collect();
    readers.finish();
    let reads: u64 = shares.iter().sum();
    println!("{reads} reads: {shares:?} at the primary and its replicas");
    assert!((shares[1] + shares[2]) * 10 >= reads * 9, "too few at replicas: {shares:?}");
    assert!(shares[1].abs_diff(shares[2]) * 20 <= shares[1] + shares[2], "uneven: {shares:?}");
}

fn a_replica_dies_or_stands_still() {
    lose_replicas("prefer_replica");
}

/// Nothing may go to the primary: the other replica answers.
fn a_replica_dies_or_stands_still_and_the_other_reads() {
    lose_replicas("replica");
}

fn lose_replicas(read: &str) {
    let mut cluster = of_two_replicas(read);
    let readers = Readers::start(&cluster);
    sleep_ms(500);
    cluster.servers[0][2].pause().unwrap();
    sleep_ms(3_500);
    cluster.servers[0][2].resume().unwrap();
    // It first answers what lay before it all the time.
    sleep_ms(200);
    let before = reads_of(&cluster.servers[0][2]);
    let is_back = || reads_of(&cluster.servers[0][2]) > before + 10;
    assert!(poll_until(Duration::from_secs(10), is_back), "it is not asked again");
    cluster.servers[0][1].kill().unwrap();
    sleep_ms(1_500);
    println!("one stopped, one killed, `read: {read}`: {} reads", readers.finish());
}

/// A replica that has started a moment ago has no data, and says nil to whoever asks it.
fn an_empty_replica_is_not_asked() {
    let mut cluster = of_two_replicas("prefer_replica");
    let readers = Readers::start(&cluster);
    sleep_ms(300);
    let delay = ["CONFIG", "SET", "repl-diskless-sync-delay", "2"];
    assert!(cluster.servers[0][0].client().unwrap().command(&delay).unwrap().is_ok());
    cluster.servers[0][1].restart().unwrap();
    let mut direct = cluster.servers[0][1].client().unwrap();
    assert!(direct.command(&["GET", "k1"]).unwrap().is_nil(), "it is not empty: nothing is tested");
    let is_full = || direct.command(&["GET", "k1"]).is_ok_and(|it| it == Value::bulk(value(1)));
    assert!(poll_until(Duration::from_secs(15), is_full), "no copy");
    sleep_ms(2_000);
    println!("one restarted empty: {} reads", readers.finish());
    // Sentinels are asked for the replicas every five seconds.
    let is_asked = || {
        let before = reads_of(&cluster.servers[0][1]);
        let mut clients: Vec<Client> = (0..READERS).map(|_| cluster.client()).collect();
        for client in &mut clients {
            assert_eq!(client.command(&["GET", "k1"]).unwrap(), Value::bulk(value(1)));
        }
        reads_of(&cluster.servers[0][1]) > before
    };
    let is_back = poll_until(Duration::from_secs(10), is_asked);
    assert!(is_back, "it is not asked again after its copy");
}

/// The road between a primary and its replica, which can be closed without either noticing.
struct Road {
    port: u16,
    is_closed: Arc<AtomicBool>,
}

impl Road {
    fn to(port: u16) -> Road {
        let own = free_port();
        let listener = TcpListener::bind(("127.0.0.1", own)).unwrap();
        let is_closed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_closed);
        thread::spawn(move || {
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(("127.0.0.1", port))) else {
                    return;
                };
                let (near_too, far_too) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let open = Arc::new(AtomicBool::new(false));
                let flag = Arc::clone(&flag);
                // Only the replication is held up: the replica's word that it lives goes on.
                thread::spawn(move || carry(near, far, &open));
                thread::spawn(move || carry(far_too, near_too, &flag));
            }
        });
        Road { port: own, is_closed }
    }

    fn close(&self, is_closed: bool) {
        self.is_closed.store(is_closed, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_closed: &AtomicBool) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        while is_closed.load(Ordering::Relaxed) {
            sleep_ms(5);
        }
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// A primary and a replica that gets its data over a road. `more`: other keys of the pool.
fn with_a_road(more: &[(&'static str, &'static str)]) -> (Cluster, Road) {
    let keys = [&[("read", "prefer_replica")], more].concat();
    let cluster = Cluster::start(&Shape { told: Told::ByServers, keys: &keys, ..PLAIN });
    let road = Road::to(cluster.servers[0][0].port());
    let words = ["REPLICAOF", "127.0.0.1", &road.port.to_string()];
    let mut replica = cluster.servers[0][1].client().unwrap();
    assert!(replica.command(&words).unwrap().is_ok());
    let by_road = format!("master_port:{}", road.port);
    let is_up = || {
        let info = replica.command(&["INFO", "replication"]).unwrap().text().unwrap();
        info.contains("master_link_status:up") && info.contains(&by_road)
    };
    assert!(poll_until(Duration::from_secs(10), is_up), "no data over the road");
    // The proxy still has what it saw before.
    sleep_ms(2_500);
    (cluster, road)
}

/// Whether a read of this client goes to the replica.
fn asks_replica(cluster: &Cluster, client: &mut Client) -> bool {
    let before = reads_of(&cluster.servers[0][1]);
    assert!(!client.command(&["GET", "late"]).unwrap().is_error());
    reads_of(&cluster.servers[0][1]) > before
}

fn a_client_finds_what_it_has_written() {
    let (cluster, road) = with_a_road(&[("read_after_write_ms", "auto")]);
    let (mut writer, mut other) = (cluster.client(), cluster.client());
    let limit = Duration::from_secs(10);
    assert!(poll_until(limit, || asks_replica(&cluster, &mut writer)), "no replica is read");
    road.close(true);
    assert!(writer.command(&["SET", "late", "new"]).unwrap().is_ok());
    // On a busy machine the replica may be found bad for a while; then all read from the primary.
    let mut late = 0;
    for _ in 0..30 {
        assert_eq!(writer.command(&["GET", "late"]).unwrap(), Value::bulk("new"));
        late += usize::from(other.command(&["GET", "late"]).unwrap().is_nil());
        sleep_ms(100);
    }
    assert!(late > 5, "the replica is not late: nothing is tested");
    road.close(false);
    let is_back = poll_until(limit, || asks_replica(&cluster, &mut writer));
    assert!(is_back, "the replica has the write, and is not read");
    assert_eq!(writer.command(&["GET", "late"]).unwrap(), Value::bulk("new"));
}

fn a_replica_that_is_late_is_not_asked() {
    let (cluster, road) = with_a_road(&[("read_lag_max_bytes", "2000")]);
    let mut client = cluster.client();
    let is_asked = |limit| poll_until(limit, || asks_replica(&cluster, &mut cluster.client()));
    assert!(is_asked(Duration::from_secs(10)), "a replica that keeps up is not asked");
    road.close(true);
    // Ten times what it may be late.
    let filling = "x".repeat(1_000);
    for _ in 0..20 {
        assert!(client.command(&["SET", "filling", &filling]).unwrap().is_ok());
    }
    assert!(client.command(&["SET", "late", "new"]).unwrap().is_ok());
    // It is noticed within the second in which all servers are asked, and two for a busy machine.
    sleep_ms(3_000);
    assert!(!is_asked(Duration::from_millis(500)), "a late replica is asked");
    assert_eq!(client.command(&["GET", "late"]).unwrap(), Value::bulk("new"));
    road.close(false);
    assert!(is_asked(Duration::from_secs(10)), "a replica that has caught up is not asked");
    let found = || cluster.client().command(&["GET", "late"]).unwrap() == Value::bulk("new");
    assert!(poll_until(Duration::from_secs(3), found));
}
