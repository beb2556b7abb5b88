//! Short windows, and which of them count: those that the host left us alone in.
//!
//! On a virtual machine the host takes a core away for milliseconds, at its leisure. p99 of a window
//! in which it did is the host's and nobody else's: between the same programs 0.3 ms without, 2 to 15
//! with. The kernel counts what was taken (`steal` in `/proc/stat`), so windows are chosen by that,
//! and not by how good they look. Quite fair it is not: who wants a core more has more stolen.

use crate::load::Outcome;
use crate::summary::median;

/// What a window showed.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// Seconds that the host took, of all cores; the kernel counts in ticks of 10 ms.
    pub stolen: f64,
}

impl Seen {
    pub fn of(outcome: &Outcome) -> Seen {
        let Outcome { p50, p99, p999, max, .. } = *outcome;
        Seen { p50, p99, p999, max, stolen: outcome.window.machine.stolen }
    }
}

/// Those that nothing was stolen in; at least a third, those with the least.
pub fn quiet<T: Copy>(windows: &[T], stolen: impl Fn(&T) -> f64) -> Vec<T> {
    let mut windows = windows.to_vec();
    windows.sort_by(|one, other| stolen(one).total_cmp(&stolen(other)));
    let none = windows.iter().filter(|window| stolen(window) <= 0.0).count();
    windows.truncate(none.max(windows.len().div_ceil(3)));
    windows
}

/// How many of how many [`quiet`] has chosen, and whether it had to take some with something stolen.
pub fn note<T: Copy>(windows: &[T], what: &str, stolen: impl Fn(&T) -> f64) -> String {
    let quiet = quiet(windows, &stolen);
    let are_clean = quiet.iter().all(|window| stolen(window) <= 0.0);
    let least = if are_clean { "" } else { ", the least disturbed" };
    format!("{} of {} {what}{least}", quiet.len(), windows.len())
}

/// The median of the quiet ones' p99, in microseconds, and how many those are.
pub fn p99(windows: &[Seen]) -> (f64, String) {
    let stolen = |window: &Seen| window.stolen;
    let quiet = quiet(windows, stolen);
    (median(quiet.iter().map(|window| window.p99)), note(windows, "windows", stolen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_held_up_does_not_count() {
        let of = |windows: &[(f64, char)]| -> String {
            quiet(windows, |window| window.0).iter().map(|window| window.1).collect()
        };
        assert_eq!(of(&[(0.02, 'a'), (0.0, 'b'), (0.0, 'c'), (0.01, 'd')]), "bc");
        assert_eq!(of(&[(0.02, 'a'), (0.03, 'b'), (0.05, 'c'), (0.01, 'd')]), "da");
        assert_eq!(of(&[]), "");
        assert_eq!(note(&[0.0, 0.0, 0.1], "windows", |it| *it), "2 of 3 windows");
        assert_eq!(note(&[0.2, 0.3], "turns", |it| *it), "1 of 2 turns, the least disturbed");
    }
}
