//! Decides on a request of RESP.

use super::refusal::{Refusal, Says};
use super::{
    Facts, FanOut, Forward, PLACEHOLDER, Plan, Scratch, Sending, To, foreign, scan, sending, whole,
};
use crate::base::{Chance, ShardId};
use crate::command::keys::{self, KeyError};
use crate::command::{
    self, Before, Command, CutBy, Group, Join, Keys, Local, Pieces, Refuses, ScriptUse, Subject,
    Transact, Verb, refused as never,
};
use crate::protocol::resp::Args;
use crate::proxy::link::ticket::Care;
use crate::texts;
use crate::topology::{Intent, Policy};

/// Bytes of an unknown command's name that are logged.
const NAME_BYTES_LOGGED: usize = 32;

/// Why a request does not pass the checks.
enum Stop {
    Barred,
    Unknown,
    Stranger(&'static Command),
    Arity(&'static Command),
}

/// The checks that need only the name and the number of arguments.
#[inline(always)]
fn admit(name: &[u8], args: usize, facts: &Facts<'_>) -> Result<&'static Command, Stop> {
    if facts.is_barred && !ends_bar(name) {
        return Err(Stop::Barred);
    }
    let Some(command) = command::lookup(name) else {
        return Err(Stop::Unknown);
    };
    if !facts.is_authenticated && !is_open_to_strangers(command) {
        return Err(Stop::Stranger(command));
    }
    if !command.arity_ok(args) {
        return Err(Stop::Arity(command));
    }
    Ok(command)
}

#[inline(always)]
pub fn decide<'a>(args: &Args<'a>, facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    let command = match admit(args.name(), args.len(), facts) {
        Ok(command) => command,
        Err(Stop::Unknown) => return beyond_the_table(args, facts, scratch),
        Err(stop) => return Plan::Refuse(refusal(&stop, args, facts)),
    };
    match command.verb {
        Verb::Forward if command.single_key => {
            let key = args.get(1).unwrap_or_default();
            Plan::Forward(facts.forward_key(key, scratch.chance, sending(command)))
        }
        Verb::Cut(by, join) if !by.is_to_all() => cut(command, (by, join), args, facts, scratch),
        Verb::Forward if command.is_modern() && facts.policy.refuses_whole_pool => {
            Plan::Refuse(unknown(args, facts))
        }
        Verb::Forward | Verb::Wait => checked(command, args, facts, scratch),
        _ => keyless_verb(command, args, facts, scratch),
    }
}

/// A command without keys, or a subcommand.
fn keyless_verb<'a>(
    command: &'static Command,
    args: &Args<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    if command.is_modern() && facts.policy.refuses_whole_pool {
        return Plan::Refuse(unknown(args, facts));
    }
    if whole::is_fenced(command, args, facts) {
        let text = texts::fenced(command.name, &facts.topology.spec.name);
        return Plan::Refuse(Refusal::error(text.into_bytes()).counted());
    }
    if command.refuses == Refuses::LineBreak && args.iter_from(2).any(has_line_break) {
        return Plan::Refuse(Refusal::error(texts::LINE_BREAK.as_bytes()).counted());
    }
    match command.verb {
        Verb::Local(local) => Plan::Local(local, command),
        Verb::Subscribe(subject) => Plan::Subscribe(subject),
        Verb::Unsubscribe(subject) => Plan::Unsubscribe(subject),
        Verb::Listeners => Plan::Listeners(command),
        Verb::Publish => {
            let channel = args.get(1).unwrap_or_default();
            // SPUBLISH has its channel in the place of a key.
            let subject =
                if command.keys == Keys::None { Subject::Channel } else { Subject::Sharded };
            let sent = (Intent::Write, sending(command).1);
            Plan::Publish(facts.forward_key(channel, scratch.chance, sent), subject)
        }
        Verb::Transact(act) => transact(act, command, args, facts, scratch),
        Verb::Placeholder => fixed(command, facts, scratch),
        Verb::Scan => scan::decide(command, args, facts, scratch),
        Verb::Acknowledge(join) => Plan::Acknowledge(join, sending(command).1),
        Verb::Cut(_, join) => whole::decide(command, join, args, facts, scratch),
        Verb::Forward | Verb::Wait => placeholder(command, facts, scratch),
    }
}

/// MULTI and its like. The keys of WATCH should have one owner.
fn transact<'a>(
    act: Transact,
    command: &'static Command,
    args: &Args<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    if act != Transact::Watch {
        return Plan::Transact(act, None);
    }
    let owners = &mut *scratch.owners;
    owners.clear();
    if !find_owners(args.iter_from(1), facts, scratch.chance, owners) {
        return Plan::Transact(act, Some(facts.forward(None, sending(command))));
    }
    let first = owners.first().copied().unwrap_or_default();
    if owners.iter().any(|&owner| owner != first) {
        return Plan::Transact(act, None);
    }
    Plan::Transact(act, Some(facts.forward(Some(ShardId(first)), sending(command))))
}

fn has_line_break(argument: &[u8]) -> bool {
    argument.iter().any(|&byte| byte == b'\r' || byte == b'\n')
}

/// A request flows if it has a single key, which comes before its large argument.
pub fn decide_begun<'a>(
    name: &[u8],
    key: &[u8],
    args: usize,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    match admit(name, args, facts) {
        Ok(command) if command.verb == Verb::Forward && command.single_key => {
            Plan::Forward(facts.forward_key(key, scratch.chance, sending(command)))
        }
        _ => Plan::WhenWhole,
    }
}

/// A command without a row. A pool may send it to the owner of its first argument
/// (`unknown_commands: first_key`), except those of which we know that it must not.
#[cold]
fn beyond_the_table<'a>(args: &Args<'a>, facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    let key = args.get(1).filter(|_| facts.topology.spec.serves.unknown_commands);
    let is_known = || never::why(args.name()).is_some() || never::has_state(args.name());
    match key {
        Some(key) if facts.is_authenticated && !is_known() => {
            let sent = Sending { command: command::UNKNOWN as u16, care: Care::None };
            Plan::Forward(facts.forward_key(key, scratch.chance, (Intent::Write, sent)))
        }
        _ => Plan::Refuse(unknown(args, facts)),
    }
}

fn placeholder<'a>(command: &Command, facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    Plan::Forward(facts.forward_key(PLACEHOLDER, scratch.chance, sending(command)))
}

/// A command with several keys, or with a key that is not argument 1. All must have one owner.
fn checked<'a>(
    command: &'static Command,
    args: &Args<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    let command = match keys::resolve(command, args) {
        Ok(row) => row,
        Err(error) => return Plan::Refuse(bad_keys(command, args, error, facts.policy)),
    };
    if !matches!(command.verb, Verb::Forward | Verb::Wait)
        || command.is_modern() && facts.policy.refuses_whole_pool
    {
        return keyless_verb(command, args, facts, scratch);
    }
    let mut keys = match keys::keys(command, args) {
        Ok(keys) => keys,
        Err(error) => return Plan::Refuse(bad_keys(command, args, error, facts.policy)),
    };
    let Some(first) = keys.next() else {
        return keyless(command, facts, scratch);
    };
    let topology = facts.topology;
    let owner = topology.owner(first, scratch.chance);
    let has_one_owner = !topology.keys_have_owners()
        || keys.all(|key| topology.owner(key, scratch.chance) == owner);
    // twemproxy sent some commands to the owner of one key and did not check the others. It closed the
    // connection on all other commands with several keys, so we check these: unchecked, they could
    // lose data that was safe under twemproxy.
    let goes_unchecked = facts.policy.sends_unchecked && command.before == Before::Sent;
    if !has_one_owner && !goes_unchecked {
        let text =
            if command.verb == Verb::Wait { texts::CROSSSLOT_WAIT } else { texts::CROSSSLOT };
        return Plan::Refuse(Refusal::error(text.as_bytes()).counted());
    }
    if command.refuses != Refuses::Nothing
        && let Some(text) = refused_option(command, args, facts, (owner, scratch))
    {
        return Plan::Refuse(Refusal::error(text.as_bytes()).counted());
    }
    let waits =
        command.verb == Verb::Wait || command.refuses == Refuses::Block && keys::blocks(args);
    let (intent, sending) = sending(command);
    // A replica would be waited at even if the shard gets another primary.
    let intent = if waits { Intent::Write } else { intent };
    let forward = facts.forward(owner, (intent, sending));
    let forward = Forward { is_unchecked: !has_one_owner, ..forward };
    if waits { Plan::Wait(forward) } else { sent(command, forward) }
}

fn sent<'a>(command: &Command, forward: Forward) -> Plan<'a> {
    match command.script {
        ScriptUse::None => Plan::Forward(forward),
        script => Plan::Call(forward, script),
    }
}

/// The error for an option that cannot be served, if the request has one.
fn refused_option(
    command: &Command,
    args: &Args<'_>,
    facts: &Facts<'_>,
    (owner, scratch): (Option<ShardId>, &mut Scratch<'_>),
) -> Option<&'static str> {
    let topology = facts.topology;
    match command.refuses {
        Refuses::Database if !facts.policy.sends_unchecked => {
            let db = keys::database(command, args)?;
            // What is no number is an error of the server's.
            let db: i32 = std::str::from_utf8(db).ok()?.parse().ok()?;
            (!topology.spec.serves_database(db.into())).then_some(texts::DB_OUT_OF_RANGE)
        }
        Refuses::Block if facts.policy.refuses_whole_pool && keys::blocks(args) => {
            Some(texts::BLOCK_NOT_SERVED)
        }
        Refuses::Patterns if topology.shards.len() > 1 && !facts.policy.sends_unchecked => {
            // `GET #` is the element itself; BY a name without `*` means "do not sort".
            let mut named = keys::patterns(args).filter(|it| it.contains(&b'*'));
            let is_here = |pattern: &[u8], scratch: &mut Scratch<'_>| {
                let tag = topology.spec.hash_tag.and_then(|tag| tag.find(pattern));
                tag.is_some_and(|tag| !tag.contains(&b'*'))
                    && topology.owner(pattern, scratch.chance) == owner
            };
            named.any(|pattern| !is_here(pattern, scratch)).then_some(texts::SORT_PATTERNS)
        }
        _ => None,
    }
}

/// A script without keys. It always goes to the same server, so that EVALSHA finds the script of EVAL.
fn keyless<'a>(
    command: &'static Command,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    if facts.policy.refuses_keyless_scripts && command.before == Before::Sent {
        return Plan::Refuse(Refusal::close_on(command.name.into()).counted());
    }
    fixed(command, facts, scratch)
}

/// To one fixed server, the same for all proxies: the owner of the key `placeholder`, or under `random`
/// the first live one.
fn fixed<'a>(command: &'static Command, facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    if !facts.topology.keys_have_owners() {
        return sent(command, facts.forward(facts.topology.first_live(), sending(command)));
    }
    sent(command, facts.forward_key(PLACEHOLDER, scratch.chance, sending(command)))
}

/// The owner of each key. `false`: no shard is in the ring.
#[inline(always)]
fn find_owners<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    facts: &Facts<'_>,
    chance: &mut Chance,
    owners: &mut Vec<u16>,
) -> bool {
    for key in keys {
        match facts.topology.owner(key, chance) {
            Some(shard) => owners.push(shard.0),
            None => return false,
        }
    }
    true
}

/// A command that is cut by the owners of its keys, unless all keys have one owner.
fn cut<'a>(
    command: &'static Command,
    (by, join): (CutBy, Join),
    args: &Args<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    let owners = &mut *scratch.owners;
    owners.clear();
    // twemproxy did not know the others.
    let is_new = matches!(by, CutBy::CountedPair | CutBy::KeyBeforeLast);
    let is_placed = if is_new {
        match keys::keys(command, args) {
            Ok(keys) => find_owners(keys, facts, scratch.chance, owners),
            Err(error) => return Plan::Refuse(bad_keys(command, args, error, facts.policy)),
        }
    } else {
        let arguments = args.iter_from(1);
        if by == CutBy::Pair {
            find_owners(arguments.step_by(2), facts, scratch.chance, owners)
        } else {
            find_owners(arguments, facts, scratch.chance, owners)
        }
    };
    if !is_placed {
        return Plan::Forward(facts.forward(None, sending(command)));
    }
    let first = owners.first().copied().unwrap_or_default();
    let is_whole = owners.len() == 1
        // Under twemproxy manners it is cut too, since a cut request has other errors.
        || ((!facts.policy.cuts_for_one_owner || is_new) && owners.iter().all(|&owner| owner == first));
    if is_whole {
        let owner = Some(ShardId(first));
        return Plan::Forward(facts.forward(owner, sending(command)));
    }
    // All keys or none: several servers cannot promise that.
    if by == CutBy::CountedPair && keys::has_condition(args, 2 + 2 * owners.len()) {
        return Plan::Refuse(Refusal::error(texts::CROSSSLOT.as_bytes()).counted());
    }
    let pieces = Pieces::of_args(by, command.name, args, owners.len());
    Plan::FanOut(FanOut::new(To::Owners, pieces, join, sending(command)))
}

// ---- refusals ----------------------------------------------------------------------------

#[cold]
fn refusal<'a>(stop: &Stop, args: &Args<'a>, facts: &Facts<'_>) -> Refusal<'a> {
    match *stop {
        Stop::Barred => Refusal::error(texts::NOT_TRACKED.as_bytes()).counted(),
        Stop::Unknown => unknown(args, facts),
        Stop::Stranger(command) => stranger(command, args, facts),
        // As in Redis, it ends the transaction.
        Stop::Arity(command) if command.verb == Verb::Transact(Transact::Exec) => {
            Refusal::error(texts::exec_refused(texts::EXEC_ARITY.as_bytes())).counted()
        }
        Stop::Arity(command) => {
            bad_keys(command, args, KeyError::Arity(command.name), facts.policy)
        }
    }
}

/// Commands that are served to a client whose CLIENT CACHING YES was refused. A transaction that begins now
/// is refused as a whole.
fn ends_bar(name: &[u8]) -> bool {
    [&b"quit"[..], b"reset", b"multi"].iter().any(|it| name.eq_ignore_ascii_case(it))
}

fn unknown<'a>(args: &Args<'a>, facts: &Facts<'_>) -> Refusal<'a> {
    let name = args.name();
    // A web page can make a browser send a request here. Its lines must not be read as commands.
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        return Refusal::close(foreign::Foreign::Http.why());
    }
    if !facts.is_authenticated && !facts.policy.reads_before_auth {
        return Refusal::error(noauth(facts.policy).as_bytes());
    }
    if !facts.policy.refuses_whole_pool
        && let Some(why) = never::why(name)
    {
        return not_served(name, why);
    }
    refused(name, texts::unknown_command(args), facts.policy)
}

/// A command that is never served, and the reason.
fn not_served<'a>(name: &[u8], why: never::Why) -> Refusal<'a> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Refusal::error(texts::not_served(&name, why.text()).into_bytes()).counted()
}

/// The command of a client that has not sent its password.
fn stranger<'a>(command: &'static Command, args: &Args<'a>, facts: &Facts<'_>) -> Refusal<'a> {
    let unread = !command.arity_ok(args.len()) && !was_left_to_the_server(command, args);
    if facts.policy.reads_before_auth && unread {
        return bad_keys(command, args, KeyError::Arity(command.name), facts.policy);
    }
    Refusal::error(noauth(facts.policy).as_bytes())
}

fn noauth(policy: &Policy) -> &'static str {
    if policy.noauth_without_stop { texts::NOAUTH_WITHOUT_STOP } else { texts::NOAUTH }
}

/// The refusal of a command that is not served.
pub fn refused<'a>(name: &[u8], text: Vec<u8>, policy: &Policy) -> Refusal<'a> {
    if policy.closes_on_refusal {
        return Refusal::close_on(logged_name(name)).counted();
    }
    Refusal::error(text).counted()
}

/// The refusal of a request with wrong keys or a wrong number of arguments.
pub fn bad_keys<'a>(
    command: &Command,
    args: &Args<'_>,
    error: KeyError<'a>,
    policy: &Policy,
) -> Refusal<'a> {
    let closes = policy.closes_on_refusal
        && !was_left_to_the_server(command, args)
        && !has_zeros_before(args, &error);
    if closes {
        return Refusal::close_on(command.name.into()).counted();
    }
    if let KeyError::Subcommand { container, name } = error
        && let Some(why) = never::why_sub(container, name)
    {
        return not_served(&[container.as_bytes(), b"|", name].concat(), why);
    }
    Refusal::says(Says::Key(error)).counted()
}

/// The name of a command for the log. An unknown name may be any bytes, so only its beginning is
/// logged. The log escapes bytes that are not text.
fn logged_name(name: &[u8]) -> Box<str> {
    match command::lookup(name) {
        Some(command) => command.name.into(),
        None => String::from_utf8_lossy(&name[..name.len().min(NAME_BYTES_LOGGED)]).into(),
    }
}

/// twemproxy checked the number of arguments of three kinds of commands: those with a fixed number,
/// those that it cut, and scripts. If it was wrong, it closed the connection. All other commands that
/// it sent needed only a key, and the client got the server's error.
fn was_left_to_the_server(command: &Command, args: &Args<'_>) -> bool {
    command.arity < 0
        && args.len() > 1
        && command.verb == Verb::Forward
        && command.before == Before::Sent
        && command.group != Group::Scripting
}

/// `EVAL s 01 k`: twemproxy accepted this number. The server does not, and the client got its error.
fn has_zeros_before(args: &Args<'_>, error: &KeyError<'_>) -> bool {
    let counts = |text: &[u8]| {
        text.iter().all(u8::is_ascii_digit) && text.iter().any(|&digit| digit != b'0')
    };
    *error == KeyError::NotInteger && args.len() > 3 && args.get(2).is_some_and(counts)
}

/// Whether a client may send this before AUTH.
fn is_open_to_strangers(command: &Command) -> bool {
    matches!(command.verb, Verb::Local(Local::Auth | Local::Hello | Local::Quit | Local::Reset))
}
