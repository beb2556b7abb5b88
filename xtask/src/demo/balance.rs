//! How evenly 10,000 keys lie on three servers.
//!
//! The default hash, fnv1a_64 cut to 32 bits, spreads keys that differ only at their end very
//! little: `key-0` to `key-9` lie within 4,800 of each other in a range of 2^32 and so, with
//! ketama, on one server. Each further byte multiplies the distance by 435: `user:<n>:profile`
//! differs early and spreads well. Thousands of either form even out; ten do not. The picture
//! shows both.

use anyhow::Result;

use super::Verdict;
use super::stage::{NAMES, Stage, names};
use crate::paint::{self, thousands};
use crate::stop::Stop;

const KEYS: usize = 10_000;
/// Commands in one write.
const BATCH: usize = 500;
/// Shares outside these bounds are no balance. 160 points a server give 28 to 39 % as a rule.
const SHARE_MIN: f64 = 0.15;
const SHARE_MAX: f64 = 0.55;

pub fn play(stage: &mut Stage, stop: &Stop, verdict: &mut Verdict) -> Result<()> {
    paint::heading("The balance: 10,000 keys user:<n>:profile, each set once and read once");
    let before = Tally::ask(stage)?;
    let mut wrong = 0;
    for name in ["SET", "GET"] {
        for first in (0..KEYS).step_by(BATCH) {
            stop.check()?;
            let commands: Vec<Vec<String>> = (first..first + BATCH).map(|n| row(name, n)).collect();
            let replies = stage.ask_all(&commands)?;
            let is_right = |(i, reply): (usize, &nuthatch_testbed::Value)| match name {
                "SET" => reply.is_ok(),
                _ => reply.text() == Some(format!("value {}", first + i)),
            };
            wrong += replies.iter().enumerate().filter(|(i, r)| !is_right((*i, r))).count();
        }
    }
    verdict.expect(wrong == 0, || format!("{wrong} of {} replies were wrong", 2 * KEYS));

    let after = Tally::ask(stage)?;
    let keys: Vec<u64> =
        after.keys.iter().zip(&before.keys).map(|(a, b)| a.saturating_sub(*b)).collect();
    let calls: Vec<u64> =
        after.calls.iter().zip(&before.calls).map(|(a, b)| a.saturating_sub(*b)).collect();
    draw("keys held, as DBSIZE says", &keys, KEYS, verdict);
    draw("commands served, as INFO commandstats says", &calls, 2 * KEYS, verdict);
    numbered_keys(stage)
}

fn row(name: &str, n: usize) -> Vec<String> {
    let mut command = vec![name.to_owned(), format!("user:{n}:profile")];
    if name == "SET" {
        command.push(format!("value {n}"));
    }
    command
}

/// What the servers say of themselves.
struct Tally {
    keys: Vec<u64>,
    /// GETs and SETs.
    calls: Vec<u64>,
}

impl Tally {
    fn ask(stage: &Stage) -> Result<Tally> {
        let mut tally = Tally { keys: Vec::new(), calls: Vec::new() };
        for index in 0..NAMES.len() {
            let keys = stage.ask_server(index, &["DBSIZE"])?.as_int().unwrap_or(0);
            let info = stage.ask_server(index, &["INFO", "commandstats"])?;
            tally.keys.push(u64::try_from(keys).unwrap_or(0));
            tally.calls.push(calls(&info.text().unwrap_or_default()));
        }
        Ok(tally)
    }
}

/// The GETs and SETs in a text like `cmdstat_get:calls=12,usec=...`.
fn calls(info: &str) -> u64 {
    ["cmdstat_get:calls=", "cmdstat_set:calls="]
        .iter()
        .filter_map(|start| info.lines().find_map(|line| line.strip_prefix(start)))
        .filter_map(|rest| rest.split(',').next()?.parse::<u64>().ok())
        .sum()
}

fn draw(title: &str, counts: &[u64], expected: usize, verdict: &mut Verdict) {
    println!("  {}", paint::dim(title));
    let sum: u64 = counts.iter().sum();
    for (i, &count) in counts.iter().enumerate() {
        let share = count as f64 / sum.max(1) as f64;
        let bar = paint::server(i, &paint::bar(share, 40));
        println!("  {:<6} {bar} {:>7} {:>6.1} %", NAMES[i], thousands(count), share * 100.0);
        verdict.expect((SHARE_MIN..=SHARE_MAX).contains(&share), || {
            format!("{title}: {} has {:.1} %", NAMES[i], share * 100.0)
        });
    }
    verdict.expect(sum == expected as u64, || format!("{title}: {sum} in all, not {expected}"));
}

/// Ten numbered keys beside ten with an early number.
fn numbered_keys(stage: &mut Stage) -> Result<()> {
    println!("  {}", paint::dim("few keys, n from 0 to 9: their form matters"));
    for (shown, start, end) in [("key-<n>", "key-", ""), ("user:<n>:profile", "user:", ":profile")]
    {
        let mut held = [0; NAMES.len()];
        for n in 0..10 {
            let key = format!("{start}{n}{end}");
            stage.ask(&["SET", &key, "x"])?;
            for holder in stage.holders(&key) {
                held[holder] += 1;
            }
            stage.ask(&["DEL", &key])?;
        }
        let parts: Vec<String> = (0..NAMES.len())
            .filter(|&i| held[i] > 0)
            .map(|i| format!("{} on {}", held[i], names(&[i])))
            .collect();
        println!("  {shown:<18} {}", parts.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_commandstats() {
        let info = "# Commandstats\r\ncmdstat_getex:calls=9,usec=1\r\n\
                    cmdstat_get:calls=12,usec=3\r\ncmdstat_set:calls=30,usec=1\r\n";
        assert_eq!(calls(info), 42);
    }

    #[test]
    fn a_far_off_share_is_noticed() {
        let mut verdict = Verdict::default();
        draw("even", &[30, 30, 40], 100, &mut verdict);
        assert!(verdict.failed.is_empty());
        draw("odd", &[10, 30, 60], 100, &mut verdict);
        assert_eq!(verdict.failed.len(), 2);
        draw("lost", &[30, 30, 30], 100, &mut verdict);
        assert_eq!(verdict.failed.len(), 3);
    }
}
