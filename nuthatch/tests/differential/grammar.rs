//! From a line of `rows.rs` to requests: reads the line once, then chooses its way through it
//! again and again.
//!
//! A sixth of the requests is then broken: cut short, with surplus arguments, or with an edge
//! value where another stood. Keys stay in their places and stay what they are: a request that
//! grows a key of another tag would be refused for that reason alone, and one that makes a key
//! out of a value could leave data where no later request of its scene tidies it up.

use crate::table::may_wait;
use crate::words::Words;

/// One request, and the arguments of it that are keys.
#[derive(Clone, Debug)]
pub struct Request {
    pub args: Vec<Vec<u8>>,
    pub is_key: Vec<bool>,
}

pub enum Part {
    Word(&'static str),
    Choice(Vec<Vec<Part>>),
    Maybe(Box<Part>),
    Some(Box<Part>),
    NextRequest,
}

/// Reads one line.
pub fn parse(line: &'static str) -> Part {
    let mut at = 0;
    let choice = choice(line, &mut at);
    assert_eq!(at, line.len(), "an unpaired ) in {line:?}");
    choice
}

fn choice(line: &'static str, at: &mut usize) -> Part {
    let bytes = line.as_bytes();
    let mut ways = vec![Vec::new()];
    while *at < line.len() {
        let part = match bytes[*at] {
            b' ' => {
                *at += 1;
                continue;
            }
            b')' => break,
            b'|' => {
                *at += 1;
                ways.push(Vec::new());
                continue;
            }
            b'(' => {
                *at += 1;
                let inner = choice(line, at);
                assert_eq!(bytes.get(*at), Some(&b')'), "an unpaired ( in {line:?}");
                *at += 1;
                inner
            }
            _ => {
                let start = *at;
                let ends = |b: &u8| b" ()|?+".contains(b);
                let len = bytes[start..].iter().position(ends).unwrap_or(line.len() - start);
                *at += len.max(1);
                match &line[start..*at] {
                    ";" => Part::NextRequest,
                    word => Part::Word(word),
                }
            }
        };
        let part = match bytes.get(*at) {
            Some(b'?') => Part::Maybe(Box::new(part)),
            Some(b'+') => Part::Some(Box::new(part)),
            _ => {
                ways.last_mut().unwrap().push(part);
                continue;
            }
        };
        *at += 1;
        ways.last_mut().unwrap().push(part);
    }
    Part::Choice(ways)
}

/// One scene of a line: its requests.
pub fn scene(line: &Part, words: &mut Words) -> Vec<Request> {
    words.begin_scene();
    let mut requests = vec![Request::new()];
    walk(line, words, &mut requests);
    requests
}

fn walk(part: &Part, words: &mut Words, requests: &mut Vec<Request>) {
    match part {
        Part::Word(word) => words.write(word, requests.last_mut().unwrap()),
        Part::Choice(ways) => {
            for part in &ways[words.below(ways.len())] {
                walk(part, words, requests);
            }
        }
        Part::Maybe(part) => {
            if words.one_in(2) {
                walk(part, words, requests);
            }
        }
        Part::Some(part) => {
            for _ in 0..=words.below(4) {
                walk(part, words, requests);
            }
        }
        Part::NextRequest => requests.push(Request::new()),
    }
}

impl Request {
    fn new() -> Request {
        Request { args: Vec::new(), is_key: Vec::new() }
    }

    pub fn push(&mut self, arg: impl Into<Vec<u8>>) {
        self.args.push(arg.into());
        self.is_key.push(false);
    }

    pub fn push_key(&mut self, key: impl Into<Vec<u8>>) {
        self.args.push(key.into());
        self.is_key.push(true);
    }

    /// Makes a mistake, or spells the name in another case.
    pub fn spoil(&mut self, words: &mut Words) {
        if words.one_in(3) {
            self.args[0] = words.other_case(&self.args[0]);
        }
        if !words.one_in(6) {
            return;
        }
        if may_wait(&self.args) {
            // A second mistake in one request may be found before the first.
            return;
        }
        match words.below(4) {
            0 => {
                let len = 1 + words.below(self.args.len());
                self.args.truncate(len);
            }
            1 => {
                for _ in 0..=words.below(2) {
                    let edge = words.edge();
                    self.push(edge);
                }
            }
            _ => {
                let at = words.below(self.args.len());
                if at > 0 && !self.is_key[at] {
                    self.args[at] = words.edge();
                }
            }
        }
    }
}
