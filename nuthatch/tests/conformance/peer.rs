//! Servers that note what they hear and answer as the key tells them to.
//!
//! `GET k` is answered with the server's own name and the key, so a reply shows who gave it.
//! Keys can ask for more:
//!
//! | key | answer |
//! |---|---|
//! | `say:TEXT` | the text as it stands, `~` being a line end, and one after it |
//! | `hush...` | none |
//! | `shut...` | the connection is closed in good order |
//! | `reset...` | it is reset |
//! | `none...` | a null bulk |
//! | `slow...` | as ever, after half a second in which the server does nothing else |

use nuthatch_testbed::{ParseError, Value, free_port, parse};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a server looks whether it should end.
const LOOK: Duration = Duration::from_millis(5);

const SLOW: Duration = Duration::from_millis(500);

/// What comes of a request.
pub enum Said {
    Reply(String),
    Nothing,
    Close,
    Reset,
}

type Script = dyn Fn(&[String]) -> Said + Send + Sync;

pub struct Peer {
    addr: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How requests begin and end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speech {
    Resp,
    /// memcached's text.
    Lines,
}

struct Shared {
    speech: Speech,
    script: Box<Script>,
    heard: Mutex<Vec<String>>,
    accepted: AtomicUsize,
    open: AtomicUsize,
    /// Closes every connection there is, once.
    hang_up: AtomicBool,
    end: AtomicBool,
}

impl Peer {
    /// Answers as its keys ask, under this name.
    pub fn named(name: &'static str) -> Peer {
        Peer::with(move |args| answer(name, args))
    }

    pub fn with(script: impl Fn(&[String]) -> Said + Send + Sync + 'static) -> Peer {
        Peer::speaking(Speech::Resp, Box::new(script))
    }

    /// Hears lines, with the data behind those that store.
    pub fn lines(script: impl Fn(&[String]) -> Said + Send + Sync + 'static) -> Peer {
        Peer::speaking(Speech::Lines, Box::new(script))
    }

    fn speaking(speech: Speech, script: Box<Script>) -> Peer {
        let listener = (0..5)
            .find_map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).ok())
            .unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            speech,
            script,
            heard: Mutex::default(),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            hang_up: AtomicBool::new(false),
            end: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        Peer { addr, shared, thread: Some(thread::spawn(move || serve(&listener, &own))) }
    }

    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    pub fn entry(&self, name: &str) -> String {
        format!("{}:1 {name}", self.addr)
    }

    /// What came, a request an item, to the byte.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// The same in one line.
    pub fn heard_text(&self) -> String {
        self.heard().join(" ")
    }

    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Closes all connections in good order and keeps listening.
    pub fn hang_up(&self) {
        self.shared.hang_up.store(true, Ordering::SeqCst);
        while self.shared.hang_up.load(Ordering::SeqCst) {
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// All connections in one thread: none is ever waited for.
fn serve(listener: &TcpListener, shared: &Shared) {
    let mut peers: Vec<(TcpStream, Vec<u8>)> = Vec::new();
    while !shared.end.load(Ordering::SeqCst) {
        while let Ok((peer, _)) = listener.accept() {
            shared.accepted.fetch_add(1, Ordering::SeqCst);
            if peer.set_nonblocking(true).and(peer.set_nodelay(true)).is_ok() {
                peers.push((peer, Vec::new()));
            }
        }
        peers.retain_mut(|(peer, pending)| keep(peer, pending, shared));
        if shared.hang_up.load(Ordering::SeqCst) {
            peers.clear();
            shared.hang_up.store(false, Ordering::SeqCst);
        }
        shared.open.store(peers.len(), Ordering::SeqCst);
        thread::sleep(LOOK);
    }
}

/// Serves what has arrived; says whether the connection goes on.
fn keep(peer: &mut TcpStream, pending: &mut Vec<u8>, shared: &Shared) -> bool {
    let mut chunk = [0; 16 * 1024];
    match peer.read(&mut chunk) {
        Ok(0) => return false,
        Ok(len) => pending.extend_from_slice(&chunk[..len]),
        Err(e) => return matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
    while !pending.is_empty() {
        let taken = match shared.speech {
            Speech::Resp => take_command(pending),
            Speech::Lines => Ok(take_line(pending)),
        };
        let (args, used) = match taken {
            Ok(Some(taken)) => taken,
            Ok(None) => return true,
            Err(()) => {
                // As a real one would.
                note(shared, pending);
                let _ = peer.write_all(b"-ERR Protocol error: invalid bulk length\r\n");
                return false;
            }
        };
        note(shared, &pending[..used]);
        pending.drain(..used);
        match (shared.script)(&args) {
            Said::Reply(text) if peer.write_all(text.as_bytes()).is_err() => return false,
            Said::Reply(_) | Said::Nothing => {}
            Said::Close => return false,
            Said::Reset => {
                let _ = socket2::SockRef::from(&*peer).set_linger(Some(Duration::ZERO));
                return false;
            }
        }
    }
    true
}

/// A whole request's words and how many bytes it has; `None` if it is not whole yet.
type Taken = Option<(Vec<String>, usize)>;

fn take_command(bytes: &[u8]) -> Result<Taken, ()> {
    match parse(bytes) {
        Ok((Value::Array(items), used)) => {
            Ok(Some((items.iter().filter_map(Value::text).collect(), used)))
        }
        Err(ParseError::NeedBytes(_)) => Ok(None),
        Ok(_) | Err(ParseError::Malformed(_)) => Err(()),
    }
}

fn take_line(bytes: &[u8]) -> Taken {
    let line = bytes.iter().position(|&b| b == b'\n')? + 1;
    let text = String::from_utf8_lossy(&bytes[..line]);
    let words = text.trim_end_matches(['\r', '\n']).split(' ').filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(ToOwned::to_owned).collect();
    let len_at = match words.first().map(String::as_str) {
        Some("set" | "add" | "replace" | "append" | "prepend" | "cas") => Some(4),
        Some("ms") => Some(2),
        _ => None,
    };
    let block = len_at.and_then(|at| words.get(at)?.parse::<usize>().ok());
    let used = line + block.map_or(0, |len| len + 2);
    (used <= bytes.len()).then_some((words, used))
}

fn note(shared: &Shared, bytes: &[u8]) {
    shared.heard.lock().unwrap().push(crate::stage::shown(bytes));
}

/// What a small server of this name says.
pub fn answer(name: &str, args: &[String]) -> Said {
    let key = args.get(1).map_or("", String::as_str);
    let bulk = |key: &String| {
        if key.starts_with("none") {
            return "$-1\r\n".to_owned();
        }
        let text = format!("{name}:{key}");
        format!("${}\r\n{text}\r\n", text.len())
    };
    if let Some(text) = key.strip_prefix("say:") {
        return Said::Reply(text.replace('~', "\r\n") + "\r\n");
    }
    for (word, said) in [("hush", Said::Nothing), ("shut", Said::Close), ("reset", Said::Reset)] {
        if key.starts_with(word) {
            return said;
        }
    }
    if key.starts_with("slow") {
        thread::sleep(SLOW);
    }
    let count = args.len().saturating_sub(1);
    Said::Reply(match args.first().map(|word| word.to_lowercase()).as_deref() {
        Some("get" | "eval" | "zdiff" | "sunion" | "lolwut") => {
            bulk(args.get(1).unwrap_or(&name.to_owned()))
        }
        Some("mget") => format!("*{count}\r\n") + &args[1..].iter().map(bulk).collect::<String>(),
        Some("del" | "unlink" | "touch" | "exists") => format!(":{count}\r\n"),
        _ => "+OK\r\n".to_owned(),
    })
}
