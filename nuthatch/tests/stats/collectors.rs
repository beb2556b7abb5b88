//! The bare document is nutcracker's and nothing else: for programs that read it as collectors in
//! use do, and beside the document of the real one, under both of our names.
//!
//! The scene has a pool of Redis and one of memcached, and in each of them an ejected server.

use nuthatch_testbed::{
    Folder, MemcachedServer, Nuthatch, Proxy, RedisServer, find_program, find_program_or_skip,
    free_port, poll_until, pool_yaml,
};
use serde_json::{Map, Value as Json};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

/// Members of the document and of a pool that collectors know.
const OF_THE_WHOLE: [&str; 7] = [
    "service",
    "source",
    "version",
    "uptime",
    "timestamp",
    "total_connections",
    "curr_connections",
];
const OF_A_POOL: [&str; 6] = [
    "client_eof",
    "client_err",
    "client_connections",
    "server_ejects",
    "forward_error",
    "fragments",
];

/// Reader A: each other member is a pool, and each other member of a pool is a server, which has
/// `requests`. Returns the servers.
fn by_exclusion(text: &str) -> Result<Vec<String>, String> {
    let mut servers = Vec::new();
    for (pool, members) in members(text)? {
        if OF_THE_WHOLE.contains(&pool.as_str()) {
            continue;
        }
        let members = members.as_object().ok_or_else(|| format!("{pool} is not a pool"))?;
        for (server, numbers) in members {
            if OF_A_POOL.contains(&server.as_str()) {
                continue;
            }
            let requests = numbers.get("requests").and_then(Json::as_u64);
            requests.ok_or_else(|| format!("{pool}: {server} is not a server"))?;
            servers.push(format!("{pool}/{server}"));
        }
    }
    Ok(servers)
}

/// Reader B: what is not an object is a number, but for four names. Returns how many it found.
fn by_number(text: &str) -> Result<usize, String> {
    let mut found = 0;
    for (name, value) in members(text)? {
        if value.is_object() || ["service", "source", "version", "timestamp"].contains(&&*name) {
            continue;
        }
        let written = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        written.parse::<i64>().map_err(|error| format!("{name}: {written}: {error}"))?;
        found += 1;
    }
    Ok(found)
}

fn members(text: &str) -> Result<Map<String, Json>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Who serves statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    Nuthatch,
    /// Ours, under the old name.
    DropIn,
    /// The real one.
    Nutcracker,
}

impl Name {
    /// Ours under both names, and the real one where it is installed.
    pub fn all() -> Vec<Name> {
        let mut all = vec![Name::Nuthatch, Name::DropIn];
        all.extend(find_program_or_skip("nutcracker").map(|_| Name::Nutcracker));
        all
    }

    pub fn path(self, folder: &Folder) -> PathBuf {
        match self {
            Name::Nuthatch => Nuthatch::binary().unwrap(),
            Name::DropIn => {
                let link = folder.path().join("nutcracker");
                if !link.exists() {
                    symlink(Nuthatch::binary().unwrap(), &link).unwrap();
                }
                link
            }
            Name::Nutcracker => find_program("nutcracker").unwrap(),
        }
    }
}

/// Two pools of two servers, and a proxy before them.
struct Scene {
    redis: [RedisServer; 2],
    memcached: [MemcachedServer; 2],
    proxy: Proxy,
    _folder: Folder,
}

impl Scene {
    fn start(name: Name, args: &[&str]) -> Scene {
        let redis = [(); 2].map(|()| RedisServer::start().unwrap());
        let memcached = [(); 2].map(|()| MemcachedServer::start().unwrap());
        let ejects = [
            ("auto_eject_hosts", "true"),
            ("server_failure_limit", "1"),
            ("server_retry_timeout", "600000"),
            ("timeout", "2000"),
        ];
        let entries = [redis[0].entry(1, "one"), redis[1].entry(1, "two")];
        let keys = [&[("redis", "true")], &ejects[..]].concat();
        let mut yaml = pool_yaml("store", free_port(), &keys, &entries);
        let entries = [memcached[0].entry(1, "left"), memcached[1].entry(1, "")];
        yaml.push_str(&pool_yaml("mem", free_port(), &ejects, &entries));
        let folder = Folder::new().unwrap();
        let proxy = Proxy::start(&name.path(&folder), &yaml, args).unwrap();
        Scene { redis, memcached, proxy, _folder: folder }
    }

    /// One server of each pool dies and is ejected.
    fn eject(&mut self) {
        self.redis[0].kill().unwrap();
        self.memcached[0].kill().unwrap();
        let ejected = poll_until(LONG, || {
            // Numbers in front: fnv1a_64 puts keys that differ only at the end beside each other on the
            // ring, where one server may have them all.
            for n in 0..20 {
                // Errors and hang-ups are what the old one does until the server is out.
                let _ = self.proxy.client_of(0).unwrap().command(&["GET", &format!("{n}:key")]);
                let _ = self.proxy.client_of(1).unwrap().ask(format!("get {n}:key\r\n"));
            }
            let stats = self.settled();
            ["store", "mem"].iter().all(|pool| stats[*pool]["server_ejects"] == 1)
        });
        assert!(ejected, "{}", self.proxy.stats().unwrap());
    }

    /// The old one hands its numbers over at a wake-up, when the last ones were taken.
    fn settled(&self) -> Json {
        for _ in 0..2 {
            let _ = self.proxy.stats();
            let _ = self.proxy.client_of(0).unwrap().command(&["PING"]);
            sleep(Duration::from_millis(20));
        }
        serde_json::from_str(&self.proxy.stats().unwrap()).unwrap()
    }

    fn servers(&self) -> [String; 4] {
        // As port 11211 is not theirs, memcached servers without a name are called host:port.
        let last = format!("mem/{}", self.memcached[1].addr());
        [last, "mem/left".to_owned(), "store/one".to_owned(), "store/two".to_owned()]
    }

    /// What both readers find in the bare document, by TCP and by HTTP.
    fn read_by_all(&self, name: Name) {
        let mut documents = vec![self.proxy.stats().unwrap()];
        if name != Name::Nutcracker {
            documents.push(self.proxy.http("GET / HTTP/1.1\r\n\r\n").unwrap().1);
        }
        for text in documents {
            let mut servers = by_exclusion(&text).unwrap_or_else(|why| panic!("{name:?}: {why}"));
            servers.sort();
            assert_eq!(servers, self.servers(), "{name:?}");
            assert_eq!(by_number(&text), Ok(3), "{name:?}");
        }
    }
}

#[test]
fn collectors_of_both_kinds_read_the_bare_document() {
    for name in Name::all() {
        let mut scene = Scene::start(name, &[]);
        scene.read_by_all(name);
        scene.eject();
        scene.read_by_all(name);
    }
}

/// Both readers fail on our members, so what they say above means something.
#[test]
fn collectors_fail_where_our_members_are() {
    for name in [Name::Nuthatch, Name::DropIn] {
        let scene = Scene::start(name, &["--stats-extended"]);
        for text in [
            scene.proxy.stats_extended().unwrap(),
            scene.proxy.stats().unwrap(),
            scene.proxy.http("GET / HTTP/1.1\r\n\r\n").unwrap().1,
        ] {
            assert!(by_exclusion(&text).is_err(), "{name:?}: {text}");
            assert!(by_number(&text).unwrap_err().contains("nuthatch_version"), "{name:?}: {text}");
            let stats: Json = serde_json::from_str(&text).unwrap();
            assert_eq!(stats["mem"]["left"]["server_live"], 1, "{name:?}");
            assert_eq!(stats["store"]["requests_refused"], 0, "{name:?}");
        }
    }
}

/// Names, their order, blanks: all but the numbers, before and after an ejection.
#[test]
fn the_bare_document_is_nutcrackers_member_for_member() {
    let names = Name::all();
    let mut scenes: Vec<Scene> = names.iter().map(|name| Scene::start(*name, &[])).collect();
    for ejected in [false, true] {
        let shapes: Vec<String> = scenes
            .iter_mut()
            .map(|scene| {
                if ejected {
                    scene.eject();
                }
                let own = scene.memcached[1].addr().to_string();
                zeroed(&scene.proxy.stats().unwrap()).replace(&own, "127.0.0.1:11211")
            })
            .collect();
        for (name, shape) in names.iter().zip(&shapes) {
            assert_eq!(shape, shapes.last().unwrap(), "{name:?}, ejected: {ejected}");
        }
    }
}

/// Odd names and addresses too. Nothing has to run behind them.
#[test]
fn the_layout_is_nutcrackers_whatever_the_names() {
    if find_program_or_skip("nutcracker").is_none() {
        return;
    }
    let servers = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let keys = [("redis", "true")];
    let mut yaml = pool_yaml("beta", free_port(), &keys, &servers(&["127.0.0.1:11211:1"]));
    let several = ["127.0.0.1:1:1 zz", "127.0.0.1:1:2 aaa", "10.0.0.1:6379:1", "/tmp/none.sock:1"];
    yaml.push_str(&pool_yaml("al", free_port(), &keys, &servers(&several)));
    // Names that are members as well.
    yaml.push_str(&pool_yaml("uptime", free_port(), &[], &servers(&["h:1:1 fragments"])));
    let document = |name: Name| {
        let folder = Folder::new().unwrap();
        let proxy = Proxy::start(&name.path(&folder), &yaml, &[]).unwrap();
        zeroed(&proxy.stats().unwrap())
    };
    let theirs = document(Name::Nutcracker);
    assert_eq!(document(Name::Nuthatch), theirs);
    assert_eq!(document(Name::DropIn), theirs);
}

/// Numbers of members become 0; digits in names stay.
fn zeroed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\":") {
        out.push_str(&rest[..at + 2]);
        rest = &rest[at + 2..];
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'-').count();
        if digits > 0 {
            out.push('0');
            rest = &rest[digits..];
        }
    }
    out + rest
}

/// `/stats` is the bare document, with two members at a server's end, the engine's other counters
/// at a pool's, and three at the document's.
#[test]
fn ours_stand_at_the_end_of_each_object() {
    let scene = Scene::start(Name::Nuthatch, &["-w", "2"]);
    let bare = zeroed(&scene.proxy.stats().unwrap());
    let pool: Vec<String> = nuthatch_engine::proxy::COUNTERS
        .iter()
        .filter(|row| !row.is_of_replicas && !bare.contains(&format!("\"{}\"", row.name)))
        .map(|row| format!("\"{}\":0", row.name))
        .collect();
    assert!(!pool.is_empty());
    let version = env!("CARGO_PKG_VERSION");
    let whole = format!(
        ",\"nuthatch_version\":\"{version}\", \"nuthatch_workers\":0, \"nuthatch_workers_missing\":0}}\n"
    );
    let text = zeroed(&scene.proxy.stats_extended().unwrap());
    let text = text.strip_suffix(&whole).expect("ours at the end of the document");
    let text = text.replace(", \"server_connects\":0, \"server_live\":0}", "}");
    assert_eq!(text.replace(&format!(",{}}}", pool.join(", ")), "}") + "}\n", bare);
}
