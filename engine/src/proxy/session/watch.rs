//! WATCH. A server watches for a connection, so the client gets one alone.
//!
//! WATCH waits for the replies before it, and what follows waits for WATCH. So the client's other requests can
//! go on the shared upstream: they come before WATCH or after it at the server too.

use crate::protocol::resp::Args;
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::client::session::Watch;
use crate::proxy::link::ticket::Care;
use crate::proxy::plan::Forward;
use crate::texts;

pub fn watch(x: &mut Exchange<'_>, plan: Option<Forward>, args: &Args<'_>) -> Taken {
    if x.client.owed() > 0 {
        return Taken::NotYet;
    }
    let Some(plan) = plan else {
        return refuse(x, texts::CROSSSLOT);
    };
    let placed = match plan.place {
        Ok(placed) => placed,
        Err(out) => {
            x.fail_out(out, Care::None);
            fail(x);
            return Taken::Yes;
        }
    };
    let before = x.client.session.as_ref().and_then(|session| session.watch);
    if before.and_then(|watch| watch.shard).is_some_and(|shard| shard != placed.shard) {
        return refuse(x, texts::CROSSSLOT_WATCH);
    }
    let at = match before.map(|watch| x.watches_on(watch)) {
        Some(Some(at)) => at,
        // The earlier keys are not watched any more, so EXEC will fail.
        Some(None) => {
            x.answer(|out| out.extend_from_slice(b"+OK\r\n"));
            return Taken::Yes;
        }
        None => match x.upstream_for_watch(placed) {
            Ok(at) => at,
            Err(cause) => {
                x.fail(Some(placed.shard), &cause, Care::None);
                fail(x);
                return Taken::Yes;
            }
        },
    };
    let (home, db) = (x.db_of(at), x.client.settings.db);
    x.follow_version(at);
    x.select_on(at, home, db);
    x.upstreams[at].tail(x.turn).extend_from_slice(args.bytes());
    let number = x.client.expect(x.turn);
    x.push(at, number, 0, plan.sent);
    x.select_on(at, db, home);
    x.follow_version_back(at);
    x.client.await_replies();
    let keys = before.map_or(0, |watch| watch.keys) + (args.len() as u32 - 1);
    let changes = before.map_or(x.pool.changes, |watch| watch.changes);
    let on = Some(x.upstreams[at].key());
    x.client.session.get_or_insert_default().watch =
        Some(Watch { on, shard: Some(placed.shard), changes, keys, has_asked: false });
    Taken::Yes
}

/// One connection cannot watch keys of several servers.
fn refuse(x: &mut Exchange<'_>, text: &str) -> Taken {
    x.count_refused();
    x.error(text);
    fail(x);
    Taken::Yes
}

/// The keys are not watched, and the client may not look at the error. EXEC must not succeed.
fn fail(x: &mut Exchange<'_>) {
    x.end_watch();
    let watch = Watch { on: None, shard: None, changes: x.pool.changes, keys: 0, has_asked: false };
    x.client.session.get_or_insert_default().watch = Some(watch);
}
