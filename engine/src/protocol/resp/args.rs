//! The arguments of a whole request, borrowed from its bytes (see `request.rs`).
//!
//! The positions of the first few are stored. The others are found again by walking from length to
//! length, as the parser did.

use super::encode;

/// How many arguments have a stored position.
pub(super) const REMEMBERED: usize = 4;

/// Flags of rare requests, so that one comparison finds the usual ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Odd(pub(super) u8);

impl Odd {
    pub(super) const NONE: Odd = Odd(0);
    /// A length has leading zeros.
    pub(super) const ZEROS: u8 = 1;
    /// More arguments than some servers accept.
    pub(super) const MANY: u8 = 2;

    pub(super) fn set(&mut self, what: u8, whether: bool) {
        self.0 |= what * u8::from(whether);
    }
}

/// A request's arguments, borrowed from its bytes. Number 0 is the name of the command.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: u32,
    pub(super) first: [(u32, u32); REMEMBERED],
    pub(super) odd: Odd,
}

impl<'a> Args<'a> {
    /// The number of arguments, the command's name included; at least 1.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// The whole request as the client sent it.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Neither [`Args::must_rewrite`] nor [`Args::goes_apart`].
    #[inline]
    pub fn is_usual(&self) -> bool {
        self.odd == Odd::NONE
    }

    /// A length has a form that servers refuse (`$03`): send [`Args::encode`] instead of
    /// [`Args::bytes`].
    pub fn must_rewrite(&self) -> bool {
        self.odd.0 & Odd::ZEROS != 0
    }

    /// It has so many arguments that a server before Redis 7 closes the connection: send it on a
    /// connection of its own.
    pub fn goes_apart(&self) -> bool {
        self.odd.0 & Odd::MANY != 0
    }

    #[inline]
    pub fn name(&self) -> &'a [u8] {
        let (start, end) = self.first[0];
        &self.bytes[start as usize..end as usize]
    }

    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.len() {
            return None;
        }
        if index < REMEMBERED {
            let (start, end) = self.first[index];
            return Some(&self.bytes[start as usize..end as usize]);
        }
        self.iter_from(index).next()
    }

    pub fn iter(&self) -> ArgsIter<'a> {
        self.iter_from(0)
    }

    /// The arguments from number `index` on, if there are any.
    pub fn iter_from(&self, index: usize) -> ArgsIter<'a> {
        let known = self.len().min(REMEMBERED) - 1;
        let start = index.min(known);
        // After the CRLF of the argument before `start`; for the first, after the array's header.
        let at = if start == 0 {
            self.bytes.iter().position(|&b| b == b'\n').map_or(0, |end| end + 1)
        } else {
            self.first[start - 1].1 as usize + 2
        };
        let mut iter = ArgsIter { bytes: self.bytes, at, left: self.len() - start };
        for _ in start..index {
            iter.next();
        }
        iter
    }

    /// Appends the request in the form that every server accepts.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode::array(out, self.len());
        for arg in self {
            encode::bulk(out, arg);
        }
    }
}

impl<'a> IntoIterator for &Args<'a> {
    type Item = &'a [u8];
    type IntoIter = ArgsIter<'a>;

    fn into_iter(self) -> ArgsIter<'a> {
        self.iter()
    }
}

/// Iterates over the arguments of a whole request.
#[derive(Clone, Debug)]
pub struct ArgsIter<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> ArgsIter<'a> {
    /// The bytes of the next `count` arguments (or of all that are left), lengths included, to make
    /// a fragment.
    #[inline]
    pub fn next_encoded(&mut self, count: usize) -> &'a [u8] {
        let from = self.at;
        for _ in 0..count {
            self.next();
        }
        &self.bytes[from..self.at]
    }
}

impl<'a> Iterator for ArgsIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        // The parser has checked all of this. Only the digits are read again.
        let mut at = self.at + 1;
        let mut len = 0usize;
        while self.bytes[at] != b'\r' {
            len = len * 10 + usize::from(self.bytes[at] - b'0');
            at += 1;
        }
        let start = at + 2;
        self.at = start + len + 2;
        Some(&self.bytes[start..start + len])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ArgsIter<'_> {}
