//! The unwritten answers of a connection.
//!
//! Small answers are copied one after the other and leave in one write. A big value is not copied:
//! the queue holds a mark, and the write borrows the server's single value. With copies, the server
//! would be the limit in rows with big values, because it shares its core with the load.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::rc::Rc;

/// From this size on a value is not copied.
const LENT_FROM_BYTES: usize = 8 << 10;
const SLICES_MAX: usize = 32;

/// The value of every key, CRLF included, with RESP's header before it.
pub struct Value {
    bulk: Vec<u8>,
    header_bytes: usize,
}

enum Piece {
    Own(Vec<u8>),
    /// The value with its CRLF.
    Lent,
}

/// See the module's head.
pub struct Answers {
    value: Rc<Value>,
    pieces: VecDeque<Piece>,
    /// Bytes of the first piece that were written.
    written: usize,
    pending: usize,
    spare: Vec<u8>,
}

impl Value {
    pub fn new(bytes: usize, letter: u8) -> Value {
        let mut bulk = format!("${bytes}\r\n").into_bytes();
        let header_bytes = bulk.len();
        bulk.resize(header_bytes + bytes, letter);
        bulk.extend_from_slice(b"\r\n");
        Value { bulk, header_bytes }
    }

    fn header(&self) -> &[u8] {
        &self.bulk[..self.header_bytes]
    }

    fn body(&self) -> &[u8] {
        &self.bulk[self.header_bytes..]
    }

    /// Without its CRLF.
    pub fn len(&self) -> usize {
        self.body().len() - 2
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Answers {
    pub fn new(value: Rc<Value>) -> Answers {
        Answers { value, pieces: VecDeque::new(), written: 0, pending: 0, spare: Vec::new() }
    }

    pub fn value_len(&self) -> usize {
        self.value.len()
    }

    pub fn pending_bytes(&self) -> usize {
        self.pending
    }

    pub fn text(&mut self, bytes: &[u8]) {
        self.pending += bytes.len();
        self.own().extend_from_slice(bytes);
    }

    /// The value as RESP's bulk string.
    pub fn bulk(&mut self) {
        let value = Rc::clone(&self.value);
        if value.body().len() < LENT_FROM_BYTES {
            self.text(&value.bulk);
        } else {
            self.text(value.header());
            self.body();
        }
    }

    /// Only the value and its CRLF.
    pub fn body(&mut self) {
        let value = Rc::clone(&self.value);
        if value.body().len() < LENT_FROM_BYTES {
            self.text(value.body());
        } else {
            self.pending += value.body().len();
            self.pieces.push_back(Piece::Lent);
        }
    }

    fn own(&mut self) -> &mut Vec<u8> {
        if !matches!(self.pieces.back(), Some(Piece::Own(_))) {
            self.pieces.push_back(Piece::Own(std::mem::take(&mut self.spare)));
        }
        match self.pieces.back_mut() {
            Some(Piece::Own(bytes)) => bytes,
            _ => unreachable!("pushed above"),
        }
    }

    /// Writes as much as the stream takes. A full stream is not an error.
    pub fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while self.pending > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                let bytes = match piece {
                    Piece::Own(bytes) => bytes.as_slice(),
                    Piece::Lent => self.value.body(),
                };
                let from = if count == 0 { self.written } else { 0 };
                *slice = IoSlice::new(&bytes[from..]);
                count += 1;
            }
            let took = match stream.write_vectored(&slices[..count]) {
                Ok(took) => took,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.consume(took);
        }
        Ok(())
    }

    fn consume(&mut self, took: usize) {
        self.pending -= took;
        self.written += took;
        while let Some(piece) = self.pieces.front() {
            let len = match piece {
                Piece::Own(bytes) => bytes.len(),
                Piece::Lent => self.value.body().len(),
            };
            if self.written < len {
                return;
            }
            self.written -= len;
            if let Some(Piece::Own(mut bytes)) = self.pieces.pop_front() {
                bytes.clear();
                self.spare = bytes;
            }
        }
    }
}

#[cfg(test)]
pub(super) fn text_of(mut answers: Answers) -> String {
    let mut bytes = Vec::new();
    answers.write_to(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes seven bytes at a time.
    struct Narrow(Vec<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let took = bytes.len().min(7);
            self.0.extend_from_slice(&bytes[..took]);
            Ok(took)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lent_and_copied_values_come_out_in_order() {
        for bytes in [3, LENT_FROM_BYTES + 10] {
            let mut answers = Answers::new(Rc::new(Value::new(bytes, b'x')));
            answers.text(b"+OK\r\n");
            answers.bulk();
            answers.bulk();
            answers.text(b"+END\r\n");
            let body = "x".repeat(bytes);
            let want = format!("+OK\r\n${bytes}\r\n{body}\r\n${bytes}\r\n{body}\r\n+END\r\n");
            assert_eq!(answers.pending_bytes(), want.len());
            let mut out = Narrow(Vec::new());
            answers.write_to(&mut out).unwrap();
            assert_eq!(out.0, want.as_bytes());
            assert_eq!(answers.pending_bytes(), 0);
        }
    }
}
