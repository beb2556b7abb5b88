//! The listening sockets of all pools, or all reasons why one cannot listen.
//!
//! The usual reason is a port that is in use. Its text says which pool needs the port, how to find the
//! process that has it, and what to change.

use crate::config::{Bind, Config, Pool};
use crate::io::{Listener, Socket};
use anyhow::bail;
use nuthatch_engine::base::PoolId;
use nuthatch_engine::proxy::too_many_clients;
use nuthatch_engine::topology::Policy;
use std::fmt::Write;
use std::io;
use std::sync::Arc;

/// For each pool its listeners, in the order of the file's pools, in which the director gives ids out:
/// one, or one a worker with `reuseport`. All are tried, so that an error names every pool that cannot
/// listen.
pub fn all(
    config: &Config,
    binds: &[Bind],
    workers: u16,
) -> anyhow::Result<Vec<Vec<Arc<Listener>>>> {
    let mut all = Vec::new();
    let mut reasons = Vec::new();
    for (at, pool) in config.pools.iter().enumerate() {
        match of_pool(PoolId(at as u16), pool, &binds[at], workers) {
            Ok(listeners) => {
                tracing::info!(
                    pool = &*pool.spec.name,
                    listen = &*pool.listen_text,
                    servers = pool.spec.shards.len(),
                    "listening"
                );
                all.push(listeners);
            }
            Err(error) => {
                let who = format!("pool '{}'", pool.spec.name);
                reasons.push(reason(&who, &pool.listen_text, "listen", &error));
            }
        }
    }
    if !reasons.is_empty() {
        bail!("{}", reasons.join("\n"));
    }
    Ok(all)
}

fn of_pool(id: PoolId, pool: &Pool, bind: &Bind, workers: u16) -> io::Result<Vec<Arc<Listener>>> {
    // A path can be bound once only.
    let is_shared = pool.reuseport && matches!(bind, Bind::Tcp(_));
    let sockets = if is_shared { workers } else { 1 };
    let clients_max = clients_max(pool);
    let one = |_| {
        let socket = Socket::bind(bind, pool.backlog, pool.reuseport, pool.tcpkeepalive)?;
        let (keepalive, name) = (pool.tcpkeepalive, pool.spec.name.clone());
        let is_silent = Policy::of(pool.spec.manners).turns_away_in_silence;
        let farewell = if is_silent { b"" } else { too_many_clients(pool.spec.protocol) };
        Ok(Arc::new(Listener { pool: id, socket, keepalive, clients_max, farewell, name }))
    };
    (0..sockets).map(one).collect()
}

/// Clients a pool takes; 0 is no limit.
pub fn clients_max(pool: &Pool) -> u32 {
    let is_ignored = Policy::of(pool.spec.manners).ignores_client_limit;
    if is_ignored { 0 } else { pool.spec.client_connections }
}

/// Why an address cannot be listened on, and what helps. `who` needs it, and has it from `key`.
pub fn reason(who: &str, address: &str, key: &str, error: &io::Error) -> String {
    let mut text = format!("{who} cannot listen on {address}: {error}");
    // A path may hold colons, and a mode may follow it.
    let path = address.rsplit_once(' ').map_or(address, |(path, _)| path);
    let port = if address.starts_with('/') { None } else { address.rsplit_once(':') };
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            if let Some((_, port)) = port {
                let _ = write!(
                    text,
                    "\n  another process has port {port}: `ss -ltnp sport = :{port}` names it; end \
                     it, or change `{key}`\n  if none does, a connection from that port may still \
                     be closing (`ss -tan sport = :{port}`): try again in a minute"
                );
            } else {
                let _ = write!(
                    text,
                    "\n  another process serves this socket: `ss -lxp src {path}` names it; \
                     end it, or change `{key}`"
                );
            }
        }
        io::ErrorKind::NotFound => {
            let _ =
                write!(text, "\n  the socket's folder does not exist: make it, or change `{key}`");
        }
        io::ErrorKind::AddrNotAvailable => {
            let _ =
                write!(text, "\n  no interface of this machine has this address; change `{key}`");
        }
        io::ErrorKind::PermissionDenied if port.is_none() => {
            let _ = write!(
                text,
                "\n  this user may not use the socket there, or may not write to its folder: make \
                 the folder this user's, remove the socket if no process serves it, or change \
                 `{key}`"
            );
        }
        io::ErrorKind::PermissionDenied => {
            let _ = write!(
                text,
                "\n  ports below 1024 want root or CAP_NET_BIND_SERVICE; or change `{key}`"
            );
        }
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_comes_with_its_cure() {
        let error = io::Error::from(rustix::io::Errno::ADDRINUSE);
        let text = reason("pool 'alpha'", "127.0.0.1:22121", "listen", &error);
        assert!(text.starts_with("pool 'alpha' cannot listen on 127.0.0.1:22121: "), "{text}");
        assert!(text.contains("port 22121") && text.contains("change `listen`"), "{text}");
        assert!(text.contains("`ss -tan sport = :22121`"), "{text}");
        let text = reason("pool 'alpha'", "/run/alpha.sock", "listen", &error);
        assert!(text.contains("`ss -lxp src /run/alpha.sock` names it"), "{text}");
        assert!(text.contains("change `listen`"), "{text}");
        let text = reason("pool 'alpha'", "/run/a:1.sock 0660", "listen", &error);
        assert!(text.contains("`ss -lxp src /run/a:1.sock` names it"), "{text}");
        let denied = io::Error::from(rustix::io::Errno::ACCESS);
        let text = reason("pool 'alpha'", "/run/a.sock", "listen", &denied);
        assert!(text.contains("its folder") && !text.contains("1024"), "{text}");
        let text = reason("pool 'alpha'", "127.0.0.1:80", "listen", &denied);
        assert!(text.contains("1024") && !text.contains("folder"), "{text}");
    }
}
