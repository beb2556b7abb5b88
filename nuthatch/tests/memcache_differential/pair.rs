//! The two sides: nuthatch before three servers, and one server alone.

use crate::requests::{Batch, Maker, unique_of};
use nuthatch_testbed::{
    Client, MemcachedServer, Nuthatch, Proxy, free_port, is_timeout, pool_yaml,
};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a side may take for a batch. One that swallows what follows gets more to swallow.
const PATIENCE: Duration = Duration::from_secs(10);
/// Silence after which another mark is sent, behind enough lines to fill what may be owed.
const HUNGER: Duration = Duration::from_millis(200);
const FILLING: usize = 400;

/// No thread of the server's own may hold an item now and then: see `differences::Cut::Held`.
const ALONE: [&str; 2] = ["-o", "no_lru_crawler,no_lru_maintainer"];

pub struct Pair {
    pub proxy: Proxy,
    _shards: Vec<MemcachedServer>,
    pub lone: MemcachedServer,
}

/// What one side said before its mark.
pub struct Heard {
    pub bytes: Vec<u8>,
    pub closed: bool,
}

pub struct Both {
    pub ours: Heard,
    pub theirs: Heard,
}

impl Pair {
    pub fn start(workers: u16) -> Pair {
        let start = || MemcachedServer::start_with(&ALONE).unwrap();
        let shards: Vec<MemcachedServer> = (0..3).map(|_| start()).collect();
        let entries: Vec<String> = shards
            .iter()
            .zip(["north", "east", "south"])
            .map(|(s, name)| s.entry(1, name))
            .collect();
        let yaml = pool_yaml("diff", free_port(), &[], &entries);
        let proxy = Nuthatch::start(&yaml, &["-w", &workers.to_string()]).unwrap();
        Pair { proxy, _shards: shards, lone: start() }
    }

    pub fn talk(&self) -> Talk {
        Talk { ours: self.proxy.client().unwrap(), theirs: self.lone.client().unwrap(), marks: 0 }
    }
}

/// A connection to each side.
pub struct Talk {
    pub ours: Client,
    pub theirs: Client,
    marks: u64,
}

impl Talk {
    /// Sends a batch to both, to ours in pieces.
    pub fn ask(&mut self, batch: &Batch, maker: &mut Maker) -> Both {
        let [ours, theirs] = [&mut self.ours, &mut self.theirs].map(|client| {
            // A cas unique is a server's own: each side gets the one it gave.
            let unique = batch.cas_of.as_ref().map(|key| {
                let asked = [b"gets ", key.as_slice(), b"\r\n"].concat();
                unique_of(&client.ask(asked).unwrap())
            });
            batch.bytes(unique)
        });
        self.exchange(&ours, &theirs, maker)
    }

    pub fn exchange(&mut self, ours: &[u8], theirs: &[u8], maker: &mut Maker) -> Both {
        self.marks += 1;
        let (request, mut answer) = mark(self.marks);
        // Either side may close before it has read it all.
        let _ = self.theirs.send_raw(&[theirs, &request].concat());
        send_in_pieces(&mut self.ours, &[ours, &request].concat(), maker);
        let mut both = [(); 2].map(|()| Heard { bytes: Vec::new(), closed: false });
        let mut done = [false; 2];
        let mut clients = [&mut self.ours, &mut self.theirs];
        let end = Instant::now() + PATIENCE;
        while !done.iter().all(|done| *done) {
            if Instant::now() > end {
                let [ours, theirs] = both.map(|heard| heard.bytes.escape_ascii().to_string());
                panic!("silence {done:?}, after {ours:.2000}\n{theirs:.2000}");
            }
            for (at, client) in clients.iter_mut().enumerate() {
                let heard = &mut both[at];
                while !done[at] {
                    client.set_timeout(HUNGER).unwrap();
                    match client.recv_some() {
                        Ok(bytes) if bytes.is_empty() => heard.closed = true,
                        Ok(bytes) => heard.bytes.extend_from_slice(&bytes),
                        Err(e) if is_timeout(&e) => break,
                        Err(_) => heard.closed = true,
                    }
                    if let Some(len) = heard.bytes.strip_suffix(answer.as_slice()).map(<[u8]>::len)
                    {
                        heard.bytes.truncate(len);
                        done[at] = true;
                    }
                    done[at] |= heard.closed;
                }
            }
            if done == [false; 2] {
                // Both wait for the rest of a block, or are slow; so it is a new mark that counts.
                self.marks += 1;
                let (request, last) = mark(self.marks);
                answer = last;
                let filling = [&b"get filling\r\n".repeat(FILLING), request.as_slice()].concat();
                for client in &mut clients {
                    let _ = client.send_raw(&filling);
                }
            }
        }
        let [ours, theirs] = both;
        Both { ours, theirs }
    }
}

/// A request whose answer no other has, and its answer.
fn mark(number: u64) -> (Vec<u8>, Vec<u8>) {
    let request = format!("ms the-mark 0 k OM{number}\r\n\r\n");
    (request.into(), format!("HD kthe-mark OM{number}\r\n").into())
}

fn send_in_pieces(client: &mut Client, bytes: &[u8], maker: &mut Maker) {
    let mut cuts: Vec<usize> = (0..maker.below(5)).map(|_| maker.below(bytes.len() + 1)).collect();
    if bytes.len() < 300 && maker.one_in(15) {
        cuts = (0..bytes.len()).collect();
    }
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut start = 0;
    for end in cuts {
        if end > start {
            if client.send_raw(&bytes[start..end]).is_err() {
                return;
            }
            start = end;
            if maker.one_in(4) {
                sleep(Duration::from_micros(200));
            }
        }
    }
}
