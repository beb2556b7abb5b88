//! From a request to its plan, and from the plan to `carry` or `local`.

use crate::command::{self, Flags, Local, ScriptUse, lookup};
use crate::protocol::memcache as text;
use crate::protocol::resp::{Args, request};
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::flow::UploadRest;
use crate::proxy::link::message::PauseMode;
use crate::proxy::local;
use crate::proxy::plan::{Head, Plan, To};
use crate::proxy::pubsub::{events, requests};
use crate::proxy::session;

/// Whether an unfinished request may flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Yes,
    /// Not before its client is owed no reply.
    NotYet,
    /// No: it is collected.
    No,
}

/// Takes one request of RESP.
#[inline]
pub(super) fn take(x: &mut Exchange<'_>, args: &Args<'_>) -> Taken {
    if x.pool.pause.is_some() && is_held(x, args.name()) {
        return Taken::NotYet;
    }
    if x.client.session.is_some() {
        if x.client.is_in_transaction() {
            return session::take(x, args);
        }
        if x.client.is_restricted() && requests::restrict(x, args) {
            return Taken::Yes;
        }
    }
    let was_barred = x.client.settings.is_barred;
    match x.plan(Head::Args(args)) {
        Plan::Forward(forward) => x.forward(forward, args.bytes()),
        Plan::Call(forward, script) => x.call(forward, script, args),
        Plan::FanOut(mut fan_out) => {
            let is_alone = fan_out.is_alone();
            if is_alone && x.client.owed() > 0 {
                return Taken::NotYet;
            }
            let script = fan_out.script;
            if script == ScriptUse::Asks {
                fan_out.detail = x.known_scripts(args);
            }
            let row = command::by_index(usize::from(fan_out.sent.command));
            let sets_config =
                fan_out.to == To::All && row.is_some_and(|row| row.name == "config|set");
            x.fan_out(fan_out);
            if script != ScriptUse::None {
                x.note_script(script, args);
            }
            if sets_config {
                events::note(x, args);
            }
            if is_alone {
                x.client.await_replies();
            }
        }
        Plan::Subscribe(subject) => return requests::subscribe(x, subject, args),
        Plan::Unsubscribe(subject) => return requests::unsubscribe(x, subject, args),
        Plan::Publish(forward, subject) => requests::publish(x, forward, subject, args),
        Plan::Listeners(command) => requests::pubsub(x, command, args),
        Plan::Local(Local::Reset, _) => return session::reset(x),
        Plan::Wait(forward) => return x.wait(forward, args),
        Plan::Acknowledge(join, sent) => return x.acknowledge(join, sent, args),
        Plan::Local(local, command) => return local::answer(x, local, command, args),
        Plan::Transact(act, place) => return session::transact(x, (act, place), args, was_barred),
        Plan::Refuse(refusal) => session::refuse(x, refusal, args),
        Plan::LocalLine(_) | Plan::WhenWhole => debug_assert!(false, "no plan for a request"),
    }
    Taken::Yes
}

/// Holds the client, if CLIENT PAUSE holds this command. Returns whether it does.
#[cold]
fn is_held(x: &mut Exchange<'_>, name: &[u8]) -> bool {
    let Some((until, mode)) = x.pool.pause else {
        return false;
    };
    if until <= x.turn.now {
        x.pool.pause = None;
        return false;
    }
    // A script may write, if it does not say that it only reads.
    let is_harmless = mode == PauseMode::Write
        && lookup(name).is_none_or(|row| {
            let may_write = row.flags.has(Flags::WRITE)
                || row.flags.has(Flags::NO_MANDATORY_KEYS) && !row.flags.has(Flags::READONLY);
            !may_write && !x.client.has_written_in_transaction()
        });
    if is_harmless || !x.client.settings.is_authenticated {
        return false;
    }
    x.client.pause(x.turn, until);
    true
}

/// Takes one request of memcached's protocol.
#[inline]
pub(super) fn take_line(x: &mut Exchange<'_>, request: &text::Request<'_>) {
    match x.plan(Head::Line(request)) {
        Plan::Forward(forward) => x.forward(forward, request.bytes),
        Plan::FanOut(fan_out) => x.fan_out(fan_out),
        Plan::LocalLine(local) => local::answer_line(x, local),
        Plan::Refuse(refusal) => x.refuse(refusal),
        Plan::Local(..)
        | Plan::Call(..)
        | Plan::Wait(_)
        | Plan::Subscribe(_)
        | Plan::Unsubscribe(_)
        | Plan::Publish(..)
        | Plan::Listeners(_)
        | Plan::Acknowledge(..)
        | Plan::Transact(..)
        | Plan::WhenWhole => {
            debug_assert!(false, "no plan for a line");
        }
    }
}

/// Lets the unfinished request at the front of `bytes` flow, if it may. `size`: the bytes of it that are
/// known.
pub(super) fn begin_request(
    x: &mut Exchange<'_>,
    bytes: &[u8],
    progress: &mut request::Progress,
    size: usize,
) -> Begun {
    if size < x.turn.flow_bounds.bytes_min {
        return Begun::No;
    }
    let Some((name, key, args)) = progress.head(bytes) else {
        return Begun::No;
    };
    if x.pool.pause.is_some() && is_held(x, name) {
        return Begun::NotYet;
    }
    begin(x, Head::ArgsBegun { name, key, args }, || UploadRest::Resp(std::mem::take(progress)))
}

/// The same for a block of memcached's.
pub(super) fn begin_block(
    x: &mut Exchange<'_>,
    bytes: &[u8],
    progress: &mut text::request::Progress,
    missing: usize,
) -> Begun {
    let size = bytes.len() + missing;
    if size < x.turn.flow_bounds.bytes_min {
        return Begun::No;
    }
    let Some(line) = progress.line(bytes) else {
        return Begun::No;
    };
    let begun = begin(x, Head::LineBegun { line }, || UploadRest::Bytes(size));
    if begun == Begun::Yes {
        *progress = text::request::Progress::default();
        x.client.has_spoken = true;
    }
    begun
}

fn begin(x: &mut Exchange<'_>, head: Head<'_, '_>, rest: impl FnOnce() -> UploadRest) -> Begun {
    // It waits for EXEC, or is refused when it is whole.
    let client = &x.client;
    if client.settings.is_barred || client.is_in_transaction() || client.is_restricted() {
        return Begun::No;
    }
    let Plan::Forward(forward) = x.plan(head) else {
        return Begun::No;
    };
    if x.client.owed() > 0 {
        return Begun::NotYet;
    }
    x.begin_upload(forward, rest());
    Begun::Yes
}
