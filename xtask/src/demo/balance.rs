//! How evenly 10,000 keys are spread over three servers.
//!
//! The default hash, fnv1a_64 cut to 32 bits, spreads keys that differ only at their end very
//! little: the hashes of `key-0` to `key-9` are within 4,800 of each other in a range of 2^32. So
//! ketama puts them on one server. Each further byte multiplies the distance by 435:
//! `user:<n>:profile` differs early and spreads well. Thousands of keys of either form are spread
//! evenly, ten are not. The output shows both.

use anyhow::Result;

use super::stage::{NAMES, Stage, names};
use super::verdict::Verdict;
use super::wire::{Command, Counts, Meaning, Reply, Speech};
use crate::paint::{self, thousands};
use crate::stop::Stop;

const KEYS: usize = 10_000;
/// Commands in one write.
const BATCH: usize = 500;
/// Shares outside these bounds are an error. With 160 points for each server they are usually 28 to
/// 39 %.
const SHARE_MIN: f64 = 0.15;
const SHARE_MAX: f64 = 0.55;

pub fn play(stage: &mut Stage, stop: &Stop, verdict: &mut Verdict) -> Result<()> {
    paint::heading("The balance: 10,000 keys user:<n>:profile, each set once and read once");
    let before = stage.counts()?;
    let mut wrong = 0;
    for is_write in [true, false] {
        for first in (0..KEYS).step_by(BATCH) {
            stop.check()?;
            let commands: Vec<Command> =
                (first..first + BATCH).map(|n| command(is_write, n)).collect();
            let replies = stage.ask_all(&commands)?;
            let wanted = |i| {
                let value = format!("value {}", first + i);
                if is_write { Meaning::Done } else { Meaning::Values(vec![value]) }
            };
            let is_right = |(i, reply): (usize, &Reply)| reply.meaning == wanted(i);
            wrong += replies.iter().enumerate().filter(|(i, r)| !is_right((*i, r))).count();
        }
    }
    verdict.expect(wrong == 0, || format!("{wrong} of {} replies were wrong", 2 * KEYS));

    let after = stage.counts()?;
    let more = |of: fn(&Counts) -> u64| -> Vec<u64> {
        after.iter().zip(&before).map(|(a, b)| of(a).saturating_sub(of(b))).collect()
    };
    let (keys, calls) = match stage.speech() {
        Speech::Redis => {
            ("keys stored, from INFO keyspace", "commands served, from INFO commandstats")
        }
        Speech::Memcached => {
            ("keys stored, from curr_items of stats", "commands served, from cmd_get and cmd_set")
        }
    };
    draw(keys, &more(|counts| counts.keys), KEYS, verdict);
    draw(calls, &more(|counts| counts.calls), 2 * KEYS, verdict);
    numbered_keys(stage)
}

fn command(is_write: bool, n: usize) -> Command {
    let key = format!("user:{n}:profile");
    if is_write { Command::Set(key, format!("value {n}")) } else { Command::Get(key) }
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

/// Ten keys with the number at the end, and ten with the number before.
fn numbered_keys(stage: &mut Stage) -> Result<()> {
    println!("  {}", paint::dim("ten keys, n from 0 to 9: the form of the name matters"));
    for (shown, start, end) in [("key-<n>", "key-", ""), ("user:<n>:profile", "user:", ":profile")]
    {
        let mut held = [0; NAMES.len()];
        for n in 0..10 {
            let key = format!("{start}{n}{end}");
            stage.ask(&Command::set(&key, "x"))?;
            for holder in stage.holders(&key) {
                held[holder] += 1;
            }
            stage.ask(&Command::Delete(key))?;
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
    fn a_wrong_share_is_noticed() {
        let mut verdict = Verdict::default();
        draw("even", &[30, 30, 40], 100, &mut verdict);
        assert!(verdict.failed.is_empty());
        draw("odd", &[10, 30, 60], 100, &mut verdict);
        assert_eq!(verdict.failed.len(), 2);
        draw("lost", &[30, 30, 30], 100, &mut verdict);
        assert_eq!(verdict.failed.len(), 3);
    }
}
