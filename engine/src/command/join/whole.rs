//! Joins the replies to a request that every shard got whole.

use crate::protocol::resp::{encode, reply};
use crate::texts;

/// Shards that an error names at most.
const NAMES_MAX: usize = 16;

/// What an error adds that says where the command was done nevertheless.
pub fn done_on(names: &[Box<str>], replies: &[Option<&[u8]>]) -> String {
    let done = names.iter().zip(replies).filter(|(_, reply)| reply.is_some());
    let done: Vec<&str> = done.map(|(name, _)| &**name).collect();
    texts::done_on(&done[..done.len().min(NAMES_MAX)], done.len())
}

/// The elements of all arrays in one; `more` follow them. `false`: a reply is no array.
pub fn concat(out: &mut Vec<u8>, replies: &[Option<&[u8]>], more: usize) -> bool {
    let mut bodies = Vec::with_capacity(replies.len());
    let mut total = more;
    for reply in replies.iter().flatten() {
        let Some((first, count)) = reply::aggregate(reply) else {
            return false;
        };
        total = total.saturating_add(count);
        bodies.push(&reply[first..]);
    }
    out.reserve(24 + bodies.iter().map(|body| body.len()).sum::<usize>());
    encode::array(out, total);
    for body in bodies {
        out.extend_from_slice(body);
    }
    true
}

/// Arrays of integers: the least of each place, or 1 at the places that are `known`. `false`: they have no
/// such form.
pub fn least_or_known(out: &mut Vec<u8>, replies: &[Option<&[u8]>], known: &[bool]) -> bool {
    let mut least: Option<Vec<i64>> = None;
    for reply in replies.iter().flatten() {
        let numbers: Option<Vec<i64>> =
            reply::elements(reply).and_then(|elements| elements.map(reply::integer).collect());
        let Some(numbers) = numbers else {
            return false;
        };
        match &mut least {
            None => least = Some(numbers),
            Some(least) if least.len() == numbers.len() => {
                for (least, number) in least.iter_mut().zip(numbers) {
                    *least = number.min(*least);
                }
            }
            Some(_) => return false,
        }
    }
    let least = least.unwrap_or_default();
    encode::array(out, least.len());
    for (at, number) in least.into_iter().enumerate() {
        encode::integer(out, if known.get(at) == Some(&true) { 1 } else { number });
    }
    true
}

/// The least of the integers. `false`: a reply is none.
pub fn least(out: &mut Vec<u8>, replies: &[Option<&[u8]>]) -> bool {
    let numbers: Option<Vec<i64>> =
        replies.iter().flatten().map(|reply| reply::integer(reply)).collect();
    let Some(least) = numbers.and_then(|numbers| numbers.into_iter().min()) else {
        return false;
    };
    encode::integer(out, least);
    true
}

/// CLIENT KILL by address.
pub fn killed(out: &mut Vec<u8>, clients: i64) {
    if clients > 0 { encode::status(out, "OK") } else { encode::error(out, texts::NO_SUCH_CLIENT) }
}

/// Strings, one behind the other.
pub fn lines(out: &mut Vec<u8>, replies: &[Option<&[u8]>]) -> bool {
    let parts: Option<Vec<&[u8]>> =
        replies.iter().flatten().map(|reply| reply::text(reply)).collect();
    let Some(parts) = parts else {
        return false;
    };
    encode::bulk(out, &parts.concat());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(
        join: impl Fn(&mut Vec<u8>, &[Option<&[u8]>]) -> bool,
        replies: &[&str],
    ) -> Option<String> {
        let replies: Vec<Option<&[u8]>> = replies.iter().map(|it| Some(it.as_bytes())).collect();
        let mut out = Vec::new();
        join(&mut out, &replies).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn arrays_become_one() {
        let all = |out: &mut Vec<u8>, replies: &[Option<&[u8]>]| concat(out, replies, 0);
        let got = joined(all, &["*1\r\n$1\r\na\r\n", "*0\r\n", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"]);
        assert_eq!(got.unwrap(), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
        assert_eq!(joined(all, &["*0\r\n", ":1\r\n"]), None);
        let some = |out: &mut Vec<u8>, replies: &[Option<&[u8]>]| concat(out, replies, 5);
        assert_eq!(joined(some, &["*1\r\n$1\r\na\r\n"]).unwrap(), "*6\r\n$1\r\na\r\n");
    }

    fn least_of(out: &mut Vec<u8>, replies: &[Option<&[u8]>]) -> bool {
        least_or_known(out, replies, &[false, false])
    }

    #[test]
    fn the_least_counts() {
        let got = joined(least_of, &["*2\r\n:1\r\n:0\r\n", "*2\r\n:1\r\n:1\r\n"]);
        assert_eq!(got.unwrap(), "*2\r\n:1\r\n:0\r\n");
        assert_eq!(joined(least_of, &["*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n"]), None);
        let known = |out: &mut Vec<u8>, replies: &[Option<&[u8]>]| {
            least_or_known(out, replies, &[false, true])
        };
        assert_eq!(joined(known, &["*2\r\n:0\r\n:0\r\n"]).unwrap(), "*2\r\n:0\r\n:1\r\n");
        assert_eq!(joined(least, &[":7\r\n", ":3\r\n"]).unwrap(), ":3\r\n");
        assert_eq!(joined(least, &[":7\r\n", "+OK\r\n"]), None);
    }

    #[test]
    fn an_error_says_where_it_was_done() {
        let names: Vec<Box<str>> = vec!["a".into(), "b".into()];
        assert_eq!(done_on(&names, &[None, Some(b"+OK\r\n")]), "; done on shard b");
        assert_eq!(done_on(&names, &[None, None]), "; done on no shard");
    }
}
