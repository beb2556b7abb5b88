//! One server dies, is left out, and comes back.
//!
//! ```text
//!   kill ──▶ errors ──▶ ejected: the others answer for its keys ──▶ start again ──▶ readmitted
//! ```
//!
//! The victim is the server that holds `msg`. A client asks for `msg` ten times a second and we
//! print what it sees each time that changes; `date`, on another server, must not notice.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

use super::stage::{Answer, NAMES, Stage, names};
use super::verdict::Verdict;
use super::wire::{Command, Meaning, Speech};
use crate::paint;
use crate::stop::Stop;

const PAUSE: Duration = Duration::from_millis(100);
/// What is left of 80 columns for an answer.
const ANSWER_WIDTH: usize = 53;
/// Ejection takes three failures, readmission two seconds; this is far beyond both.
const PATIENCE: Duration = Duration::from_secs(15);

pub fn play(stage: &mut Stage, stop: &Stop, verdict: &mut Verdict) -> Result<()> {
    let victim = *stage.holders("msg").first().context("nobody holds `msg`")?;
    let painted = names(&[victim]);
    paint::heading(&format!("A failure: {} holds msg, and we kill it", NAMES[victim]));
    let mut diary = Diary::new();
    stage.server(victim).kill()?;
    diary.note("killed", &format!("{painted} is gone"));

    if stage.speech() == Speech::Memcached {
        // To a cache's client a key that cannot be had is a miss (docs/adr/0008).
        let both = Command::Gets(vec!["msg".into(), "date".into()]);
        let answer = stage.ask(&both)?;
        diary.tell("get msg date", &answer, "date alone");
        verdict.expect(answer.is_value("2015"), || {
            format!("`get msg date` should find date alone, not {}", answer.show())
        });
    }

    let is_ejected = diary.ask_until_missing(stage, stop)?;
    verdict.expect(is_ejected, || {
        format!("{} was not ejected: {:?} after its death msg still fails", NAMES[victim], PATIENCE)
    });
    if is_ejected {
        diary.note("ejected", "another server answers for its keys");
        let answer = stage.ask(&Command::set("msg", "again"))?;
        let heirs = stage.holders("msg");
        diary.tell("set msg again", &answer, &format!("on {}", names(&heirs)));
        verdict.expect(heirs.len() == 1 && !heirs.contains(&victim), || {
            format!("while {} is out, msg should be on one other server", NAMES[victim])
        });
        let answer = stage.ask(&Command::get("msg"))?;
        verdict.expect(answer.is_value("again"), || format!("the new msg reads {}", answer.show()));
    }

    stage.server(victim).restart()?;
    diary.note("restarted", &format!("{painted} runs again, empty"));
    // Its owner again, it does not know the key: that is how the return shows.
    let is_back = diary.ask_until_missing(stage, stop)?;
    verdict.expect(is_back, || {
        format!("{} was not readmitted within {PATIENCE:?} of its return", NAMES[victim])
    });
    if is_back {
        diary.note("readmitted", &format!("{painted} owns its keys again"));
        let answer = stage.ask(&Command::set("msg", "home"))?;
        let holders = stage.holders("msg");
        diary.tell("set msg home", &answer, &format!("on {}", names(&holders)));
        let there = stage.ask_server(victim, &Command::get("msg"))?;
        verdict.expect(there.meaning == Meaning::Values(vec!["home".into()]), || {
            format!("{} should hold the newest msg, and says {}", NAMES[victim], there.shown)
        });
        println!(
            "  {}",
            paint::dim("An old copy stays where the keys were meanwhile. A cache may do that;")
        );
        println!("  {}", paint::dim("before a store, leave auto_eject_hosts off."));
    }
    let disturbed = diary.disturbed;
    verdict.expect(disturbed == 0, || {
        format!("date lives on another server, yet {disturbed} of its reads went wrong")
    });
    println!(
        "  date, on another server, was read {} times meanwhile: {disturbed} went wrong",
        diary.bystander_reads
    );
    Ok(())
}

/// What clients see, with the time since the kill.
struct Diary {
    start: Instant,
    bystander_reads: u32,
    disturbed: u32,
}

impl Diary {
    fn new() -> Diary {
        Diary { start: Instant::now(), bystander_reads: 0, disturbed: 0 }
    }

    fn time(&self) -> String {
        format!("{:>6.1} s", self.start.elapsed().as_secs_f64())
    }

    /// Something that happened.
    fn note(&self, what: &str, more: &str) {
        println!("{}  {} {more}", self.time(), paint::bold(&format!("{what:<14}")));
    }

    /// A command and what came of it.
    fn tell(&self, typed: &str, answer: &Answer, more: &str) {
        let mut lines = paint::wrap(&answer.show(), ANSWER_WIDTH).into_iter();
        let first = lines.next().unwrap_or_default();
        let line = format!("{}  {typed:<14} {first:<38} {more}", self.time());
        println!("{}", line.trim_end());
        for rest in lines {
            println!("{:25} {rest}", "");
        }
    }

    /// Asks for `msg` until somebody answers that it has none, or for as long as patience lasts;
    /// prints each new answer and how often the one before it came. Says whether it came to that.
    fn ask_until_missing(&mut self, stage: &mut Stage, stop: &Stop) -> Result<bool> {
        let end = Instant::now() + PATIENCE;
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
            self.bystander_reads += 1;
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
