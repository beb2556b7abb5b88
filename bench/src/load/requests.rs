//! Writes requests. They come from a fixed seed, so every contestant gets the same requests.

use super::{Asks, Load};
use anyhow::{Context, Result, ensure};
use std::fs;

/// See the module's head.
pub struct Requests {
    asks: Asks,
    is_memcached: bool,
    keys: Keys,
    value_bytes: (usize, usize),
    value: Vec<u8>,
    chance: u64,
    filled: u64,
}

enum Keys {
    Below(u64),
    These(Vec<u64>),
}

impl Requests {
    pub fn new(load: &Load) -> Result<Requests> {
        let keys = match &load.keys_from {
            None => Keys::Below(load.key_count),
            Some(path) => {
                let text = fs::read_to_string(path)?;
                let keys: Result<Vec<u64>, _> = text.lines().map(str::parse).collect();
                Keys::These(keys.context("a key is not a number")?)
            }
        };
        let requests = Requests {
            asks: load.asks,
            is_memcached: load.is_memcached,
            keys,
            value_bytes: load.value_bytes,
            value: vec![b'x'; load.value_bytes.1],
            chance: 0x9e37_79b9_7f4a_7c15,
            filled: 0,
        };
        ensure!(requests.count() > 0, "no keys to ask for");
        Ok(requests)
    }

    fn count(&self) -> u64 {
        match &self.keys {
            Keys::Below(count) => *count,
            Keys::These(keys) => keys.len() as u64,
        }
    }

    /// Whether a fill has sent all keys.
    pub fn is_exhausted(&self) -> bool {
        self.asks == Asks::Fill && self.filled == self.count()
    }

    /// Appends the next request.
    pub fn write(&mut self, out: &mut Vec<u8>) {
        match self.asks {
            Asks::Many(count) => self.many(count, out),
            Asks::Get | Asks::Connect => self.get(out),
            Asks::Set => self.set_any(out),
            Asks::Mix => {
                if self.draw(2) == 0 {
                    self.get(out);
                } else {
                    self.set_any(out);
                }
            }
            Asks::Fill => {
                self.filled += 1;
                self.set(self.filled - 1, out);
            }
        }
    }

    fn get(&mut self, out: &mut Vec<u8>) {
        let at = self.draw(self.count());
        if self.is_memcached {
            out.extend_from_slice(b"get ");
            self.key(at, out);
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$16\r\n");
            self.key(at, out);
            out.extend_from_slice(b"\r\n");
        }
    }

    fn set_any(&mut self, out: &mut Vec<u8>) {
        let at = self.draw(self.count());
        self.set(at, out);
    }

    fn set(&mut self, at: u64, out: &mut Vec<u8>) {
        let (least, most) = self.value_bytes;
        let bytes = least + self.draw((most - least) as u64 + 1) as usize;
        if self.is_memcached {
            out.extend_from_slice(b"set ");
            self.key(at, out);
            out.extend_from_slice(b" 0 0 ");
        } else {
            out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$16\r\n");
            self.key(at, out);
            out.extend_from_slice(b"\r\n$");
        }
        decimal(bytes as u64, 1, out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.value[..bytes]);
        out.extend_from_slice(b"\r\n");
    }

    fn many(&mut self, count: usize, out: &mut Vec<u8>) {
        if self.is_memcached {
            out.extend_from_slice(b"get");
        } else {
            out.push(b'*');
            decimal(count as u64 + 1, 1, out);
            out.extend_from_slice(b"\r\n$4\r\nMGET\r\n");
        }
        for _ in 0..count {
            let at = self.draw(self.count());
            out.extend_from_slice(if self.is_memcached { b" " } else { b"$16\r\n" });
            self.key(at, out);
            out.extend_from_slice(if self.is_memcached { b"" } else { b"\r\n" });
        }
        if self.is_memcached {
            out.extend_from_slice(b"\r\n");
        }
    }

    fn key(&self, at: u64, out: &mut Vec<u8>) {
        let number = match &self.keys {
            Keys::Below(_) => at,
            Keys::These(keys) => keys[at as usize],
        };
        key(number, out);
    }

    /// Xorshift: a number below `bound`.
    fn draw(&mut self, bound: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % bound
    }
}

/// The name of key number `number`, always 16 bytes.
pub fn key(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"key:");
    decimal(number, 12, out);
}

/// In decimal, with zeros before it up to so many digits.
pub fn decimal(mut number: u64, digits_min: usize, out: &mut Vec<u8>) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    while number > 0 || text.len() - at < digits_min {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&text[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Shape;

    pub fn load(asks: Asks, is_memcached: bool) -> Load {
        Load {
            port: 0,
            clients: 1,
            asks,
            is_memcached,
            shape: Shape::Saturate { pipeline: 1 },
            value_bytes: (3, 3),
            key_count: 1,
            keys_from: None,
            warm_ms: 0,
            ms: 0,
            watch: Vec::new(),
        }
    }

    fn text(asks: Asks, is_memcached: bool) -> String {
        let mut out = Vec::new();
        Requests::new(&load(asks, is_memcached)).unwrap().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_of_either_protocol() {
        let key = "key:000000000000";
        assert_eq!(text(Asks::Get, false), format!("*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n"));
        assert_eq!(text(Asks::Get, true), format!("get {key}\r\n"));
        let set = format!("*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n$3\r\nxxx\r\n");
        assert_eq!(text(Asks::Fill, false), set);
        assert_eq!(text(Asks::Fill, true), format!("set {key} 0 0 3\r\nxxx\r\n"));
        let many = format!("*3\r\n$4\r\nMGET\r\n$16\r\n{key}\r\n$16\r\n{key}\r\n");
        assert_eq!(text(Asks::Many(2), false), many);
        assert_eq!(text(Asks::Many(2), true), format!("get {key} {key}\r\n"));
    }

    #[test]
    fn a_fill_ends() {
        let mut requests = Requests::new(&load(Asks::Fill, false)).unwrap();
        assert!(!requests.is_exhausted());
        requests.write(&mut Vec::new());
        assert!(requests.is_exhausted());
    }
}
