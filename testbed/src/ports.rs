//! Free TCP ports on loopback.
//!
//! Binding port 0 would be simpler, but the kernel takes such ports from the range that it also
//! uses for outgoing connections: between our look and the server's bind, any client on the
//! machine may get the same number. So we walk through a range below the ephemeral ports
//! (Linux starts at 32768, macOS at 49152). The walk begins at a port that differs from process to
//! process, and returns no port twice in one process. Two processes may still choose the same
//! port. The caller handles this: `RedisServer` takes another port when its own is taken.

use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// Ports already looked at by this process; the walk's length so far.
static WALKED: AtomicU32 = AtomicU32::new(0);
/// Where the walk began; 0 until the first call.
static START: AtomicU32 = AtomicU32::new(0);

/// A port on which no program listens now and that this process has not returned before.
///
/// # Panics
/// If all 20,000 ports of the range are taken.
pub fn free_port() -> u16 {
    let start = start();
    for _ in 0..COUNT {
        let step = WALKED.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST + (start + step) % COUNT) as u16;
        if look(port).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

/// A port that can be bound without reuse is free for every program. nutcracker's statistics do
/// not ask to reuse an address, as std does, and a connection that was closed a moment ago blocks
/// its port for them for a minute.
///
/// A thread that starts a program at this moment gives its child a copy of the socket, which lives
/// until the child executes the program. This copy must not block the port for our caller. So from
/// here on the address may be reused by programs that ask for it (all but nutcracker's statistics).
fn look(port: u16) -> io::Result<Socket> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn start() -> u32 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    // Never 0: 0 means unset.
    let fresh = (process::id().wrapping_mul(7919) ^ (nanos >> 10)) % COUNT + 1;
    match START.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => fresh,
        Err(earlier) => earlier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::net::TcpListener;

    #[test]
    fn no_port_twice_even_from_threads() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..50).map(|_| free_port()).collect::<Vec<_>>()))
            .collect();
        let ports: Vec<u16> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 200);
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).unwrap();
        let held_port = held.local_addr().unwrap().port();
        assert!((0..100).all(|_| free_port() != held_port));
    }

    #[test]
    fn a_look_that_lasts_keeps_nobody_from_the_port() {
        let port = free_port();
        let look = look(port).unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(look);
    }
}
