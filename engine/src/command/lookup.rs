//! From a name to its row, once for each request.
//!
//! A name is packed in lower case into three words and its length. Two names are equal if these are.
//! So there is no string to compare at the end, no allocation for the lower case, and no loop over
//! bytes:
//!
//! ```text
//!   "GEORADIUS"  9 bytes:    words[0] = "georadiu"   words[1] = "eoradius" (the last 8)
//!   "MGET"       4 bytes:    words[0] = "mget" twice: the first 4 bytes and the last 4
//! ```
//!
//! A multiply and a shift map the words to a slot. The compiler finds the multiplier: it tries one
//! after the other until no two of our names share a slot (a perfect hash), so a name is compared
//! with one row at most. There are about 80 slots for each row. So a multiplier is found within a
//! few hundred trials, and the table has 64 KiB, of which a running proxy uses a few cache lines.
//!
//! Tried and dropped: a `HashMap` needs SipHash or a seed, and the name in lower case; a `match` on
//! the bytes compiles to a comparison of lengths and then one memcmp after the other.

use super::Command;
use super::redis::{COMMANDS, COUNT};

/// The longest name that can be packed; all our names are shorter or equal.
const NAME_BYTES_MAX: usize = 24;

const SLOT_BITS: u32 = 15;
const SLOTS: usize = 1 << SLOT_BITS;
const EMPTY: u16 = u16::MAX;

#[derive(Clone, Copy)]
struct Packed {
    words: [u64; 3],
    len: u64,
}

impl Packed {
    /// Compares in registers. A derived `==` would write four words to memory first.
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
    // The number in an empty slot is past the end of the table.
    if TABLE.packed.get(at)?.is(&packed) { COMMANDS.get(at) } else { None }
}

/// Short names are read from both ends, and some bytes twice, instead of byte by byte. With the
/// length the words still determine the name.
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

/// One to three bytes. With fewer than three, a byte is used twice or three times.
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

/// Changes the upper case letters of eight bytes to lower case.
///
/// To the low seven bits of each byte we add a number that sets the eighth bit for `A` and above, and
/// another that sets it above `Z`. An upper case letter is ASCII, sets the first and not the second.
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
    // Any odd number will do to start. The golden ratio spreads well.
    let mut multiplier = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        if let Some(slots) = fill(&packed, multiplier) {
            return Table { multiplier, slots, packed };
        }
        multiplier = multiplier.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(2);
        multiplier |= 1;
    }
}

#[allow(clippy::large_stack_arrays, reason = "runs in the compiler only")]
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
