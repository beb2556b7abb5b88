//! One server dies, is ejected, and comes back.
//!
//! ```text
//!   kill ──▶ errors ──▶ ejected: the others answer for its keys ──▶ start again ──▶ readmitted
//! ```
//!
//! We kill the server that has `msg`. A client reads `msg` ten times a second, and we print each
//! answer that differs from the one before. Reads of `date`, on another server, must not fail.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

use super::stage::{Answer, NAMES, Stage, names};
use super::verdict::Verdict;
use super::wire::{Command, Meaning, Speech};
use crate::paint;
use crate::stop::Stop;

const PAUSE: Duration = Duration::from_millis(100);
/// Columns for an answer, of 80.
const ANSWER_WIDTH: usize = 53;
/// Ejection takes three failures, readmission two seconds; this is much longer than both.
const MAX_WAIT: Duration = Duration::from_secs(15);

pub fn play(stage: &mut Stage, stop: &Stop, verdict: &mut Verdict) -> Result<()> {
    let victim = *stage.holders("msg").first().context("no server has `msg`")?;
    let painted = names(&[victim]);
    paint::heading(&format!("A failure: {} has msg, and we kill it", NAMES[victim]));
    let mut report = Report::new();
    stage.server(victim).kill()?;
    report.note("killed", &format!("{painted} is gone"));

    if stage.speech() == Speech::Memcached {
        // To a client of a cache, a key that cannot be read is a miss (docs/adr/0008).
        let both = Command::Gets(vec!["msg".into(), "date".into()]);
        let answer = stage.ask(&both)?;
        report.tell("get msg date", &answer, "only date");
        verdict.expect(answer.is_value("2015"), || {
            format!("`get msg date` should find only date, not {}", answer.show())
        });
    }

    let is_ejected = report.ask_until_missing(stage, stop)?;
    verdict.expect(is_ejected, || {
        format!("{} was not ejected: {:?} after the kill msg still fails", NAMES[victim], MAX_WAIT)
    });
    if is_ejected {
        report.note("ejected", "another server answers for its keys");
        let answer = stage.ask(&Command::set("msg", "again"))?;
        let holders = stage.holders("msg");
        report.tell("set msg again", &answer, &format!("on {}", names(&holders)));
        verdict.expect(holders.len() == 1 && !holders.contains(&victim), || {
            format!("while {} is out, msg should be on one other server", NAMES[victim])
        });
        let answer = stage.ask(&Command::get("msg"))?;
        verdict.expect(answer.is_value("again"), || format!("the new msg reads {}", answer.show()));
    }

    stage.server(victim).restart()?;
    report.note("restarted", &format!("{painted} runs again, empty"));
    // When it is the owner again, it does not have the key: so we see its return.
    let is_back = report.ask_until_missing(stage, stop)?;
    verdict.expect(is_back, || {
        format!("{} was not readmitted within {MAX_WAIT:?} after its restart", NAMES[victim])
    });
    if is_back {
        report.note("readmitted", &format!("{painted} owns its keys again"));
        let answer = stage.ask(&Command::set("msg", "home"))?;
        let holders = stage.holders("msg");
        report.tell("set msg home", &answer, &format!("on {}", names(&holders)));
        let there = stage.ask_server(victim, &Command::get("msg"))?;
        verdict.expect(there.meaning == Meaning::Values(vec!["home".into()]), || {
            format!("{} should have the newest msg, and answers {}", NAMES[victim], there.shown)
        });
        println!(
            "  {}",
            paint::dim("An old copy stays on the server that had the key meanwhile. A cache may")
        );
        println!("  {}", paint::dim("do that; for a store, use auto_eject_hosts: false."));
    }
    let disturbed = report.disturbed;
    verdict.expect(disturbed == 0, || {
        format!("date is on another server, but {disturbed} of its reads failed")
    });
    println!(
        "  date, on another server, was read {} times meanwhile: {disturbed} failed",
        report.other_reads
    );
    Ok(())
}

/// Prints what clients see, with the time since the kill.
struct Report {
    start: Instant,
    /// Reads of `date`, on another server.
    other_reads: u32,
    disturbed: u32,
}

impl Report {
    fn new() -> Report {
        Report { start: Instant::now(), other_reads: 0, disturbed: 0 }
    }

    fn time(&self) -> String {
        format!("{:>6.1} s", self.start.elapsed().as_secs_f64())
    }

    /// Something that happened.
    fn note(&self, what: &str, more: &str) {
        println!("{}  {} {more}", self.time(), paint::bold(&format!("{what:<14}")));
    }

    /// A command and its answer.
    fn tell(&self, typed: &str, answer: &Answer, more: &str) {
        let mut lines = paint::wrap(&answer.show(), ANSWER_WIDTH).into_iter();
        let first = lines.next().unwrap_or_default();
        let line = format!("{}  {typed:<14} {first:<38} {more}", self.time());
        println!("{}", line.trim_end());
        for rest in lines {
            println!("{:25} {rest}", "");
        }
    }

    /// Reads `msg` until a server answers that it does not have it, or until `MAX_WAIT`. Prints each
    /// new answer, and how often the answer before it came. Returns whether the key was missing.
    fn ask_until_missing(&mut self, stage: &mut Stage, stop: &Stop) -> Result<bool> {
        let end = Instant::now() + MAX_WAIT;
        let mut last = String::new();
        let mut times = 0;
        loop {
            let answer = stage.ask(&Command::get("msg"))?;
            let shown = answer.show();
            if shown != last {
                repeated(times);
                self.tell("get msg", &answer, "");
                last = shown;
                times = 0;
            }
            times += 1;
            self.other_reads += 1;
            let other = stage.ask(&Command::get("date"))?;
            self.disturbed += u32::from(!other.is_value("2015"));
            if answer.is(&Meaning::Nothing) {
                return Ok(true);
            }
            if Instant::now() >= end {
                repeated(times);
                return Ok(false);
            }
            stop.sleep(PAUSE)?;
        }
    }
}

fn repeated(times: u32) {
    if times > 1 {
        let text = format!("          {:<14} the same {times} times", "");
        println!("{}", paint::dim(&text));
    }
}
