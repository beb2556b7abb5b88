//! HELLO: the client chooses a protocol, logs in, and learns about the server.
//!
//! The reply speaks for the pool's servers, so it must be true of them (`topology/ability.rs`):
//!
//! ```text
//!   servers not asked yet  ──▶ they are asked; the request waits, but not longer than connecting may
//!   a server without RESP3 ──▶ HELLO 3 is refused with words that make libraries use RESP2
//!   all servers grant it   ──▶ granted; the version is the lowest of theirs
//!   no server answers      ──▶ HELLO 3 is refused for now, other forms are answered
//! ```
//!
//! A pool loses RESP3 when a server is replaced by an older one. Its RESP3 clients are closed then. They
//! connect again, are refused, and use RESP2.

use super::{client, connection};
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::action::Action;
use crate::texts;
use crate::topology::Common;

/// The version of Redis that we report while no server has reported its own: the newest whose
/// commands our table holds.
pub const REDIS_VERSION: &str = "7.0.0";

pub fn hello(x: &mut Exchange<'_>, args: &Args<'_>) -> Taken {
    try_hello(x, args).unwrap_or_else(|text| {
        x.error(text);
        Taken::Yes
    })
}

/// `Err`: the text of a refusal.
fn try_hello(x: &mut Exchange<'_>, args: &Args<'_>) -> Result<Taken, Vec<u8>> {
    let mut version = x.client.settings.version;
    let mut options = args.iter_from(1);
    if let Some(wanted) = options.next() {
        version = match std::str::from_utf8(wanted).ok().and_then(|n| n.parse::<i64>().ok()) {
            Some(2) => Version::Resp2,
            Some(3) => Version::Resp3,
            Some(_) => return Err(texts::NOPROTO.into()),
            None => {
                return Err(texts::HELLO_VERSION.into());
            }
        };
    }
    if version != x.client.settings.version && x.client.owed() > 0 {
        return Ok(Taken::NotYet);
    }
    let (mut name, mut right) = (None, None);
    while let Some(option) = options.next() {
        if option.eq_ignore_ascii_case(b"auth") && options.len() >= 2 {
            let user = options.next().unwrap_or_default();
            let password = options.next().unwrap_or_default();
            right = Some(connection::is_right(x, user, password));
        } else if option.eq_ignore_ascii_case(b"setname") && options.len() >= 1 {
            name = options.next();
        } else {
            return Err(texts::hello_option(option));
        }
    }
    if right == Some(false) {
        return Err(texts::WRONGPASS.into());
    }
    if right.is_none() && !x.client.settings.is_authenticated {
        return Err(texts::HELLO_NOAUTH.into());
    }
    if let Some(name) = name {
        client::check_name(name)?;
    }
    if connection::must_wait_for_servers(x) {
        return Ok(Taken::NotYet);
    }
    if version == Version::Resp3 {
        check_resp3(x)?;
    }
    if let Some(name) = name {
        x.client.settings.names_mut().name = name.into();
    }
    x.client.settings.is_authenticated = true;
    x.client.settings.version = version;
    connection::choose_lane(x);
    greet(x);
    Ok(Taken::Yes)
}

fn check_resp3(x: &mut Exchange<'_>) -> Result<(), Vec<u8>> {
    let pool = &x.pool.spec.name;
    match x.pool.topology.common.resp3 {
        Some(true) => Ok(()),
        Some(false) => Err(texts::noproto_of_server(pool).into()),
        None => {
            let text = texts::no_server_known(pool).into();
            x.turn.actions.push_back(Action::AskServers { pool: x.pool.id });
            Err(text)
        }
    }
}

fn greet(x: &mut Exchange<'_>) {
    let (version, id) = (x.client.settings.version, x.client.origin().id);
    let (server, release) = server_and_version(&x.pool.topology.common);
    x.answer(|out| {
        encode::map(out, version, 7);
        for (field, value) in [("server", server), ("version", &release)] {
            encode::bulk(out, field.as_bytes());
            encode::bulk(out, value.as_bytes());
        }
        encode::bulk(out, b"proto");
        encode::integer(out, if version == Version::Resp3 { 3 } else { 2 });
        encode::bulk(out, b"id");
        encode::integer(out, id as i64);
        for (field, value) in [("mode", "standalone"), ("role", "master")] {
            encode::bulk(out, field.as_bytes());
            encode::bulk(out, value.as_bytes());
        }
        encode::bulk(out, b"modules");
        encode::array(out, 0);
    });
}

/// The name and version of the server for HELLO: Valkey's if all servers are Valkey.
fn server_and_version(common: &Common) -> (&'static str, String) {
    match common.valkey {
        Some(release) => ("valkey", release.to_string()),
        None => ("redis", redis_version(common)),
    }
}

/// The lowest version of the pool's servers. While no version is known: the version of our table.
pub fn redis_version(common: &Common) -> String {
    common.redis.map_or_else(|| REDIS_VERSION.to_owned(), |release| release.to_string())
}
