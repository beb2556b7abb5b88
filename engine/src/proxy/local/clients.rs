//! CLIENT LIST, KILL, UNBLOCK, PAUSE and UNPAUSE concern the clients of all workers: each worker is asked, and the
//! answers are joined.

use super::connection::refuse_keys;
use crate::base::limits::PAUSE_MS_MAX;
use crate::command::keys::KeyError;
use crate::command::{Command, Detail, Join, Joining, Parts};
use crate::protocol::resp::{Args, ArgsIter};
use crate::proxy::carry::Exchange;
use crate::proxy::link::filter::{Filter, Kind};
use crate::proxy::link::message::{About, Message, PauseMode, Question, Workers};
use crate::texts;
use std::sync::Arc;

pub fn ask(x: &mut Exchange<'_>, about: About, join: Join) {
    let parts = Parts {
        count: x.turn.identity.workers.max(1),
        order: &[],
        keys: b"",
        names: Box::default(),
        detail: Detail::None,
        hides_errors: false,
        is_mute: false,
        is_write: false,
    };
    let number = x.client.expect_parts(x.turn, Joining::new(join, parts));
    let question =
        Question { pool: x.pool.id, about, from: x.turn.worker, client: x.client.key(), number };
    x.send(Workers::All, Message::Ask(Arc::new(question)));
}

pub fn list(x: &mut Exchange<'_>, command: &Command, args: &Args<'_>) {
    match filter(args.iter_from(2), true) {
        Ok((filter, _)) => ask(x, About::List(filter), Join::Lines),
        Err(Wrong::Syntax) if args.len() == 3 => refuse_keys(x, command, args, KeyError::Syntax),
        Err(wrong) => x.error(wrong.text()),
    }
}

/// The old form has an address, the new one filters. The old one may close the client that asks.
pub fn kill(x: &mut Exchange<'_>, args: &Args<'_>) {
    if args.len() == 3 {
        let address = args.get(2).map(Into::into);
        return ask(x, About::Kill(Filter { address, ..Filter::default() }), Join::Killed);
    }
    match filter(args.iter_from(2), false) {
        Ok((mut filter, skips_me)) => {
            filter.skips = skips_me.then(|| (x.turn.worker, x.client.key()));
            ask(x, About::Kill(filter), Join::WorkersSum);
        }
        Err(wrong) => x.error(wrong.text()),
    }
}

/// What is wrong with a filter.
enum Wrong<'a> {
    Syntax,
    Id,
    Type(&'a [u8]),
}

impl Wrong<'_> {
    fn text(&self) -> Vec<u8> {
        match self {
            Wrong::Syntax => texts::SYNTAX.into(),
            Wrong::Id => texts::CLIENT_ID_INVALID.into(),
            Wrong::Type(word) => texts::unknown_client_type(word),
        }
    }
}

/// The words of TYPE.
const KINDS: [(&str, Kind); 6] = [
    ("normal", Kind::Normal),
    ("pubsub", Kind::PubSub),
    ("master", Kind::Server),
    ("primary", Kind::Server),
    ("slave", Kind::Server),
    ("replica", Kind::Server),
];

/// Pairs of a word and a value, and the value of SKIPME. `is_list`: ID takes all values behind it.
fn filter(mut rest: ArgsIter<'_>, is_list: bool) -> Result<(Filter, bool), Wrong<'_>> {
    let (mut filter, mut skips_me) = (Filter::default(), true);
    let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|it| it.parse::<u64>().ok());
    while let Some(word) = rest.next() {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let value = rest.next().ok_or(Wrong::Syntax)?;
        if is("ID") {
            let ids = filter.ids.get_or_insert_default();
            ids.push(number(value).filter(|&id| id > 0).ok_or(Wrong::Id)?);
            while is_list && let Some(id) = rest.clone().next().and_then(number) {
                ids.push(id);
                rest.next();
            }
        } else if is("TYPE") {
            let found = KINDS.iter().find(|(name, _)| value.eq_ignore_ascii_case(name.as_bytes()));
            filter.kind = Some(found.ok_or(Wrong::Type(value))?.1);
        } else if is("ADDR") {
            filter.address = Some(value.into());
        } else if is("LADDR") {
            filter.is_of_other_address = true;
        } else if is("USER") {
            filter.user = Some(value.into());
        } else if is("NAME") {
            filter.name = Some(value.into());
        } else if is("LIB-NAME") {
            filter.library = Some(value.into());
        } else if is("DB") {
            let db = number(value).and_then(|db| u32::try_from(db).ok());
            filter.db = Some(db.ok_or(Wrong::Syntax)?);
        } else if is("MAXAGE") {
            filter.age_s = Some(number(value).ok_or(Wrong::Syntax)?);
        } else if is("IDLE") {
            filter.idle_s = Some(number(value).ok_or(Wrong::Syntax)?);
        } else if is("SKIPME") && !is_list {
            skips_me = value.eq_ignore_ascii_case(b"yes");
            if !skips_me && !value.eq_ignore_ascii_case(b"no") {
                return Err(Wrong::Syntax);
            }
        } else {
            return Err(Wrong::Syntax);
        }
    }
    Ok((filter, skips_me))
}

pub fn unblock(x: &mut Exchange<'_>, args: &Args<'_>) {
    let id = args.get(2).and_then(|text| std::str::from_utf8(text).ok()?.parse::<i64>().ok());
    let Some(id) = id else {
        return x.error(texts::NOT_INTEGER);
    };
    let word = args.get(3);
    let is = |known: &[u8]| word.is_some_and(|word| word.eq_ignore_ascii_case(known));
    if args.len() > 4 || word.is_some() && !is(b"timeout") && !is(b"error") {
        return x.error(texts::UNBLOCK_REASON);
    }
    // Ids of clients are positive.
    let id = u64::try_from(id).unwrap_or(0);
    ask(x, About::Unblock { id, by_error: is(b"error") }, Join::WorkersSum);
}

pub fn pause(x: &mut Exchange<'_>, args: &Args<'_>) {
    let ms = args.get(2).and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
    let Some(ms) = ms.filter(|&ms| ms <= PAUSE_MS_MAX) else {
        return x.error(texts::PAUSE_NOT_INTEGER);
    };
    let mode = match args.get(3) {
        None => PauseMode::All,
        Some(word) if word.eq_ignore_ascii_case(b"all") => PauseMode::All,
        Some(word) if word.eq_ignore_ascii_case(b"write") => PauseMode::Write,
        Some(_) => return x.error(texts::SYNTAX),
    };
    ask(x, About::Pause { ms, mode }, Join::WorkersOk);
}
