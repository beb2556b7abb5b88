//! CLIENT: a client names itself, and asks about its connection.

use super::{clients, connection};
use crate::base::Time;
use crate::base::limits::CLIENT_NAME_BYTES_MAX;
use crate::command::{Command, Join};
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::client::Client;
use crate::proxy::link::client::mute::Mute;
use crate::proxy::link::message::About;
use crate::texts;
use crate::topology::ability::Release;
use std::fmt::Write;

pub fn client(x: &mut Exchange<'_>, command: &Command, args: &Args<'_>) -> Taken {
    match command.short_name() {
        "caching" => caching(x, args),
        "capa" => x.answer(|out| encode::status(out, "OK")),
        "getname" => get_name(x),
        "getredir" => x.answer(|out| encode::integer(out, -1)),
        "id" => {
            let id = x.client.origin().id as i64;
            x.answer(|out| encode::integer(out, id));
        }
        "info" => client_info(x),
        "kill" => clients::kill(x, args),
        "list" => clients::list(x, command, args),
        "pause" => clients::pause(x, args),
        "reply" => reply(x, args),
        "unblock" => clients::unblock(x, args),
        "unpause" => clients::ask(x, About::Unpause, Join::WorkersOk),
        "no-evict" => on_or_off(x, args),
        "no-touch" => return no_touch(x, args),
        "setinfo" => set_info(x, args),
        "setname" => set_name(x, args),
        "tracking" => tracking(x, args),
        "trackinginfo" => tracking_info(x),
        _ => debug_assert!(false, "every row has its answer"),
    }
    Taken::Yes
}

pub fn check_name(name: &[u8]) -> Result<(), &'static str> {
    if name.len() > CLIENT_NAME_BYTES_MAX {
        return Err(texts::NAME_TOO_LONG);
    }
    if name.iter().all(|b| (b'!'..=b'~').contains(b)) {
        Ok(())
    } else {
        Err(texts::NAME_CHARACTERS)
    }
}

fn get_name(x: &mut Exchange<'_>) {
    let version = x.client.settings.version;
    let name = x.client.settings.names.as_ref().map(|info| info.name.clone()).unwrap_or_default();
    x.answer(
        |out| {
            if name.is_empty() { encode::null(out, version) } else { encode::bulk(out, &name) }
        },
    );
}

fn client_info(x: &mut Exchange<'_>) {
    let mut text = String::new();
    line(&mut text, x.client, x.turn.now);
    // RESP3 clients of Redis get a verbatim string here; a bulk string reads the same.
    x.answer(|out| encode::bulk(out, text.as_bytes()));
}

/// A line of CLIENT LIST. Fields of Redis' that we do not know are left out: tools look fields up by name.
pub fn line(text: &mut String, client: &Client, now: Time) {
    let settings = &client.settings;
    let names = settings.names.as_deref();
    let session = client.session.as_deref();
    let flags = match session {
        Some(session) if session.transaction.is_some() => "x",
        Some(session) if !session.waits.is_empty() => "b",
        Some(session) if session.topics.is_some() => "P",
        _ => "N",
    };
    let topics = session.and_then(|it| it.topics.as_deref());
    let [sub, psub, ssub] =
        topics.map_or([0; 3], |it| [it.channels.len(), it.patterns.len(), it.sharded.len()]);
    let multi =
        session.and_then(|it| it.transaction.as_ref()).map_or(-1, |it| it.queued.len() as i64);
    let watch = session.and_then(|it| it.watch).map_or(0, |watch| watch.keys);
    let word =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let _ = writeln!(
        text,
        "id={} addr={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} watch={} qbuf={} oll={} \
         omem={} cmd=NULL user=default redir=-1 resp={} lib-name={} lib-ver={}",
        client.origin().id,
        client.address(),
        word(names.map(|names| &*names.name)),
        now.since(client.origin().since).as_secs(),
        now.since(client.heard_at()).as_secs(),
        flags,
        settings.db,
        sub,
        psub,
        ssub,
        multi,
        watch,
        client.unparsed_bytes(),
        client.owed(),
        client.unread_bytes(),
        if settings.version == Version::Resp3 { 3 } else { 2 },
        word(names.map(|names| &*names.library)),
        word(names.map(|names| &*names.library_version)),
    );
}

/// CLIENT REPLY ON gets a reply; OFF and SKIP get none.
fn reply(x: &mut Exchange<'_>, args: &Args<'_>) {
    let word = args.get(2).unwrap_or_default();
    if word.eq_ignore_ascii_case(b"on") {
        x.client.mute = Mute::No;
        x.answer(|out| encode::status(out, "OK"));
    } else if word.eq_ignore_ascii_case(b"off") {
        x.client.mute = Mute::Always;
    } else if word.eq_ignore_ascii_case(b"skip") {
        if x.client.mute == Mute::No {
            x.client.mute = Mute::Next;
        }
    } else {
        x.error(texts::SYNTAX);
    }
}

fn on_or_off(x: &mut Exchange<'_>, args: &Args<'_>) {
    let word = args.get(2).unwrap_or_default();
    if word.eq_ignore_ascii_case(b"on") || word.eq_ignore_ascii_case(b"off") {
        x.answer(|out| encode::status(out, "OK"));
    } else {
        x.error(texts::SYNTAX);
    }
}

fn set_info(x: &mut Exchange<'_>, args: &Args<'_>) {
    let (field, value) = (args.get(2).unwrap_or_default(), args.get(3).unwrap_or_default());
    let is = |name: &str| field.eq_ignore_ascii_case(name.as_bytes());
    if !is("lib-name") && !is("lib-ver") {
        return x.error(texts::setinfo_option(field));
    }
    if let Err(text) = check_name(value) {
        if text == texts::NAME_TOO_LONG {
            return x.error(text);
        }
        return x.error(texts::setinfo_characters(field));
    }
    let info = x.client.settings.names_mut();
    if is("lib-name") {
        info.library = value.into();
    } else {
        info.library_version = value.into();
    }
    x.answer(|out| encode::status(out, "OK"));
}

fn set_name(x: &mut Exchange<'_>, args: &Args<'_>) {
    let name = args.get(2).unwrap_or_default();
    match check_name(name) {
        Ok(()) => {
            x.client.settings.names_mut().name = name.into();
            x.answer(|out| encode::status(out, "OK"));
        }
        Err(text) => x.error(text),
    }
}

/// The first version that knows CLIENT NO-TOUCH.
const NO_TOUCH_SINCE: Release = Release([7, 2, 0]);

/// A lane of its own: its upstreams send CLIENT NO-TOUCH ON.
fn no_touch(x: &mut Exchange<'_>, args: &Args<'_>) -> Taken {
    let word = args.get(2).unwrap_or_default();
    let is_on = word.eq_ignore_ascii_case(b"on");
    if !is_on && !word.eq_ignore_ascii_case(b"off") {
        x.error(texts::SYNTAX);
        return Taken::Yes;
    }
    if x.client.settings.is_untouching != is_on {
        if x.client.owed() > 0 || connection::must_wait_for_servers(x) {
            return Taken::NotYet;
        }
        // An older server would refuse each upstream of the lane.
        if x.pool.topology.common.redis.is_some_and(|lowest| lowest < NO_TOUCH_SINCE) {
            x.error(texts::unknown_subcommand("client", args.get(1).unwrap_or_default()));
            return Taken::Yes;
        }
        x.client.settings.is_untouching = is_on;
        connection::choose_lane(x);
    }
    x.answer(|out| encode::status(out, "OK"));
    Taken::Yes
}

/// Nothing is tracked. `ON OPTIN` is taken nevertheless: with it a server tracks nothing either, until
/// CLIENT CACHING YES, and some libraries give up without it.
fn tracking(x: &mut Exchange<'_>, args: &Args<'_>) {
    let status = args.get(2).unwrap_or_default();
    let is_off = status.eq_ignore_ascii_case(b"off");
    if !is_off && !status.eq_ignore_ascii_case(b"on") {
        return x.error(texts::SYNTAX);
    }
    let mut options = args.iter_from(3);
    let is_optin = options.len() > 0
        && options
            .all(|it| it.eq_ignore_ascii_case(b"optin") || it.eq_ignore_ascii_case(b"noloop"));
    if !is_off && !is_optin {
        return x.error(texts::NOT_TRACKED);
    }
    x.client.settings.opted_in = !is_off;
    x.answer(|out| encode::status(out, "OK"));
}

/// CACHING YES would make the server track the keys of the next request. Both are refused, so that no
/// library stores what would never be invalidated.
fn caching(x: &mut Exchange<'_>, args: &Args<'_>) {
    let word = args.get(2).unwrap_or_default();
    if word.eq_ignore_ascii_case(b"yes") && x.client.settings.opted_in {
        x.client.settings.is_barred = true;
        return x.error(texts::NOT_TRACKED);
    }
    let is_word = word.eq_ignore_ascii_case(b"yes") || word.eq_ignore_ascii_case(b"no");
    x.error(if is_word { texts::CACHING_WITHOUT_OPTIN } else { texts::SYNTAX });
}

fn tracking_info(x: &mut Exchange<'_>) {
    let version = x.client.settings.version;
    let flags: &[&str] = if x.client.settings.opted_in { &["on", "optin"] } else { &["off"] };
    let redirect = if x.client.settings.opted_in { 0 } else { -1 };
    x.answer(|out| {
        encode::map(out, version, 3);
        encode::bulk(out, b"flags");
        encode::words(out, version, flags);
        encode::bulk(out, b"redirect");
        encode::integer(out, redirect);
        encode::bulk(out, b"prefixes");
        encode::array(out, 0);
    });
}
