//! From a name to its row, once for each request.
//!
//! A name is folded into three words and its length, and those are the whole name: equal words
//! and equal length mean equal names. So there is no string to compare at the end, no allocation
//! for folding the case, and no loop over bytes:
//!
//! ```text
//!   "GEORADIUS"  9 bytes:    words[0] = "georadiu"   words[1] = "eoradius" (the last 8)
//!   "MGET"       4 bytes:    words[0] = "mget" twice, its two halves of 4 being the same
//! ```
//!
//! A multiply and a shift take the words to a slot. The multiplier was not chosen by hand: the
//! compiler tries one after the other until no two of our names share a slot (a perfect hash),
//! so a name is compared with one row at most. There are about 20 slots to a row: that makes a
//! multiplier turn up within a few hundred trials, and costs 8 KiB of which a running proxy
//! touches a few lines.
//!
//! Tried and dropped: a `HashMap` keeps SipHash or a seed and wants the name folded first; a
//! `match` on the bytes compiles to comparing lengths and then memcmp after memcmp.

use super::Command;
use super::redis::{COMMANDS, COUNT};

/// Longer than this is no name of ours.
const NAME_BYTES_MAX: usize = 24;

const SLOT_BITS: u32 = 12;
const SLOTS: usize = 1 << SLOT_BITS;
const EMPTY: u16 = u16::MAX;

#[derive(Clone, Copy)]
struct Packed {
    words: [u64; 3],
    len: u64,
}

impl Packed {
    /// All at once, in registers: a derived `==` would write four words to memory to compare
    /// them there.
    #[inline]
    const fn is(&self, other: &Packed) -> bool {
        let (ours, theirs) = (&self.words, &other.words);
        let differing = (ours[0] ^ theirs[0]) | (ours[1] ^ theirs[1]) | (ours[2] ^ theirs[2]);
        differing | (self.len ^ other.len) == 0
    }
}

struct Table {
    multiplier: u64,
    slots: [u16; SLOTS],
    packed: [Packed; COUNT],
}

static TABLE: Table = table();

/// The row of the command with this name, in any case.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let packed = pack(name)?;
    let at = usize::from(TABLE.slots[slot(&packed, TABLE.multiplier)]);
    // An empty slot's number is beyond the table.
    if TABLE.packed.get(at)?.is(&packed) { COMMANDS.get(at) } else { None }
}

/// Short names are read twice over from both ends rather than byte by byte: given the length,
/// that says the same.
#[inline]
const fn pack(name: &[u8]) -> Option<Packed> {
    let len = name.len();
    let words = match len {
        1..=3 => [fold(few(name)), 0, 0],
        4..=8 => [fold(half(name, 0) | half(name, len - 4) << 32), 0, 0],
        9..=16 => [fold(whole(name, 0)), fold(whole(name, len - 8)), 0],
        17..=NAME_BYTES_MAX => {
            [fold(whole(name, 0)), fold(whole(name, 8)), fold(whole(name, len - 8))]
        }
        _ => return None,
    };
    Some(Packed { words, len: len as u64 })
}

/// One to three bytes; fewer than three count one of them twice.
#[inline]
const fn few(name: &[u8]) -> u64 {
    let (a, b, c) = (name[0], name[name.len() / 2], name[name.len() - 1]);
    a as u64 | (b as u64) << 8 | (c as u64) << 16
}

#[inline]
const fn half(name: &[u8], at: usize) -> u64 {
    u32::from_le_bytes([name[at], name[at + 1], name[at + 2], name[at + 3]]) as u64
}

#[inline]
const fn whole(name: &[u8], at: usize) -> u64 {
    half(name, at) | half(name, at + 4) << 32
}

/// Makes the capital letters of eight bytes small, and leaves all else.
///
/// Each byte's low seven bits are added to a number that carries into the eighth for `A` and
/// above, and to one that does for what comes after `Z`. A capital has the first carry, not the
/// second, and was ASCII to begin with.
#[inline]
const fn fold(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let low = word & !HIGH;
    let from_a = low + (0x80 - b'A' as u64) * ONES;
    let beyond_z = low + (0x7f - b'Z' as u64) * ONES;
    let capital = from_a & !beyond_z & !word & HIGH;
    word | capital >> 2
}

#[inline]
const fn slot(packed: &Packed, multiplier: u64) -> usize {
    let [a, b, c] = packed.words;
    let mixed = a ^ b.rotate_left(21) ^ c.rotate_left(42) ^ packed.len;
    (mixed.wrapping_mul(multiplier) >> (u64::BITS - SLOT_BITS)) as usize
}

const fn table() -> Table {
    let mut packed = [Packed { words: [0; 3], len: 0 }; COUNT];
    let mut at = 0;
    while at < COUNT {
        packed[at] = match pack(COMMANDS[at].name.as_bytes()) {
            Some(packed) => packed,
            None => panic!("a command's name is longer than the lookup packs"),
        };
        at += 1;
    }
    // Any odd number to begin with; the golden ratio's spreads well.
    let mut multiplier = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        if let Some(slots) = fill(&packed, multiplier) {
            return Table { multiplier, slots, packed };
        }
        multiplier = multiplier.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(2);
        multiplier |= 1;
    }
}

const fn fill(packed: &[Packed; COUNT], multiplier: u64) -> Option<[u16; SLOTS]> {
    let mut slots = [EMPTY; SLOTS];
    let mut at = 0;
    while at < COUNT {
        let slot = slot(&packed[at], multiplier);
        if slots[slot] != EMPTY {
            return None;
        }
        slots[slot] = at as u16;
        at += 1;
    }
    Some(slots)
}

const _: () = assert!(COUNT < EMPTY as usize);
