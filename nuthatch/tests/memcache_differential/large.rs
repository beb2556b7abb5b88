//! Values over the server's limit, and over ours: only the one who asked hears of it.

use crate::pair::Pair;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const TOO_LARGE: &[u8] = b"SERVER_ERROR object too large for cache\r\n";
/// Two megabytes; a server takes one.
const LEN: usize = 2 << 20;

#[test]
fn too_large_for_one_is_nothing_to_the_others() {
    for workers in [1, 2] {
        let pair = Pair::start(workers);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let neighbours: Vec<_> = (0..4)
                .map(|me| {
                    let (pair, over) = (&pair, &over);
                    scope.spawn(move || neighbour(pair, me, over))
                })
                .collect();
            too_large(&pair);
            over.store(true, Ordering::SeqCst);
            for neighbour in neighbours {
                let rounds = neighbour.join().unwrap();
                assert!(rounds > 3, "a neighbour was held up: {rounds} rounds");
            }
        });
    }
}

fn too_large(pair: &Pair) {
    let value = vec![b'x'; LEN];
    let mut talk = pair.talk();
    for client in [&mut talk.ours, &mut talk.theirs] {
        for n in 0..6 {
            let key = format!("large-{n}");
            let store = |line: String| [line.as_bytes(), &value, b"\r\n"].concat();
            // What was there is gone: memcached does so, lest an old value be taken for new.
            assert_eq!(client.ask(format!("set {key} 0 0 1\r\nx\r\n")).unwrap(), b"STORED\r\n");
            let reply = client.ask(store(format!("set {key} 0 0 {LEN}\r\n"))).unwrap();
            assert_eq!(reply, TOO_LARGE);
            assert_eq!(client.ask(format!("get {key}\r\n")).unwrap(), b"END\r\n");
            let reply = client.ask(store(format!("ms {key} {LEN} k O1\r\n"))).unwrap();
            assert_eq!(reply, TOO_LARGE);
            // Unheard, and heard in spite of `q`.
            client.send_raw(&store(format!("set {key} 0 0 {LEN} noreply\r\n"))).unwrap();
            let reply = client.ask(store(format!("ms {key} {LEN} q O2\r\n"))).unwrap();
            assert_eq!(reply, TOO_LARGE);
            assert_eq!(client.ask("mn\r\n").unwrap(), b"MN\r\n");
        }
    }
}

/// Writes and reads its own until told to stop; returns how often.
fn neighbour(pair: &Pair, me: u32, over: &AtomicBool) -> u32 {
    let mut client = pair.proxy.client().unwrap();
    let mut rounds = 0;
    while !over.load(Ordering::SeqCst) {
        rounds += 1;
        for key in 0..10 {
            let value = format!("{me}:{key}:{rounds}");
            let key = format!("neighbour-{me}-{key}");
            let set = format!("set {key} 0 0 {}\r\n{value}\r\n", value.len());
            assert_eq!(client.ask(set).unwrap(), b"STORED\r\n");
            let want = format!("VALUE {key} 0 {}\r\n{value}\r\nEND\r\n", value.len());
            let got = client.ask(format!("get {key}\r\n")).unwrap();
            assert_eq!(String::from_utf8_lossy(&got), want);
        }
    }
    rounds
}
