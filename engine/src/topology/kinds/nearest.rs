//! `read: nearest`: which replicas are near enough to be read.
//!
//! Servers in the proxy's zone come first; where none is, or no zone is known, all count. Among these the one that
//! has answered fastest of late decides: who takes at most twice its time, or little more, is as near. If no replica
//! is, the primary is nearest, and reads go there.

use crate::topology::Address;
use std::collections::BTreeMap;

/// A difference in microseconds that chance makes.
const NOISE_US: f64 = 300.0;

/// How much of the average a new measurement is.
const SHARE: f64 = 0.25;

/// How long servers take to answer.
#[derive(Default)]
pub struct Nearest {
    /// By the text of the address: microseconds, averaged.
    latency_us: BTreeMap<String, f64>,
}

impl Nearest {
    /// A server has answered after so many microseconds.
    pub fn handle_answer(&mut self, address: &Address, us: f64) {
        let average = self.latency_us.entry(address.to_string()).or_insert(us);
        *average += SHARE * (us - *average);
    }

    /// Which of these can be read, the near ones of those that are good. `is_near_zone`: whether a server is in
    /// the proxy's zone.
    pub fn choose(
        &self,
        primary: &Address,
        replicas: &[(Address, bool)],
        is_near_zone: impl Fn(&Address) -> bool,
    ) -> Vec<(Address, bool)> {
        let good = || replicas.iter().filter(|(_, is_good)| *is_good).map(|(address, _)| address);
        let has_zone = good().chain([primary]).any(&is_near_zone);
        let counts = |address: &Address| !has_zone || is_near_zone(address);
        let latency = |address: &Address| self.latency_us.get(&address.to_string()).copied();
        let best = good().chain([primary]).filter(|it| counts(it)).filter_map(latency);
        let bound = best.reduce(f64::min).map(|best| 2.0 * best + NOISE_US);
        let is_near = |address: &Address| {
            let is_fast = match (latency(address), bound) {
                (Some(us), Some(bound)) => us <= bound,
                _ => true,
            };
            counts(address) && is_fast
        };
        replicas.iter().map(|(it, is_good)| (it.clone(), *is_good && is_near(it))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(name: &str) -> Address {
        Address::Tcp { host: name.into(), port: 1 }
    }

    fn chosen(nearest: &Nearest, good: &[&str], zone: &[&str]) -> Vec<String> {
        let replicas: Vec<_> = ["a", "b", "c"].map(|it| (at(it), good.contains(&it))).into();
        let is_near = |address: &Address| zone.iter().any(|it| at(it) == *address);
        let chosen = nearest.choose(&at("p"), &replicas, is_near);
        chosen.into_iter().filter(|(_, is)| *is).map(|(it, _)| it.to_string()).collect()
    }

    #[test]
    fn the_fast_ones_of_the_zone() {
        let mut nearest = Nearest::default();
        assert_eq!(chosen(&nearest, &["a", "b"], &[]), ["a:1", "b:1"], "nothing is measured yet");
        for (name, us) in [("p", 900.0), ("a", 1_000.0), ("b", 5_000.0), ("c", 2_000.0)] {
            nearest.handle_answer(&at(name), us);
        }
        assert_eq!(chosen(&nearest, &["a", "b", "c"], &[]), ["a:1", "c:1"]);
        assert_eq!(chosen(&nearest, &["b"], &[]), [""; 0], "the primary is nearest");
        assert_eq!(chosen(&nearest, &["a", "b", "c"], &["b"]), ["b:1"], "its zone comes first");
        assert_eq!(chosen(&nearest, &["a", "c"], &["b"]), ["a:1", "c:1"], "nobody good is there");
        assert_eq!(chosen(&nearest, &["a", "c"], &["p"]), [""; 0]);
        // One slow answer is chance.
        nearest.handle_answer(&at("a"), 2_000.0);
        assert_eq!(chosen(&nearest, &["a"], &[]), ["a:1"]);
    }
}
