//! Many subscribers, with real servers: what is published arrives once and in order, also around the restart of a server;
//! and channels that come and go leave nothing behind.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisServer, Value, free_port, poll_until, pool_yaml,
};
use std::ops::Range;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const CHANNELS: usize = 20;
/// Of each channel. One listens to a pattern, some speak RESP3.
const SUBSCRIBERS: usize = 10;
const MESSAGES: usize = 1_000;
/// Published before the loss, and while the server is away.
const BEFORE: usize = 400;
const MEANWHILE: usize = 100;

struct Pool {
    servers: Vec<RedisServer>,
    proxy: Proxy,
}

impl Pool {
    fn start() -> Pool {
        let servers: Vec<_> = (0..3).map(|_| RedisServer::start().unwrap()).collect();
        let names = ["alpha", "beta", "gamma"];
        let entries: Vec<_> =
            servers.iter().zip(names).map(|(server, name)| server.entry(1, name)).collect();
        let yaml = pool_yaml("talk", free_port(), &[("redis", "true")], &entries);
        Pool { proxy: Nuthatch::start(&yaml, &["-w", "2"]).unwrap(), servers }
    }

    /// Subscriptions at this server: to each channel, and the number of patterns.
    fn subscriptions(&self, server: usize) -> Vec<i64> {
        let mut client = self.servers[server].client().unwrap();
        let names: Vec<String> = (0..CHANNELS).map(channel).collect();
        let words = ["PUBSUB", "NUMSUB"].into_iter().chain(names.iter().map(String::as_str));
        let reply = client.command(&words.collect::<Vec<_>>()).unwrap();
        let patterns = client.command(&["PUBSUB", "NUMPAT"]).unwrap();
        reply.items().unwrap().iter().filter_map(Value::as_int).chain(patterns.as_int()).collect()
    }
}

fn channel(number: usize) -> String {
    format!("channel-{number}")
}

/// The first words of a confirmation or a message, and its last.
fn said(client: &mut Client) -> (String, String) {
    let frame = client.recv().unwrap();
    let items = frame.items().unwrap_or_else(|| panic!("{frame}"));
    (items[0].text().unwrap(), items[items.len() - 1].text().unwrap_or_default())
}

fn subscriber(proxy: &Proxy, number: usize) -> Client {
    let mut client = proxy.client().unwrap();
    if number % SUBSCRIBERS >= SUBSCRIBERS / 2 {
        assert!(!client.command(&["HELLO", "3"]).unwrap().is_error());
    }
    let channel = channel(number / SUBSCRIBERS);
    let word = if number.is_multiple_of(SUBSCRIBERS) { "PSUBSCRIBE" } else { "SUBSCRIBE" };
    client.send(&[word, &channel]).unwrap();
    assert_eq!(said(&mut client).0, word.to_ascii_lowercase());
    client.set_timeout(PATIENCE).unwrap();
    client
}

/// Publishes these numbers to a channel. Returns how many got each, or the error.
fn publish(client: &mut Client, to: usize, numbers: Range<usize>) -> Vec<Value> {
    let commands: Vec<Vec<String>> =
        numbers.map(|n| vec!["PUBLISH".into(), channel(to), n.to_string()]).collect();
    client.pipeline(&commands).unwrap()
}

/// Every subscriber gets the messages of these numbers next, and nothing between them.
fn hear(subscribers: &mut [Client], numbers: Range<usize>) {
    let hear_all = |first: usize, clients: &mut [Client]| {
        for (number, client) in (first..).zip(clients) {
            let kind = if number.is_multiple_of(SUBSCRIBERS) { "pmessage" } else { "message" };
            for message in numbers.clone() {
                let heard = said(client);
                assert_eq!(heard, (kind.to_owned(), message.to_string()), "subscriber {number}");
            }
        }
    };
    // Four readers, so that the proxy does not wait for this test.
    let each = subscribers.len() / 4;
    thread::scope(|scope| {
        for (part, clients) in subscribers.chunks_mut(each).enumerate() {
            let hear_all = &hear_all;
            scope.spawn(move || hear_all(part * each, clients));
        }
    });
}

/// Publishes to these channels until all that listen are counted. What was said to find out is skipped.
fn settle(publisher: &mut Client, subscribers: &mut [Client], is_meant: impl Fn(usize) -> bool) {
    let all = Value::Integer(SUBSCRIBERS as i64);
    let mut say =
        |to: usize, what: &str| publisher.command(&["PUBLISH", &channel(to), what]).unwrap();
    for to in (0..CHANNELS).filter(|&to| is_meant(to)) {
        assert!(poll_until(PATIENCE, || say(to, "all here?") == all), "channel {to}");
        assert_eq!(say(to, "go"), all);
    }
    for (number, client) in subscribers.iter_mut().enumerate() {
        while is_meant(number / SUBSCRIBERS) {
            match said(client).1.as_str() {
                "go" => break,
                heard => assert_eq!(heard, "all here?", "subscriber {number}"),
            }
        }
    }
}

#[test]
fn messages_arrive_once_and_in_order_around_a_restart() {
    let mut pool = Pool::start();
    let mut subscribers: Vec<Client> =
        (0..CHANNELS * SUBSCRIBERS).map(|number| subscriber(&pool.proxy, number)).collect();
    let mut publisher = pool.proxy.client().unwrap();
    let before = pool.subscriptions(1);
    let lost = |channel: usize| before[channel] > 0;
    let lost_count = (0..CHANNELS).filter(|&channel| lost(channel)).count();
    assert!(lost_count > 0 && lost_count < CHANNELS, "{before:?}");
    let all = Value::Integer(SUBSCRIBERS as i64);
    // The workers tell each other who listens, and PUBLISH does not wait for that.
    settle(&mut publisher, &mut subscribers, |_| true);

    for channel in 0..CHANNELS {
        let got = publish(&mut publisher, channel, 0..BEFORE);
        assert!(got.iter().all(|count| *count == all), "channel {channel}: {got:?}");
    }
    hear(&mut subscribers, 0..BEFORE);

    // One server is away: its channels fail, the others go on.
    pool.servers[1].kill().unwrap();
    for channel in 0..CHANNELS {
        let got = publish(&mut publisher, channel, BEFORE..BEFORE + MEANWHILE);
        let is_right = |count: &Value| if lost(channel) { count.is_error() } else { *count == all };
        assert!(got.iter().all(is_right), "channel {channel}: {got:?}");
    }

    // It is back, and empty. Nobody subscribes but the proxy.
    pool.servers[1].restart().unwrap();
    let is_as_before = poll_until(PATIENCE, || pool.subscriptions(1) == before);
    assert!(is_as_before, "{:?}, not {before:?}", pool.subscriptions(1));
    settle(&mut publisher, &mut subscribers, lost);

    for channel in 0..CHANNELS {
        let next = if lost(channel) { BEFORE } else { BEFORE + MEANWHILE };
        let got = publish(&mut publisher, channel, next..MESSAGES);
        assert!(got.iter().all(|count| *count == all), "channel {channel}: {got:?}");
    }
    hear(&mut subscribers, BEFORE..MESSAGES);
    // Nothing came twice: the next word is the last one.
    for channel in (0..CHANNELS).map(channel) {
        assert_eq!(publisher.command(&["PUBLISH", &channel, "end"]).unwrap(), all);
    }
    for (number, client) in subscribers.iter_mut().enumerate() {
        assert_eq!(said(client).1, "end", "subscriber {number}");
    }
}

/// Names of 500 bytes: what is kept of 10,000 of them would be five megabytes at least.
#[test]
fn channels_that_come_and_go_leave_nothing_behind() {
    const AT_ONCE: usize = 100;
    const ROUNDS: usize = 100;
    const GROWTH_KIB_MAX: u64 = 2 * 1024;
    let mut pool = Pool::start();
    // One for each worker, probably.
    let mut clients: Vec<Client> = (0..4).map(|_| pool.proxy.client().unwrap()).collect();
    let mut come_and_go = |rounds: Range<usize>| {
        for round in rounds {
            let client = &mut clients[round % 4];
            let name = |at: usize| format!("{:0>500}", round * AT_ONCE + at);
            for word in ["SUBSCRIBE", "UNSUBSCRIBE"] {
                let words: Vec<String> =
                    std::iter::once(word.to_owned()).chain((0..AT_ONCE).map(name)).collect();
                client.send(&words).unwrap();
                for _ in 0..AT_ONCE {
                    assert_eq!(said(client).0, word.to_ascii_lowercase());
                }
            }
        }
    };
    come_and_go(0..20);
    let before = pool.proxy.process().rss_kib().unwrap();
    come_and_go(20..20 + ROUNDS);
    let after = pool.proxy.process().rss_kib().unwrap();
    assert!(after <= before + GROWTH_KIB_MAX, "{before} KiB, then {after} KiB");
    // At the servers too.
    for server in &pool.servers {
        let mut client = server.client().unwrap();
        let is_empty = || {
            let left = client.command(&["PUBSUB", "CHANNELS"]).unwrap();
            left.items().is_some_and(<[Value]>::is_empty)
        };
        assert!(poll_until(PATIENCE, is_empty));
    }
    let left = pool.proxy.client().unwrap().command(&["PUBSUB", "CHANNELS"]).unwrap();
    assert_eq!(left, Value::Array(Vec::new()));
}
