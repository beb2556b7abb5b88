//! Judges what clients saw.
//!
//! ```text
//!   read a value  newer than the last one known  a write of unknown outcome was done
//!                 the last one known             as it should be
//!                 older                          what is between is lost: noted with its time
//!                 lost before, never written, or said not to be sent   wrong
//! ```

use crate::crowd::{Fate, KEYS, Log, Step, What, text};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How our errors say that nobody knows whether a request was done.
const UNKNOWN: &str = "outcome unknown";
const NOT_SENT: &str = "not sent";

/// An acknowledged write that is gone.
#[derive(Debug)]
pub struct Lost {
    pub acknowledged: Instant,
    /// A replica had confirmed it.
    pub safe: bool,
}

#[derive(Default, Debug)]
pub struct Verdict {
    pub requests: usize,
    /// Failed, and may have been done.
    pub unknown: Vec<String>,
    /// Failed in any other way.
    pub failed: Vec<String>,
    pub lost: Vec<Lost>,
    /// Acknowledged and confirmed by a replica.
    pub safe: usize,
    /// What must not be.
    pub wrong: Vec<String>,
    pub slowest: Duration,
}

struct Known {
    /// The number of the last write that is known to be done; 0: none.
    last: u64,
    /// Acknowledged, and newer than what was found: by number.
    done: BTreeMap<u64, Lost>,
    /// Writes that must never be found.
    never: BTreeMap<u64, &'static str>,
    begun: u64,
}

impl Verdict {
    pub fn of(logs: &[Log]) -> Verdict {
        let mut verdict = Verdict::default();
        for log in logs {
            for at in 0..KEYS {
                let key = log.key(at);
                let steps = log.steps.iter().filter(|step| step.key == at);
                verdict.judge_key(&key, steps);
            }
        }
        verdict
    }

    fn judge_key<'a>(&mut self, key: &str, steps: impl Iterator<Item = &'a Step>) {
        let mut known = Known { last: 0, done: BTreeMap::new(), never: BTreeMap::new(), begun: 0 };
        for step in steps {
            self.requests += 1;
            self.slowest = self.slowest.max(step.ended - step.began);
            match &step.what {
                What::Write { number, fate, safe } => {
                    known.begun = *number;
                    match fate {
                        Fate::Done => {
                            let (acknowledged, safe) = (step.ended, *safe);
                            self.safe += usize::from(safe);
                            known.last = *number;
                            known.done.insert(*number, Lost { acknowledged, safe });
                        }
                        Fate::Failed(why) => {
                            if why.contains(NOT_SENT) {
                                known.never.insert(*number, "said not to be sent");
                            }
                            self.note_failure(why);
                        }
                    }
                }
                What::Read(Err(why)) => self.note_failure(why),
                What::Read(Ok(found)) => self.judge_read(key, found.as_deref(), &mut known),
            }
        }
    }

    fn note_failure(&mut self, why: &str) {
        let list = if why.contains(UNKNOWN) { &mut self.unknown } else { &mut self.failed };
        list.push(why.to_owned());
    }

    fn judge_read(&mut self, key: &str, found: Option<&str>, known: &mut Known) {
        let number = match found.map(|found| found.rsplit_once('=')) {
            None => 0,
            Some(Some((_, number))) => number.parse().unwrap_or(u64::MAX),
            Some(None) => u64::MAX,
        };
        if number > known.begun || found.is_some_and(|found| found != text(key, number)) {
            self.wrong.push(format!("{key} is {found:?}, which nobody wrote"));
            return;
        }
        if let Some(why) = known.never.get(&number) {
            self.wrong.push(format!("{key} is {found:?}, which was {why}"));
        }
        for (lost, what) in known.done.split_off(&(number + 1)) {
            known.never.insert(lost, "lost before");
            self.lost.push(what);
        }
        if number > known.last {
            known.done.clear();
        }
        known.last = number;
    }

    /// Nothing wrong, nothing failed but what was on its way: at most so many. Nothing is lost that a replica
    /// had confirmed, or that was acknowledged before `since`.
    #[track_caller]
    pub fn is_good(&self, unknown_max: usize, since: Instant) {
        assert!(self.requests > 200, "{} requests are no load", self.requests);
        assert!(self.wrong.is_empty(), "{:?}", &self.wrong[..self.wrong.len().min(5)]);
        assert!(self.failed.is_empty(), "{:?}", &self.failed[..self.failed.len().min(5)]);
        assert!(self.unknown.len() <= unknown_max, "{:?}", self.unknown);
        self.lost_little(since);
    }

    /// See [`Verdict::is_good`].
    #[track_caller]
    pub fn lost_little(&self, since: Instant) {
        for lost in &self.lost {
            assert!(!lost.safe, "a write is lost that a replica had confirmed");
            assert!(
                lost.acknowledged >= since,
                "a write is lost that was acknowledged {:?} before the replica could miss it",
                since - lost.acknowledged
            );
        }
    }

    pub fn tell(&self, story: &str) {
        println!(
            "{story}: {} requests, {} of unknown outcome, {} failed, {} of the acknowledged lost \
             ({} confirmed), slowest {:?}",
            self.requests,
            self.unknown.len(),
            self.failed.len(),
            self.lost.len(),
            self.safe,
            self.slowest
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(whats: Vec<What>) -> Vec<Log> {
        let now = Instant::now();
        let step = |what| Step { key: 0, began: now, ended: now, what };
        vec![Log { client: 0, tag: 0, steps: whats.into_iter().map(step).collect() }]
    }

    fn write(number: u64, error: Option<&str>) -> What {
        let fate = error.map_or(Fate::Done, |error| Fate::Failed(error.to_owned()));
        What::Write { number, fate, safe: false }
    }

    fn read(number: u64) -> What {
        What::Read(Ok((number > 0).then(|| text("crowd0:0:0", number))))
    }

    /// How much is wrong, and how much lost.
    fn judged(whats: Vec<What>) -> (usize, usize) {
        let verdict = Verdict::of(&log(whats));
        (verdict.wrong.len(), verdict.lost.len())
    }

    #[test]
    fn the_judge_knows_right_from_wrong() {
        let (w, r) = (|number| write(number, None), read);
        let unknown = |number| write(number, Some("x, outcome unknown"));
        let not_sent = |number| write(number, Some("x, not sent"));
        assert_eq!(judged(vec![r(0), w(1), r(1), w(2), r(2)]), (0, 0));
        assert_eq!(judged(vec![w(1), w(2), r(1), r(1), w(3), r(3)]), (0, 1), "2 is lost");
        assert_eq!(judged(vec![w(1), w(2), r(0)]), (0, 2), "both are lost");
        assert_eq!(judged(vec![w(1), w(2), r(1), r(2)]), (1, 1), "2 comes back");
        assert_eq!(judged(vec![w(1), unknown(2), r(1), r(2), r(2)]), (0, 0), "done late");
        assert_eq!(judged(vec![w(1), unknown(2), w(3), r(2)]), (0, 1), "3 is lost, 2 was done");
        assert_eq!(judged(vec![w(1), not_sent(2), r(2)]), (1, 0));
        assert_eq!(judged(vec![w(1), r(2)]), (1, 0), "never written");
        let strange = What::Read(Ok(Some(text("crowd0:0:1", 1))));
        assert_eq!(judged(vec![w(1), strange]), (1, 0), "another key's");
    }
}
