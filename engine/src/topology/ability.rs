//! What servers say they can do, and what all servers of a pool can do.
//!
//! A client asks its pool for a protocol and a version (HELLO, INFO) before it asks for a key. The pool
//! answers for its servers, so it must know them. If it granted RESP3 and a server is older than Redis
//! 6, every request to that server would fail.
//!
//! ```text
//!   the first HELLO or INFO of a pool; then whenever
//!   a connection ended, a server came back,
//!   or a minute has passed ──▶ due ──▶ Wish::Ask ──▶ handle_answer
//!                               ▲                        │
//!                               └─ a second and more ◀ none
//! ```
//!
//! If no client of a pool sends HELLO or INFO, its servers are never asked. Then they see the same
//! connections as behind twemproxy, and no others. The last answer of a server counts until it gives
//! another one. What all servers of a pool can do is in its topology ([`Common`]), so workers learn it
//! like an ejection: from a snapshot.

use crate::base::{ServerId, Time};
use std::collections::BTreeMap;
use std::fmt;

/// The shortest pause between two questions to a server, and the pause after the first question without
/// an answer. It doubles after each further one.
pub const ASK_EVERY_MS: u64 = 1_000;

/// The pause after an answer. It is needed because a server may be replaced without a sign on a connection.
pub const ASK_AGAIN_MS: u64 = 60_000;

/// What a server says it can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ability {
    /// It grants HELLO 3.
    pub resp3: bool,
    /// Its version of Redis, or the version that it is compatible with.
    pub redis: Option<Release>,
    /// Its version of Valkey.
    pub valkey: Option<Release>,
}

/// A version: major, minor, patch. Ordered by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Release(pub [u32; 3]);

impl Release {
    /// Reads `7.0.15`, `8.1` or `9.1.0-rc1`; `None` if it does not begin with a number.
    pub fn read(text: &str) -> Option<Release> {
        let mut parts = text.split('.').map(|part| {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            part[..digits].parse::<u32>().ok()
        });
        let major = parts.next()??;
        let mut rest = || parts.next().flatten().unwrap_or(0);
        Some(Release([major, rest(), rest()]))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What all servers of a pool that have answered can do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Common {
    /// Each server has been asked, with an answer or without. Clients wait no longer.
    pub settled: bool,
    /// All of them grant HELLO 3; `None`: no server has answered yet.
    pub resp3: Option<bool>,
    /// The lowest version of Redis.
    pub redis: Option<Release>,
    /// The lowest version of Valkey, if all of them are Valkey.
    pub valkey: Option<Release>,
}

/// The questions to a pool's servers. Empty for memcached, which has one protocol.
#[derive(Default, Debug)]
pub struct Questions {
    of: BTreeMap<ServerId, Question>,
    /// A client has asked, so a server that joins is asked too.
    wanted: bool,
}

impl Questions {
    pub fn new(servers: impl IntoIterator<Item = ServerId>) -> Questions {
        let of = servers.into_iter().map(|id| (id, Question::default())).collect();
        Questions { of, wanted: false }
    }

    /// Sets the pool's servers. The answer of a server that left no longer counts.
    pub fn handle_servers(&mut self, servers: &[ServerId], now: Time) {
        self.of.retain(|id, _| servers.contains(id));
        for &id in servers {
            self.of.entry(id).or_insert_with(|| {
                let mut question = Question::default();
                if self.wanted {
                    question.ask_first(now);
                }
                question
            });
        }
    }

    /// A client of the pool waits for the answers.
    pub fn handle_wanted(&mut self, now: Time) {
        self.wanted = true;
        for question in self.of.values_mut() {
            question.ask_first(now);
        }
    }

    /// The server may be another one than before.
    pub fn ask_again(&mut self, server: ServerId, now: Time) {
        if let Some(question) = self.of.get_mut(&server) {
            question.ask_again(now);
        }
    }

    /// `None`: the server gave no answer.
    pub fn handle_answer(&mut self, server: ServerId, answer: Option<Ability>, now: Time) {
        if let Some(question) = self.of.get_mut(&server) {
            question.handle_answer(answer, now);
        }
    }

    /// The servers to ask now. They count as asked.
    pub fn take_due(&mut self, now: Time) -> impl Iterator<Item = ServerId> {
        self.of.iter_mut().filter_map(move |(&id, question)| question.take_due(now).then_some(id))
    }

    pub fn deadline(&self) -> Option<Time> {
        self.of.values().filter_map(Question::due).min()
    }

    /// What the servers have in common, as far as they have answered.
    pub fn common(&self) -> Common {
        let answers = || self.of.values().filter_map(|question| question.answer);
        let is_valkey = answers().all(|answer| answer.valkey.is_some());
        Common {
            settled: self.of.values().all(|question| question.tried),
            resp3: answers().map(|answer| answer.resp3).reduce(|all, one| all && one),
            redis: answers().filter_map(|answer| answer.redis).min(),
            valkey: answers().filter_map(|answer| answer.valkey).min().filter(|_| is_valkey),
        }
    }
}

/// The state of the question to one server.
#[derive(Clone, Default, Debug)]
struct Question {
    answer: Option<Ability>,
    /// It was asked once, with an answer or without.
    tried: bool,
    asked_at: Option<Time>,
    /// The time of the next question.
    due: Option<Time>,
    asking: bool,
    /// Questions without an answer, in a row.
    unanswered: u32,
    /// Something happened during the question: the answer may be out of date.
    ask_again: bool,
}

impl Question {
    /// A client wants to know.
    fn ask_first(&mut self, now: Time) {
        if !self.is_wanted() {
            self.due = Some(now);
        } else if self.answer.is_none() {
            self.ask_again(now);
        }
    }

    /// The server may be another one than before.
    fn ask_again(&mut self, now: Time) {
        if self.asking {
            self.ask_again = true;
        }
        if self.asking || !self.is_wanted() {
            return;
        }
        let at = self.asked_at.map_or(now, |asked_at| now.max(asked_at.plus_ms(ASK_EVERY_MS)));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn is_wanted(&self) -> bool {
        self.tried || self.asking || self.due.is_some()
    }

    /// Whether to ask now; if so, it counts as asked.
    fn take_due(&mut self, now: Time) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        self.due = None;
        self.asked_at = Some(now);
        self.asking = true;
        true
    }

    fn due(&self) -> Option<Time> {
        self.due
    }

    /// `None`: the server gave no answer.
    fn handle_answer(&mut self, answer: Option<Ability>, now: Time) {
        self.asking = false;
        self.tried = true;
        self.answer = answer.or(self.answer);
        self.unanswered = if answer.is_none() { self.unanswered + 1 } else { 0 };
        let pause_ms = match (std::mem::replace(&mut self.ask_again, false), self.unanswered) {
            (true, _) => ASK_EVERY_MS,
            (false, 0) => ASK_AGAIN_MS,
            (false, count) => (ASK_EVERY_MS << (count - 1).min(5)).min(ASK_AGAIN_MS),
        };
        self.due = Some(now.plus_ms(pause_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [ServerId; 2] = [ServerId(0), ServerId(1)];

    fn redis(text: &str) -> Ability {
        let redis = Release::read(text);
        Ability { resp3: redis >= Some(Release([6, 0, 0])), redis, valkey: None }
    }

    #[test]
    fn versions_are_read_and_ordered_by_number() {
        for (text, want) in [
            ("7.0.15", Some([7, 0, 15])),
            ("8.1", Some([8, 1, 0])),
            ("9.1.0-rc1", Some([9, 1, 0])),
            ("255.255.255", Some([255, 255, 255])),
            ("v7", None),
            ("", None),
            ("99999999999", None),
        ] {
            assert_eq!(Release::read(text), want.map(Release), "{text}");
        }
        assert!(Release::read("7.0.9") < Release::read("7.0.15"));
        assert_eq!(Release([7, 0, 15]).to_string(), "7.0.15");
    }

    #[test]
    fn a_pool_is_as_old_as_its_oldest_server() {
        let mut questions = Questions::new(TWO);
        assert_eq!(questions.common(), Common::default());
        questions.handle_answer(TWO[0], Some(redis("7.0.15")), Time::ZERO);
        let one = questions.common();
        assert_eq!((one.settled, one.resp3), (false, Some(true)));
        questions.handle_answer(TWO[1], Some(redis("5.0.14")), Time::ZERO);
        let both = questions.common();
        assert_eq!((both.settled, both.resp3), (true, Some(false)));
        assert_eq!(both.redis, Release::read("5.0.14"));
        // A newer server replaces it: the pool has the new version.
        questions.handle_answer(TWO[1], Some(redis("6.2.0")), Time::ZERO);
        assert_eq!(questions.common().resp3, Some(true));
        // Without a new answer the old one counts.
        questions.handle_answer(TWO[1], None, Time::ZERO);
        assert_eq!(questions.common().redis, Release::read("6.2.0"));
    }

    #[test]
    fn a_pool_is_valkey_if_all_servers_are() {
        let valkey = |text| {
            let valkey = Release::read(text);
            Ability { resp3: true, redis: Release::read("7.2.4"), valkey }
        };
        let mut questions = Questions::new(TWO);
        questions.handle_answer(TWO[0], Some(valkey("9.1.0")), Time::ZERO);
        questions.handle_answer(TWO[1], Some(valkey("8.1.3")), Time::ZERO);
        assert_eq!(questions.common().valkey, Release::read("8.1.3"));
        questions.handle_answer(TWO[1], Some(redis("7.0.15")), Time::ZERO);
        assert_eq!(questions.common().valkey, None);
        assert_eq!(questions.common().redis, Release::read("7.0.15"));
    }

    #[test]
    fn a_server_is_asked_at_most_once_a_second() {
        let ms = Time::from_ms;
        let mut question = Question::default();
        question.ask_again(ms(1));
        assert!(!question.take_due(ms(5)), "no client has asked");
        question.ask_first(ms(5));
        assert!(question.take_due(ms(5)));
        question.ask_first(ms(6));
        assert!(!question.take_due(ms(6)), "it is being asked");
        question.ask_again(ms(7));
        question.handle_answer(Some(redis("7.0.0")), ms(8));
        assert_eq!(question.due(), Some(ms(1008)), "the answer may be out of date");
        assert!(question.take_due(ms(1008)));
        question.handle_answer(Some(redis("7.0.0")), ms(1009));
        assert_eq!(question.due(), Some(ms(1009 + 60_000)), "a minute later");
        question.ask_again(ms(1500));
        question.ask_again(ms(1600));
        assert_eq!(question.due(), Some(ms(2008)));
        question.ask_again(ms(9000));
        assert!(question.take_due(ms(2008)));
        question.handle_answer(None, ms(2010));
        assert_eq!(question.due(), Some(ms(3010)), "until it answers");
        assert!(question.take_due(ms(3010)));
        question.handle_answer(None, ms(3010));
        assert_eq!(question.due(), Some(ms(5010)), "the pause doubles");
        question.ask_again(ms(3020));
        assert_eq!(question.due(), Some(ms(4010)), "earlier when something happens");
    }
}
