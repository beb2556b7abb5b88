//! Where replies end, and whether they are errors. Nothing else of them is stored.
//!
//! An array's header says how many values follow. Each complete value counts down by one. The reply
//! ends when no value is missing.

/// What a reply was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Fine,
    Miss,
    Error,
}

/// See the module's head.
pub struct Replies {
    is_memcached: bool,
    /// An incomplete line.
    line: Vec<u8>,
    /// Bytes of a body still to come, its CRLF included.
    body: usize,
    /// Values that the reply still misses.
    owed: u64,
    /// An item has come since the last END.
    has_item: bool,
    kind: Kind,
}

impl Replies {
    pub fn new(is_memcached: bool) -> Replies {
        let kind = Kind::Fine;
        Replies { is_memcached, line: Vec::new(), body: 0, owed: 1, has_item: false, kind }
    }

    /// Calls `done` at the end of each reply, with its last line if it is an error.
    pub fn take(&mut self, mut bytes: &[u8], mut done: impl FnMut(Kind, &[u8])) {
        while !bytes.is_empty() {
            if self.body > 0 {
                let part = bytes.len().min(self.body);
                bytes = &bytes[part..];
                self.body -= part;
                if self.body == 0 && !self.is_memcached {
                    self.pay(&mut done, &[]);
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
                self.take_line(line, &mut done);
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole, &mut done);
                whole.clear();
                self.line = whole;
            }
        }
    }

    fn take_line(&mut self, line: &[u8], done: &mut impl FnMut(Kind, &[u8])) {
        let line = line.trim_ascii_end();
        if self.is_memcached {
            return self.take_memcache_line(line, done);
        }
        let count = || std::str::from_utf8(&line[1..]).ok()?.parse::<u64>().ok();
        match line.first() {
            Some(b'$') => match count() {
                Some(bytes) => {
                    self.body = bytes as usize + 2;
                    return;
                }
                None => self.kind = Kind::Miss,
            },
            Some(b'*') => self.owed += count().unwrap_or(0),
            Some(b'-') => self.kind = Kind::Error,
            _ => {}
        }
        self.pay(done, line);
    }

    fn pay(&mut self, done: &mut impl FnMut(Kind, &[u8]), line: &[u8]) {
        self.owed -= 1;
        if self.owed == 0 {
            self.owed = 1;
            done(std::mem::replace(&mut self.kind, Kind::Fine), line);
        }
    }

    fn take_memcache_line(&mut self, line: &[u8], done: &mut impl FnMut(Kind, &[u8])) {
        if line.starts_with(b"VALUE ") {
            let digits = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
            let text = std::str::from_utf8(digits).unwrap_or_default();
            self.body = text.parse::<usize>().unwrap_or(0) + 2;
            self.has_item = true;
            return;
        }
        let has_item = std::mem::take(&mut self.has_item);
        let kind = match line {
            b"END" if has_item => Kind::Fine,
            b"END" => Kind::Miss,
            b"STORED" => Kind::Fine,
            _ => Kind::Error,
        };
        done(kind, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(is_memcached: bool, bytes: &[u8]) -> Vec<Kind> {
        let mut first = Vec::new();
        for cut in 0..bytes.len() {
            let mut replies = Replies::new(is_memcached);
            let mut kinds = Vec::new();
            replies.take(&bytes[..cut], |kind, _| kinds.push(kind));
            replies.take(&bytes[cut..], |kind, _| kinds.push(kind));
            assert!(cut == 0 || kinds == first, "cut at {cut}");
            first = kinds;
        }
        first
    }

    #[test]
    fn replies_end_where_they_end() {
        use Kind::{Error, Fine, Miss};
        let resp = b"$2\r\n\r\n\r\n+OK\r\n$-1\r\n*2\r\n$1\r\na\r\n*1\r\n:5\r\n-ERR x\r\n*0\r\n";
        assert_eq!(kinds(false, resp), [Fine, Fine, Miss, Fine, Error, Fine]);
        let memcache = b"VALUE a 0 3\r\nEND\r\nEND\r\nEND\r\nSTORED\r\nSERVER_ERROR x\r\n";
        assert_eq!(kinds(true, memcache), [Fine, Miss, Fine, Error]);
    }
}
