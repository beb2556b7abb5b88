//! Makes a conversation of a seed.
//!
//! A key's name says the type that it is meant to hold, so most requests meet a value of the right type; one in
//! ten takes another key. There are few keys and few databases, so that clients meet. The generator knows who is
//! in a transaction: such a client mostly goes on to EXEC.

use crate::conversation::{Act, Conversation, Keys, Kind, Request, Step};
use crate::templates::{
    ANY, BEGINS, DATA, ENDS, ENDS_IT, KEYLESS, LISTENERS, MISTAKES, PUBLISHES, RESTRICTED, SCRIPTS,
    SHAS, TIED, TYPES, WHOLE,
};
use nuthatch_engine::base::Chance;

/// Where keys are spread: more names of each, so that they lie on all shards.
const SPREAD: usize = 4;
/// So few that publishers meet listeners.
const CHANNELS: usize = 2;
const DATABASES: [&str; 5] = ["0", "0", "1", "2", "15"];
const STEPS: usize = 30;
const PIPELINE: usize = 12;
const LARGE: usize = 20_000;
/// Above the bound at which a transaction has a connection of its own.
const HUGE: usize = 200_000;

struct Maker {
    chance: Chance,
    keys: Keys,
    /// What the names of all keys begin with.
    prefix: String,
    clients: Vec<State>,
    messages: usize,
}

#[derive(Clone, Default)]
struct State {
    is_in_transaction: bool,
    /// It speaks RESP3, as far as we know.
    is_resp3: bool,
    /// It listens, as far as we know.
    listens: bool,
    /// It has listened once. Redis before 7.2 writes a message to a client of RESP3 into its reply to EXEC, if the
    /// client sends it itself there.
    has_listened: bool,
}

pub fn conversation(seed: u64, number: u64) -> Conversation {
    let mut chance = Chance::new(seed.wrapping_mul(1 << 32).wrapping_add(number));
    let keys = match chance.below(10) {
        0 => Keys::Whole,
        1 | 2 => Keys::Spread,
        _ => Keys::Tied,
    };
    let prefix = if keys == Keys::Tied { format!("{{{number}}}") } else { format!("{number}-") };
    let clients = vec![State::default(); 2 + chance.below(3) as usize];
    let mut maker = Maker { chance, keys, prefix, clients, messages: 0 };
    let count = 5 + maker.below(STEPS);
    let mut steps: Vec<Step> = (0..count).flat_map(|_| maker.steps()).collect();
    steps.push(maker.look());
    Conversation { keys, steps }
}

/// Cuts a pipeline where its outcome would depend on which of two connections is faster. A server publishes and
/// subscribes on one; the proxy publishes on one, and listens on another.
///
/// What is published before a client's own subscriptions change may reach the proxy after that, and so not this
/// client, or still this client; or in the version that it has asked for meanwhile. What a client publishes right
/// after it has ended a subscription may be counted as received by it. `Sides` waits for both between two steps.
fn apart(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let mut steps = vec![Vec::new()];
    let (mut has_published, mut has_ended) = (false, false);
    for request in requests {
        let act = request.act();
        let changes = matches!(act, Act::Begins | Act::Ends | Act::Speaks);
        if has_published && changes || has_ended && act == Act::Publishes {
            steps.push(Vec::new());
            (has_published, has_ended) = (false, false);
        }
        has_published |= act == Act::Publishes;
        has_ended |= act == Act::Ends;
        steps.last_mut().unwrap().push(request);
    }
    steps
}

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        self.chance.below(bound as u32) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn steps(&mut self) -> Vec<Step> {
        let client = self.below(self.clients.len());
        if self.one_in(25) {
            self.clients[client] = State::default();
            return vec![Step { client, kind: Kind::Leave }];
        }
        if self.one_in(50) {
            self.clients[client] = State::default();
            return vec![Step { client, kind: Kind::End { bytes: self.pick(&ENDS).into() } }];
        }
        let count = if self.one_in(2) { 1 } else { 1 + self.below(PIPELINE) };
        let requests: Vec<Request> = (0..count).map(|_| self.request(client)).collect();
        let ask = |requests: Vec<Request>| {
            let cuts = self.cuts(&requests);
            Step { client, kind: Kind::Ask { requests, cuts } }
        };
        apart(requests).into_iter().map(ask).collect()
    }

    fn cuts(&mut self, requests: &[Request]) -> Vec<usize> {
        let mut bytes = Vec::new();
        for request in requests {
            request.write(&mut bytes);
        }
        if bytes.len() < 100 && self.one_in(20) {
            return (1..bytes.len()).collect();
        }
        let count = if self.one_in(2) { 0 } else { self.below(4) };
        let mut cuts: Vec<usize> = (0..count).map(|_| 1 + self.below(bytes.len())).collect();
        cuts.sort_unstable();
        cuts
    }

    /// At the end: what all keys hold, in all databases.
    fn look(&mut self) -> Step {
        let mut requests = vec![self.fill("RESET")];
        for db in ["0", "1", "2"] {
            requests.push(self.fill(&format!("SELECT {db}")));
            for kind in TYPES {
                let count = if self.keys == Keys::Tied { 1 } else { SPREAD };
                for number in 0..count {
                    let key = self.key(kind, number);
                    let read = match kind {
                        "list" => format!("LRANGE {key} 0 -1"),
                        "set" => format!("SMEMBERS {key}"),
                        "hash" => format!("HGETALL {key}"),
                        "zset" => format!("ZRANGE {key} 0 -1"),
                        "stream" => format!("XRANGE {key} - +"),
                        _ => format!("GET {key}"),
                    };
                    requests.push(self.fill(&format!("TYPE {key}")));
                    requests.push(self.fill(&read));
                }
            }
        }
        Step { client: 0, kind: Kind::Ask { requests, cuts: Vec::new() } }
    }

    fn request(&mut self, client: usize) -> Request {
        let template = if self.clients[client].is_in_transaction {
            self.inside(client)
        } else {
            self.outside(client)
        };
        let mut request = self.fill(&template);
        if self.one_in(20) {
            request.words[0].make_ascii_lowercase();
        }
        let is_plain = |word: &Vec<u8>| {
            !word.is_empty()
                && word.len() < 100
                && word.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(byte))
        };
        request.is_line = request.words.iter().all(is_plain) && self.one_in(15);
        request
    }

    fn outside(&mut self, client: usize) -> String {
        let State { is_resp3, listens, .. } = self.clients[client];
        let template = match self.below(100) {
            // RESP2's clients can do little while they listen, so fewer of them do.
            0..5 if !is_resp3 && !listens => "HELLO 3".into(),
            0..40 if !is_resp3 && listens => self.pick(RESTRICTED).into(),
            0..5 | 40..60 if listens => self.pick(ENDS_IT).into(),
            5..8 | 60..70 if listens || is_resp3 => self.pick(BEGINS).into(),
            8 | 9 => self.pick(BEGINS).into(),
            10..24 => self.pick(PUBLISHES).into(),
            24..26 => self.pick(LISTENERS).into(),
            _ => self.outside_of_talk(client),
        };
        let state = &mut self.clients[client];
        match template.split(' ').next() {
            Some("SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE") => {
                (state.listens, state.has_listened) = (true, true);
            }
            Some("UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE") => state.listens = false,
            Some("HELLO") if template == "HELLO 2" => state.is_resp3 = false,
            Some("HELLO") if template == "HELLO 3" => state.is_resp3 = true,
            Some("RESET") => (state.is_resp3, state.listens) = (false, false),
            _ => {}
        }
        template
    }

    fn outside_of_talk(&mut self, client: usize) -> String {
        match self.below(100) {
            0..20 => {
                self.clients[client].is_in_transaction = true;
                "MULTI".into()
            }
            20..32 if self.keys != Keys::Spread => self.watch(),
            32..36 => "UNWATCH".into(),
            36..42 => self.select(),
            42..46 => self.pick(KEYLESS).into(),
            46..50 => self.pick(MISTAKES).into(),
            50..54 => self.pick(&["HELLO 3", "HELLO 3", "HELLO 2", "HELLO", "HELLO 4"]).into(),
            54 => "RESET".into(),
            55..58 => self.pick(&["EXEC", "DISCARD"]).into(),
            58..60 => self
                .pick(&[
                    "MULTI x",
                    "EXEC x",
                    "DISCARD x",
                    "WATCH",
                    "UNWATCH x",
                    "SELECT",
                    "SELECT 1 2",
                ])
                .into(),
            _ => self.data(),
        }
    }

    fn inside(&mut self, client: usize) -> String {
        let (template, ends) = match self.below(100) {
            0..16 => ("EXEC".into(), true),
            16..19 => ("DISCARD".into(), true),
            19 => {
                self.clients[client] = State::default();
                ("RESET".into(), true)
            }
            20 => ("EXEC x".into(), true),
            21 => ("MULTI".into(), false),
            22 => (self.watch(), false),
            23 => ("UNWATCH".into(), false),
            24 => {
                (self.pick(&["MULTI x", "DISCARD x", "WATCH", "UNWATCH x", "SELECT"]).into(), false)
            }
            25..32 => (self.select(), false),
            32..38 => (self.pick(KEYLESS).into(), false),
            38..40 => (self.pick(MISTAKES).into(), false),
            40..45 if !self.clients[client].has_listened => (self.pick(PUBLISHES).into(), false),
            45..60 if self.keys == Keys::Whole => (self.pick(WHOLE).into(), false),
            _ => (self.data(), false),
        };
        if ends {
            self.clients[client].is_in_transaction = false;
        }
        template
    }

    fn watch(&mut self) -> String {
        self.pick(&["WATCH A", "WATCH A A", "WATCH Knum", "WATCH Kstr", "WATCH A A A"]).into()
    }

    fn select(&mut self) -> String {
        match self.below(10) {
            0 => format!(
                "SELECT {}",
                self.pick(&["16", "-1", "x", "99999999999", "99999999999999999999", "+1", "01"])
            ),
            _ => format!("SELECT {}", self.pick(&DATABASES)),
        }
    }

    fn data(&mut self) -> String {
        match self.below(20) {
            0..3 => self.pick(ANY).into(),
            3..5 if self.keys != Keys::Spread => self.pick(TIED).into(),
            5 => self.script(),
            _ => {
                let at = self.below(TYPES.len());
                let template = self.pick(DATA[at]);
                let kind = if self.one_in(10) { self.pick(&TYPES) } else { TYPES[at] };
                template.replace(" K", &format!(" K{kind}"))
            }
        }
    }

    fn script(&mut self) -> String {
        let at = self.below(SCRIPTS.len());
        let key = self.pick(&["Knum", "Kstr"]);
        match self.below(4) {
            0 => format!("EVALSHA {} 1 {key} V", self.pick(&SHAS)),
            1 => format!("EVAL_RO S{at} 1 {key} V"),
            _ => format!("EVAL S{at} 1 {key} V"),
        }
    }

    fn key(&self, kind: &str, number: usize) -> String {
        match self.keys {
            Keys::Tied => format!("{}{kind}", self.prefix),
            Keys::Spread | Keys::Whole => format!("{number}-{}{kind}", self.prefix),
        }
    }

    fn channel(&self, number: usize) -> String {
        match self.keys {
            Keys::Tied => format!("{}c{number}", self.prefix),
            Keys::Spread | Keys::Whole => format!("{number}-{}c", self.prefix),
        }
    }

    /// Only channels of this conversation match.
    fn pattern(&self, number: usize) -> String {
        let prefix = &self.prefix;
        match (self.keys, number) {
            (Keys::Tied, 0) => format!("{prefix}*"),
            (Keys::Tied, 1) => format!("{prefix}c[0x]"),
            (Keys::Tied, _) => format!("{prefix}?{}", number % CHANNELS),
            (_, 0) => format!("*-{prefix}c"),
            (_, 1) => format!("[0x]-{prefix}?"),
            (_, _) => format!("{}-{prefix}*", number % CHANNELS),
        }
    }

    fn message(&mut self) -> Vec<u8> {
        self.messages += 1;
        let mut message = format!("m{}", self.messages).into_bytes();
        message.extend(self.value());
        message
    }

    /// Words for the capitals of a template.
    fn fill(&mut self, template: &str) -> Request {
        let words = template.split(' ').map(|word| self.word(word)).collect();
        Request { words, is_line: false }
    }

    fn word(&mut self, word: &str) -> Vec<u8> {
        let number = self.below(SPREAD);
        match word {
            "A" => {
                let kind = self.pick(&TYPES);
                self.key(kind, number).into()
            }
            "V" => self.value(),
            "N" => self.below(4).to_string().into(),
            "N-N" => format!("{}-{}", 1 + self.below(9), self.below(3)).into(),
            "P*" => b"*".into(),
            "Chan" => self.channel(number % CHANNELS).into(),
            "Pat" => self.pattern(number).into(),
            "Msg" => self.message(),
            _ => {
                if let Some(kind) = word.strip_prefix('K').filter(|kind| TYPES.contains(kind)) {
                    return self.key(kind, number).into();
                }
                let script = word.strip_prefix('S').and_then(|at| at.parse::<usize>().ok());
                script.map_or_else(|| word.into(), |at| SCRIPTS[at].into())
            }
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(200) {
            0 => vec![b'x'; HUGE],
            1..4 => vec![b'y'; LARGE],
            4..10 => b"\r\n\"\0".into(),
            10..20 => Vec::new(),
            _ => format!("v{}", self.below(5)).into(),
        }
    }
}
