//! Commands about the connection: PING, QUIT, AUTH, SELECT, RESET. HELLO has a file of its own. Texts
//! are Redis' own where a client might compare them.

use crate::base::limits::HELLO_WAIT_MS_MAX;
use crate::command::Command;
use crate::command::keys::{KeyError, integer};
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::action::Action;
use crate::proxy::link::client::mute::Mute;
use crate::proxy::link::client::settings::Settings;
use crate::proxy::plan::redis;
use crate::texts;
use crate::topology::PoolSpec;

pub fn ping(x: &mut Exchange<'_>, command: &Command, args: &Args<'_>) {
    match args.get(1) {
        _ if args.len() > 2 => refuse_keys(x, command, args, KeyError::Arity(command.name)),
        None => x.answer(|out| encode::status(out, "PONG")),
        Some(text) => x.answer(|out| encode::bulk(out, text)),
    }
}

pub fn quit(x: &mut Exchange<'_>) {
    if !x.pool.policy.quits_in_silence {
        x.answer(|out| encode::status(out, "OK"));
    }
    x.client.finish(x.turn, true);
}

pub fn auth(x: &mut Exchange<'_>, args: &Args<'_>) {
    let (user, password) = match args.len() {
        2 => (&b"default"[..], args.get(1).unwrap_or_default()),
        3 => (args.get(1).unwrap_or_default(), args.get(2).unwrap_or_default()),
        _ => return x.refuse(redis::refused(args.name(), texts::SYNTAX.into(), &x.pool.policy)),
    };
    // As in Redis: a lone password is a mistake where none is set, a user's is not.
    if args.len() == 2 && x.pool.spec.redis_auth.is_none() {
        return x.error(texts::NO_PASSWORD_SET);
    }
    if is_right(x, user, password) {
        x.client.settings.is_authenticated = true;
        return x.answer(|out| encode::status(out, "OK"));
    }
    if x.pool.policy.wrong_password_undoes_auth {
        x.client.settings.is_authenticated = x.pool.spec.redis_auth.is_none();
        if args.len() == 2 {
            return x.error(texts::INVALID_PASSWORD);
        }
    }
    x.error(texts::WRONGPASS);
}

/// The one user is `default`; without `redis_auth` any password is right, as in Redis.
pub fn is_right(x: &Exchange<'_>, user: &[u8], password: &[u8]) -> bool {
    let Some(right) = &x.pool.spec.redis_auth else {
        return user == b"default";
    };
    // Every byte is looked at, so that the time tells nothing of where a guess went wrong.
    let mut differs = usize::from(user != b"default") | (right.len() ^ password.len());
    for (at, &byte) in password.iter().enumerate() {
        differs |= usize::from(byte ^ right.as_bytes().get(at).copied().unwrap_or(0));
    }
    differs == 0
}

/// A database is a lane: nothing is sent until the next request. The replies to requests of the
/// database before come first, since those of another lane could overtake them.
pub fn select(x: &mut Exchange<'_>, args: &Args<'_>) -> Taken {
    let db = match database(&x.pool.spec, args) {
        Ok(db) => db,
        Err(text) => {
            x.error(text);
            return Taken::Yes;
        }
    };
    if db != x.client.settings.db {
        if x.client.owed() > 0 {
            return Taken::NotYet;
        }
        x.client.settings.db = db;
        choose_lane(x);
    }
    x.answer(|out| encode::status(out, "OK"));
    Taken::Yes
}

/// The database that SELECT asks for. `Err`: why there is none.
pub fn database(spec: &PoolSpec, args: &Args<'_>) -> Result<u32, String> {
    let asked = args.get(1).and_then(integer).ok_or_else(|| texts::NOT_INTEGER.to_owned())?;
    let asked = i32::try_from(asked).map_err(|_| texts::NOT_32_BITS.to_owned())?;
    if spec.serves_database(asked.into()) {
        return Ok(asked.unsigned_abs());
    }
    Err(match spec.serves.databases {
        Some(_) => texts::DB_OUT_OF_RANGE.to_owned(),
        None => texts::other_database(asked, &spec.name, spec.redis_db),
    })
}

/// Its settings have changed: the lane that fits them.
pub fn choose_lane(x: &mut Exchange<'_>) {
    let Settings { version, db, is_untouching, .. } = x.client.settings;
    x.client.settings.lane = x.pool.lane(version, db, is_untouching);
}

/// Everything is as on a new connection. What the client has begun is ended before.
pub fn reset(x: &mut Exchange<'_>) {
    let db = x.pool.first_db();
    let (lane, is_open) =
        (x.pool.lane(Version::Resp2, db, false), x.pool.spec.redis_auth.is_none());
    let settings = Settings::new(db, lane, is_open, x.pool.spec.reads());
    // It goes on to find what it has written.
    let before = &x.client.settings;
    let (wrote_at, is_writing) = (before.wrote_at, before.is_writing);
    x.client.settings = Settings { wrote_at, is_writing, ..settings };
    x.client.mute = Mute::No;
    x.answer(|out| encode::status(out, "RESET"));
}

/// Refuses a request whose keys, or whose number of arguments, are wrong.
pub fn refuse_keys(x: &mut Exchange<'_>, command: &Command, args: &Args<'_>, error: KeyError<'_>) {
    let refusal = redis::bad_keys(command, args, error, &x.pool.policy);
    x.refuse(refusal);
}

/// Whether the reply depends on an answer of a server that may still come.
pub fn must_wait_for_servers(x: &mut Exchange<'_>) -> bool {
    if x.pool.topology.common.settled {
        return false;
    }
    let wait_ms = u64::from(x.pool.spec.connect_timeout_ms).min(HELLO_WAIT_MS_MAX);
    if x.client.await_servers(x.turn, x.turn.now.plus_ms(wait_ms)) {
        x.turn.actions.push_back(Action::AskServers { pool: x.pool.id });
    }
    !x.client.has_waited()
}
