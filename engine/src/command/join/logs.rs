//! SLOWLOG GET and COMMANDLOG GET over several servers: the entries of all, the latest first. An entry's
//! second field is the time, as a Unix time in seconds.

use crate::protocol::resp::{encode, reply};

/// At most `count` entries.
pub fn latest(out: &mut Vec<u8>, replies: &[Option<&[u8]>], count: usize) -> bool {
    let mut entries: Vec<(i64, &[u8])> = Vec::new();
    for reply in replies.iter().flatten() {
        let Some(found) = reply::elements(reply) else {
            return false;
        };
        for entry in found {
            let Some(time) = time(entry) else {
                return false;
            };
            entries.push((time, entry));
        }
    }
    // Stable: entries of one second stay in the order of their server.
    entries.sort_by_key(|&(time, _)| std::cmp::Reverse(time));
    entries.truncate(count);
    encode::array(out, entries.len());
    for (_, entry) in entries {
        out.extend_from_slice(entry);
    }
    true
}

fn time(entry: &[u8]) -> Option<i64> {
    reply::integer(reply::elements(entry)?.nth(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_come_first() {
        let entry = |time: u32| format!("*2\r\n:7\r\n:{time}\r\n");
        let one = format!("*2\r\n{}{}", entry(9), entry(5));
        let two = format!("*1\r\n{}", entry(7));
        let replies = [Some(one.as_bytes()), Some(two.as_bytes())];
        let mut out = Vec::new();
        assert!(latest(&mut out, &replies, 2));
        assert_eq!(String::from_utf8(out).unwrap(), format!("*2\r\n{}{}", entry(9), entry(7)));
        assert!(!latest(&mut Vec::new(), &[Some(b"*1\r\n:1\r\n")], 2));
    }
}
