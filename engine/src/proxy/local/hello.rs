//! HELLO: which protocol a client speaks, who it is, and what it speaks to.
//!
//! The reply speaks for the pool's servers, so it must be true of them (`topology/ability.rs`):
//!
//! ```text
//!   servers not asked yet  ──▶ they are; the request waits, no longer than a connection may take
//!   a server without RESP3 ──▶ HELLO 3 is refused in words on which libraries go on with RESP2
//!   all servers grant it   ──▶ granted; the version is the lowest of theirs
//!   no server answers      ──▶ HELLO 3 is refused for now, other forms are answered
//! ```
//!
//! A pool may lose RESP3 when a server is replaced by an older one. Clients that speak RESP3 then are
//! closed: they connect again, are refused, and go on with RESP2.

use crate::base::limits::HELLO_WAIT_MS_MAX;
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::request::{Path, Taken};
use crate::proxy::link::action::Action;
use crate::proxy::link::client::wait::ServerWait;
use crate::proxy::local::connection;
use crate::proxy::plan::texts;
use crate::topology::Common;

/// The version of Redis that we report while no server has reported its own: the newest whose
/// commands our table holds.
pub const REDIS_VERSION: &str = "7.0.0";

impl Path<'_> {
    pub fn hello(&mut self, args: &Args<'_>) -> Taken {
        self.try_hello(args).unwrap_or_else(|text| {
            self.error(text);
            Taken::Yes
        })
    }

    /// `Err`: the text of a refusal.
    fn try_hello(&mut self, args: &Args<'_>) -> Result<Taken, Vec<u8>> {
        let mut version = self.client.version;
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
        if version != self.client.version && self.client.in_flight() > 0 {
            return Ok(Taken::NotYet);
        }
        let (mut name, mut right) = (None, None);
        while let Some(option) = options.next() {
            if option.eq_ignore_ascii_case(b"auth") && options.len() >= 2 {
                let user = options.next().unwrap_or_default();
                let password = options.next().unwrap_or_default();
                right = Some(self.is_right(user, password));
            } else if option.eq_ignore_ascii_case(b"setname") && options.len() >= 1 {
                name = options.next();
            } else {
                return Err(texts::hello_option(option));
            }
        }
        if right == Some(false) {
            return Err(texts::WRONGPASS.into());
        }
        if right.is_none() && !self.client.authenticated {
            return Err(texts::HELLO_NOAUTH.into());
        }
        if let Some(name) = name {
            connection::check_name(name)?;
        }
        if self.must_wait_for_servers() {
            return Ok(Taken::NotYet);
        }
        if version == Version::Resp3 {
            self.check_resp3()?;
        }
        if let Some(name) = name {
            self.client.info_mut().name = name.into();
        }
        self.client.authenticated = true;
        self.client.version = version;
        self.client.lane = self.pool.lane(version);
        self.greet();
        Ok(Taken::Yes)
    }

    /// Whether an answer may still come that the reply depends on.
    pub fn must_wait_for_servers(&mut self) -> bool {
        if self.pool.topology.common.settled {
            return false;
        }
        let wait_ms = u64::from(self.pool.spec.connect_timeout_ms).min(HELLO_WAIT_MS_MAX);
        if self.client.begin_wait(self.turn, self.turn.now.plus_ms(wait_ms)) {
            self.turn.actions.push_back(Action::AskServers { pool: self.pool.id });
        }
        self.client.server_wait != ServerWait::Waited
    }

    fn check_resp3(&mut self) -> Result<(), Vec<u8>> {
        let pool = &self.pool.spec.name;
        match self.pool.topology.common.resp3 {
            Some(true) => Ok(()),
            Some(false) => Err(texts::noproto_of_server(pool).into()),
            None => {
                let text = texts::no_server_known(pool).into();
                self.turn.actions.push_back(Action::AskServers { pool: self.pool.id });
                Err(text)
            }
        }
    }

    fn greet(&mut self) {
        let (version, id) = (self.client.version, self.client.id);
        let (server, release) = server_and_version(&self.pool.topology.common);
        self.answer(|out| {
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
}

/// What HELLO calls the server and its version: as a Valkey where all servers are.
fn server_and_version(common: &Common) -> (&'static str, String) {
    match common.valkey {
        Some(release) => ("valkey", release.to_string()),
        None => ("redis", redis_version(common)),
    }
}

/// The lowest version of the pool's servers; while none is known, the one that our table is of.
pub fn redis_version(common: &Common) -> String {
    common.redis.map_or_else(|| REDIS_VERSION.to_owned(), |release| release.to_string())
}
