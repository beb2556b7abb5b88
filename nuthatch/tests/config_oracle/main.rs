//! Do we take and refuse the same files as the real nutcracker 0.5.0, and name servers alike?
//!
//! `nutcracker -t` says valid or invalid and no more, so the corpus is made of small variations
//! of one good file, each testing one rule. Where we differ, the file stands in `corpus.rs`
//! with the reason. Node names are read from nutcracker's stats. Without nutcracker the tests
//! fail, unless NUTHATCH_SKIP_ORACLE=1 says that this is known.

#![allow(clippy::unwrap_used)] // A test that cannot go on shall say so.

mod corpus;

use corpus::{DIFFERENCES, FILE_DIFFERENCES, FILES, LINES, LISTENS, SERVERS};
use nuthatch::config;
use nuthatch_engine::topology::Manners;
use std::fmt::Write;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn pool(lines: &str) -> String {
    let lines = lines.replace('~', "\n");
    let redis = if lines.starts_with("redis:") { "" } else { "  redis: true\n" };
    format!("p:\n  listen: 127.0.0.1:22121\n{redis}  {lines}\n  servers:\n  - 127.0.0.1:6379:1\n")
}

fn servers(entry: &str) -> String {
    let entry = entry.replace('~', "\n");
    format!("p:\n  listen: 127.0.0.1:22121\n  servers:\n  - 127.0.0.1:6379:1\n  - {entry}\n")
}

fn listen(value: &str) -> String {
    format!("p:\n  listen: {value}\n  servers:\n  - 127.0.0.1:6379:1\n")
}

/// A file that is gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("nuthatch-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Is nutcracker here? Panics if not, unless that is known.
fn oracle() -> bool {
    let found = Command::new("nutcracker").arg("-V").stderr(Stdio::null()).status().is_ok();
    assert!(
        found || std::env::var_os("NUTHATCH_SKIP_ORACLE").is_some(),
        "nutcracker 0.5.0 is not installed (apt-get install nutcracker); NUTHATCH_SKIP_ORACLE=1 goes on without"
    );
    found
}

fn nutcracker_takes(scratch: &Scratch, text: &str) -> bool {
    std::fs::write(&scratch.0, text).unwrap();
    let status = Command::new("nutcracker")
        .args(["-t", "-c"])
        .arg(&scratch.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    status.success()
}

/// With the resolving that nutcracker does while it parses.
fn we_take(text: &str) -> bool {
    config::parse(text, "t.yml", Manners::Twemproxy)
        .is_ok_and(|(config, _)| config::resolve(&config).is_ok())
}

#[test]
fn we_take_and_refuse_what_nutcracker_does() {
    if !oracle() {
        return;
    }
    let scratch = Scratch::new("oracle.yml");
    let corpus: Vec<String> = LINES
        .iter()
        .map(|lines| pool(lines))
        .chain(SERVERS.iter().map(|entry| servers(entry)))
        .chain(LISTENS.iter().map(|value| listen(value)))
        .chain(FILES.iter().map(|&file| file.to_owned()))
        .collect();
    assert!(corpus.len() > 300);
    let known = |text: &str| FILE_DIFFERENCES.iter().find(|known| known.0 == text);
    let mut wrong = Vec::new();
    let mut taken = 0;
    for text in &corpus {
        let (theirs, ours) = (nutcracker_takes(&scratch, text), we_take(text));
        taken += usize::from(theirs);
        let expected = known(text).map_or(theirs, |known| known.1);
        if ours != expected || (known(text).is_some() && ours == theirs) {
            wrong.push(format!("nutcracker {theirs}, ours {ours}:\n{text:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of {}", wrong.join("\n"), wrong.len(), corpus.len());
    // A corpus all of one kind would prove little.
    assert!(taken > 100 && taken < corpus.len() - 100, "{taken} of {}", corpus.len());
}

#[test]
fn the_differences_are_what_we_say() {
    if !oracle() {
        return;
    }
    let scratch = Scratch::new("differences.yml");
    let lines = DIFFERENCES.iter().map(|&(lines, ours, why)| (pool(lines), ours, why));
    let files = FILE_DIFFERENCES.iter().map(|&(file, ours, why)| (file.to_owned(), ours, why));
    for (text, ours, why) in lines.chain(files) {
        assert_eq!(we_take(&text), ours, "{text}: {why}");
        assert_eq!(nutcracker_takes(&scratch, &text), !ours, "{text}: {why}");
    }
}

/// The corpus once more: whatever we take, `export` makes a file of that nutcracker takes, and
/// `-t` says "refused" of exactly those files that it refuses.
#[test]
fn what_nutcracker_refuses_is_told_and_exported() {
    if !oracle() {
        return;
    }
    let scratch = Scratch::new("export.yml");
    let corpus = LINES
        .iter()
        .map(|lines| pool(lines))
        .chain(SERVERS.iter().map(|entry| servers(entry)))
        .chain(LISTENS.iter().map(|value| listen(value)))
        .chain(FILES.iter().map(|&file| file.to_owned()))
        .chain(DIFFERENCES.iter().map(|known| pool(known.0)))
        .chain(FILE_DIFFERENCES.iter().map(|known| known.0.to_owned()));
    let (mut exported, mut told) = (0, 0);
    for text in corpus.filter(|text| we_take(text)) {
        let (config, _) = config::parse(&text, "t.yml", Manners::Twemproxy)
            .unwrap_or_else(|problems| panic!("{}", problems[0]));
        let is_told =
            config::differences(&config, 1).iter().any(|d| d.old.starts_with("refused the file"));
        assert_eq!(is_told, !nutcracker_takes(&scratch, &text), "{text}");
        let export = config::export(&config).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(nutcracker_takes(&scratch, &export.text), "{text}\n{}", export.text);
        exported += 1;
        told += usize::from(is_told);
    }
    assert!(exported > 100 && told > 8, "{exported} {told}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running nutcracker, killed when dropped.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Every pool and its servers, in the order of nutcracker's stats.
#[test]
fn pools_and_servers_have_nutcrackers_names_and_order() {
    if !oracle() {
        return;
    }
    let names = ["zz", "a", "pool-b", "B", "b", "缓存", "longer"];
    let entries = [
        "127.0.0.1:6379:1",
        "127.0.0.1:6380:3 alpha",
        "h:11211:1",
        "h:06379:1",
        "::1:6379:1",
        "[::1]:6379:1",
        "/tmp/s:1",
        "/tmp/s:1 x",
        "H:1:1",
        "h:1:1",
        "127.0.0.1:6381:9 b",
        "h:2:1 a:b",
        "h:3:1 名",
        "localhost:11211:1",
        ":6379:1",
    ];
    let scratch = Scratch::new("names.yml");
    // A port that was free a moment ago may be somebody's by the time it is bound.
    let (config, stats) = (0..5)
        .find_map(|_| {
            let mut text = String::new();
            for (index, name) in names.iter().enumerate() {
                let address = format!("127.0.0.1:{}", free_port());
                let _ = write!(text, "{name}:\n  listen: {address}\n  servers:\n");
                for entry in entries.iter().cycle().skip(index * 3).take(entries.len()) {
                    let _ = writeln!(text, "  - \"{entry}\"");
                }
            }
            std::fs::write(&scratch.0, &text).unwrap();
            let (config, _) = config::parse(&text, "t.yml", Manners::Twemproxy)
                .unwrap_or_else(|problems| panic!("{}", problems[0]));
            let port = free_port();
            let running = Command::new("nutcracker")
                .args(["-a", "127.0.0.1", "-s", &port.to_string(), "-c"])
                .arg(&scratch.0)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut running = Running(running);
            Some((config, read_stats(&mut running, port)?))
        })
        .expect("nutcracker does not start");
    let mut at = 0;
    for pool in &config.pools {
        let mut expect = |name: &str| {
            let quoted = format!("\"{name}\":");
            let found = stats[at..].find(&quoted);
            let found = found.unwrap_or_else(|| panic!("{name} is not in place in {stats}"));
            at += found + quoted.len();
        };
        expect(&pool.spec.name);
        for shard in &pool.spec.shards {
            expect(&shard.name);
        }
    }
    assert!(config.pools.len() == names.len());
}

/// `None`: it ended, or does not answer.
fn read_stats(running: &mut Running, port: u16) -> Option<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let mut stats = Vec::new();
            stream.read_to_end(&mut stats).unwrap();
            // Blanks outside of names only come after colons and commas.
            return Some(String::from_utf8_lossy(&stats).replace("\": ", "\":"));
        }
        if running.0.try_wait().unwrap().is_some() || Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
