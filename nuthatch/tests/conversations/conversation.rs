//! A conversation and its text.
//!
//! ```text
//!   keys tied                          on which pools: see `Keys`
//!   a: MULTI ; SET {1}s 1 ; EXEC       one write
//!   b @5,17: GET "{1} x"               three writes: the bytes are cut at 5 and at 17
//!   a: ~PING ; SET {1}s x*20000        a request as a line; a word of 20,000 times x
//!   b leaves                           and comes again when it has its next step
//!   b ends "QUIT\r\n"                  the same, closed by the other side: what it says before is compared
//! ```

use nuthatch_testbed::encode;
use std::fmt::Write;
use std::fmt::{Display, Formatter, Result as FmtResult};

/// A word of one byte again and again is written in short, from this length on.
const LONG: usize = 100;

#[derive(Clone, PartialEq, Debug)]
pub struct Conversation {
    pub keys: Keys,
    pub steps: Vec<Step>,
}

/// Where its keys lie, and so which pools it is held with. All are held with a pool of one shard.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Keys {
    /// On one shard.
    Tied,
    /// On several, where each shard gets its part of a transaction.
    Spread,
    /// With commands about all keys: one shard only.
    Whole,
}

const KEYS: [(Keys, &str); 3] =
    [(Keys::Tied, "tied"), (Keys::Spread, "spread"), (Keys::Whole, "whole")];

#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// 0 is `a`.
    pub client: usize,
    pub kind: Kind,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// Sends these requests, in pieces that end at the cuts, and waits for a reply to each.
    Ask { requests: Vec<Request>, cuts: Vec<usize> },
    /// Closes its connection.
    Leave,
    /// Sends these bytes, after which it is the other side that closes.
    End { bytes: Vec<u8> },
}

#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    pub words: Vec<Vec<u8>>,
    /// As a line, not as an array.
    pub is_line: bool,
}

/// What a request does about publish and subscribe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    None,
    Begins,
    Ends,
    /// Or it may, as EXEC.
    Publishes,
    /// Asks who listens.
    Looks,
    /// Changes the version in which messages are written.
    Speaks,
}

impl Step {
    /// Whether any request of it does something like that. One who leaves or is closed ends what it listens to.
    pub fn acts(&self, is_meant: impl Fn(Act) -> bool) -> bool {
        match &self.kind {
            Kind::Ask { requests, .. } => requests.iter().any(|request| is_meant(request.act())),
            Kind::Leave => is_meant(Act::Ends),
            // EXEC may be in it.
            Kind::End { .. } => is_meant(Act::Ends) || is_meant(Act::Publishes),
        }
    }
}

impl Request {
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.words[0]).to_ascii_uppercase()
    }

    pub fn act(&self) -> Act {
        match self.name().as_str() {
            "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" => Act::Begins,
            "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" | "RESET" => Act::Ends,
            "PUBLISH" | "SPUBLISH" | "EXEC" => Act::Publishes,
            "PUBSUB" => Act::Looks,
            "HELLO" => Act::Speaks,
            _ => Act::None,
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        if self.is_line {
            out.extend_from_slice(&self.words.join(&b' '));
            out.extend_from_slice(b"\r\n");
        } else {
            encode(&self.words, out);
        }
    }
}

impl Conversation {
    pub fn parse(text: &str) -> Result<Conversation, String> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let head = lines.next().and_then(|line| line.strip_prefix("keys "));
        let keys = KEYS.iter().find(|(_, name)| Some(*name) == head);
        let (keys, _) = keys.ok_or("the first line should be `keys tied`, `spread` or `whole`")?;
        let steps = lines.map(|line| step(line).ok_or_else(|| format!("not a step: {line}")));
        Ok(Conversation { keys: *keys, steps: steps.collect::<Result<_, _>>()? })
    }
}

fn step(line: &str) -> Option<Step> {
    let client = usize::from(line.bytes().next()?.checked_sub(b'a')?);
    let rest = &line[1..];
    if rest == " leaves" {
        return Some(Step { client, kind: Kind::Leave });
    }
    if let Some(text) = rest.strip_prefix(" ends ") {
        return Some(Step { client, kind: Kind::End { bytes: bytes(text)? } });
    }
    let (head, rest) = rest.split_once(": ")?;
    let cuts: Option<Vec<usize>> = match head.strip_prefix(" @") {
        Some(cuts) => cuts.split(',').map(|cut| cut.parse().ok()).collect(),
        None => head.is_empty().then(Vec::new),
    };
    let mut requests = vec![Request { words: Vec::new(), is_line: false }];
    for word in words(rest)? {
        let request = requests.last_mut()?;
        match word.as_str() {
            ";" => requests.push(Request { words: Vec::new(), is_line: false }),
            text => {
                let text = match text.strip_prefix('~') {
                    Some(text) if request.words.is_empty() => {
                        request.is_line = true;
                        text
                    }
                    _ => text,
                };
                request.words.push(bytes(text)?);
            }
        }
    }
    Some(Step { client, kind: Kind::Ask { requests, cuts: cuts? } })
}

/// Words between spaces; a quoted one may have spaces.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let len = if rest.starts_with('"') {
            let mut is_escaped = false;
            let end = rest.bytes().skip(1).position(|byte| {
                let ends = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                ends
            });
            end? + 2
        } else {
            rest.find(' ').unwrap_or(rest.len())
        };
        words.push(rest[..len].to_owned());
        rest = rest[len..].trim_start();
    }
    Some(words)
}

fn bytes(word: &str) -> Option<Vec<u8>> {
    if let Some((byte, count)) = word.split_once('*').filter(|(byte, _)| byte.len() == 1)
        && let Ok(count) = count.parse()
        && count > LONG
    {
        return Some(vec![byte.as_bytes()[0]; count]);
    }
    let Some(inner) = word.strip_prefix('"') else {
        return Some(word.into());
    };
    let inner = inner.strip_suffix('"')?;
    let mut out = Vec::new();
    let mut rest = inner.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                other => other,
            },
            other => other,
        });
    }
    Some(out)
}

impl Display for Conversation {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let name = KEYS.iter().find(|(keys, _)| *keys == self.keys).map_or("", |(_, name)| name);
        writeln!(f, "keys {name}")?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_char(char::from(b'a' + self.client as u8))?;
        let (requests, cuts) = match &self.kind {
            Kind::Leave => return f.write_str(" leaves"),
            Kind::End { bytes } => return write!(f, " ends {}", written(bytes)),
            Kind::Ask { requests, cuts } => (requests, cuts),
        };
        for (at, cut) in cuts.iter().enumerate() {
            write!(f, "{}{cut}", if at == 0 { " @" } else { "," })?;
        }
        for (at, request) in requests.iter().enumerate() {
            write!(f, "{}{request}", if at == 0 { ": " } else { " ; " })?;
        }
        Ok(())
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let line = if self.is_line { "~" } else { "" };
        let words: Vec<String> = self.words.iter().map(|word| written(word)).collect();
        write!(f, "{line}{}", words.join(" "))
    }
}

fn written(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\".contains(byte);
    if word.len() > LONG && word.iter().all(|byte| *byte == word[0] && is_plain(byte)) {
        return format!("{}*{}", char::from(word[0]), word.len());
    }
    let plain = !word.is_empty() && word.iter().all(is_plain) && word != b";" && word[0] != b'~';
    if plain {
        String::from_utf8_lossy(word).into_owned()
    } else {
        format!("\"{}\"", word.escape_ascii())
    }
}
