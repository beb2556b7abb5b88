//! Parses memcached's text requests that arrive in any pieces: a line, and after a `set` its block.

use super::Answers;

/// The parser's state: in a line, or in a block that is dropped.
#[derive(Default)]
pub struct Parser {
    line: Vec<u8>,
    /// Bytes of the block still to come, its CRLF included.
    block: usize,
    /// The answer when the block is complete.
    after_block: &'static [u8],
}

impl Parser {
    pub fn take(&mut self, mut bytes: &[u8], answers: &mut Answers) {
        while !bytes.is_empty() {
            if self.block > 0 {
                let part = bytes.len().min(self.block);
                bytes = &bytes[part..];
                self.block -= part;
                if self.block == 0 {
                    answers.text(self.after_block);
                }
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
        let mut words = line.trim_ascii().split(|&byte| byte == b' ').filter(|w| !w.is_empty());
        let Some(verb) = words.next() else { return };
        match verb {
            b"get" | b"gets" => {
                for key in words {
                    answers.text(b"VALUE ");
                    answers.text(key);
                    answers.text(format!(" 0 {}\r\n", answers.value_len()).as_bytes());
                    answers.body();
                }
                answers.text(b"END\r\n");
            }
            b"set" => self.await_block(words.nth(3), b"STORED\r\n"),
            b"ms" => self.await_block(words.nth(1), b"HD\r\n"),
            b"mg" => {
                answers.text(format!("VA {}\r\n", answers.value_len()).as_bytes());
                answers.body();
            }
            b"mn" => answers.text(b"MN\r\n"),
            b"delete" => answers.text(b"DELETED\r\n"),
            b"version" => answers.text(b"VERSION 1.6.0\r\n"),
            _ => answers.text(b"ERROR\r\n"),
        }
    }

    fn await_block(&mut self, length: Option<&[u8]>, answer: &'static [u8]) {
        let text = std::str::from_utf8(length.unwrap_or_default()).unwrap_or_default();
        self.block = text.parse::<usize>().unwrap_or(0) + 2;
        self.after_block = answer;
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::{Value, text_of};
    use super::*;
    use std::rc::Rc;

    #[test]
    fn any_cut_is_answered_alike() {
        let requests = b"get a b\r\nset k 0 0 5\r\nx\r\nyz\r\nmg a v\r\nmn\r\nversion\r\n";
        let want = "VALUE a 0 2\r\nvv\r\nVALUE b 0 2\r\nvv\r\nEND\r\nSTORED\r\nVA 2\r\nvv\r\nMN\r\n\
            VERSION 1.6.0\r\n";
        for cut in 0..requests.len() {
            let mut parser = Parser::default();
            let mut answers = Answers::new(Rc::new(Value::new(2, b'v')));
            parser.take(&requests[..cut], &mut answers);
            parser.take(&requests[cut..], &mut answers);
            assert_eq!(text_of(answers), want, "cut at {cut}");
        }
    }
}
