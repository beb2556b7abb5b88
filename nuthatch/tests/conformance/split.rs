//! 5.5: commands over several servers: what each server hears, and what becomes of the answers.

use crate::peer::{Peer, Said, answer};
use crate::rows::Row;
use crate::stage::{NAMES, Program, Three, talk, three_entries};
use crate::{Alone, Case, Differs, Same, Talk, case};
use nuthatch_testbed::free_port;

pub const CASES: &[Case] = &[
    case(
        "5.5",
        "one key is forwarded unchanged",
        Alone(|p| heard(p, "MgEt foo")),
        Same("*1~$5~b:foo~(open) *2~$4~MgEt~$3~foo~ /  / "),
    ),
    case(
        "5.5",
        "one pair is forwarded unchanged",
        Alone(|p| heard(p, "MSET apple v")),
        Same("+OK~(open)  / *3~$4~MSET~$5~apple~$1~v~ / "),
    ),
    case(
        "5.5",
        "MGET is rewritten, grouped by server, repeats kept; the elements in the request's order",
        Alone(|p| heard(p, "MGET foo apple a bar foo")),
        Same(
            "*5~$5~b:foo~$11~alpha:apple~$13~gamma-delta:a~$5~b:bar~$5~b:foo~(open) \
             *4~$4~mget~$3~foo~$3~bar~$3~foo~ / *2~$4~mget~$5~apple~ / *2~$4~mget~$1~a~",
        ),
    ),
    case(
        "5.5",
        "DEL is rewritten, and the numbers are added",
        Alone(|p| heard(p, "DEL foo apple a bar foo")),
        Same(":5~(open) *4~$3~del~$3~foo~$3~bar~$3~foo~ / *2~$3~del~$5~apple~ / *2~$3~del~$1~a~"),
    ),
    case(
        "5.5",
        "UNLINK likewise",
        Alone(|p| heard(p, "UNLINK foo bar")),
        Same(":2~(open) *3~$6~unlink~$3~foo~$3~bar~ /  / "),
    ),
    case(
        "5.5",
        "TOUCH likewise",
        Alone(|p| heard(p, "Touch foo qux")),
        Same(":2~(open) *2~$5~touch~$3~foo~ /  / *2~$5~touch~$3~qux~"),
    ),
    case(
        "5.5",
        "MSET is +OK once all parts are",
        Alone(|p| heard(p, "MSET foo 1 apple 2 bar 3")),
        Same("+OK~(open) *5~$4~mset~$3~foo~$1~1~$3~bar~$1~3~ / *3~$4~mset~$5~apple~$1~2~ / "),
    ),
    case(
        "5.5",
        "counts and lengths are fresh, whatever the zeros",
        Alone(|p| heard(p, "=*03~$04~MGET~$003~foo~$3~bar~")),
        Same("*2~$5~b:foo~$5~b:bar~(open) *3~$4~mget~$3~foo~$3~bar~ /  / "),
    ),
    case(
        "5.5",
        "null bulks are kept",
        Talk("MGET none1 none2 none3 foo", 1),
        Same("*4~$-1~$-1~$-1~$5~b:foo~(open)"),
    ),
    case(
        "5.5",
        "a pool of one server is rewritten too",
        Alone(of_one),
        Same("*2~$7~one:foo~$9~one:apple~(open) *3~$4~mget~$3~foo~$5~apple~"),
    ),
    case(
        "5.5",
        "a part answered with an error: DEL is an invalid argument, and stays",
        Alone(|p| part(p, Part::Error, "DEL foo apple")),
        Same("-ERR Invalid argument~(open)"),
    ),
    case(
        "5.5",
        "MSET too, and the other part is done",
        Alone(|p| part(p, Part::Error, "MSET foo 1 apple 2")),
        Same("-ERR Invalid argument~(open) *3~$4~mset~$5~apple~$1~2~"),
    ),
    case(
        "5.5",
        "MGET likewise, and it stays",
        Alone(|p| part(p, Part::Error, "MGET foo apple")),
        Same("-ERR Invalid argument~(open)"),
    ),
    case(
        "5.5",
        "a part of another type: DEL is an invalid argument",
        Alone(|p| part(p, Part::Bulk, "DEL foo apple")),
        Same("-ERR Invalid argument~(open)"),
    ),
    case(
        "5.5",
        "a server that is away: its text",
        Alone(|p| away(p, "DEL foo apple")),
        Same("-ERR Connection refused~(open)"),
    ),
    case(
        "5.5",
        "and MGET closes after it",
        Alone(|p| away(p, "MGET foo apple")),
        Differs(
            Row::MgetCloses,
            "-ERR Connection refused~(closed)",
            "-ERR Connection refused~(open)",
        ),
    ),
    case(
        "5.5",
        "a server that closes in good order has no text",
        Alone(|p| part(p, Part::Close, "DEL foo apple")),
        Same("-ERR unknown~(open)"),
    ),
    case(
        "5.5",
        "the first part with a text supplies it",
        Alone(first_text),
        Same("-ERR Connection reset by peer~(open)"),
    ),
    case(
        "5.5",
        "all parts fail at once: MGET closes without a reply",
        Alone(|p| none_there(p, "MGET foo apple a")),
        Differs(Row::MgetCloses, "(closed)", "-ERR No such file or directory~(open)"),
    ),
    case(
        "5.5",
        "all parts fail at once: DEL has its error",
        Alone(|p| none_there(p, "DEL foo apple a")),
        Same("-ERR No such file or directory~(open)"),
    ),
];

fn heard(program: Program, words: &str) -> String {
    let three = Three::start(program, &[]);
    let seen = talk(&mut three.client(), words, 1);
    format!("{seen} {}", three.heard())
}

fn of_one(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let seen = talk(&mut running.client(), "MGET foo apple", 1);
    format!("{seen} {}", peer.heard_text())
}

/// What `b` says to every request.
#[derive(Clone, Copy)]
enum Part {
    Error,
    Bulk,
    Close,
}

fn part(program: Program, what: Part, words: &str) -> String {
    let ill = Peer::with(move |_| match what {
        Part::Error => Said::Reply("-READONLY no\r\n".to_owned()),
        Part::Bulk => Said::Reply("$1\r\nx\r\n".to_owned()),
        Part::Close => Said::Close,
    });
    let three = Three::with(program, &[], [ill, Peer::named(NAMES[1]), Peer::named(NAMES[2])]);
    let seen = talk(&mut three.client(), words, 1);
    if words.starts_with("MSET") {
        return format!("{seen} {}", three.peers[1].heard_text());
    }
    seen
}

fn away(program: Program, words: &str) -> String {
    let peers = [1, 2].map(|at| Peer::named(NAMES[at]));
    let ports = [free_port(), peers[0].port(), peers[1].port()];
    let running = program.pool(&[], &three_entries(ports));
    talk(&mut running.client(), words, 1)
}

/// `b` closes, which has no text; `alpha` resets, which has one.
fn first_text(program: Program) -> String {
    let peers = [
        Peer::with(|_| Said::Close),
        Peer::with(|_| Said::Reset),
        Peer::with(|args| answer("gamma-delta", args)),
    ];
    let three = Three::with(program, &[], peers);
    talk(&mut three.client(), "DEL foo apple a", 1)
}

fn none_there(program: Program, words: &str) -> String {
    let entries = NAMES.map(|name| format!("/tmp/no-such-folder/{name}.sock:1 {name}"));
    let running = program.pool(&[], &entries);
    talk(&mut running.client(), words, 1)
}
