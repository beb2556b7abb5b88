//! The same of memcached pools, whose keys are listed by `lru_crawler metadump`.

use super::{Done, keys};
use nuthatch::config;
use nuthatch_engine::base::Chance;
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{Manners, ShardState};
use nuthatch_testbed::{Folder, MemcachedServer, Nutcracker, find_program, free_port};

const POOL: &str =
    "pool:\n  listen: 127.0.0.1:22121\n  hash: md5\n  hash_tag: \"{}\"\n  servers:\n";

/// memcacheds with keys placed by the file `right`.
struct Stage {
    servers: Vec<MemcachedServer>,
    right: String,
    folder: Folder,
}

impl Stage {
    /// `None`, and said so, where there is no memcached.
    fn new(args: &[&str]) -> Option<Stage> {
        if find_program("memcached").is_none() {
            eprintln!("memcached is needed here");
            return None;
        }
        let servers: Vec<MemcachedServer> =
            (0..3).map(|_| MemcachedServer::start_with(args).unwrap()).collect();
        let entries: Vec<String> = ["alpha", "b", "gamma-delta"]
            .iter()
            .zip(&servers)
            .map(|(name, server)| format!("    - {}\n", server.entry(1, name)))
            .collect();
        let right = format!("{POOL}{}", entries.concat());
        Some(Stage { servers, right, folder: Folder::new().unwrap() })
    }

    /// Stores keys by the lines that store one: the key as it is written, `more` behind it.
    fn store(&self, keys: impl Iterator<Item = (Vec<u8>, String)>) {
        let (config, _) = config::parse(&self.right, "t.yml", Manners::Modern).unwrap();
        let spec = &config.pools[0].spec;
        let router = fixed::router(spec, &vec![ShardState::Live; spec.shards.len()]);
        let mut lines = vec![Vec::new(); self.servers.len()];
        for (key, line) in keys {
            let owner = router.route(&key, &mut Chance::new(0)).unwrap();
            let address = spec.shards[owner.index()].address.to_string();
            let is_it = |server: &MemcachedServer| match server.unix_socket() {
                Some(path) => path.to_str() == Some(&address),
                None => server.addr().to_string() == address,
            };
            let at = self.servers.iter().position(is_it).unwrap();
            lines[at].extend_from_slice(line.as_bytes());
        }
        for (server, lines) in self.servers.iter().zip(&lines) {
            let mut client = server.client().unwrap();
            client.send_raw(&[lines, &b"quit\r\n"[..]].concat()).unwrap();
            let answers = String::from_utf8(client.recv_to_end().unwrap()).unwrap();
            assert!(answers.lines().all(|line| line == "STORED" || line == "HD"), "{answers}");
        }
    }

    fn fill(&self, count: usize) {
        let set = |key: String| (key.clone().into(), format!("set {key} 0 0 1\r\nv\r\n"));
        self.store(keys(count).into_iter().map(set));
    }

    fn verify(&self, yaml: &str, args: &[&str]) -> Done {
        super::verify(&self.folder, yaml, args)
    }

    /// The sum of a number in the servers' `stats`.
    fn stat(&self, name: &str) -> u64 {
        let of_one = |server: &MemcachedServer| {
            let mut client = server.client().unwrap();
            client.send_raw(b"stats\r\nquit\r\n").unwrap();
            let stats = String::from_utf8(client.recv_to_end().unwrap()).unwrap();
            let start = format!("STAT {name} ");
            let line = stats.lines().find_map(|line| line.strip_prefix(&start)).unwrap();
            line.parse::<u64>().unwrap()
        };
        self.servers.iter().map(of_one).sum()
    }
}

#[test]
fn a_right_file_is_right_and_a_wrong_one_is_told_what_is_wrong() {
    let Some(stage) = Stage::new(&[]) else { return };
    stage.fill(900);
    let done = stage.verify(&stage.right, &[]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    assert!(done.out.starts_with("pool pool: all 900 keys looked at are in place\n"));

    let wrong = stage.right.replace("hash: md5", "hash: murmur");
    let done = stage.verify(&wrong, &["--json", "--sample", "100"]);
    assert_eq!(done.code, 1);
    let told: serde_json::Value = serde_json::from_str(done.out.trim_end()).unwrap();
    assert_eq!(told["sampled"], 300);
    assert!(told["servers"].as_array().unwrap().iter().all(|server| server["whole"] == false));
    let hint = "with `hash: md5` 100.0% of the sample would be in place: did you mean that?";
    assert_eq!(told["hints"][0], hint);

    let names = stage.right.replace(" alpha", " x").replace(" b\n", " alpha\n");
    let done = stage.verify(&names.replace(" x", " b"), &[]);
    assert_eq!(done.out.matches("are their addresses exchanged?").count(), 2, "{}", done.out);

    let other = stage.right.replace("pool:", "other:").replace("22121", "22122");
    let other = other.replace("hash: md5", "hash: murmur");
    let done = stage.verify(&format!("{}{other}", stage.right), &["--pool", "other"]);
    let hint = "hint: servers are shared with pool pool, whose keys are among these";
    assert!(done.out.contains(hint), "{}", done.out);
    // Reading only, and nothing of it looks like use to the server.
    assert_eq!(stage.stat("cmd_get") + stage.stat("cmd_touch") + stage.stat("cmd_flush"), 0);
    assert_eq!(stage.stat("cmd_set"), 900);
}

/// Keys that are no text, as the meta commands store them; the bytes decide where they belong.
#[test]
fn keys_are_their_bytes() {
    let Some(stage) = Stage::new(&[]) else { return };
    let base64 = |bytes: [u8; 3]| -> String {
        let all = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..4).map(|n| char::from(letters[(all >> (18 - 6 * n)) as usize % 64])).collect()
    };
    let binary = (0..=255u8).map(|n| {
        let key = [n, b'\n', n.wrapping_mul(7)];
        (key.into(), format!("ms {} 1 b\r\nv\r\n", base64(key)))
    });
    stage.store(binary);
    let text = ["a%20b", "k%", "\u{e9}t\u{e9}", "a+b=c&d", "x\ty", "{t}1", "{t}2"];
    let set = |key: &str| (key.into(), format!("set {key} 0 0 1\r\nv\r\n"));
    stage.store(text.into_iter().map(set));
    let longest = format!("{}\u{1}", "\u{7f}".repeat(249));
    stage.store([set(&longest)].into_iter());
    let done = stage.verify(&stage.right, &["--sample", "0"]);
    assert_eq!(done.code, 0, "{}", done.out);
    assert!(done.out.starts_with("pool pool: all 264 keys looked at are in place\n"));
}

#[test]
fn who_cannot_be_asked_says_why() {
    let Some(stage) = Stage::new(&["-o", "no_lru_crawler"]) else { return };
    let done = stage.verify(&stage.right, &[]);
    assert_eq!(done.code, 2, "{}", done.out);
    let why = "alpha        cannot be asked: lru_crawler metadump all: \
               CLIENT_ERROR lru crawler disabled";
    assert!(done.out.contains(why), "{}", done.out);
    // A file that has the wrong kind of pool.
    let redis = stage.right.replace("  hash:", "  redis: true\n  hash:");
    let done = stage.verify(&redis, &[]);
    assert_eq!(done.code, 2, "{}", done.out);
    assert!(done.out.contains("DBSIZE: the answer is not Redis'"), "{}", done.out);
}

#[test]
fn over_unix_sockets() {
    let Some(stage) = Stage::new(&["-s", "m.sock"]) else { return };
    stage.fill(200);
    let done = stage.verify(&stage.right, &[]);
    assert_eq!(done.code, 0, "{}", done.out);
    assert!(done.out.contains("all 200 keys"), "{}", done.out);
}

/// What the old proxy has placed is in place.
#[test]
fn keys_of_nutcracker_are_in_place() {
    if find_program("nutcracker").is_none() {
        return;
    }
    let Some(stage) = Stage::new(&[]) else { return };
    let file = stage.right.replace("22121", &free_port().to_string());
    let old = Nutcracker::start(&file).unwrap();
    let mut client = old.client().unwrap();
    let sets: Vec<String> =
        keys(300).iter().map(|key| format!("set {key} 0 0 1\r\nv\r\n")).collect();
    let sets = sets.concat();
    client.send_raw(format!("{sets}quit\r\n").as_bytes()).unwrap();
    client.recv_to_end().unwrap();
    let done = stage.verify(&file, &[]);
    assert_eq!(done.code, 0, "{}", done.out);
    assert!(done.out.contains("all 300 keys"), "{}", done.out);
}
