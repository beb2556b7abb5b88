//! Makes the reply to EXEC of the replies of one block or several, and of answers of ours.

use super::cursor;
use super::kind::Join;
use crate::protocol::resp::{encode, reply};

/// Where an element of the reply comes from.
pub enum Step {
    /// The next element of this part.
    Part(u16),
    /// The next element of this part: a number, and so many more.
    Sum { part: u16, more: i64 },
    /// The next element of this part: a page of SCAN, whose cursor becomes ours.
    Scan { part: u16, step: cursor::Step },
    /// It is known.
    Known(Box<[u8]>),
    /// A command that was cut: an element of each of these parts, joined.
    Cut { join: Join, parts: Box<[u16]>, order: Box<[u16]> },
}

/// How a reply to EXEC is made.
pub struct Exec {
    pub steps: Box<[Step]>,
    /// For each part the places of elements that the client does not get.
    pub ours: Box<[Box<[u32]>]>,
}

impl Exec {
    /// The incarnation of the server that answers: SCAN is in a transaction of one shard.
    pub fn set_incarnation(&mut self, tag: u16) {
        for step in &mut self.steps {
            if let Step::Scan { step, .. } = step {
                step.found = tag;
            }
        }
    }
}

/// The elements of a part's reply, or the error in the place of each.
struct Elements<'a> {
    rest: &'a [u8],
    is_error: bool,
    at: u32,
    ours: &'a [u32],
}

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.is_error {
            return Some(self.rest);
        }
        loop {
            let len = reply::element(self.rest);
            if len == 0 {
                return None;
            }
            let (element, rest) = self.rest.split_at(len);
            self.rest = rest;
            let is_ours = self.ours.contains(&self.at);
            self.at += 1;
            if !is_ours {
                return Some(element);
            }
        }
    }
}

/// Joins the elements of a command that was cut.
type JoinAgain = fn(&mut Vec<u8>, Join, &[u16], &[&[u8]]);

/// `false`: a part has too few elements.
pub fn write(
    out: &mut Vec<u8>,
    replies: &[Option<&[u8]>],
    exec: &Exec,
    join_again: JoinAgain,
) -> bool {
    let is_null = |reply: &[u8]| matches!(reply, b"*-1\r\n" | b"_\r\n");
    if let Some(null) = replies.iter().flatten().find(|reply| is_null(reply)) {
        out.extend_from_slice(null);
        return true;
    }
    // A transaction of one shard fails as a whole.
    if let [Some(error @ [b'-' | b'!', ..])] = replies {
        out.extend_from_slice(error);
        return true;
    }
    let elements = replies.iter().zip(&exec.ours).map(|(reply, ours)| {
        let reply = reply.unwrap_or_default();
        let is_error = matches!(reply.first(), Some(b'-' | b'!'));
        let first =
            if is_error { Some(0) } else { reply::aggregate(reply).map(|(first, _)| first) };
        first.map(|first| Elements { rest: &reply[first..], is_error, at: 0, ours })
    });
    let Some(mut elements) = elements.collect::<Option<Vec<_>>>() else {
        return false;
    };
    encode::array(out, exec.steps.len());
    exec.steps.iter().all(|step| take_step(out, step, &mut elements, join_again).is_some())
}

fn take_step(
    out: &mut Vec<u8>,
    step: &Step,
    elements: &mut [Elements<'_>],
    join_again: JoinAgain,
) -> Option<()> {
    match step {
        Step::Known(answer) => out.extend_from_slice(answer),
        Step::Part(part) => out.extend_from_slice(elements.get_mut(usize::from(*part))?.next()?),
        Step::Sum { part, more } => {
            let element = elements.get_mut(usize::from(*part))?.next()?;
            match reply::integer(element) {
                Some(number) => encode::integer(out, number.saturating_add(*more)),
                None => out.extend_from_slice(element),
            }
        }
        Step::Scan { part, step } => {
            let element = elements.get_mut(usize::from(*part))?.next()?;
            if !step.write(out, Some(Some(element))) {
                out.extend_from_slice(element);
            }
        }
        Step::Cut { join, parts, order } => {
            let elements: Option<Vec<&[u8]>> =
                parts.iter().map(|part| elements.get_mut(usize::from(*part))?.next()).collect();
            join_again(out, *join, order, &elements?);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(steps: Vec<Step>, ours: &[&[u32]], replies: &[&str]) -> Option<String> {
        let ours = ours.iter().map(|&places| places.into()).collect();
        let replies: Vec<_> = replies.iter().map(|it| Some(it.as_bytes())).collect();
        let mut out = Vec::new();
        let exec = Exec { steps: steps.into(), ours };
        write(&mut out, &replies, &exec, super::super::join_again)
            .then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn answers_of_ours_take_their_places() {
        let steps = || vec![Step::Part(0), Step::Known(b"+PONG\r\n"[..].into()), Step::Part(0)];
        let got = exec(steps(), &[&[1]], &["*3\r\n:1\r\n+OK\r\n$1\r\nx\r\n"]);
        assert_eq!(got.unwrap(), "*3\r\n:1\r\n+PONG\r\n$1\r\nx\r\n");
        assert_eq!(exec(steps(), &[&[]], &["*-1\r\n"]).unwrap(), "*-1\r\n");
        assert_eq!(exec(steps(), &[&[]], &["*1\r\n:1\r\n"]), None);
        assert_eq!(exec(steps(), &[&[]], &[":1\r\n"]), None);
        let error = "-EXECABORT refused\r\n";
        assert_eq!(exec(steps(), &[&[]], &[error]).unwrap(), error);
    }

    #[test]
    fn a_number_has_more_added() {
        let steps = || vec![Step::Part(0), Step::Sum { part: 0, more: 2 }];
        let got = |reply| exec(steps(), &[&[]], &[reply]).unwrap();
        assert_eq!(got("*2\r\n:1\r\n:1\r\n"), "*2\r\n:1\r\n:3\r\n");
        assert_eq!(got("*2\r\n:1\r\n-ERR no\r\n"), "*2\r\n:1\r\n-ERR no\r\n");
        assert_eq!(got("*-1\r\n"), "*-1\r\n");
    }

    #[test]
    fn parts_come_in_the_order_of_the_commands() {
        let cut = Step::Cut { join: Join::InOrder, parts: [0, 1].into(), order: [1, 0, 1].into() };
        let steps = vec![Step::Part(1), cut, Step::Part(0)];
        let parts = ["*2\r\n*1\r\n$1\r\na\r\n:7\r\n", "*2\r\n:1\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n"];
        let got = exec(steps, &[&[], &[]], &parts).unwrap();
        assert_eq!(got, "*3\r\n:1\r\n*3\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\nc\r\n:7\r\n");
        let steps = vec![Step::Part(1), Step::Part(0), Step::Part(0)];
        let got = exec(steps, &[&[], &[]], &["-ERR gone\r\n", "*1\r\n:1\r\n"]).unwrap();
        assert_eq!(got, "*3\r\n:1\r\n-ERR gone\r\n-ERR gone\r\n");
    }
}
