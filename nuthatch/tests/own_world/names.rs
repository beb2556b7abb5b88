//! A server's name that comes to mean another address.
//!
//! A name is looked up anew for each connection. So a change is followed when connections are
//! made anew, which is when the old server goes; until then nobody need notice. The world has an
//! `/etc/hosts` of its own, and the system's resolver reads it again at each look-up.

use super::{
    Victim, all_serve, at_rest, field, groups, in_own_world, is_at_rest_again, judge, proxy, run,
    witness,
};
use nuthatch_testbed::{
    Client, Folder, Outcome, Process, Proxy, RedisServer, Trial, Value, find_program, poll_until,
};
use rustix::process::Signal;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

const CALM: Duration = Duration::from_millis(300);

/// What names mean in this world.
struct Names {
    file: PathBuf,
    _folder: Folder,
}

impl Names {
    fn new() -> Names {
        let folder = Folder::new().unwrap();
        let file = folder.path().join("hosts");
        fs::write(&file, "127.0.0.1 localhost\n").unwrap();
        run("mount", &["--bind", file.to_str().unwrap(), "/etc/hosts"]);
        Names { file, _folder: folder }
    }

    /// Written in place: the mount holds on to the file and not to its name.
    fn set(&self, address: Option<&str>) {
        let line = address.map(|address| format!("{address} moving.test\n")).unwrap_or_default();
        fs::write(&self.file, format!("127.0.0.1 localhost\n{line}")).unwrap();
    }
}

/// One more server on the same port, at another address of loopback.
fn second(port: u16) -> Process {
    let redis = find_program("redis-server").unwrap();
    let port_text = port.to_string();
    let args = ["--port", &port_text, "--bind", "127.0.0.2", "--save", ""];
    let mut server = Process::start(&redis, args, Folder::new().unwrap()).unwrap();
    let answers = || Client::connect(("127.0.0.2", port)).is_ok();
    server.wait_ready(Duration::from_secs(10), answers).unwrap();
    server
}

fn all_live(proxy: &Proxy) -> bool {
    field(&mut proxy.client().unwrap(), "shards_live") == "2"
}

fn its_own_and_known(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(text) => {
            let known =
                ["unknown", "Connection re", "Connection timed out", "Broken", "Host is down"];
            let (_, cause) = text.split_once(' ').unwrap_or_default();
            known.iter().any(|known| cause.starts_with(known)) && text.contains("(shard moving, ")
        }
        // The new server does not have what the old one had, nor has the one that stood in.
        Outcome::Lost(_) => true,
        _ => false,
    }
}

/// The system's resolver cannot be called back. It waits for its name server, for half a minute
/// here; whoever ends the proxy does not.
#[test]
fn a_look_up_that_hangs_does_not_hold_the_end() {
    in_own_world("names::a_look_up_that_hangs_does_not_hold_the_end", || {
        let folder = Folder::new().unwrap();
        let file = folder.path().join("resolv.conf");
        fs::write(&file, "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n").unwrap();
        run("mount", &["--bind", file.to_str().unwrap(), "/etc/resolv.conf"]);
        let mute = UdpSocket::bind("127.0.0.1:53").unwrap();
        mute.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        for signals in [1, 2] {
            let entries = ["slow.example:6379:1 slow".to_owned()];
            // The end begins with the request in flight, and waits for it as long as it may.
            let grace = if signals == 1 { "500" } else { "20000" };
            let mut proxy = proxy("127.0.0.1:", &entries, &[], &["--shutdown-grace-ms", grace]);
            let mut client = proxy.client().unwrap();
            client.send_raw(b"GET k\r\n").unwrap();
            assert!(mute.recv(&mut [0; 512]).is_ok(), "nobody asked the name server");
            let began = Instant::now();
            for _ in 0..signals {
                proxy.process().signal(Signal::TERM).unwrap();
                sleep(Duration::from_millis(300));
            }
            let status = proxy.process().wait(Duration::from_secs(10)).unwrap();
            assert!(status.success(), "{status}");
            println!("{signals} signals: ended after {:?}", began.elapsed());
        }
    });
}

#[test]
fn a_name_that_moves_is_followed_at_the_next_connection() {
    in_own_world("names::a_name_that_moves_is_followed_at_the_next_connection", || {
        for policy in ["off", "fail_fast", "remap"] {
            let names = Names::new();
            names.set(Some("127.0.0.1"));
            let (mut first, healthy) =
                (RedisServer::start().unwrap(), RedisServer::start().unwrap());
            let _second = second(first.port());
            let entries =
                [healthy.entry(1, "stays"), format!("moving.test:{}:1 moving", first.port())];
            let keys = [
                ("timeout", "500"),
                ("eject", policy),
                ("server_failure_limit", "3"),
                ("server_retry_timeout", "300"),
            ];
            let mut proxy = proxy("127.0.0.1:", &entries, &keys, &[]);
            let mut direct = [healthy.client().unwrap(), first.client().unwrap()];
            let groups = groups(&proxy, &mut direct, 5);
            let witness = witness();
            let rest = at_rest(&mut proxy, &groups);

            // The name moves while the old server is well: nobody is told, nobody fails.
            let mut trial = Trial::start(&witness, &proxy, &groups).unwrap();
            sleep(CALM);
            trial.strike();
            names.set(Some("127.0.0.2"));
            sleep(CALM);
            judge(&trial.finish(), None, |_| false);
            assert!(!direct[1].command(&["GET", &groups[1][0]]).unwrap().is_nil());

            // The old one goes, and the name means nothing for a while.
            let mut trial = Trial::start(&witness, &proxy, &groups).unwrap();
            sleep(CALM);
            trial.strike();
            names.set(None);
            first.kill().unwrap();
            sleep(Duration::from_millis(500));
            names.set(Some("127.0.0.2"));
            let there_again = trial.elapsed();
            // With `remap` the other one answers meanwhile.
            let well = || all_serve(&proxy, &[&groups[1][0]]) && all_live(&proxy);
            assert!(poll_until(Duration::from_secs(15), well), "{policy}: it was not followed");
            sleep(CALM);
            let seen = trial.finish();
            let victim = Victim { group: 1, there_again };
            let failed = judge(&seen, Some(&victim), its_own_and_known);
            assert!(failed > 0, "{policy}: nobody noticed");
            let mut there = Client::connect(("127.0.0.2", first.port())).unwrap();
            assert_ne!(there.command(&["GET", &groups[1][0]]).unwrap(), Value::Nil, "{policy}");
            is_at_rest_again(&mut proxy, &groups, rest);
            run("umount", &["/etc/hosts"]);
        }
    });
}
