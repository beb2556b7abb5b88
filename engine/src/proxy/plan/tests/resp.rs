//! Requests of RESP.

use super::*;
use crate::command::{COMMANDS, Command, CutBy, Flags, Keys, Local, Transact, Verb, lookup};
use crate::protocol::resp::request::{Parsed, Progress, Trust, parse};
use crate::protocol::resp::{Args, encode};

pub(super) fn known(manners: Manners) -> Asked {
    Asked::of(Protocol::Redis, manners)
}

fn stranger(manners: Manners) -> Asked {
    Asked { is_authenticated: false, ..known(manners) }
}

fn barred(manners: Manners) -> Asked {
    Asked { is_barred: true, ..stranger(manners) }
}

/// Keys have no owner, and the first shard is out.
fn random(manners: Manners) -> Asked {
    let topology = topology(Protocol::Redis, "random", [ShardState::Down, ShardState::Live]);
    Asked { topology, ..known(manners) }
}

fn with_args(line: &str, run: impl FnOnce(&Args<'_>) -> String) -> String {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let mut bytes = Vec::new();
    encode::command(&mut bytes, &words);
    match parse(&bytes, &mut Progress::default(), Trust::Authenticated) {
        Ok(Parsed::Request(args)) => run(&args),
        other => panic!("{line}: {other:?}"),
    }
}

pub(super) fn whole(asked: &Asked, line: &str) -> String {
    with_args(line, |args| asked.decide(Head::Args(args)))
}

/// The plan when only the first two arguments have come.
fn begun(asked: &Asked, line: &str) -> String {
    with_args(line, |args| {
        let key = args.get(1).unwrap_or_default();
        asked.decide(Head::ArgsBegun { name: args.name(), key, args: args.len() })
    })
}

// ---- the checks, in their order ----------------------------------------------------------

#[test]
fn what_follows_a_refused_caching_is_refused_before_all_else() {
    let refused = format!("refuse -{} | counted", texts::NOT_TRACKED);
    let rows = [
        ("NOSUCH", &*refused, "="),
        ("GET a", &refused, "="),
        ("quit", "local Quit quit", "="),
        ("RESET", "local Reset reset", "="),
        (
            "RESET a",
            "refuse -ERR wrong number of arguments for 'reset' command | counted",
            "refuse | counted | closes: reset",
        ),
    ];
    check(&rows, barred, whole);
}

#[test]
fn watched_keys_have_one_owner() {
    let rows = [
        ("MULTI", "transact Multi", "refuse | counted | closes: multi"),
        ("EXEC", "transact Exec", "refuse | counted | closes: exec"),
        ("WATCH a", "transact Watch shard0", "refuse | counted | closes: watch"),
        ("WATCH a c", "transact Watch shard0", "refuse | counted | closes: watch"),
        ("WATCH a b", "transact Watch", "refuse | counted | closes: watch"),
    ];
    check(&rows, known, whole);
}

#[test]
fn an_unknown_command_is_quoted_or_closes() {
    let rows = [
        (
            "NoSuch a b",
            "refuse -ERR unknown command 'NoSuch', with args beginning with: 'a' 'b' | counted",
            "refuse | counted | closes: NoSuch",
        ),
        ("post /", "refuse | closes: an HTTP client", "="),
        ("Host: x", "refuse | closes: an HTTP client", "="),
    ];
    check(&rows, known, whole);
}

#[test]
fn a_stranger_is_asked_for_the_password_before_arity_and_keys() {
    let asked = "refuse -NOAUTH Authentication required.";
    let old = "refuse -NOAUTH Authentication required";
    let arity = "refuse -ERR wrong number of arguments for 'auth' command | counted";
    let rows = [
        ("NOSUCH a", asked, "refuse | counted | closes: NOSUCH"),
        ("MULTI", asked, old),
        ("POST", "refuse | closes: an HTTP client", "="),
        ("GET", asked, "refuse | counted | closes: get"),
        ("MSET a", asked, "refuse | counted | closes: mset"),
        ("EVAL s", asked, "refuse | counted | closes: eval"),
        ("SET a", asked, old),
        ("GET a", asked, old),
        ("PING", asked, old),
        ("EVAL s x a", asked, old),
        ("SINTER a b", asked, old),
        ("AUTH secret", "local Auth auth", "="),
        ("AUTH", arity, "refuse | counted | closes: auth"),
        ("HELLO 3", "local Hello hello", "="),
        ("QUIT", "local Quit quit", "="),
        ("RESET", "local Reset reset", "="),
    ];
    check(&rows, stranger, whole);
}

#[test]
fn a_wrong_number_of_arguments_is_an_error_or_closes() {
    let rows = [
        (
            "GET",
            "refuse -ERR wrong number of arguments for 'get' command | counted",
            "refuse | counted | closes: get",
        ),
        (
            "MSET a 1 b",
            "refuse -ERR wrong number of arguments for 'mset' command | counted",
            "refuse | counted | closes: mset",
        ),
        (
            "OBJECT encoding",
            "refuse -ERR wrong number of arguments for 'object|encoding' command | counted",
            "refuse | counted | closes: object",
        ),
        // twemproxy left these to the server.
        ("SET a", "refuse -ERR wrong number of arguments for 'set' command | counted", "="),
        ("RPUSH a", "refuse -ERR wrong number of arguments for 'rpush' command | counted", "="),
    ];
    check(&rows, known, whole);
}

#[test]
fn keys_that_are_not_found_are_an_error_or_close() {
    let rows = [
        (
            "EVAL s x a",
            "refuse -ERR value is not an integer or out of range | counted",
            "refuse | counted | closes: eval",
        ),
        ("EVAL s 01 a", "refuse -ERR value is not an integer or out of range | counted", "="),
        (
            "EVAL s -1 a",
            "refuse -ERR Number of keys can't be negative | counted",
            "refuse | counted | closes: eval",
        ),
        (
            "EVAL s 2",
            "refuse -ERR Number of keys can't be greater than number of args | counted",
            "refuse | counted | closes: eval",
        ),
        (
            "ZUNION 0 a",
            "refuse -ERR at least 1 input key is needed for 'zunion' command | counted",
            "=",
        ),
        (
            "LMPOP 0 a LEFT",
            "refuse -ERR numkeys should be greater than 0 | counted",
            "refuse | counted | closes: lmpop",
        ),
        (
            "XREAD COUNT 1 a",
            "refuse -ERR syntax error | counted",
            "refuse | counted | closes: xread",
        ),
        (
            "XREAD BLOCK 0 STREAMS a 0",
            "wait xread shard0",
            "refuse -ERR BLOCK is not supported by the proxy | counted",
        ),
        (
            "OBJECT colour a",
            "refuse -ERR unknown subcommand 'colour'. Try OBJECT HELP. | counted",
            "refuse | counted | closes: object",
        ),
        // The server answers what is wrong with the rest.
        ("EVAL s 3 b", "forward eval shard1", "="),
    ];
    check(&rows, known, whole);
}

// ---- from keys to a place ----------------------------------------------------------------

#[test]
fn keys_of_several_owners_are_refused_or_go_unchecked() {
    let crossing = "refuse -CROSSSLOT Keys in request don't hash to the same server | counted";
    let rows = [
        ("GET a", "forward get shard0", "="),
        ("get b", "forward get shard1", "="),
        ("RENAME a c", "forward rename shard0", "="),
        ("RENAME a b", crossing, "="),
        ("LMPOP 2 a b LEFT", crossing, "="),
        ("SINTER b d", "forward sinter shard1", "="),
        ("SINTER b d a", crossing, "forward sinter shard1 unchecked"),
        ("ZUNIONSTORE a 1 b", crossing, "forward zunionstore shard0 unchecked"),
        ("SORT a STORE b", crossing, "forward sort shard0 unchecked"),
        ("XREAD STREAMS a b 0 0", crossing, "="),
        ("OBJECT encoding b", "forward object|encoding shard1", "="),
        ("OBJECT help", "local Help object|help", "="),
        ("COMMAND count", "local Command command", "="),
        ("LOLWUT", "forward lolwut shard0", "="),
    ];
    check(&rows, known, whole);
}

#[test]
fn scripts_without_keys_have_one_server() {
    let crossing = "refuse -CROSSSLOT Keys in request don't hash to the same server | counted";
    let rows = [
        ("EVAL s 0", "forward eval shard0", "refuse | counted | closes: eval"),
        ("EVALSHA s 0 b", "forward evalsha shard0", "refuse | counted | closes: evalsha"),
        ("EVAL_RO s 0", "forward eval_ro shard0", "="),
        ("FCALL f 0 b", "forward fcall shard0", "="),
        ("EVAL s 1 b", "forward eval shard1", "="),
        ("EVAL s 2 b a", crossing, "forward eval shard1 unchecked"),
        ("FCALL f 2 b a", crossing, "="),
    ];
    check(&rows, known, whole);
}

#[test]
fn under_random_no_key_has_an_owner() {
    let rows = [
        ("FCALL f 0", "forward fcall shard1", "="),
        ("EVAL s 0", "forward eval shard1", "refuse | counted | closes: eval"),
    ];
    check(&rows, random, whole);
    for line in ["RENAME a b", "EVAL s 2 a b", "LOLWUT", "SINTER a b c d"] {
        let plan = whole(&random(Manners::Modern), line);
        assert!(plan.starts_with("forward ") && !plan.ends_with("unchecked"), "{line}: {plan}");
    }
    let none_live = random(Manners::Modern).with_states([ShardState::Ejected; 2]);
    assert_eq!(whole(&none_live, "FCALL f 0"), "forward fcall nowhere");
}

#[test]
fn requests_are_cut_by_owner() {
    let rows = [
        ("MGET a", "forward mget shard0", "="),
        ("MGET b a b", "fan out mget to 1 0 1, InOrder Read", "="),
        ("MGET a c", "forward mget shard0", "fan out mget to 0 0, InOrder Read"),
        ("MSET b 1", "forward mset shard1", "="),
        ("MSET b 1 a 2", "fan out mset to 1 0, AllOk Write", "="),
        ("MSET b 1 d 2", "forward mset shard1", "fan out mset to 1 1, AllOk Write"),
        ("DEL a b", "fan out del to 0 1, Sum Write", "="),
        ("DEL a c", "forward del shard0", "fan out del to 0 0, Sum Write"),
        ("EXISTS a b", "fan out exists to 0 1, Sum Read", "="),
    ];
    check(&rows, known, whole);
}

#[test]
fn a_plan_names_the_shard_that_is_out() {
    let rows = [
        ("GET a", "forward get down shard0", "="),
        ("GET b", "forward get shard1", "="),
        ("RENAME a c", "forward rename down shard0", "="),
        ("MGET a b", "fan out mget to 0 1, InOrder Read", "="),
        ("MGET a", "forward mget down shard0", "="),
        ("FCALL f 0", "forward fcall down shard0", "="),
    ];
    let down = |manners| known(manners).with_states([ShardState::Down, ShardState::Live]);
    check(&rows, down, whole);
    let rows = [
        ("GET a", "forward get nowhere", "="),
        ("RENAME a b", "forward rename nowhere", "="),
        ("MGET a b", "forward mget nowhere", "="),
        ("LOLWUT", "forward lolwut nowhere", "="),
    ];
    check(&rows, |manners| known(manners).with_states([ShardState::Ejected; 2]), whole);
    let rows = [
        ("GET a", "forward get shard1", "="),
        ("RENAME a b", "forward rename shard1", "="),
        ("MGET a b", "forward mget shard1", "fan out mget to 1 1, InOrder Read"),
    ];
    let ejected = |manners| known(manners).with_states([ShardState::Ejected, ShardState::Live]);
    check(&rows, ejected, whole);
}

// ---- every row ---------------------------------------------------------------------------

/// Every command and subcommand; not the containers that are no command without one.
pub(super) fn rows() -> impl Iterator<Item = &'static Command> {
    let all = COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands));
    all.filter(|row| row.subcommands.is_empty() || row.verb != Verb::Forward)
}

/// The shortest request of this row, and then some arguments. Every key is `b`, of shard 1.
pub(super) fn request(row: &Command, more: usize) -> String {
    let mut words: Vec<&str> = row.name.split('|').collect();
    let mut len = usize::from(row.arity.unsigned_abs());
    match row.keys {
        Keys::Streams { grouped: true } => words.extend(["GROUP", "b", "b", "STREAMS", "b", "0"]),
        Keys::Streams { grouped: false } => words.extend(["STREAMS", "b", "0"]),
        Keys::Counted { count, .. } => {
            words.resize(usize::from(count), "b");
            words.push("1");
            len = len.max(words.len() + 1);
        }
        Keys::CountedPairs { .. } => words.push("1"),
        _ => {}
    }
    words.resize(words.len().max(len) + more, "b");
    words.join(" ")
}

/// A pool that allows everything.
fn allowing(manners: Manners) -> Asked {
    let mut asked = known(manners);
    let mut spec = (*asked.topology.spec).clone();
    spec.serves.admin_commands = true;
    asked.topology.spec = Arc::new(spec);
    asked
}

#[test]
fn the_verb_decides_the_kind_of_the_plan() {
    for row in rows() {
        let name = row.name;
        let line = request(row, 0);
        let intent = if row.flags.has(Flags::WRITE) { "Write" } else { "Read" };
        let want = match row.verb {
            Verb::Cut(by, join) if by.is_to_all() => {
                let to = if intent == "Read" && !row.is_fenced() { "ring" } else { "all" };
                format!("fan out {name} to {to}, {join:?} {intent}")
            }
            Verb::Forward | Verb::Cut(..) => format!("forward {name} shard1"),
            Verb::Placeholder => format!("forward {name} shard0"),
            Verb::Scan => "refuse -ERR invalid cursor | counted".to_owned(),
            // Its subcommands are found by the answer.
            Verb::Local(Local::Command) => "local Command command".to_owned(),
            Verb::Local(local) => format!("local {local:?} {name}"),
            Verb::Wait => format!("wait {name} shard1"),
            Verb::Acknowledge(join) => format!("acknowledge {name} {join:?}"),
            Verb::Subscribe(subject) => format!("subscribe {subject:?}"),
            Verb::Listeners => format!("listeners {name}"),
            Verb::Unsubscribe(subject) => format!("unsubscribe {subject:?}"),
            Verb::Publish if name == "publish" => "publish Channel shard1".to_owned(),
            Verb::Publish => "publish Sharded shard1".to_owned(),
            Verb::Transact(Transact::Watch) => "transact Watch shard1".to_owned(),
            Verb::Transact(act) => format!("transact {act:?}"),
        };
        let container = row.name.split('|').next().unwrap();
        let is_modern = row.is_modern() || lookup(container.as_bytes()).unwrap().is_modern();
        let modern_only = format!("refuse | counted | closes: {container}");
        let twemproxy = if is_modern { &modern_only } else { "=" };
        check(&[(&line, &want, twemproxy)], allowing, whole);
        if let Verb::Cut(by, join) = row.verb
            && !by.is_to_all()
        {
            let line = match by {
                CutBy::KeyBeforeLast => format!("{line} a path"),
                CutBy::CountedPair => "MSETEX 2 b x a x EX 5".to_owned(),
                _ => format!("{line}{}", " a".repeat(by.stride())),
            };
            let owners = if by == CutBy::KeyBeforeLast { "1 1 0" } else { "1 0" };
            let want = format!("fan out {name} to {owners}, {join:?} {intent}");
            check(&[(&line, &want, "=")], known, whole);
        }
    }
}

/// If a request flows, it flows to where the whole request goes, and only a request with a single
/// key does.
#[test]
fn a_head_flows_where_the_whole_request_goes() {
    let out = |manners| known(manners).with_states([ShardState::Live, ShardState::Down]);
    let askers = [known, stranger, barred, random, out];
    for (row, more) in rows().flat_map(|row| (0..3).map(move |more| (row, more))) {
        let line = request(row, more);
        for (asker, manners) in askers.iter().flat_map(|asker| BOTH.map(|manners| (asker, manners)))
        {
            let asked = asker(manners);
            let whole = whole(&asked, &line);
            let flows = row.single_key && row.verb == Verb::Forward && whole.starts_with("forward");
            let want = if flows { &*whole } else { "when whole" };
            assert_eq!(begun(&asked, &line), want, "{line} under {manners:?}");
        }
    }
    for line in ["NOSUCH a", "MULTI", "GET", "OBJECT encoding"] {
        assert_eq!(begun(&known(Manners::Modern), line), "when whole", "{line}");
    }
}
