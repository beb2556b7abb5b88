//! What control has reported about a pool's replicas: to the director, to the stats port, to the log.
//! Only what has changed is reported again.

use crate::io::Watched;
use nuthatch_engine::topology::Address;
use nuthatch_engine::topology::kinds::replicated::{Fault, ReplicaView};
use std::time::{Duration, Instant};

/// A replica is in the log when it has been bad for this long: during a switch every replica is bad for a
/// moment. So a replica that is good and bad in turn writes two lines in this time at most.
const BAD_FOR: Duration = Duration::from_secs(3);

/// Of one shard.
#[derive(Default)]
pub struct Told {
    /// To the director.
    pub replicas: Vec<(Address, bool)>,
    /// To the stats port.
    pub watched: Watched,
    bad: Vec<Bad>,
}

/// A replica that cannot be read.
struct Bad {
    address: Address,
    since: Instant,
    is_told: bool,
}

/// A line for the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    Bad(Address, Fault),
    GoodAgain(Address),
}

impl Told {
    /// What the log should say of these replicas now.
    pub fn lines(&mut self, replicas: &[ReplicaView], now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        self.bad.retain(|bad| replicas.iter().any(|it| it.address == bad.address));
        for replica in replicas {
            let at = self.bad.iter().position(|bad| bad.address == replica.address);
            match (replica.fault, at) {
                (None, Some(at)) => {
                    let bad = self.bad.swap_remove(at);
                    lines.extend(bad.is_told.then_some(Line::GoodAgain(bad.address)));
                }
                (None, None) | (Some(Fault::NotAsked | Fault::NotWanted), _) => {}
                (Some(_), None) => {
                    let address = replica.address.clone();
                    self.bad.push(Bad { address, since: now, is_told: false });
                }
                (Some(fault), Some(at)) => {
                    let bad = &mut self.bad[at];
                    if !bad.is_told && now.duration_since(bad.since) >= BAD_FOR {
                        bad.is_told = true;
                        lines.push(Line::Bad(bad.address.clone(), fault));
                    }
                }
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_told_once_it_is_bad_for_good() {
        let address = Address::Tcp { host: "h".into(), port: 1 };
        let start = Instant::now();
        let mut told = Told::default();
        let mut lines = |seconds: u64, fault| {
            let (sight, lag_bytes, lag_s) = (None, None, None);
            let view = ReplicaView { address: address.clone(), sight, lag_bytes, lag_s, fault };
            told.lines(&[view], start + Duration::from_secs(seconds))
        };
        assert_eq!(lines(0, Some(Fault::NotAsked)), []);
        assert_eq!(lines(9, Some(Fault::LinkDown)), []);
        assert_eq!(lines(10, None), [], "it was bad for a moment");
        assert_eq!(lines(11, Some(Fault::NoAnswer)), []);
        assert_eq!(lines(13, Some(Fault::NoAnswer)), []);
        let bad = Line::Bad(address.clone(), Fault::Syncing);
        assert_eq!(lines(14, Some(Fault::Syncing)), [bad]);
        assert_eq!(lines(20, Some(Fault::Syncing)), []);
        assert_eq!(lines(21, None), [Line::GoodAgain(address.clone())]);
        assert_eq!(lines(22, None), []);
    }
}
