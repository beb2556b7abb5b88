//! The memcached requests of clients, and the right replies: see `script.rs`.

use crate::check::{Ledger, Sent, tag_of};
use crate::dice::Dice;
use crate::echo::echo_value;
use crate::expect::{Asked, Expect};
use crate::memcache::{item, to_base64};
use crate::memcached::{FLUSH, runs_out};
use crate::resp::Value;
use crate::script::Script;
use nuthatch_engine::base::Time;
use nuthatch_engine::topology::Manners;
use std::collections::VecDeque;

/// The private key that is written with `noreply` only.
const SILENT_OWN: usize = 2;

fn lines(text: impl AsRef<str>) -> Expect {
    Expect::Value(Value::Lines(format!("{}\r\n", text.as_ref()).into_bytes()))
}

fn hit(items: &[Vec<u8>]) -> Value {
    Value::Lines([&items.concat()[..], b"END\r\n"].concat())
}

impl Script {
    fn line(&self, out: &mut Vec<u8>, line: &str, data: Option<&[u8]>) {
        out.extend_from_slice(line.as_bytes());
        // In memcached a lone LF ends a line, but not a block.
        out.extend_from_slice(if self.inline { b"\n" } else { b"\r\n" });
        if let Some(data) = data {
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
        }
    }

    fn memcache_tag(&self, ledger: &mut Ledger, at: Time) -> u64 {
        ledger.tag(Sent { client: self.client, at, resp3: Some(false) })
    }

    /// Appends a random request or a run of quiet requests.
    pub fn next_memcache(
        &self,
        out: &mut Vec<u8>,
        asked: &mut VecDeque<Asked>,
        dice: &mut Dice,
        ledger: &mut Ledger,
        now: Time,
    ) {
        if dice.percent(18) {
            return self.quiet_run(out, asked, dice, ledger, now);
        }
        let tag = self.memcache_tag(ledger, now);
        let size = if dice.percent(90) { 60 } else { self.value_bytes_max };
        let mut len = || dice.range(0, size.min(self.value_bytes_max));
        let echo = |i: usize, len: u64| format!("e:#{tag}#{i}:{len}");
        let (one, padding) = (echo(0, len()), "y".repeat(len() as usize));
        let many: Vec<String> = (0..2 + tag as usize % 5)
            .map(|i| if len() % 4 == 1 { format!("miss:#{tag}#{i}") } else { echo(i, len() / 2) })
            .collect();
        let own = dice.index(2);
        let own_key = format!("p:{}:{own}", self.client);
        let own_value = format!("p:{}:{own}|#{tag}#{padding}", self.client);
        let own_set = || Expect::OwnSet(own, own_value.clone().into_bytes());
        let stored = |verb: &str, key: &str| format!("{verb} {key} 0 0 {}", padding.len());
        let data = || Some(padding.clone().into_bytes());
        let unique = tag.is_multiple_of(2);
        let found = |key: &String| item(key.as_bytes(), &echo_value(key.as_bytes()), unique);
        let verb = |get: &str| if unique { format!("{get}s") } else { get.to_owned() };
        let is_modern = self.spec().manners == Manners::Modern;
        let (line, data, expect, key) = match dice.range(0, 99) {
            0..16 => {
                let expect = Expect::Value(hit(&[found(&one)]));
                (format!("{} {one}", verb("get")), None, expect, Some(one))
            }
            16..20 => {
                let expect = Expect::Value(hit(&[found(&one)]));
                (format!("{} 0 {one}", verb("gat")), None, expect, Some(one))
            }
            20..36 => {
                let items = many
                    .iter()
                    .map(|key| if key.starts_with("e:") { found(key) } else { Vec::new() });
                let expect = Expect::Items(items.collect());
                let verb = if tag.is_multiple_of(3) { verb("gat") + " 60" } else { verb("get") };
                (format!("{verb} {}", many.join(" ")), None, expect, None)
            }
            36..46 => {
                let (key, by) = (format!("n:#{tag}#"), 1000 + tag);
                (format!("incr {key} {by}"), None, lines(by.to_string()), Some(key))
            }
            46..54 => {
                let line = format!("set {own_key} 0 0 {}", own_value.len());
                (line, Some(own_value.clone().into_bytes()), own_set(), Some(own_key))
            }
            54..58 => {
                // The decoded key decides the owner.
                let line =
                    format!("ms {} {} b", text(to_base64(own_key.as_bytes())), own_value.len());
                (line, Some(own_value.clone().into_bytes()), own_set(), Some(own_key))
            }
            58..68 => (format!("get {own_key}"), None, Expect::Own(own), Some(own_key)),
            68..71 => {
                let key = format!("p:{}:{SILENT_OWN}", self.client);
                (format!("gat 9 {key}"), None, Expect::Own(SILENT_OWN), Some(key))
            }
            71..74 => {
                let key = format!("s:#{tag}#");
                (stored("add", &key), data(), lines("STORED"), Some(key))
            }
            74..76 => {
                let key = format!("r:#{tag}#");
                let line = stored(dice.pick(&["replace", "append", "prepend"]), &key);
                (line, data(), lines("NOT_STORED"), Some(key))
            }
            76..77 => {
                let key = format!("c:#{tag}#");
                (stored("cas", &key) + " 42", data(), lines("NOT_FOUND"), Some(key))
            }
            77..79 => {
                let key = format!("d:#{tag}#");
                (format!("delete {key}"), None, lines("DELETED"), Some(key))
            }
            79..81 => (format!("touch {one} 0"), None, lines("TOUCHED"), Some(one)),
            81..82 => (format!("me {one}"), None, lines(debug(&one)), Some(one)),
            82..83 => (format!("flush_all {}", FLUSH + tag), None, lines("OK"), None),
            83..84 => ("verbosity 1".into(), None, lines("OK"), None),
            84..85 => ("stats".into(), None, Expect::Stats, None),
            85..86 => ("version".into(), None, Expect::Prefix("VERSION "), None),
            86..87 => ("mn".into(), None, lines("MN"), None),
            87..88 if is_modern => ("nonsense".into(), None, Expect::Error("ERROR"), None),
            88..89 if is_modern => {
                ("set k x 0 1".into(), None, Expect::Error("CLIENT_ERROR bad command line"), None)
            }
            89..90 if is_modern => ("get".into(), None, Expect::Error("ERROR"), None),
            _ => {
                let (line, data, expect) = self.noreply_request(tag, &padding, dice);
                (line, data, expect, None)
            }
        };
        self.line(out, &line, data.as_deref());
        ledger.trace.note(now, || format!("client {} asks {tag}: {line}", self.client));
        let mut one = self.asked(tag, now, expect);
        one.whole = key.is_some();
        one.shard = key.and_then(|key| self.owner(key.as_bytes()));
        asked.push_back(one);
    }

    /// A request with `noreply`.
    fn noreply_request(
        &self,
        tag: u64,
        padding: &str,
        dice: &mut Dice,
    ) -> (String, Option<Vec<u8>>, Expect) {
        let silence = |stores, own| Expect::Silence {
            reports_failure: false,
            answers: stores && runs_out(tag),
            own,
        };
        match dice.range(0, 5) {
            0 | 1 => {
                let value = format!("p:{}:{SILENT_OWN}|#{tag}#{padding}", self.client).into_bytes();
                let line =
                    format!("set p:{}:{SILENT_OWN} 0 0 {} noreply", self.client, value.len());
                let own = Some((SILENT_OWN, value.clone()));
                (line, Some(value), silence(true, own))
            }
            2 => {
                let line = format!("add s:#{tag}# 0 0 {} noreply", padding.len());
                (line, Some(padding.into()), silence(true, None))
            }
            3 => (format!("delete d:#{tag}# noreply"), None, silence(false, None)),
            4 => (format!("incr n:#{tag}# 1 noreply"), None, silence(false, None)),
            _ => (format!("flush_all {} noreply", FLUSH + tag), None, silence(false, None)),
        }
    }

    /// Appends some quiet meta commands, and `mn`.
    fn quiet_run(
        &self,
        out: &mut Vec<u8>,
        asked: &mut VecDeque<Asked>,
        dice: &mut Dice,
        ledger: &mut Ledger,
        now: Time,
    ) {
        for _ in 0..dice.range(1, 6) {
            let tag = self.memcache_tag(ledger, now);
            let key = format!("e:#{tag}#0:{}", dice.range(0, 60));
            let silence = |stores: bool| Expect::Silence {
                reports_failure: true,
                answers: stores && runs_out(tag),
                own: None,
            };
            let (line, data, expect) = match dice.range(0, 5) {
                0 => {
                    let data = echo_value(key.as_bytes());
                    let head = format!("VA {} k{key} O#{tag}#\r\n", data.len()).into_bytes();
                    let value = Value::Lines([head, data, b"\r\n".to_vec()].concat());
                    (format!("mg {key} v q k O#{tag}#"), None, Expect::QuietHit(value))
                }
                1 => (format!("mg miss:#{tag}# v q O#{tag}#"), None, silence(false)),
                2 => (format!("ms s:#{tag}# 2 q O#{tag}#"), Some(&b"\r\n"[..]), silence(true)),
                3 => {
                    let value = Value::Lines(format!("NS O#{tag}#\r\n").into_bytes());
                    let expect = Expect::QuietHit(value);
                    (format!("ms r:#{tag}# 1 MR q O#{tag}#"), Some(&b"x"[..]), expect)
                }
                4 => (format!("md d:#{tag}# q O#{tag}#"), None, silence(false)),
                _ => (format!("ma n:#{tag}# q D{tag}"), None, silence(false)),
            };
            self.line(out, &line, data);
            ledger.trace.note(now, || format!("client {} asks {tag}: {line}", self.client));
            let mut one = self.asked(tag, now, expect);
            one.whole = false;
            asked.push_back(one);
        }
        self.line(out, "mn", None);
        let tag = self.memcache_tag(ledger, now);
        asked.push_back(self.asked(tag, now, Expect::Noop));
    }

    /// A request has no reply: a later request was answered.
    pub fn judge_silent(&mut self, asked: &Asked, ledger: &mut Ledger) {
        let Expect::Silence { answers, own, .. } = &asked.expect else {
            return; // its error was counted in `quiet.rs`
        };
        let calm = self.pool.calm;
        ledger.check(!(calm && *answers), || {
            format!("client {} did not get its server's error to {asked:?}", self.client)
        });
        if let Some((own, value)) = own {
            self.own[*own].lost |= !calm;
            self.own[*own].value = Some(value.clone());
        }
    }

    /// Whether the reply is right except for missing items.
    pub fn is_part(items: &[Vec<u8>], reply: &Value) -> bool {
        let Value::Lines(reply) = reply else { return false };
        let mut rest = reply.as_slice();
        for item in items.iter().filter(|item| !item.is_empty()) {
            rest = rest.strip_prefix(item.as_slice()).unwrap_or(rest);
        }
        rest == b"END\r\n"
    }

    /// Whether this is a server's error to a request that should have no reply. It carries the tag.
    pub fn is_noreply_error(asked: &Asked, text: &str) -> bool {
        let is_silent = matches!(asked.expect, Expect::Silence { .. } | Expect::QuietHit(_));
        is_silent
            && text.starts_with("SERVER_ERROR out of memory")
            && tag_of(text.as_bytes()) == Some(asked.tag)
            && runs_out(asked.tag)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

fn debug(key: &str) -> String {
    format!("ME {key} size={}", echo_value(key.as_bytes()).len())
}
