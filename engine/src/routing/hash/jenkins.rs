//! Bob Jenkins' lookup3, `hashlittle` (2006, public domain), from twemproxy's `nc_jenkins.c`,
//! seeded with 13.
//!
//! Each step adds twelve bytes to three sums. The last one to twelve bytes are always a step of
//! their own with another mix at its end. Without any, the sums are returned unmixed, so the empty
//! key gives 0xdeadbeef + 13. Bytes are unsigned. The original has three loops, for keys aligned to
//! words, to half words and to neither; all give the same result.

use super::bytes::little_endian;

const SEED: u32 = 13;

pub fn jenkins(key: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(key.len() as u32).wrapping_add(SEED);
    let mut sums = [start; 3];
    let mut rest = key;
    while rest.len() > 12 {
        let (group, after) = rest.split_at(12);
        add(&mut sums, group);
        mix(&mut sums);
        rest = after;
    }
    if !rest.is_empty() {
        add(&mut sums, rest);
        finish(&mut sums);
    }
    sums[2]
}

/// Adds up to twelve bytes as three words, missing bytes as zero.
#[inline]
fn add(sums: &mut [u32; 3], bytes: &[u8]) {
    for (sum, word) in sums.iter_mut().zip(bytes.chunks(4)) {
        *sum = sum.wrapping_add(little_endian(word));
    }
}

#[inline]
fn mix([a, b, c]: &mut [u32; 3]) {
    mix_one(a, *b, c, 4);
    mix_one(b, *c, a, 6);
    mix_one(c, *a, b, 8);
    mix_one(a, *b, c, 16);
    mix_one(b, *c, a, 19);
    mix_one(c, *a, b, 4);
}

/// `x -= z; x ^= rotl(z, bits); z += y`
#[inline]
fn mix_one(x: &mut u32, y: u32, z: &mut u32, bits: u32) {
    *x = x.wrapping_sub(*z) ^ z.rotate_left(bits);
    *z = z.wrapping_add(y);
}

#[inline]
fn finish([a, b, c]: &mut [u32; 3]) {
    finish_one(c, *b, 14);
    finish_one(a, *c, 11);
    finish_one(b, *a, 25);
    finish_one(c, *b, 16);
    finish_one(a, *c, 4);
    finish_one(b, *a, 14);
    finish_one(c, *b, 24);
}

/// `x ^= y; x -= rotl(y, bits)`
#[inline]
fn finish_one(x: &mut u32, y: u32, bits: u32) {
    *x = (*x ^ y).wrapping_sub(y.rotate_left(bits));
}

#[cfg(test)]
mod tests {
    use super::jenkins;

    #[test]
    fn twelve_bytes_are_one_step_and_thirteen_are_two() {
        assert_eq!(jenkins(b""), 0xdead_befc);
        // Zero padding shows only through the length, which seeds all three sums.
        let hashes = [jenkins(&[0; 11]), jenkins(&[0; 12]), jenkins(&[0; 13])];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    }
}
