//! Short windows, and which of them count: those in which the host took no CPU time.
//!
//! The host of a virtual machine can take a core away for milliseconds. p99 of such a window measures
//! the host: with the same programs it is 0.3 ms without, 2 to 15 with. The kernel counts the time
//! that was taken (`steal` in `/proc/stat`). Windows are chosen by this time, and not by their p99.
//! This is not quite fair: a process that needs more CPU has more stolen.

use crate::load::Outcome;
use crate::summary::median;

/// The results of a window.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// Seconds that the host took from all cores. The kernel counts in ticks of 10 ms.
    pub stolen: f64,
}

impl Seen {
    pub fn of(outcome: &Outcome) -> Seen {
        let Outcome { p50, p99, p999, max, .. } = *outcome;
        Seen { p50, p99, p999, max, stolen: outcome.window.machine.stolen }
    }
}

/// The windows that count, and a note with their number and the number of all windows.
pub struct Quiet<T> {
    pub windows: Vec<T>,
    pub note: String,
}

/// The windows in which nothing was stolen. If these are less than a third, the third with the least
/// stolen, and the note says so.
pub fn quiet<T: Copy>(all: &[T], what: &str, stolen: impl Fn(&T) -> f64) -> Quiet<T> {
    let mut windows = all.to_vec();
    windows.sort_by(|one, other| stolen(one).total_cmp(&stolen(other)));
    let clean = windows.iter().filter(|window| stolen(window) <= 0.0).count();
    windows.truncate(clean.max(windows.len().div_ceil(3)));
    let least = if windows.len() > clean { ", the least disturbed" } else { "" };
    let note = format!("{} of {} {what}{least}", windows.len(), all.len());
    Quiet { windows, note }
}

/// The median p99 of the quiet windows, in microseconds, and the note.
pub fn p99(windows: &[Seen]) -> (f64, String) {
    let Quiet { windows, note } = quiet(windows, "windows", |window| window.stolen);
    (median(windows.iter().map(|window| window.p99)), note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_held_up_does_not_count() {
        let of = |windows: &[(f64, char)]| {
            let quiet = quiet(windows, "turns", |window| window.0);
            let names: String = quiet.windows.iter().map(|window| window.1).collect();
            (names, quiet.note)
        };
        let seen = of(&[(0.02, 'a'), (0.0, 'b'), (0.0, 'c'), (0.01, 'd')]);
        assert_eq!(seen, ("bc".into(), "2 of 4 turns".into()));
        let seen = of(&[(0.02, 'a'), (0.03, 'b'), (0.05, 'c'), (0.01, 'd')]);
        assert_eq!(seen, ("da".into(), "2 of 4 turns, the least disturbed".into()));
        assert_eq!(of(&[]), (String::new(), "0 of 0 turns".into()));
    }
}
