//! Where to bind: the hosts of `listen` looked up.

use super::checked::Config;
use super::listen::Listen;
use super::problem::{Fault, Problem};
use super::quote::quoted;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// A place to bind, host names looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bind {
    Tcp(SocketAddr),
    Unix { path: Box<str>, mode: Option<u32> },
}

/// Looks up the host of every pool's listener, the first answer counting; in the pools' order.
/// May block.
pub fn resolve(config: &Config) -> Result<Vec<Bind>, Vec<Problem>> {
    let mut binds = Vec::new();
    let mut problems = Vec::new();
    for pool in &config.pools {
        match bind_of(&pool.listen) {
            Ok(bind) => binds.push(bind),
            Err(fault) => {
                let problem = config.source.problem(pool.listen_place, fault);
                problems.push(problem.in_pool(&pool.spec.name).at_key("listen"));
            }
        }
    }
    if problems.is_empty() { Ok(binds) } else { Err(problems) }
}

/// A host is looked up, and the first answer taken, as nutcracker does. May block.
pub fn bind_of(listen: &Listen) -> Result<Bind, Fault> {
    let (host, port) = match listen {
        Listen::Unix { path, mode } => {
            return Ok(Bind::Unix { path: path.clone(), mode: *mode });
        }
        Listen::Tcp { host, port } => (host, *port),
    };
    look_up(host, port).map(Bind::Tcp).map_err(|reason| {
        Fault::new(format!("the host {} does not resolve", quoted(host)))
            .expected("an address of this machine, or a name for one")
            .note(format!("the system says: {reason}"))
    })
}

fn look_up(host: &str, port: u16) -> Result<SocketAddr, String> {
    // glibc takes `*` for no host only when asked with a port in words, as nutcracker does and
    // std does not. It answers with the loopback, IPv6 first where there is any.
    let host = match host {
        "*" if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() => "::1",
        "*" => "127.0.0.1",
        host => host,
    };
    let mut addresses = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    addresses.next().ok_or_else(|| "no address".to_owned())
}
