//! The seconds as they pass: how many requests each shard has answered, how many wait, how many failed.

use anyhow::Result;
use std::time::{Duration, Instant};

use super::stage::NAMES;
use super::traffic::Traffic;
use crate::paint;
use crate::stop::Stop;

const SECOND: Duration = Duration::from_secs(1);
const BAR: usize = 10;
/// Columns for a line of the log.
const LOG_WIDTH: usize = 68;

pub struct Chart<'t> {
    traffic: &'t Traffic,
    start: Instant,
    seconds: u32,
    last: Vec<(u64, u64)>,
    /// The most that a shard has answered in a second.
    most: u64,
}

impl<'t> Chart<'t> {
    pub fn new(traffic: &'t Traffic) -> Chart<'t> {
        let titles: Vec<String> = NAMES.iter().map(|name| format!("{name:<16}")).collect();
        let title = format!("{:>8}  {}{:>6}{:>8}", "", titles.concat(), "waits", "errors");
        println!("{}", paint::dim(&title));
        let last = traffic.totals();
        Chart { traffic, start: Instant::now(), seconds: 0, last, most: 1 }
    }

    /// Waits for the end of this second and draws it.
    pub fn second(&mut self, stop: &Stop) -> Result<()> {
        self.seconds += 1;
        let end = self.start + SECOND * self.seconds;
        stop.sleep(end.saturating_duration_since(Instant::now()))?;
        let now = self.traffic.totals();
        let more: Vec<u64> = now.iter().zip(&self.last).map(|(now, last)| now.0 - last.0).collect();
        let errors: u64 = now.iter().zip(&self.last).map(|(now, last)| now.1 - last.1).sum();
        self.most = more.iter().copied().fold(self.most, u64::max);
        let drawn = more.iter().enumerate().map(|(i, &count)| {
            let bar = paint::bar(count as f64 / self.most as f64, BAR);
            format!("{} {count:<5}", paint::server(i, &bar))
        });
        let drawn: Vec<String> = drawn.collect();
        let waiting = self.traffic.waiting();
        println!("{}  {}{waiting:>6}{errors:>8}", self.time(), drawn.concat());
        self.last = now;
        Ok(())
    }

    fn time(&self) -> String {
        format!("{:>6.1} s", self.start.elapsed().as_secs_f64())
    }

    /// Something that happened.
    pub fn note(&self, what: &str) {
        println!("{}  {}", self.time(), paint::bold(what));
    }
}

/// More about it.
pub fn tell(what: &str) {
    println!("{:>8}  {what}", "");
}

/// A line of the proxy's log.
pub fn log(line: &str) {
    for part in paint::wrap(line, LOG_WIDTH) {
        println!("{:>8}  {}", "", paint::dim(&part));
    }
}
