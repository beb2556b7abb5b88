//! How long a command waits at its server, and the same command with less time.
//!
//! | command | its time |
//! |---|---|
//! | BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BZPOPMIN, BZPOPMAX, BZMOVE | the last argument, seconds |
//! | BLMPOP, BZMPOP | the first argument, seconds |
//! | BLMOVEM | the fifth argument, seconds |
//! | XREAD, XREADGROUP | behind BLOCK, milliseconds |
//!
//! Zero is for ever.

use super::{Command, Keys};
use crate::protocol::resp::{Args, encode};

/// The index of the argument that says how long, and how many of its units a second has.
fn place(command: &Command, args: &Args<'_>) -> Option<(usize, f64)> {
    const SECONDS: f64 = 1.0;
    Some(match command.name {
        "blmpop" | "bzmpop" => (1, SECONDS),
        "blmovem" => (5, SECONDS),
        _ if matches!(command.keys, Keys::Streams { .. }) => {
            let at = (1..args.len())
                .find(|&at| args.get(at).is_some_and(|word| word.eq_ignore_ascii_case(b"block")))?;
            (at + 1, 1_000.0)
        }
        _ => (args.len() - 1, SECONDS),
    })
}

/// Writes the request with the time that is left after so many milliseconds. If none is left, with so little
/// that it ends at once.
pub fn write_rest(command: &Command, args: &Args<'_>, waited_ms: u64, out: &mut Vec<u8>) {
    let rest = place(command, args).and_then(|(at, unit)| {
        let text = std::str::from_utf8(args.get(at)?).ok()?;
        let time: f64 = text.parse().ok()?;
        let least = 0.001 * unit;
        let left = (time - waited_ms as f64 / 1_000.0 * unit).max(least);
        let words = if unit > 1.0 { format!("{left:.0}") } else { format!("{left:.3}") };
        (time > 0.0).then_some((at, words))
    });
    let Some((at, words)) = rest else {
        out.extend_from_slice(args.bytes());
        return;
    };
    encode::array(out, args.len());
    for index in 0..args.len() {
        let argument = args.get(index).unwrap_or_default();
        encode::bulk(out, if index == at { words.as_bytes() } else { argument });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::lookup;
    use crate::protocol::resp::request::{Parsed, Progress, Trust, parse};

    fn rest(words: &str, waited_ms: u64) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let mut bytes = Vec::new();
        encode::command(&mut bytes, &words);
        let Ok(Parsed::Request(args)) =
            parse(&bytes, &mut Progress::default(), Trust::Authenticated)
        else {
            panic!("a request");
        };
        let mut out = Vec::new();
        write_rest(lookup(args.name()).expect("a row"), &args, waited_ms, &mut out);
        let text = String::from_utf8(out).expect("text");
        let lines =
            text.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(['*', '$']));
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_time_that_is_left() {
        assert_eq!(rest("BLPOP a b 5", 1_500), "BLPOP a b 3.500");
        assert_eq!(rest("BLPOP a 0", 1_500), "BLPOP a 0", "for ever");
        assert_eq!(rest("BLPOP a 1", 1_500), "BLPOP a 0.001");
        assert_eq!(rest("BLMOVE a b LEFT RIGHT 0.5", 100), "BLMOVE a b LEFT RIGHT 0.400");
        assert_eq!(rest("BZMPOP 10 1 a MIN", 4_000), "BZMPOP 6.000 1 a MIN");
        assert_eq!(
            rest("BLMOVEM a b LEFT RIGHT 2 COUNT 3", 500),
            "BLMOVEM a b LEFT RIGHT 1.500 COUNT 3"
        );
        assert_eq!(
            rest("XREAD COUNT 1 block 700 STREAMS a 0", 300),
            "XREAD COUNT 1 block 400 STREAMS a 0"
        );
        assert_eq!(rest("XREAD block 7 STREAMS a 0", 300), "XREAD block 1 STREAMS a 0");
    }
}
