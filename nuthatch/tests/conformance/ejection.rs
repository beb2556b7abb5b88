//! 6: when a server goes out of the ring, and how it comes back. Which ring that leaves is played
//! by `ejection_parity`.

use crate::peer::{Peer, Said};
use crate::rows::Row;
use crate::stage::{NAMES, Program, Running, Three, bytes_of, listen, talk, three_entries};
use crate::{Alone, Case, Differs, Same, case};
use nuthatch_testbed::{Client, free_port, poll_until};
use std::thread::sleep;
use std::time::Duration;

const PACE: Duration = Duration::from_millis(150);

const REFUSED: &str = "-ERR Connection refused~";

pub const CASES: &[Case] = &[
    case(
        "6",
        "a limit of 2: two errors, then the next server; after the time two errors more",
        Alone(timeline),
        Differs(
            Row::Readmission,
            "refused refused alpha alpha, later refused refused alpha",
            "refused refused alpha alpha, later alpha alpha alpha",
        ),
    ),
    case(
        "6",
        "a limit of 0 acts like 1",
        Alone(|p| after(p, "0", "60000", 3)),
        Same("refused alpha alpha, 1 out"),
    ),
    case(
        "6",
        "a time of 0: only counters move",
        Alone(|p| after(p, "1", "0", 3)),
        Differs(Row::Readmission, "refused refused refused, 3 out", "refused alpha alpha, 1 out"),
    ),
    case(
        "6",
        "without auto_eject_hosts nothing goes",
        Alone(never),
        Same("refused refused refused refused, 0 out"),
    ),
    case("6", "a reply sets the count to 0", Alone(reset_by_reply), Same("0 out")),
    case(
        "6",
        "one close is one failure, however many requests hung on it",
        Alone(one_close),
        Same("-ERR unknown~-ERR unknown~-ERR unknown~ 0 out, then 1 out"),
    ),
    case(
        "6",
        "a pool of one server is ejected the same way",
        Alone(pool_of_one),
        Same("refused refused refused, 1 out"),
    ),
    case("6", "a refusal is a failure", Alone(refusal), Same("1 out")),
    case("6", "a reset is a failure", Alone(|p| failure(p, "reset")), Same("1 out")),
    case("6", "a close under a request is one", Alone(|p| failure(p, "shut")), Same("1 out")),
    case("6", "a timeout is one", Alone(|p| failure(p, "hush")), Same("1 out")),
    case("6", "a bad reply is one", Alone(|p| failure(p, "say:?")), Same("1 out")),
    case("6", "a name that does not resolve is one", Alone(no_name), Same("1 out")),
    case(
        "6",
        "an idle connection closed in good order is a failure",
        Alone(idle),
        Differs(Row::Failure, "b alpha, 1 out", "b b, 0 out"),
    ),
    case(
        "6",
        "-OOM is a failure",
        Alone(oom),
        Differs(Row::Oom, "-ERR Invalid argument~ alpha, 1 out", "-OOM no~ b, 0 out"),
    ),
];

fn keys<'a>(limit: &'a str, retry_ms: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("auto_eject_hosts", "true"),
        ("server_failure_limit", limit),
        ("server_retry_timeout", retry_ms),
    ]
}

/// Who answers `GET foo`, in one word.
fn word(client: &mut Client) -> String {
    client.send_raw(&bytes_of("GET foo")).unwrap();
    let reply = listen(client, 1);
    if reply == REFUSED {
        return "refused".to_owned();
    }
    match reply.strip_suffix(":foo~").and_then(|reply| reply.split_once('~')) {
        Some((_, name)) => name.to_owned(),
        None => reply,
    }
}

/// Ours ejects in another thread, a moment after the failure, so the requests are not in a hurry.
fn words(client: &mut Client, count: usize) -> String {
    let words = (0..count).map(|_| {
        let word = word(client);
        sleep(PACE);
        word
    });
    words.collect::<Vec<_>>().join(" ")
}

fn ejections(running: &Running, client: &mut Client) -> String {
    let mut count = 0;
    poll_until(Duration::from_millis(500), || {
        count = running.stats(client)["p"]["server_ejects"].as_u64().unwrap();
        count > 0
    });
    format!("{count} out")
}

/// Three servers, the owner of `foo` not there.
struct Dead {
    running: Running,
    _peers: [Peer; 2],
}

fn with_a_dead_one(program: Program, keys: &[(&str, &str)]) -> Dead {
    let peers = [1, 2].map(|at| Peer::named(NAMES[at]));
    let ports = [free_port(), peers[0].port(), peers[1].port()];
    Dead { running: program.pool(keys, &three_entries(ports)), _peers: peers }
}

fn timeline(program: Program) -> String {
    let dead = with_a_dead_one(program, &keys("2", "3000"));
    let mut client = dead.running.client();
    let first = words(&mut client, 4);
    sleep(Duration::from_millis(3200));
    format!("{first}, later {}", words(&mut client, 3))
}

fn after(program: Program, limit: &str, retry_ms: &str, count: usize) -> String {
    let dead = with_a_dead_one(program, &keys(limit, retry_ms));
    let mut client = dead.running.client();
    let seen = words(&mut client, count);
    format!("{seen}, {}", ejections(&dead.running, &mut client))
}

fn never(program: Program) -> String {
    let dead = with_a_dead_one(program, &keys("1", "60000")[1..]);
    let mut client = dead.running.client();
    let seen = words(&mut client, 4);
    format!("{seen}, {}", ejections(&dead.running, &mut client))
}

fn reset_by_reply(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&keys("2", "60000"), &[peer.entry("one")]);
    let mut client = running.client();
    for _ in 0..4 {
        assert_eq!(talk(&mut client, "GET reset", 1), "-ERR Connection reset by peer~(open)");
        assert_eq!(talk(&mut client, "GET k", 1), "$5~one:k~(open)");
    }
    ejections(&running, &mut client)
}

fn one_close(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&keys("2", "60000"), &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of("GET hush ; GET hush ; GET shut")).unwrap();
    let seen = listen(&mut client, 3);
    let before = ejections(&running, &mut client);
    let _ = talk(&mut client, "GET shut", 1);
    format!("{seen} {before}, then {}", ejections(&running, &mut client))
}

fn failure(program: Program, key: &str) -> String {
    let peer = Peer::named("one");
    let all = [&keys("1", "60000")[..], &[("timeout", "300")]].concat();
    let running = program.pool(&all, &[peer.entry("one")]);
    let mut client = running.client();
    let _ = talk(&mut client, &format!("GET {key}"), 1);
    ejections(&running, &mut client)
}

fn refusal(program: Program) -> String {
    away(program, &format!("127.0.0.1:{}:1 one", free_port()))
}

fn no_name(program: Program) -> String {
    away(program, "no-such-host.invalid:6379:1 one")
}

fn away(program: Program, entry: &str) -> String {
    let running = program.pool(&keys("1", "60000"), &[entry.to_owned()]);
    let mut client = running.client();
    let _ = talk(&mut client, "GET k", 1);
    ejections(&running, &mut client)
}

fn pool_of_one(program: Program) -> String {
    let entry = format!("127.0.0.1:{}:1 one", free_port());
    let running = program.pool(&keys("2", "60000"), &[entry]);
    let mut client = running.client();
    let seen = words(&mut client, 3);
    format!("{seen}, {}", ejections(&running, &mut client))
}

fn idle(program: Program) -> String {
    let three = Three::start(program, &keys("1", "60000"));
    let mut client = three.client();
    let first = word(&mut client);
    three.peers[0].hang_up();
    sleep(Duration::from_millis(200));
    let second = word(&mut client);
    format!("{first} {second}, {}", ejections(&three.running, &mut client))
}

fn oom(program: Program) -> String {
    let full = Peer::with(|args| {
        if args[1] == "bar" {
            return Said::Reply("-OOM no\r\n".to_owned());
        }
        crate::peer::answer("b", args)
    });
    let peers = [full, Peer::named(NAMES[1]), Peer::named(NAMES[2])];
    let three = Three::with(program, &keys("1", "60000"), peers);
    let mut client = three.client();
    client.send_raw(&bytes_of("GET bar")).unwrap();
    let first = listen(&mut client, 1);
    let second = word(&mut client);
    format!("{first} {second}, {}", ejections(&three.running, &mut client))
}
