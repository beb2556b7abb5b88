//! The newest redis-py under load while each server in turn is killed, stopped (SIGSTOP), told
//! to end, and brought back.
//!
//! The load is tests/python/faults.py; its Python comes from `cargo xtask test` in NUTHATCH_PYTHON.
//! Without it (a plain `cargo test`) the test says so and passes over.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

use nuthatch_testbed::{
    Client, Folder, Nuthatch, Process, Proxy, RedisServer, Value, free_port, poll_until, pool_yaml,
};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

const TIMES: [(&str, &str); 3] =
    [("timeout", "300"), ("server_failure_limit", "3"), ("server_retry_timeout", "300")];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    Kill,
    Pause,
    /// It ends in order and is back at once, as an upgrade does it.
    Restart,
}

#[test]
fn with_remap() {
    run(&[("auto_eject_hosts", "true")], true);
}

#[test]
fn with_fail_fast() {
    run(&[("eject", "fail_fast")], false);
}

fn run(keys: &[(&str, &str)], values_move: bool) {
    let Some(python) = env::var_os("NUTHATCH_PYTHON").map(PathBuf::from) else {
        println!("NUTHATCH_PYTHON is not set (`cargo xtask test` sets it): passed over");
        return;
    };
    let mut servers: Vec<RedisServer> = (0..3).map(|_| RedisServer::start().unwrap()).collect();
    let entries: Vec<String> =
        servers.iter().enumerate().map(|(at, s)| s.entry(1, &format!("s{at}"))).collect();
    let mut all = vec![("redis", "true")];
    all.extend(TIMES.iter().chain(keys));
    let port = free_port();
    let proxy = Nuthatch::start(&pool_yaml("p", port, &all, &entries), &["-w", "2"]).unwrap();
    for victim in 0..servers.len() {
        // One Python for the two that empty the server; a pause, beside it, may lose nothing.
        for faults in [&[Fault::Kill, Fault::Restart][..], &[Fault::Pause]] {
            let groups = groups(&proxy, &servers, &format!("key{victim}{}", faults.len()), 4);
            let load = Load::start(&python, port, &groups);
            for fault in faults {
                sleep(Duration::from_millis(300));
                strike(&mut servers[victim], *fault);
                assert!(poll_until(Duration::from_secs(10), || all_live(&proxy)));
                sleep(Duration::from_millis(300));
            }
            let result = load.finish();
            let lost_is_fine = values_move || faults.contains(&Fault::Kill);
            judge(&result, victim, &servers[victim], lost_is_fine);
        }
    }
}

fn strike(server: &mut RedisServer, fault: Fault) {
    match fault {
        Fault::Kill => {
            server.kill().unwrap();
            sleep(Duration::from_millis(400));
            server.restart().unwrap();
        }
        Fault::Pause => {
            server.pause().unwrap();
            sleep(Duration::from_secs(1));
            server.resume().unwrap();
        }
        Fault::Restart => {
            server.process().terminate(Duration::from_secs(10)).unwrap();
            server.restart().unwrap();
        }
    }
}

fn all_live(proxy: &Proxy) -> bool {
    let info = proxy.client().unwrap().command(&["INFO", "nuthatch"]).unwrap();
    info.text().unwrap().contains("shards_live:3\r\n")
}

/// Keys by the server that owns them.
fn groups(proxy: &Proxy, servers: &[RedisServer], prefix: &str, count: usize) -> Vec<Vec<String>> {
    let mut client = proxy.client().unwrap();
    let mut direct: Vec<Client> = servers.iter().map(|s| s.client().unwrap()).collect();
    let mut groups = vec![Vec::new(); servers.len()];
    for n in 0..10_000 {
        let key = format!("{prefix}:{n}");
        assert!(client.command(&["SET", &key, "here"]).unwrap().is_ok());
        let mut has_it = |s: &mut Client| s.command(&["DEL", &key]).unwrap() == Value::Integer(1);
        let owner = direct.iter_mut().position(&mut has_it).unwrap();
        if groups[owner].len() < count {
            groups[owner].push(key);
        }
        if groups.iter().all(|group| group.len() == count) {
            return groups;
        }
    }
    panic!("a server owns fewer than {count} of 10,000 keys");
}

struct Load(Process);

impl Load {
    fn start(python: &Path, port: u16, groups: &[Vec<String>]) -> Load {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/faults.py");
        let folder = Folder::new().unwrap();
        fs::write(folder.path().join("keys.json"), serde_json::to_vec(groups).unwrap()).unwrap();
        let args = [script.into_os_string(), port.to_string().into()];
        let mut process = Process::start(python, args, folder).unwrap();
        let ready = process.dir().join("ready");
        process.wait_ready(Duration::from_secs(20), || ready.exists()).unwrap();
        Load(process)
    }

    fn finish(mut self) -> Json {
        fs::write(self.0.dir().join("stop"), "").unwrap();
        let status = self.0.wait(Duration::from_secs(30)).unwrap();
        assert!(status.success(), "{status}: {}", self.0.log());
        serde_json::from_slice(&fs::read(self.0.dir().join("result.json")).unwrap()).unwrap()
    }
}

fn judge(result: &Json, victim: usize, server: &RedisServer, lost_is_fine: bool) {
    let groups = result["groups"].as_array().unwrap();
    let mut failed_in_all = 0;
    for (at, group) in groups.iter().enumerate() {
        let list = |name: &str| group[name].as_array().unwrap();
        let place = format!("s{victim} failed, keys of s{at}");
        assert!(list("strangers").is_empty(), "{place}: {:?}", list("strangers"));
        assert!(list("broken").is_empty(), "{place}: {:?}", list("broken"));
        assert!(group["good"].as_u64().unwrap() > 100, "{place}: good {}", group["good"]);
        if at == victim && lost_is_fine {
            // A server that was killed is empty, or its keys lay elsewhere for a while.
        } else {
            assert!(list("lost").is_empty(), "{place}: {:?}", list("lost"));
        }
        let failed = group["failed"].as_object().unwrap();
        assert!(at == victim || failed.is_empty(), "{place}: {failed:?}");
        for (text, count) in failed {
            failed_in_all += count.as_u64().unwrap();
            assert!(text.contains(&format!("(shard s{at}, server {})", server.addr())), "{text}");
        }
    }
    assert!(failed_in_all > 0, "nobody noticed that s{victim} failed");
    let good: Vec<u64> = groups.iter().map(|group| group["good"].as_u64().unwrap()).collect();
    println!(
        "redis-py {}: s{victim} failed {failed_in_all} requests; good {good:?}",
        result["version"]
    );
}
