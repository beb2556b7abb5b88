//! Makes a conversation of a seed.
//!
//! A key's name says the type that it is meant to hold, so most requests meet a value of the right type; one in
//! ten takes another key. There are few keys and few databases, so that clients meet. The generator knows who is
//! in a transaction: such a client mostly goes on to EXEC.

use crate::conversation::{Conversation, Keys, Kind, Request, Step};
use nuthatch_engine::base::Chance;

const TYPES: [&str; 7] = ["str", "num", "list", "set", "hash", "zset", "stream"];
/// Where keys are spread: more names of each, so that they lie on all shards.
const SPREAD: usize = 4;
const DATABASES: [&str; 5] = ["0", "0", "1", "2", "15"];
const STEPS: usize = 30;
const PIPELINE: usize = 12;
const LARGE: usize = 20_000;
/// Above the bound at which a transaction has a connection of its own.
const HUGE: usize = 200_000;

/// Templates, by the type that their key holds. `K` is a key of this type, `A` any key, `V` a value, `N` a
/// number. What has two keys is for tied ones only.
const DATA: [&[&str]; 7] = [
    &[
        "GET K",
        "SET K V",
        "SETNX K V",
        "APPEND K V",
        "GETSET K V",
        "STRLEN K",
        "GETDEL K",
        "SETEX K 1000 V",
        "GETRANGE K 0 3",
        "SET K V GET",
        "SET K V NX GET",
    ],
    &["INCR K", "INCR K", "DECR K", "INCRBY K N", "INCRBYFLOAT K 0.5", "GET K", "SET K N"],
    &[
        "RPUSH K V",
        "LPUSH K V N",
        "LPOP K",
        "RPOP K 2",
        "LRANGE K 0 -1",
        "LLEN K",
        "LINDEX K N",
        "BLPOP K 0.001",
        "BRPOP K 0.001",
    ],
    &["SADD K V N", "SREM K N", "SCARD K", "SISMEMBER K N", "SMEMBERS K"],
    &[
        "HSET K N V",
        "HGET K N",
        "HDEL K N",
        "HINCRBY K n 1",
        "HGETALL K",
        "HMGET K N x n",
        "HLEN K",
    ],
    &[
        "ZADD K N V",
        "ZSCORE K V",
        "ZRANGE K 0 -1 WITHSCORES",
        "ZINCRBY K N m",
        "ZREM K V",
        "ZPOPMIN K",
        "BZPOPMIN K 0.001",
    ],
    &[
        "XADD K N-N f V",
        "XLEN K",
        "XRANGE K - +",
        "XREAD COUNT 2 STREAMS K 0",
        "XTRIM K MAXLEN 3",
        "XREAD BLOCK 1 STREAMS K $",
    ],
];
const ANY: &[&str] = &[
    "DEL A",
    "UNLINK A A",
    "EXISTS A A",
    "TYPE A",
    "EXPIRE A 1000",
    "TTL A",
    "PERSIST A",
    "TOUCH A A",
    "GET A",
    "DEL A A A",
    "MGET A A A",
    "MSET Kstr V Kstr V",
    "MGET Kstr Knum Kstr",
    "EXPIRE A -1",
    "MOVE A 1",
    "MOVE A 99",
];
const TIED: &[&str] = &[
    "RENAME A A",
    "COPY A A",
    "COPY A A REPLACE",
    "MSETNX Kstr V Knum N",
    "LMOVE Klist Klist LEFT RIGHT",
    "SUNIONSTORE Kset Kset Kset",
    "SMOVE Kset Kset N",
    "RPOPLPUSH Klist A",
    "BLMOVE Klist Klist LEFT RIGHT 0.001",
    "BLPOP Klist Knum 0.001",
    "COPY A A DB 1 REPLACE",
    "COPY A A DB 99",
];
/// All sides have them from the start.
pub const SCRIPTS: &[&str] = &[
    "return redis.call('get',KEYS[1])",
    "return redis.call('incr',KEYS[1])",
    "redis.call('set',KEYS[1],ARGV[1]) return {KEYS[1],ARGV[1],3.7,false,true}",
    "return redis.error_reply('MY own')",
    "return {{double=3.5},{map={a=1}}}",
    "return (",
];
/// SHA1 of the first three, and of none.
const SHAS: [&str; 4] = [
    "fd758d1589d044dd850a6f05d52f2eefd27f033f",
    "6f5ade10a69975e903c6d07b10ea44c6382381a5",
    "e8391d26c36af8e1ea84b37bd14256ff5fe7bb3d",
    "0000000000000000000000000000000000000000",
];
const KEYLESS: &[&str] = &[
    "PING",
    "PING V",
    "ECHO V",
    "TIME",
    "CLIENT GETNAME",
    "CLIENT SETNAME n",
    "CLIENT ID",
    "COMMAND COUNT x",
];
const MISTAKES: &[&str] = &[
    "GET",
    "SET Kstr",
    "NOSUCH Kstr",
    "NOSUCH",
    "INCR Knum Knum",
    "MGET",
    "SET Kstr V WRONG",
    "HSET Khash f",
    "INCRBY Knum x",
    "EVAL",
    "CLIENT NOSUCH",
    "OBJECT NOSUCH Kstr",
    "LPUSH Klist",
    "PING a b",
    "ECHO",
    "EVAL return(1) x",
    "EVAL return(1) -1",
    "EVAL return(1) 5 Kstr",
    "EXPIRE Kstr x",
    "MSET Kstr",
    "MSET Kstr V Kstr",
    "BLPOP Klist",
    "BLPOP Klist x",
    "BLPOP Klist -1",
    "SINTERCARD x Kset",
    "ZUNION 0 Kset",
    "XREAD STREAMS Kstream",
];
const WHOLE: &[&str] = &["DBSIZE", "KEYS P*", "FLUSHDB", "FLUSHALL", "SCRIPT EXISTS x"];

/// After which a server closes the connection.
const ENDS: [&str; 4] = [
    "QUIT\r\n",
    "*1\r\n$4\r\nQUIT\r\n",
    "*1\r\n$4\r\nEXEC\r\n*1\r\n$x\r\n",
    "*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nEXEC\r\n",
];

struct Maker {
    chance: Chance,
    keys: Keys,
    /// What the names of all keys begin with.
    prefix: String,
    clients: Vec<State>,
}

#[derive(Clone, Default)]
struct State {
    is_in_transaction: bool,
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
    let mut maker = Maker { chance, keys, prefix, clients };
    let count = 5 + maker.below(STEPS);
    let mut steps: Vec<Step> = (0..count).map(|_| maker.step()).collect();
    steps.push(maker.look());
    Conversation { keys, steps }
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

    fn step(&mut self) -> Step {
        let client = self.below(self.clients.len());
        if self.one_in(25) {
            self.clients[client] = State::default();
            return Step { client, kind: Kind::Leave };
        }
        if self.one_in(50) {
            self.clients[client] = State::default();
            return Step { client, kind: Kind::End { bytes: self.pick(&ENDS).into() } };
        }
        let count = if self.one_in(2) { 1 } else { 1 + self.below(PIPELINE) };
        let requests: Vec<Request> = (0..count).map(|_| self.request(client)).collect();
        let cuts = self.cuts(&requests);
        Step { client, kind: Kind::Ask { requests, cuts } }
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
            19 => ("RESET".into(), true),
            20 => ("EXEC x".into(), true),
            21 => ("MULTI".into(), false),
            22 => (self.watch(), false),
            23 => ("UNWATCH".into(), false),
            24 => {
                (self.pick(&["MULTI x", "DISCARD x", "WATCH", "UNWATCH x", "SELECT"]).into(), false)
            }
            25..32 => (self.select(), false),
            // A name: see `check_name`.
            32..38 => (self.pick(KEYLESS).replace("CLIENT SETNAME n", "PING"), false),
            38..40 => (self.pick(MISTAKES).into(), false),
            40..55 if self.keys == Keys::Whole => (self.pick(WHOLE).into(), false),
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
                template.replace('K', &format!("K{kind}"))
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
