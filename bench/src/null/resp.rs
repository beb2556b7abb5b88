//! Parses RESP requests that arrive in any pieces.
//!
//! ```text
//!   ┌─▶ Line ── *n ──▶ Line ── $n ──▶ Body ── more arguments ──▶ Line
//!   └──────────────────── answer ◀──── the last one
//! ```
//!
//! Of a request only the command's name and the number of arguments are stored.

use super::Answers;

const NAME_MAX: usize = 8;

/// See the module's head.
#[derive(Default)]
pub struct Parser {
    /// An incomplete line.
    line: Vec<u8>,
    /// Arguments of the request, and those still to come.
    count: usize,
    missing: usize,
    /// Bytes of the argument still to come, its CRLF included.
    body: usize,
    name: [u8; NAME_MAX],
    name_len: usize,
    /// Between MULTI and EXEC: for each command whether it is GET.
    queued: Option<Vec<bool>>,
}

impl Parser {
    pub fn take(&mut self, mut bytes: &[u8], answers: &mut Answers) {
        while !bytes.is_empty() {
            if self.body > 0 {
                bytes = self.take_body(bytes, answers);
                continue;
            }
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                return;
            };
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.line.is_empty() {
                self.take_line(line, answers);
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole, answers);
                whole.clear();
                self.line = whole;
            }
        }
    }

    fn take_line(&mut self, line: &[u8], answers: &mut Answers) {
        match line[0] {
            b'*' => {
                self.count = number(&line[1..]);
                self.missing = self.count;
                self.name_len = 0;
            }
            b'$' => self.body = number(&line[1..]) + 2,
            b'\r' | b'\n' => {}
            _ => answers.text(b"+PONG\r\n"), // inline
        }
    }

    fn take_body<'a>(&mut self, bytes: &'a [u8], answers: &mut Answers) -> &'a [u8] {
        let (part, rest) = bytes.split_at(bytes.len().min(self.body));
        if self.missing == self.count {
            let wanted = self.body.saturating_sub(2).min(NAME_MAX - self.name_len);
            for &byte in part.iter().take(wanted) {
                self.name[self.name_len] = byte.to_ascii_lowercase();
                self.name_len += 1;
            }
        }
        self.body -= part.len();
        if self.body == 0 {
            self.missing = self.missing.saturating_sub(1);
            if self.missing == 0 {
                self.answer(answers);
            }
        }
        rest
    }

    fn answer(&mut self, answers: &mut Answers) {
        let is_exec = &self.name[..self.name_len] == b"exec";
        match &mut self.queued {
            Some(queued) if is_exec => {
                answers.text(format!("*{}\r\n", queued.len()).as_bytes());
                for is_get in self.queued.take().unwrap_or_default() {
                    if is_get { answers.bulk() } else { answers.text(b"+OK\r\n") }
                }
            }
            Some(queued) => {
                queued.push(&self.name[..self.name_len] == b"get");
                answers.text(b"+QUEUED\r\n");
            }
            None => self.answer_alone(answers),
        }
    }

    fn answer_alone(&mut self, answers: &mut Answers) {
        match &self.name[..self.name_len] {
            b"multi" => {
                self.queued = Some(Vec::new());
                answers.text(b"+OK\r\n");
            }
            b"get" => answers.bulk(),
            b"mget" => {
                answers.text(format!("*{}\r\n", self.count - 1).as_bytes());
                for _ in 1..self.count {
                    answers.bulk();
                }
            }
            b"ping" => answers.text(b"+PONG\r\n"),
            b"role" => answers.text(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
            b"info" => answers.text(b"$10\r\nrun_id:abc\r\n"),
            b"scan" => {
                answers.text(b"*2\r\n$2\r\n17\r\n*10\r\n");
                for _ in 0..10 {
                    answers.bulk();
                }
            }
            b"del" | b"exists" | b"unlink" => {
                answers.text(format!(":{}\r\n", self.count - 1).as_bytes());
            }
            _ => answers.text(b"+OK\r\n"),
        }
    }
}

fn number(line: &[u8]) -> usize {
    line.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |n, digit| usize::from(digit - b'0') + n * 10)
}

#[cfg(test)]
mod tests {
    use super::super::answers::{Value, text_of};
    use super::*;
    use std::rc::Rc;

    #[test]
    fn any_cut_is_answered_alike() {
        let requests =
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n\r\n\r\n\
            *3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\nPING\r\n\
            *1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n";
        let want = "$2\r\nvv\r\n+OK\r\n*2\r\n$2\r\nvv\r\n$2\r\nvv\r\n+PONG\r\n\
            +OK\r\n+QUEUED\r\n*1\r\n$2\r\nvv\r\n";
        for cut in 0..requests.len() {
            let mut parser = Parser::default();
            let mut answers = Answers::new(Rc::new(Value::new(2, b'v')));
            parser.take(&requests[..cut], &mut answers);
            parser.take(&requests[cut..], &mut answers);
            assert_eq!(text_of(answers), want, "cut at {cut}");
        }
    }
}
