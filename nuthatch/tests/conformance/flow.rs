//! 5.1: many requests of one client, a request that is refused, and the ways to part.

use crate::rows::Row;
use crate::stage::{Program, Three, bytes_of, listen, shown, talk};
use crate::{Alone, Case, Differs, Same, Talk, case};
use nuthatch_testbed::poll_until;
use std::time::Duration;

pub const CASES: &[Case] = &[
    case(
        "5.1",
        "replies in the order of the requests, local ones among them",
        Talk("GET foo ; PING ; GET apple ; GET a ; PING ; GET foo", 6),
        Same("$5~b:foo~+PONG~$11~alpha:apple~$13~gamma-delta:a~+PONG~$5~b:foo~(open)"),
    ),
    case("5.1", "a refused request closes without a word", Talk("BOGUS foo", 1), Same("(closed)")),
    case(
        "5.1",
        "and loses the replies of its packet, though the requests are served",
        Alone(refused_in_a_packet),
        Differs(
            Row::EarlierReplies,
            "(closed) *3~$3~SET~$3~foo~$1~v~ /  / ",
            "+PONG~+OK~(closed) *3~$3~SET~$3~foo~$1~v~ /  / ",
        ),
    ),
    case(
        "5.1",
        "but not those of an earlier packet",
        Alone(refused_after_a_packet),
        Same("+PONG~+OK~(open) (closed)"),
    ),
    case(
        "5.1",
        "after a client's FIN all that came whole is answered, the rest dropped",
        Alone(half_close),
        Same("$5~b:foo~+PONG~$11~alpha:apple~"),
    ),
    case(
        "5.1",
        "QUIT has no reply; what was asked before is answered, what comes after ignored",
        Alone(quit),
        Same("$5~b:foo~+PONG~ *2~$3~GET~$3~foo~ /  / "),
    ),
    case(
        "5.1",
        "clients share the server's connection",
        Alone(shared),
        Same("$5~b:foo~ $5~b:bar~ $5~b:baz~ on 1"),
    ),
    case(
        "6",
        "a client that is gone leaves its requests to be served",
        Alone(gone),
        Same("*3~$3~SET~$3~foo~$1~v~ /  /  $5~b:bar~"),
    ),
];

fn refused_in_a_packet(program: Program) -> String {
    let three = Three::start(program, &[]);
    let seen = talk(&mut three.client(), "PING ; SET foo v ; BOGUS", 2);
    poll_until(Duration::from_secs(5), || !three.peers[0].heard().is_empty());
    format!("{seen} {}", three.heard())
}

fn refused_after_a_packet(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    let first = talk(&mut client, "PING ; SET foo v", 2);
    format!("{first} {}", talk(&mut client, "BOGUS", 1))
}

fn half_close(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    let words = "GET foo ; PING ; GET apple ; =*2~$3~GET~$3~fo";
    client.send_raw(&bytes_of(words)).unwrap();
    client.shutdown_write().unwrap();
    shown(&client.recv_to_end().unwrap())
}

fn quit(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    client.send_raw(&bytes_of("GET foo ; PING ; QUIT ; GET apple")).unwrap();
    format!("{} {}", shown(&client.recv_to_end().unwrap()), three.heard())
}

fn shared(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut clients = [(); 3].map(|()| three.client());
    let mut seen = String::new();
    for (client, key) in clients.iter_mut().zip(["foo", "bar", "baz"]) {
        client.send_raw(&bytes_of(&format!("GET {key}"))).unwrap();
        seen += &(listen(client, 1) + " ");
    }
    format!("{seen}on {}", three.peers[0].accepted())
}

fn gone(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    client.send_raw(&bytes_of("SET foo v")).unwrap();
    drop(client);
    poll_until(Duration::from_secs(5), || !three.peers[0].heard().is_empty());
    let heard = three.heard();
    let mut next = three.client();
    next.send_raw(&bytes_of("GET bar")).unwrap();
    format!("{heard} {}", listen(&mut next, 1))
}
