//! Where a request's keys lie.
//!
//! ```text
//!   resolve   is the number of arguments right? which subcommand? an option we cannot serve?
//!   keys      the keys, in order, borrowed from the request: no list is built
//! ```
//!
//! The server should answer errors, since it knows its own texts. So when a request is malformed but
//! has at least one key, it is routed by the keys found, and the server refuses it. We answer, with
//! the texts of Redis 7.0, only when no key can be found, or when the request is split and no server
//! would see it whole.
//!
//! twemproxy routed by the same first key (its table is in `testdata/twemproxy/`), except for ZDIFF,
//! ZINTER and ZUNION: there it used the count as the key.

use super::{Command, Flags, KeyUse, Keys};
use crate::protocol::resp::{Args, ArgsIter, encode};
use crate::texts;
use std::borrow::Cow;

/// Why a request cannot be routed. Always an error of the client; nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError<'a> {
    /// Too few arguments, or too many.
    Arity(&'static str),
    /// We serve no subcommand of this name.
    Subcommand { container: &'static str, name: &'a [u8] },
    /// The number of keys is below 1.
    NoKeys(&'static str),
    /// The number of keys is not a number.
    NotInteger,
    /// The number of keys is not a number above 0: LMPOP and others.
    NotPositive,
    /// The number of pairs of MSETEX is not a number above 0.
    OutOfRange,
    /// A script with a negative number of keys.
    Negative,
    /// No key follows the number of keys of a script.
    TooFew,
    /// The word STREAMS, or everything after it, is missing.
    Syntax,
    /// XREAD or XREADGROUP with BLOCK.
    Blocks,
}

impl KeyError<'_> {
    /// Appends the reply.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode::error(out, self.text());
    }

    fn text(&self) -> Cow<'static, [u8]> {
        let text = match *self {
            KeyError::Arity(name) => return texts::arity(name).into_bytes().into(),
            KeyError::Subcommand { container, name } => {
                return texts::unknown_subcommand(container, name).into();
            }
            KeyError::NoKeys(name) => return texts::no_input_key(name).into_bytes().into(),
            KeyError::NotInteger => texts::NOT_INTEGER,
            KeyError::NotPositive => texts::NUMKEYS_NOT_POSITIVE,
            KeyError::OutOfRange => texts::NUMKEYS_OUT_OF_RANGE,
            KeyError::Negative => texts::NUMKEYS_NEGATIVE,
            KeyError::TooFew => texts::NUMKEYS_TOO_LARGE,
            KeyError::Syntax => texts::SYNTAX,
            KeyError::Blocks => texts::BLOCK_NOT_SERVED,
        };
        text.as_bytes().into()
    }
}

/// The row of this request: that of the subcommand if `command` is a container.
///
/// Checks the number of arguments, and refuses options that we do not serve. For a row with
/// `single_key` a caller may check [`Command::arity_ok`] instead.
pub fn resolve<'a>(
    command: &'static Command,
    args: &Args<'a>,
) -> Result<&'static Command, KeyError<'a>> {
    if !command.arity_ok(args.len()) {
        return Err(KeyError::Arity(command.name));
    }
    let command = match args.get(1) {
        Some(name) if !command.subcommands.is_empty() => subcommand(command, name)
            .ok_or(KeyError::Subcommand { container: command.name, name })?,
        // COMMAND without a subcommand is a command too.
        _ => command,
    };
    if !command.arity_ok(args.len()) {
        return Err(KeyError::Arity(command.name));
    }
    Ok(command)
}

/// The subcommand with this name, in any case.
pub fn subcommand(container: &'static Command, name: &[u8]) -> Option<&'static Command> {
    container.subcommands.iter().find(|sub| sub.short_name().as_bytes().eq_ignore_ascii_case(name))
}

/// Whether this XREAD or XREADGROUP would wait for an entry.
pub fn blocks(args: &Args<'_>) -> bool {
    StreamOptions::read(args).block
}

/// The keys of a request, in order; none for a script without keys. `command` comes from
/// [`resolve`].
#[inline]
pub fn keys<'a>(command: &Command, args: &Args<'a>) -> Result<KeyIter<'a>, KeyError<'a>> {
    let len = args.len();
    match command.keys {
        Keys::None => Ok(KeyIter::of(args, 1, 0, 1)),
        Keys::Range { first, last, step } => {
            let (first, step) = (usize::from(first), usize::from(step));
            let end = if last < 0 {
                (len + 1).saturating_sub(usize::from(last.unsigned_abs()))
            } else {
                (last.unsigned_abs() as usize + 1).min(len)
            };
            Ok(KeyIter::of(args, first, end.saturating_sub(first).div_ceil(step), step))
        }
        Keys::CountedPairs { count } => counted_pairs(args, usize::from(count)),
        Keys::Counted { count, dest } => counted(command, args, usize::from(count), dest),
        Keys::Streams { .. } => streams(args),
        Keys::Sort => Ok(KeyIter::with(args, stored(args, 2, true))),
        Keys::Georadius { options } => {
            Ok(KeyIter::with(args, stored(args, usize::from(options), false)))
        }
    }
}

/// ZUNIONSTORE dest 2 a b; LMPOP 2 a b LEFT; EVAL script 2 a b.
fn counted<'a>(
    command: &Command,
    args: &Args<'a>,
    count: usize,
    dest: bool,
) -> Result<KeyIter<'a>, KeyError<'a>> {
    let number = args.get(count).and_then(integer);
    let script = command.flags.has(Flags::NO_MANDATORY_KEYS);
    let after = args.len().saturating_sub(count + 1);
    let found = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(after);
    let mut iter = KeyIter::of(args, count + 1, found, 1);
    if dest {
        iter.head = args.get(1);
    } else if found == 0 && !(script && number == Some(0)) {
        return Err(no_count(command, number));
    }
    Ok(iter)
}

/// MSETEX 2 a 1 b 2 EX 10.
fn counted_pairs<'a>(args: &Args<'a>, count: usize) -> Result<KeyIter<'a>, KeyError<'a>> {
    let number = args.get(count).and_then(integer);
    let after = args.len().saturating_sub(count + 1) / 2;
    match usize::try_from(number.unwrap_or(0)).unwrap_or(0) {
        0 => Err(KeyError::OutOfRange),
        // An error of the server's: the request goes to the first key's owner as it is.
        more if more > after => Ok(KeyIter::of(args, count + 1, after.min(1), 2)),
        found => Ok(KeyIter::of(args, count + 1, found, 2)),
    }
}

/// The server's error. Each family of commands has its own text.
fn no_count<'a>(command: &Command, number: Option<i64>) -> KeyError<'a> {
    let script = command.flags.has(Flags::NO_MANDATORY_KEYS);
    // LMPOP, ZMPOP and SINTERCARD have one error for the form and the sign; older commands have two.
    let strict = matches!(command.name, "lmpop" | "zmpop" | "sintercard");
    match number {
        _ if strict => KeyError::NotPositive,
        None => KeyError::NotInteger,
        Some(..0) if script => KeyError::Negative,
        Some(_) if script => KeyError::TooFew,
        Some(_) => KeyError::NoKeys(command.name),
    }
}

/// A decimal number, read as strictly as in Redis: no blank, no plus, no leading zero.
pub fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits[0] == b'0' && text.len() > 1 {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The options before the names of the streams.
struct StreamOptions {
    block: bool,
    /// The argument after STREAMS.
    names: Option<usize>,
}

impl StreamOptions {
    /// Skips the values of options, since a group may be called "streams".
    fn read(args: &Args<'_>) -> StreamOptions {
        let mut found = StreamOptions { block: false, names: None };
        let mut skip = 0;
        for (at, arg) in args.iter().enumerate().skip(1) {
            let is = |word: &[u8]| arg.eq_ignore_ascii_case(word);
            if skip > 0 {
                skip -= 1;
            } else if is(b"STREAMS") {
                found.names = Some(at + 1);
                break;
            } else if is(b"BLOCK") {
                found.block = true;
                skip = 1;
            } else if is(b"COUNT") || is(b"CLAIM") {
                skip = 1;
            } else if is(b"GROUP") {
                skip = 2;
            }
            // Another option, perhaps of a newer server. That server judges it.
        }
        found
    }
}

/// XREAD ... STREAMS a b 0 0: the first half of the arguments after the word.
fn streams<'a>(args: &Args<'a>) -> Result<KeyIter<'a>, KeyError<'a>> {
    let names = StreamOptions::read(args).names.ok_or(KeyError::Syntax)?;
    match args.len() - names {
        0 => Err(KeyError::Syntax),
        // Unbalanced: any server answers the error.
        count if count % 2 == 1 => Ok(KeyIter::of(args, names, 1, 1)),
        count => Ok(KeyIter::of(args, names, count / 2, 1)),
    }
}

/// The patterns behind BY and GET of a SORT.
pub fn patterns<'a>(args: &Args<'a>) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = args.iter_from(2);
    std::iter::from_fn(move || {
        loop {
            let arg = rest.next()?;
            let is = |word: &[u8]| arg.eq_ignore_ascii_case(word);
            if is(b"BY") || is(b"GET") {
                return rest.next();
            } else if is(b"LIMIT") {
                rest.next();
                rest.next();
            } else if is(b"STORE") {
                rest.next();
            }
        }
    })
}

/// What this request does to its key number `at`. Where the arguments decide, they are looked at, as in
/// Redis.
pub fn key_use(command: &Command, args: &Args<'_>, at: usize) -> KeyUse {
    let general = command.uses[at.min(1)];
    let has = |arg: &[u8], word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
    match command.name {
        "set" if args.iter_from(3).any(|arg| has(arg, "GET")) => KeyUse::MODIFY,
        "set" => KeyUse::OVERWRITE,
        "bitfield" => {
            let mut rest = args.iter_from(2);
            while let Some(arg) = rest.next() {
                // Behind it come the encoding and the offset, or the kind of overflow.
                if has(arg, "GET") {
                    rest.next();
                } else if !has(arg, "OVERFLOW") {
                    return KeyUse::MODIFY;
                }
                rest.next();
            }
            KeyUse::READ
        }
        _ => general,
    }
}

/// Whether NX or XX stands among the arguments from number `from` on.
pub fn has_condition(args: &Args<'_>, from: usize) -> bool {
    args.iter_from(from)
        .any(|arg| arg.eq_ignore_ascii_case(b"NX") || arg.eq_ignore_ascii_case(b"XX"))
}

/// The number of a database: argument 2 of MOVE, or behind DB in COPY.
pub fn database<'a>(command: &Command, args: &Args<'a>) -> Option<&'a [u8]> {
    if command.arity > 0 {
        return args.get(2);
    }
    let mut rest = args.iter_from(3);
    while let Some(arg) = rest.next() {
        if arg.eq_ignore_ascii_case(b"DB") {
            return rest.next();
        }
    }
    None
}

/// The argument after the last STORE (or STOREDIST, except in SORT), from argument `from` on.
fn stored(args: &Args<'_>, from: usize, sort: bool) -> Option<usize> {
    let mut dest = None;
    let mut skip = 0;
    for (offset, arg) in args.iter_from(from).enumerate() {
        let is = |word: &[u8]| arg.eq_ignore_ascii_case(word);
        if skip > 0 {
            skip -= 1;
        } else if is(b"STORE") || !sort && is(b"STOREDIST") {
            dest = Some(from + offset + 1);
            skip = 1;
        } else if sort && is(b"LIMIT") {
            skip = 2;
        } else if sort && (is(b"BY") || is(b"GET")) || !sort && is(b"COUNT") {
            skip = 1;
        }
    }
    dest.filter(|&dest| dest < args.len())
}

/// Iterates over the keys of a request.
#[derive(Clone, Debug)]
pub struct KeyIter<'a> {
    /// The first key, when it is not next to the others.
    head: Option<&'a [u8]>,
    rest: ArgsIter<'a>,
    left: usize,
    step: usize,
}

impl<'a> KeyIter<'a> {
    #[inline]
    fn of(args: &Args<'a>, first: usize, count: usize, step: usize) -> KeyIter<'a> {
        KeyIter { head: None, rest: args.iter_from(first), left: count, step }
    }

    /// Argument 1, and perhaps another.
    fn with(args: &Args<'a>, other: Option<usize>) -> KeyIter<'a> {
        let at = other.unwrap_or(args.len());
        KeyIter {
            head: args.get(1),
            rest: args.iter_from(at),
            left: usize::from(other.is_some()),
            step: 1,
        }
    }
}

impl<'a> Iterator for KeyIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let key = self.rest.next();
        for _ in 1..self.step {
            self.rest.next();
        }
        key
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.left + usize::from(self.head.is_some());
        (len, Some(len))
    }
}

impl ExactSizeIterator for KeyIter<'_> {}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
