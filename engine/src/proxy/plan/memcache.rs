//! Decides on a request of memcached's protocol.
//!
//! A line that may get no reply is sent with a fence (`protocol::memcache::reply`). Retrievals are cut
//! by key. A few commands go to every server.

use super::refusal::{Refusal, Says};
use super::{Facts, FanOut, PLACEHOLDER, Plan, Scratch, Sending, To, foreign};
use crate::base::ShardId;
use crate::command::memcache::{self, Command, MetaFlags, MetaKey, Verb, has_noreply};
use crate::command::{Join, Pieces};
use crate::protocol::memcache::request::Refusal as BadBlock;
use crate::protocol::memcache::words::Words;
use crate::protocol::memcache::{KEY_BYTES_MAX, Request};
use crate::proxy::link::ticket::Care;
use crate::texts;
use crate::topology::{Intent, Policy};
use std::borrow::Cow;

#[inline]
pub fn decide<'a>(request: &Request<'a>, facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    let mut words = request.words.clone();
    let Some(command) = memcache::lookup(request.name) else {
        return Plan::Refuse(unknown(request, facts));
    };
    if let Some(refusal) = request.refusal {
        return Plan::Refuse(bad_block(request, refusal, facts));
    }
    match command.verb {
        Verb::Forward => {
            let key = words.next().unwrap_or_default();
            if let Some(refusal) = bad_words(command, request, words, key, facts) {
                return Plan::Refuse(refusal);
            }
            let sent = sending(command, noreply_care(request.line));
            Plan::Forward(facts.forward_key(key, scratch.chance, sent))
        }
        Verb::Retrieve { first } => {
            if first == 2 && words.next().is_none() {
                return Plan::Refuse(refused(request.line, texts::MEMCACHE_ERROR, facts));
            }
            retrieve(command, first, words, request, facts, scratch)
        }
        Verb::Meta { flags } => meta(command, flags, words, request, facts, scratch),
        Verb::All(join) => all(command, join, request, facts),
        Verb::Local(local) => Plan::LocalLine(local),
        Verb::Refused => {
            let text = texts::memcache_not_served(command.name);
            Plan::Refuse(refused(request.line, text, facts))
        }
    }
}

/// A line whose block is still to come flows to the owner of its key.
pub fn decide_begun<'a>(line: &[u8], facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    let mut words = Words::new(line);
    let name = words.next().unwrap_or_default();
    let key = words.next().unwrap_or_default();
    let Some(command) = memcache::lookup(name) else {
        return Plan::WhenWhole;
    };
    let Verb::Meta { flags } = command.verb else {
        let sent = sending(command, noreply_care(line));
        return Plan::Forward(facts.forward_key(key, scratch.chance, sent));
    };
    let flags = MetaFlags::read_after_key(words, flags);
    let key = MetaKey::read(key, flags);
    // It is refused when it is whole.
    if key.may_break_lines() {
        return Plan::WhenWhole;
    }
    let sent = sending(command, meta_care(flags));
    Plan::Forward(facts.forward_key(key.as_slice(), scratch.chance, sent))
}

#[inline]
fn sending(command: &Command, care: Care) -> (Intent, Sending) {
    let intent = if command.writes { Intent::Write } else { Intent::Read };
    (intent, Sending { command: command.index() as u16, care })
}

#[inline]
fn noreply_care(line: &[u8]) -> Care {
    if has_noreply(line) { Care::Mute } else { Care::None }
}

fn meta_care(flags: MetaFlags) -> Care {
    if flags.quiet { Care::Quiet } else { Care::Meta }
}

fn meta<'a>(
    command: &Command,
    first_flag: u8,
    mut words: Words<'a>,
    request: &Request<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    let key = words.next().unwrap_or_default();
    if let Some(refusal) = bad_words(command, request, words.clone(), key, facts) {
        return Plan::Refuse(refusal);
    }
    let flags = MetaFlags::read_after_key(words, first_flag);
    let key = MetaKey::read(key, flags);
    if key.may_break_lines() && (flags.returns_key || command.name == "me") {
        return Plan::Refuse(refused(request.line, texts::MEMCACHE_KEY_LINES, facts));
    }
    let sent = sending(command, meta_care(flags));
    Plan::Forward(facts.forward_key(key.as_slice(), scratch.chance, sent))
}

/// A retrieval. `words` are its keys; the first of them is word `first` of the line.
#[inline]
fn retrieve<'a>(
    command: &Command,
    first: u8,
    mut words: Words<'a>,
    request: &Request<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    let sent = sending(command, Care::None);
    let keys = words.rest();
    match (words.next(), words.next()) {
        (None, _) if first == 1 => {
            Plan::Refuse(refused(request.line, texts::MEMCACHE_ERROR, facts))
        }
        // `gat 0`: memcached has its own answer to this, so one server gets the line.
        (None, _) => Plan::Forward(facts.forward_key(PLACEHOLDER, scratch.chance, sent)),
        (Some(key), None) if key.len() <= KEY_BYTES_MAX => {
            Plan::Forward(facts.forward_key(key, scratch.chance, sent))
        }
        (Some(_), _) => retrieve_many(keys, sent, request, facts, scratch),
    }
}

/// A retrieval of several keys, cut by their owners.
fn retrieve_many<'a>(
    keys: &'a [u8],
    sent: (Intent, Sending),
    request: &Request<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    let owners = &mut *scratch.owners;
    owners.clear();
    let mut is_without_owner = false;
    for key in Words::new(keys) {
        if key.len() > KEY_BYTES_MAX {
            return Plan::Refuse(refused(request.line, texts::MEMCACHE_FORMAT, facts));
        }
        match facts.topology.owner(key, scratch.chance) {
            Some(shard) => owners.push(shard.0),
            None => is_without_owner = true,
        }
    }
    if is_without_owner {
        return Plan::Forward(facts.forward(None, sent));
    }
    if owners.iter().all(|&owner| owner == owners[0]) {
        return Plan::Forward(facts.forward(Some(ShardId(owners[0])), sent));
    }
    let head = &request.line[..request.line.len() - keys.len()];
    let pieces = Pieces::Keys { head, rest: Words::new(keys) };
    let (intent, sent) = sent;
    Plan::FanOut(FanOut { keys, ..FanOut::new(To::Owners, pieces, Join::Items, (intent, sent)) })
}

/// A command for every server.
fn all<'a>(command: &Command, join: Join, request: &Request<'a>, facts: &Facts<'_>) -> Plan<'a> {
    let argument = request.words.clone().next();
    if usize::from(command.words_min) > 1 + usize::from(argument.is_some()) {
        return Plan::Refuse(refused(request.line, texts::MEMCACHE_ERROR, facts));
    }
    let join = match (join, argument) {
        (Join::Stats, Some(b"settings" | b"conns")) => Join::Settings,
        (join, _) => join,
    };
    let care = if join == Join::First { noreply_care(request.line) } else { Care::None };
    let pieces = Pieces::Whole { bytes: request.bytes };
    Plan::FanOut(FanOut::new(To::All, pieces, join, sending(command, care)))
}

// ---- refusals ----------------------------------------------------------------------------

/// The refusal of a line with too few words or with a key that is too long. `rest` are the words after
/// `key`.
#[inline]
fn bad_words<'a>(
    command: &Command,
    request: &Request<'_>,
    rest: Words<'_>,
    key: &[u8],
    facts: &Facts<'_>,
) -> Option<Refusal<'a>> {
    if request.stores {
        return None;
    }
    let given = 1 + usize::from(!key.is_empty());
    let wanted = usize::from(command.words_min);
    if given + rest.take(wanted.saturating_sub(given)).count() < wanted {
        return Some(refused(command.name.as_bytes(), texts::MEMCACHE_ERROR, facts));
    }
    if key.len() <= KEY_BYTES_MAX {
        return None;
    }
    if command.verb == Verb::Forward && has_noreply(request.line) {
        return Some(refused_in_silence(request.line, facts));
    }
    Some(refused(command.name.as_bytes(), texts::MEMCACHE_FORMAT, facts))
}

#[cold]
fn unknown<'a>(request: &Request<'_>, facts: &Facts<'_>) -> Refusal<'a> {
    if foreign::is_of_http(request.line) {
        return Refusal::close(foreign::Foreign::Http.why()).counted();
    }
    refused(request.line, texts::MEMCACHE_ERROR, facts)
}

/// A line that stores and must not be sent. With `noreply`, memcached does not answer a bad block.
#[cold]
fn bad_block<'a>(request: &Request<'_>, refusal: BadBlock, facts: &Facts<'_>) -> Refusal<'a> {
    let is_meta = request.line.trim_ascii_start().starts_with(b"ms");
    if !is_meta && refusal != BadBlock::Words && has_noreply(request.line) {
        return refused_in_silence(request.line, facts);
    }
    refused(request.line, texts::memcache_refusal(refusal), facts)
}

/// A meta command for a memcached that has no meta commands.
pub fn no_meta<'a>(command: u16, policy: &Policy) -> Refusal<'a> {
    if policy.closes_on_refusal {
        let command = &memcache::COMMANDS[usize::from(command)];
        return Refusal::close_on(command.name.into()).counted();
    }
    Refusal::says(Says::Line(texts::MEMCACHE_NO_META.into())).counted()
}

#[cold]
fn refused<'a>(line: &[u8], text: impl Into<Cow<'static, str>>, facts: &Facts<'_>) -> Refusal<'a> {
    if facts.policy.closes_on_refusal {
        return close(line).counted();
    }
    Refusal::says(Says::Line(text.into())).counted()
}

/// With `noreply` a client does not read errors either, if the line has enough words.
fn refused_in_silence<'a>(line: &[u8], facts: &Facts<'_>) -> Refusal<'a> {
    if facts.policy.closes_on_refusal {
        return close(line).counted();
    }
    Refusal::says(Says::Nothing).counted()
}

/// An unknown word may be part of a value, if a client has lost its place in the protocol. So the log
/// does not show it.
fn close<'a>(line: &[u8]) -> Refusal<'a> {
    match Words::new(line).next().and_then(memcache::lookup) {
        Some(command) => Refusal::close_on(command.name.into()),
        None => Refusal::close("unknown command"),
    }
}
