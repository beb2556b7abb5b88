//! Requests from a seed: good ones of every command, over few keys, so that they meet.

use crate::differences::Cut;
use nuthatch_engine::base::Chance;

/// Stands in a batch for the unique that each side gave.
const CAS: &[u8] = b"<cas>";

/// Requests that are sent together.
pub struct Batch {
    pub requests: Vec<Vec<u8>>,
    /// The key whose unique they want.
    pub cas_of: Option<Vec<u8>>,
}

impl Batch {
    pub fn bytes(&self, unique: Option<Vec<u8>>) -> Vec<u8> {
        let bytes = self.requests.concat();
        let Some(unique) = unique else { return bytes };
        let mut out = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some(at) = rest.windows(CAS.len()).position(|bytes| bytes == CAS) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(&unique);
            rest = &rest[at + CAS.len()..];
        }
        out.extend_from_slice(rest);
        out
    }
}

/// The unique in the reply to `gets` of one key; 1 if there is none.
pub fn unique_of(reply: &[u8]) -> Vec<u8> {
    let line = reply.split(|&b| b == b'\r').next().unwrap();
    match line.split(|&b| b == b' ').nth(4) {
        Some(unique) => unique.to_vec(),
        None => b"1".to_vec(),
    }
}

/// Whether a batch must end before this request.
pub fn cut_before(request: &[u8]) -> Option<Cut> {
    let lines = || request.split(|&b| b == b'\n');
    let words = |line: &[u8]| -> Vec<Vec<u8>> {
        line.split(|&b| b == b' ').filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
    };
    lines().find_map(|line| {
        let words = words(line);
        match words.first()?.as_slice() {
            b"get" | b"gets" | b"gat" | b"gats" => {
                words.iter().any(|word| word.len() > 250).then_some(Cut::LongKey)
            }
            b"incr" | b"decr" | b"ma" => {
                let is_counter = |key: &Vec<u8>| COUNTERS.iter().any(|it| it.as_bytes() == key);
                (!words.get(1).is_some_and(is_counter)).then_some(Cut::Held)
            }
            _ => None,
        }
    })
}

pub struct Maker {
    chance: Chance,
    /// Why batches were cut.
    pub cuts: Vec<Cut>,
}

/// Base64 of keys that text cannot say, of one that it can, and what is none.
const BASE64: &[&str] = &["AP/+", "a2V5IHdpdGggYmxhbms=", "YQ==", "Zm9v", "YQ=", "Y!==", "=="];
/// Stored and counted with, and not retrieved, so that no reply holds them (`Cut::Held`).
const COUNTERS: &[&str] = &["count-1", "count-2", "count-3", "count-4"];
const KEYS: &[&str] = &[
    "a",
    "b",
    "c",
    "foo",
    "bar",
    "baz",
    "qux",
    "user:1",
    "{t}a",
    "caf\u{e9}",
    "tab\tkey",
    "noreply",
];

impl Maker {
    pub fn new(seed: u64) -> Maker {
        Maker { chance: Chance::new(seed), cuts: Vec::new() }
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.chance.below(bound as u32) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn conversation(&mut self) -> Vec<Batch> {
        let kind = self.below(4);
        (0..2 + self.below(8)).flat_map(|_| self.batches(kind)).collect()
    }

    /// A batch; two or more if it has to be cut.
    fn batches(&mut self, kind: usize) -> Vec<Batch> {
        let wants_cas = self.one_in(5);
        let cas_of = wants_cas.then(|| self.key());
        let count = if self.one_in(3) { 1 } else { 1 + self.below(25) };
        let mut batches = vec![Batch { requests: Vec::new(), cas_of: None }];
        if let Some(key) = cas_of {
            batches[0].requests.push(self.with_unique(&key));
            batches[0].cas_of = Some(key.into_bytes());
        }
        for _ in 0..count {
            let request = match kind {
                0 => self.text(),
                1 => self.meta(),
                2 if self.one_in(3) => self.bad(),
                _ if self.one_in(2) => self.text(),
                _ => self.meta(),
            };
            if let Some(cut) = cut_before(&request) {
                self.cuts.push(cut);
                batches.push(Batch { requests: Vec::new(), cas_of: None });
            }
            batches.last_mut().unwrap().requests.push(request);
        }
        batches
    }

    pub fn key(&mut self) -> String {
        match self.below(30) {
            0 => "k".repeat(250),
            1 => format!("{}x", self.below(1000)),
            _ => self.pick(KEYS).to_owned(),
        }
    }

    /// A key to count with; seldom one that is also retrieved.
    fn counted(&mut self) -> String {
        if self.one_in(3) { self.key() } else { self.pick(COUNTERS).to_owned() }
    }

    fn data(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => Vec::new(),
            1 => b"\r\nEND\r\nMN\r\n".to_vec(),
            2 => {
                let len = self.below(30_000);
                (0..len).map(|_| self.chance.draw() as u8).collect()
            }
            3..=6 => self.below(100).to_string().into(),
            _ => {
                let len = 1 + self.below(40);
                b"some bytes of data, and then some more of it"[..len].to_vec()
            }
        }
    }

    pub fn line(&mut self, words: &[&str]) -> Vec<u8> {
        let blank = if self.one_in(30) { "  " } else { " " };
        let mut line = words.join(blank);
        if self.one_in(40) {
            line.insert(0, ' ');
        }
        if self.one_in(30) {
            line.push(' ');
        }
        line.push_str(if self.one_in(25) { "\n" } else { "\r\n" });
        line.into_bytes()
    }

    pub fn noreply<'a>(&mut self, mut words: Vec<&'a str>) -> Vec<&'a str> {
        if self.one_in(4) {
            words.push("noreply");
        }
        words
    }

    pub fn stored(&mut self, words: &[&str], data: &[u8]) -> Vec<u8> {
        let mut request = self.line(words);
        request.extend_from_slice(data);
        request.extend_from_slice(b"\r\n");
        request
    }

    fn ttl(&mut self) -> &'static str {
        self.pick(&["0", "0", "0", "1000", "-1"])
    }

    /// A good request of the text protocol.
    pub fn text(&mut self) -> Vec<u8> {
        let (key, ttl) = (self.key(), self.ttl());
        match self.below(20) {
            0..8 => {
                let key = if self.one_in(5) { self.counted() } else { key };
                let name = self.pick(&["set", "set", "set", "add", "replace", "append", "prepend"]);
                let flags = self.pick(&["0", "0", "7", "4294967295"]);
                let data = self.data();
                let len = data.len().to_string();
                let words = self.noreply(vec![name, &key, flags, ttl, &len]);
                self.stored(&words, &data)
            }
            8..=13 => {
                let name = self.pick(&["get", "get", "gets", "gat", "gats"]);
                let mut words = vec![name.to_owned()];
                if name.starts_with("ga") && name != "get" && name != "gets" {
                    words.push(ttl.to_owned());
                }
                let count = if self.one_in(2) { 1 } else { 1 + self.below(20) };
                words.extend((0..count).map(|_| self.key()));
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                self.line(&words)
            }
            14..16 => {
                let name = self.pick(&["incr", "decr"]);
                let key = self.counted();
                let by = self.pick(&["1", "7", "100000", "18446744073709551615"]);
                let words = self.noreply(vec![name, &key, by]);
                self.line(&words)
            }
            16 => {
                let words = self.noreply(vec!["touch", &key, ttl]);
                self.line(&words)
            }
            17 | 18 => {
                let words = self.noreply(vec!["delete", &key]);
                self.line(&words)
            }
            _ if self.one_in(6) => {
                let words = self.noreply(vec!["flush_all"]);
                self.line(&words)
            }
            _ => {
                let level = self.pick(&["0", "1"]);
                let words = self.noreply(vec!["verbosity", level]);
                self.line(&words)
            }
        }
    }

    /// A request of the meta protocol, mostly a good one; a quiet one has company.
    fn meta(&mut self) -> Vec<u8> {
        if self.one_in(5) {
            return self.quiet_run();
        }
        let quiet = self.one_in(5);
        self.meta_one(quiet, false)
    }

    /// Quiet requests, a barrier at their end.
    fn quiet_run(&mut self) -> Vec<u8> {
        let mut run: Vec<u8> =
            (0..=self.below(12)).flat_map(|_| self.meta_one(true, true)).collect();
        run.extend_from_slice(b"mn\r\n");
        run
    }

    fn meta_one(&mut self, quiet: bool, in_run: bool) -> Vec<u8> {
        let base64 = self.one_in(6);
        let name = self.pick(&["mg", "mg", "mg", "ms", "ms", "md", "ma", "me"]);
        let key = match base64 {
            true if name != "ma" => self.pick(BASE64).to_owned(),
            // A run cannot be cut.
            _ if name == "ma" && in_run => self.pick(COUNTERS).to_owned(),
            true => self.pick(BASE64).to_owned(),
            false if name == "ma" || name == "ms" && self.one_in(4) => self.counted(),
            false => self.key(),
        };
        let data = self.data();
        let len = data.len().to_string();
        let own: &[&str] = match name {
            "mg" => &["v", "v", "k", "f", "s", "t", "c", "h", "l", "N100", "R60", "T1000", "E1"],
            "ms" => {
                &["k", "F5", "T0", "T1000", "I", "MS", "ME", "MR", "MA", "MP", "c", "C987654321"]
            }
            "md" => &["k", "I", "T40", "C987654321"],
            "ma" => &[
                "v",
                "k",
                "t",
                "c",
                "N100",
                "J13",
                "D5",
                "MI",
                "MD",
                "M+",
                "M-",
                "T1000",
                "C987654321",
            ],
            _ => &[],
        };
        let mut words = vec![name.to_owned(), key];
        if name == "ms" {
            words.push(len);
        }
        if base64 && !COUNTERS.contains(&words[1].as_str()) {
            words.push("b".to_owned());
        }
        for flag in own {
            if self.one_in(4) && words.iter().all(|word| word.as_bytes()[0] != flag.as_bytes()[0]) {
                words.push((*flag).to_owned());
            }
        }
        if self.one_in(2) {
            words.push(format!("O{}", self.below(100_000)));
        }
        if quiet {
            words.push("q".to_owned());
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if name == "ms" { self.stored(&words, &data) } else { self.line(&words) }
    }

    /// `cas`, or `C` of a meta command, by the unique that this server gave.
    fn with_unique(&mut self, key: &str) -> Vec<u8> {
        match self.below(4) {
            0 => self.stored(&["ms", key, "3", "k", "C<cas>"], b"new"),
            1 => self.line(&["md", key, "C<cas>", "O1"]),
            _ => {
                let words = self.noreply(vec!["cas", key, "3", "0", "3", "<cas>"]);
                self.stored(&words, b"new")
            }
        }
    }
}
