//! A fake server: it accepts connections and sends the bytes that a test chose, or nothing.

use anyhow::Result;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::free_port;

/// How often it checks whether it should end.
const LOOK: Duration = Duration::from_millis(5);
/// Connections it accepts in all: a bound for a proxy that reconnects in a loop.
const CONNECTIONS_MAX: usize = 10_000;

/// What it does with a connection.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Reads, and never answers.
    Silence,
    /// Answers everything that arrives with these bytes.
    Bytes(Vec<u8>),
    /// Answers the first bytes that arrive with these bytes, then closes.
    BytesAndClose(Vec<u8>),
}

/// Listens until it is dropped.
pub struct FakeServer {
    addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeServer {
    pub fn start(answer: Answer) -> Result<FakeServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port()))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (accepted, end) = (Arc::default(), Arc::default());
        let (count, stop) = (Arc::clone(&accepted), Arc::clone(&end));
        let thread = thread::spawn(move || serve(&listener, &answer, &count, &stop));
        Ok(FakeServer { addr, accepted, end, thread: Some(thread) })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The line for a pool's `servers`.
    pub fn entry(&self, weight: u32, name: &str) -> String {
        format!("{}:{weight} {name}", self.addr).trim_end().to_owned()
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// All connections in one thread. It never blocks on one of them.
fn serve(listener: &TcpListener, answer: &Answer, accepted: &AtomicUsize, end: &AtomicBool) {
    let mut peers: Vec<TcpStream> = Vec::new();
    while !end.load(Ordering::Relaxed) {
        while accepted.load(Ordering::Relaxed) < CONNECTIONS_MAX {
            let Ok((peer, _)) = listener.accept() else { break };
            accepted.fetch_add(1, Ordering::Relaxed);
            if peer.set_nonblocking(true).is_ok() {
                peers.push(peer);
            }
        }
        peers.retain_mut(|peer| keep(peer, answer));
        thread::sleep(LOOK);
    }
}

/// Answers the bytes that have arrived. Returns whether the connection continues.
fn keep(peer: &mut TcpStream, answer: &Answer) -> bool {
    let mut request = [0; 16 * 1024];
    match peer.read(&mut request) {
        Ok(0) => false,
        Ok(_) => match answer {
            Answer::Silence => true,
            Answer::Bytes(bytes) => peer.write_all(bytes).is_ok(),
            Answer::BytesAndClose(bytes) => {
                let _ = peer.write_all(bytes);
                false
            }
        },
        Err(e) => matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, Value};

    #[test]
    fn says_what_it_was_told_to() {
        let chatty = FakeServer::start(Answer::Bytes(b"+HI\r\n".to_vec())).unwrap();
        let mut client = Client::connect(chatty.addr()).unwrap();
        assert_eq!(client.command(&["GET", "x"]).unwrap(), Value::Simple("HI".into()));
        assert_eq!(chatty.accepted(), 1);

        let mute = FakeServer::start(Answer::Silence).unwrap();
        let mut client = Client::connect(mute.addr()).unwrap();
        client.send(&["GET", "x"]).unwrap();
        assert!(client.is_silent_for(Duration::from_millis(50)).unwrap());
    }
}
