//! The words of `rows.rs`: keys, values, numbers, options' arguments.
//!
//! A key's name begins with the type it is meant to hold, so that most requests meet a value of
//! the right type; one in twelve takes a key of another. Few different keys, members and fields,
//! so that they meet again. Times to live are either over at once or longer than any test: what
//! expired meanwhile would do so here a little earlier than there.

use crate::grammar::Request;
use nuthatch_engine::base::Chance;

const TYPES: [&str; 11] =
    ["str", "num", "list", "set", "hash", "zset", "stream", "hll", "geo", "bits", "big"];
/// Names begin with what differs: fnv1a_64, of which 32 bits are used, hardly moves a key for a
/// change in its last bytes.
const TAGS: [&str; 6] = ["first", "second", "third", "a longer tag", "\u{e4}\u{f6}\u{fc}", "x"];

/// Each in the place of a right argument, or after the last. No small positive number: it could
/// become a time to live. No `*`: it could become an id of the server's clock.
const EDGES: [&[u8]; 17] = [
    b"",
    b"0",
    b"-1",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"1e3",
    b"1.5",
    b" 1",
    b"+1",
    b"01",
    b"nan",
    b"-inf",
    b"nonsense",
    b"\r\n",
    b"\xff\x00\xfe",
    b"$",
];

/// Lua, by what its keys hold.
pub const SCRIPTS: [(&str, &str); 8] = [
    ("str", "return redis.call('get', KEYS[1])"),
    ("str", "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])"),
    ("str", "return {KEYS[1], KEYS[2] or 'none', ARGV[1], 3.7, false, true}"),
    ("num", "return redis.call('incr', KEYS[1])"),
    ("str", "return redis.error_reply('MY own')"),
    ("zset", "return {double=3.5}"),
    ("list", "return redis.call('lrange', KEYS[1], 0, -1)"),
    ("str", "return ("),
];

pub struct Words {
    chance: Chance,
    tag: &'static str,
    kind: &'static str,
    key: Vec<u8>,
    /// How many keys the last count said.
    keys: usize,
    entries: u64,
    script: usize,
    script_keys: Vec<Vec<u8>>,
    shas: Vec<Vec<u8>>,
    /// What DUMP returned, for RESTORE.
    pub payloads: Vec<Vec<u8>>,
}

impl Words {
    /// `shas` are those of the scripts.
    pub fn new(seed: u64, shas: Vec<Vec<u8>>) -> Words {
        Words {
            chance: Chance::new(seed),
            tag: TAGS[0],
            kind: TYPES[0],
            key: Vec::new(),
            keys: 0,
            entries: 0,
            script: 0,
            script_keys: Vec::new(),
            shas,
            payloads: Vec::new(),
        }
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.chance.below(bound as u32) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn begin_scene(&mut self) {
        self.tag = self.pick(&TAGS);
    }

    pub fn edge(&mut self) -> Vec<u8> {
        self.pick(&EDGES).to_vec()
    }

    pub fn other_case(&mut self, name: &[u8]) -> Vec<u8> {
        let flip = self.one_in(2);
        name.iter().map(|b| if flip && self.one_in(2) { *b } else { b ^ 0x20 }).collect()
    }

    /// Appends what a word of a line stands for.
    pub fn write(&mut self, word: &'static str, to: &mut Request) {
        match word.as_bytes() {
            b"@" => to.push_key(self.key.clone()),
            [b'%', rest @ ..] if !rest.is_empty() => self.push_key(&word[1..], true, to),
            [b'$', rest @ ..] if !rest.is_empty() => self.write_variable(&word[1..], to),
            literal => to.push(literal),
        }
    }

    fn write_variable(&mut self, name: &'static str, to: &mut Request) {
        match name {
            "lists" => self.counted_keys("list", to),
            "sets" => self.counted_keys("set", to),
            "zsets" => self.counted_keys("zset", to),
            "weights" => {
                to.push("WEIGHTS");
                for _ in 0..self.keys {
                    let weight = self.float();
                    to.push(weight);
                }
            }
            "streams_since" | "streams_next" => self.streams(name == "streams_next", to),
            "script" => self.write_script(to),
            "script_again" => self.write_script_again(to),
            "restored" => self.push_key("same", false, to),
            "fresh" => {
                self.key = format!("{{{}}}fresh", self.tag).into_bytes();
                to.push_key(self.key.clone());
            }
            name if TYPES.contains(&name) || name == "any" => self.push_key(name, false, to),
            name => {
                let word = self.argument(name);
                to.push(word);
            }
        }
    }

    /// An argument that is not a key.
    fn argument(&mut self, name: &str) -> Vec<u8> {
        let text = match name {
            "value" => return self.value(),
            "big_value" => return self.big_value(),
            "payload" => return self.payload(),
            "member" => return self.member('m', 30),
            "field" => return self.member('f', 25),
            "int" => self.int(),
            "float" => self.float(),
            "score" => match self.below(12) {
                0 => self.pick(&["inf", "-inf", "+inf", "1e300", "-0", "0.1", "nan"]).to_owned(),
                _ => self.float(),
            },
            "index" => (self.below(16) as i64 - 7).to_string(),
            "count" => match self.below(12) {
                0 => "-1".to_owned(),
                1 => "0".to_owned(),
                _ => (1 + self.below(8)).to_string(),
            },
            "offset" => match self.below(4) {
                0 => format!("#{}", self.below(10)),
                _ => self.below(200).to_string(),
            },
            "bit" => self.pick(&["0", "1", "1", "2"]).to_owned(),
            "bits_of" => self.pick(&["u8", "i5", "u63", "i64", "u1", "u64", "x8"]).to_owned(),
            "ttl" => (10_000 + self.below(1_000_000)).to_string(),
            "ttl_ms" => (10_000_000 + self.below(1_000_000_000)).to_string(),
            "at" => (4_000_000_000 + self.below(1_000_000) as u64).to_string(),
            "at_ms" => (4_000_000_000_000 + self.below(1_000_000_000) as u64).to_string(),
            "lon" => self.pick(&["13.361389", "15.087269", "-0.1", "179.9", "200"]).to_owned(),
            "lat" => self.pick(&["38.115556", "37.502669", "51.5", "-84.9", "0"]).to_owned(),
            "radius" => self.pick(&["0", "1", "200", "500.5", "20000", "-1"]).to_owned(),
            "unit" => self.pick(&["m", "km", "KM", "mi", "ft", "li"]).to_owned(),
            "score_end" => match self.below(6) {
                0 => "-inf".to_owned(),
                1 => "+inf".to_owned(),
                2 => format!("({}", self.int()),
                _ => self.float(),
            },
            "lex" => match self.below(5) {
                0 => "-".to_owned(),
                1 => "+".to_owned(),
                2 => format!("(m{}", self.below(30)),
                3 => format!("[m{}", self.below(30)),
                _ => "m1".to_owned(),
            },
            "glob" => self.pick(&["*", "m*", "f1?", "[m-z][0-4]*", "nope"]).to_owned(),
            "pattern" => format!("{{{}}}num*", self.tag),
            "group" => self.pick(&["g0", "g0", "g1", "STREAMS"]).to_owned(),
            "consumer" => self.pick(&["c0", "c1", "block"]).to_owned(),
            "wait" => match self.below(12) {
                0 => self.pick(&["-1", "nope", "", "1e300"]).to_owned(),
                _ => self.pick(&["0.001", "0.002", "1e-3"]).to_owned(),
            },
            "wait_ms" => match self.below(12) {
                0 => self.pick(&["-1", "nope", "", "0.5"]).to_owned(),
                _ => self.pick(&["1", "2"]).to_owned(),
            },
            "idle" => self.pick(&["0", "100000000"]).to_owned(),
            "id" => self.id(),
            "id_end" => match self.below(5) {
                0 | 1 => self.pick(&["-", "+"]).to_owned(),
                2 => format!("({}", self.id()),
                _ => self.id(),
            },
            "new_id" => {
                self.entries += 1;
                let entry = self.entries;
                match self.below(8) {
                    0 => self.id(),
                    1 => format!("{entry}-*"),
                    2 => entry.to_string(),
                    _ => format!("{entry}-{}", self.below(3)),
                }
            }
            name => panic!("no word ${name}"),
        };
        text.into_bytes()
    }

    fn push_key(&mut self, kind: &'static str, of_scene: bool, to: &mut Request) {
        self.kind = match kind {
            "same" => self.kind,
            "any" => self.pick(&TYPES),
            // Not `big`: LCS of two such takes gigabytes.
            _ if self.one_in(12) => self.pick(&TYPES[..TYPES.len() - 1]),
            kind => kind,
        };
        let several = match self.kind {
            "stream" => 1,
            "geo" | "hll" | "bits" | "big" => 2,
            _ => 3,
        };
        let (n, kind) = (self.below(several), self.kind);
        let tag = self.tag;
        self.key = if of_scene {
            format!("{{{tag}}}{kind}{n}").into_bytes()
        } else {
            match self.below(20) {
                0 if kind == "str" => Vec::new(),
                0 => [kind.as_bytes(), b"\r\n\x00\xff"].concat(),
                1 => format!("{{}}{kind}").into_bytes(),
                2 => format!("{kind}{{").into_bytes(),
                3 => format!("{kind}{}", "x".repeat(300)).into_bytes(),
                4 => format!("x{{{tag}}}{kind}").into_bytes(),
                5..=12 => format!("{{{tag}}}{kind}{n}").into_bytes(),
                _ => format!("{n}-{kind}-key").into_bytes(),
            }
        };
        to.push_key(self.key.clone());
    }

    fn counted_keys(&mut self, kind: &'static str, to: &mut Request) {
        self.keys = 1 + self.below(3);
        to.push(self.keys.to_string());
        for _ in 0..self.keys {
            self.push_key(kind, true, to);
        }
    }

    fn streams(&mut self, next: bool, to: &mut Request) {
        let streams = 1 + self.below(2);
        for _ in 0..streams {
            self.push_key("stream", true, to);
        }
        for _ in 0..streams {
            let id = match self.below(4) {
                0 => "$".to_owned(),
                1 => "0".to_owned(),
                _ if next => ">".to_owned(),
                _ => self.id(),
            };
            to.push(id);
        }
    }

    fn write_script(&mut self, to: &mut Request) {
        self.script = self.below(SCRIPTS.len());
        let (kind, text) = SCRIPTS[self.script];
        to.push(text);
        let keys = 1 + self.below(2);
        to.push(keys.to_string());
        self.script_keys.clear();
        for _ in 0..keys {
            self.push_key(kind, true, to);
            self.script_keys.push(self.key.clone());
        }
        let value = self.value();
        to.push(value);
    }

    fn write_script_again(&mut self, to: &mut Request) {
        to.push(self.shas[self.script].clone());
        to.push(self.script_keys.len().to_string());
        for key in self.script_keys.clone() {
            to.push_key(key);
        }
        let value = self.value();
        to.push(value);
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => Vec::new(),
            1 => b"\r\n".to_vec(),
            2 => b"\xff\x00$5\r\nhello\r\n".to_vec(),
            3 => vec![b'x'; 70 + self.below(60)],
            4 => self.float().into_bytes(),
            5 | 6 => self.int().into_bytes(),
            _ => vec![b'a' + self.below(8) as u8; 1 + self.below(5)],
        }
    }

    fn big_value(&mut self) -> Vec<u8> {
        let len = 20_000 + self.below(130_000);
        (0..len).map(|at| (at % 251) as u8).collect()
    }

    fn payload(&mut self) -> Vec<u8> {
        if self.payloads.is_empty() {
            return self.edge();
        }
        let at = self.below(self.payloads.len());
        self.payloads[at].clone()
    }

    fn member(&mut self, letter: char, different: usize) -> Vec<u8> {
        match self.below(16) {
            0 => Vec::new(),
            // Not behind a NUL only: SORT compares C strings, and takes such two for the same.
            1 => b"\xff\x00\xfe".to_vec(),
            2..=7 => self.below(20).to_string().into_bytes(),
            _ => format!("{letter}{}", self.below(different)).into_bytes(),
        }
    }

    fn int(&mut self) -> String {
        match self.below(16) {
            0 => i64::MAX.to_string(),
            1 => i64::MIN.to_string(),
            _ => (self.below(40) as i64 - 20).to_string(),
        }
    }

    fn float(&mut self) -> String {
        match self.below(3) {
            0 => format!("{}.{}", self.below(30) as i64 - 15, self.below(100)),
            1 => format!("{}e{}", self.below(9), self.below(5)),
            _ => (self.below(30) as i64 - 15).to_string(),
        }
    }

    fn id(&mut self) -> String {
        let entry = self.chance.below(self.entries as u32 + 2);
        if self.one_in(2) { entry.to_string() } else { format!("{entry}-{}", self.below(3)) }
    }
}
