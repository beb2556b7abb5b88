//! The cursor of SCAN over several shards.
//!
//! A client's cursor is a decimal number that holds everything: no worker and no proxy remembers it.
//!
//! ```text
//!   below 2^53, which JavaScript can hold          bit 62 set, if the server's cursor has more than 33 bits
//!   ┌──────────┬────────┬──────────────────┐       ┌──────────┬────────┬──────────────────┐
//!   │ shard 10 │ tag 10 │ server's    33   │       │ shard 10 │ tag 10 │ server's    42   │
//!   └──────────┴────────┴──────────────────┘       └──────────┴────────┴──────────────────┘
//! ```
//!
//! *shard* is the shard's number for SCAN, which follows from its name (`ids`). *tag* is made from the
//! server's run id and is never 0. After a failover or a restart the tables of the server have another
//! order. So a cursor with another tag begins the shard again: SCAN may repeat keys, but it must
//! not miss one. 1 of 1,023 other servers has the same tag by chance.
//!
//! A server's cursor of 0 is the begin of a shard. No tag is needed there.

use crate::protocol::resp::{encode, reply};
use crate::texts;
use std::cell::Cell;

const SHARD_BITS: u32 = 10;
const TAG_BITS: u32 = 10;
const NARROW_BITS: u32 = 33;
const WIDE_BITS: u32 = 42;
const WIDE: u64 = 1 << 62;

/// Shards that can be told apart.
pub const SHARDS_MAX: usize = 1 << SHARD_BITS;

/// A place in the key space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The shard's number.
    pub shard: u16,
    /// The server's incarnation; at least 1.
    pub tag: u16,
    /// The server's cursor.
    pub server: u64,
}

/// A cursor that we never made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotOurs;

impl Cursor {
    /// The begin of a shard.
    pub fn begin(shard: u16, tag: u16) -> Cursor {
        Cursor { shard, tag: tag.max(1), server: 0 }
    }

    /// Reads a client's cursor. `Ok(None)` is 0, the begin.
    pub fn read(text: &[u8]) -> Result<Option<Cursor>, NotOurs> {
        let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        if !is_number || (text[0] == b'0' && text.len() > 1) {
            return Err(NotOurs);
        }
        let number = std::str::from_utf8(text).ok().and_then(|it| it.parse::<u64>().ok());
        let number = number.filter(|&it| it < WIDE << 1).ok_or(NotOurs)?;
        if number == 0 {
            return Ok(None);
        }
        let (bits, rest) =
            if number & WIDE == 0 { (NARROW_BITS, number) } else { (WIDE_BITS, number ^ WIDE) };
        if rest >> (bits + TAG_BITS + SHARD_BITS) != 0 {
            return Err(NotOurs);
        }
        let tag = (rest >> bits) & ((1 << TAG_BITS) - 1);
        if tag == 0 {
            return Err(NotOurs);
        }
        let shard = (rest >> (bits + TAG_BITS)) as u16;
        Ok(Some(Cursor { shard, tag: tag as u16, server: rest & ((1 << bits) - 1) }))
    }

    /// The number for the client, and whether it is a wide one. `None`: the server's cursor does not fit.
    pub fn number(self) -> Option<(u64, bool)> {
        let is_wide = self.server >> NARROW_BITS != 0;
        let bits = if is_wide { WIDE_BITS } else { NARROW_BITS };
        if self.server >> bits != 0 {
            return None;
        }
        let head = u64::from(self.shard) << TAG_BITS | u64::from(self.tag);
        let number = head << bits | self.server;
        Some((if is_wide { number | WIDE } else { number }, is_wide))
    }
}

/// The tag of a server with this run id.
pub fn tag(run_id: &[u8]) -> u16 {
    let hash = run_id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash ^ hash >> 32) % ((1 << TAG_BITS) - 1)) as u16 + 1
}

/// The numbers of shards with these names. A number follows from the name, so that a shard keeps it
/// when others come or go. Where two names want the same number, the later one in the list gets the
/// next free one.
pub fn ids<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<u16> {
    let mut taken = vec![false; SHARDS_MAX];
    let mut give = |name: &str| {
        let wanted = usize::from(tag(name.as_bytes()));
        let free = (0..SHARDS_MAX).map(|more| (wanted + more) % SHARDS_MAX).find(|&at| !taken[at]);
        let id = free.unwrap_or(0);
        taken[id] = true;
        id as u16
    };
    names.into_iter().map(&mut give).collect()
}

/// One SCAN, on its way to one shard.
#[derive(Debug)]
pub struct Step {
    pub shard: u16,
    /// The incarnation that the server's cursor is of. `None`: the scan of the shard begins.
    pub of: Option<u16>,
    /// The shard that comes after this one, if one does.
    pub next: Option<u16>,
    /// The incarnation of the server that answers.
    pub found: u16,
    /// Set when a wide cursor is written.
    pub is_wide: Cell<bool>,
}

impl Step {
    /// Writes the reply with our cursor. `false`: the server's reply has another form.
    pub fn write(&self, out: &mut Vec<u8>, reply: Option<Option<&[u8]>>) -> bool {
        let Some(Some((server, page))) = reply.map(|reply| reply.and_then(split)) else {
            return false;
        };
        let is_foreign = self.of.is_some_and(|of| of != self.found);
        let next = if is_foreign {
            // Another server, another order: this page is no part of a whole.
            Some(Cursor::begin(self.shard, self.found))
        } else if server > 0 {
            Some(Cursor { shard: self.shard, tag: self.found.max(1), server })
        } else {
            self.next.map(|next| Cursor::begin(next, 1))
        };
        let number = match next.map(Cursor::number) {
            None => 0,
            Some(Some((number, is_wide))) => {
                self.is_wide.set(is_wide);
                number
            }
            Some(None) => {
                encode::error(out, texts::CURSOR_TOO_LARGE);
                return true;
            }
        };
        let mut digits = Vec::with_capacity(20);
        encode::decimal(&mut digits, number);
        encode::array(out, 2);
        encode::bulk(out, &digits);
        if is_foreign {
            encode::array(out, 0);
        } else {
            out.extend_from_slice(page);
        }
        true
    }
}

/// The server's cursor, and the array after it.
fn split(reply: &[u8]) -> Option<(u64, &[u8])> {
    let (first, count) = reply::aggregate(reply)?;
    let rest = &reply[first..];
    let (cursor, page) = rest.split_at(reply::element(rest));
    let text = reply::text(cursor)?;
    let server = std::str::from_utf8(text).ok()?.parse().ok()?;
    (count == 2 && reply::aggregate(page).is_some()).then_some((server, page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(number: u64) -> Result<Option<Cursor>, NotOurs> {
        Cursor::read(number.to_string().as_bytes())
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for server in [0, 1, 42, (1 << 33) - 1, 1 << 33, (1 << 42) - 1] {
            for (shard, tag) in [(0, 1), (1023, 1023), (7, 512)] {
                let cursor = Cursor { shard, tag, server };
                let (number, is_wide) = cursor.number().unwrap();
                assert_eq!(is_wide, server >= 1 << 33);
                assert!(number > 0 && number < if is_wide { 1 << 63 } else { 1 << 53 });
                assert_eq!(read(number), Ok(Some(cursor)));
            }
        }
        assert_eq!(Cursor { shard: 1, tag: 1, server: 1 << 42 }.number(), None);
    }

    #[test]
    fn what_we_never_made_is_refused() {
        assert_eq!(Cursor::read(b"0"), Ok(None));
        for text in
            ["", "-1", "00", "01", "1x", " 1", "9223372036854775808", "18446744073709551616"]
        {
            assert_eq!(Cursor::read(text.as_bytes()), Err(NotOurs), "{text}");
        }
        // Without a tag; above 2^53 without the bit of a wide one.
        assert_eq!(read(42), Err(NotOurs));
        assert_eq!(read(1 << 54), Err(NotOurs));
    }

    #[test]
    fn a_shard_keeps_its_number() {
        let names: Vec<String> = (0..64).map(|at| format!("shard-{at}")).collect();
        let few = ids(names[..60].iter().map(String::as_str));
        let all = ids(names.iter().map(String::as_str));
        assert_eq!(few, all[..60]);
        let mut different = all.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_scan_goes_through_shards_and_begins_one_again() {
        let step = |of, next, found| Step { shard: 3, of, next, found, is_wide: Cell::new(false) };
        let reply = |cursor: u64| {
            format!("*2\r\n${}\r\n{cursor}\r\n*1\r\n$1\r\na\r\n", cursor.to_string().len())
        };
        let write = |step: Step, cursor| {
            let mut out = Vec::new();
            assert!(step.write(&mut out, Some(Some(reply(cursor).as_bytes()))));
            let (number, page) = split(&out).unwrap();
            (read(number).unwrap(), page.to_vec())
        };
        let page = b"*1\r\n$1\r\na\r\n".to_vec();
        let here = Cursor { shard: 3, tag: 9, server: 17 };
        assert_eq!(write(step(Some(9), Some(5), 9), 17), (Some(here), page.clone()));
        assert_eq!(write(step(Some(9), Some(5), 9), 0), (Some(Cursor::begin(5, 1)), page.clone()));
        assert_eq!(write(step(Some(9), None, 9), 0), (None, page));
        let again = (Some(Cursor::begin(3, 8)), b"*0\r\n".to_vec());
        assert_eq!(write(step(Some(9), Some(5), 8), 17), again);
        assert!(!step(None, None, 1).write(&mut Vec::new(), Some(Some(b":1\r\n"))));
    }
}
