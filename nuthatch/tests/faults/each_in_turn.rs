//! Each server in turn is killed and started anew, then stopped and resumed, then restarted in good
//! order, while clients write and check what they read.
//!
//! A server that was started anew comes back empty, so its own keys' values may be lost, and with
//! `remap` they may lie elsewhere for a while. Nothing else is forgiven, and that only from the
//! strike to soon after the recovery: others keep their p99, and when all is over the proxy has the
//! files it had before, and about the memory.

use super::Scene;
use nuthatch_testbed::{Outcome, Rest, Seen, Trial, Witness, poll_until};
use std::thread::sleep;
use std::time::Duration;

/// Between a load's start and the fault, and after the recovery.
const CALM: Duration = Duration::from_millis(250);
/// How long requests may go on to fail once the server is there again: a probe a second at most,
/// and a timeout or two on a busy machine.
const BACK_WITHIN: Duration = Duration::from_secs(3);
/// More memory than before all faults. What nine of them would leak, were there a leak worth the
/// name, is beyond.
const SLACK_KIB: u64 = 4 * 1024;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    Kill,
    Pause,
    /// Asked to end, and started again at once: what a package's upgrade does.
    Restart,
}

impl Fault {
    const ALL: [Fault; 3] = [Fault::Kill, Fault::Pause, Fault::Restart];
}

/// A fault, seen from the load's side.
struct Struck {
    seen: Seen,
    /// When the server was there again, on the clock of the samples.
    there_again: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Policy {
    Off,
    Remap,
    FailFast,
}

const TIMES: [(&str, &str); 3] =
    [("timeout", "300"), ("server_failure_limit", "3"), ("server_retry_timeout", "300")];

#[test]
fn without_ejection() {
    run(Policy::Off, false, &[("eject", "off")]);
}

#[test]
fn without_ejection_in_twemproxys_words() {
    run(Policy::Off, true, &[("eject", "off"), ("manners", "twemproxy")]);
}

#[test]
fn with_remap() {
    run(Policy::Remap, false, &[("auto_eject_hosts", "true")]);
}

#[test]
fn with_fail_fast() {
    run(Policy::FailFast, false, &[("eject", "fail_fast")]);
}

fn run(policy: Policy, twemproxy: bool, keys: &[(&str, &str)]) {
    let keys: Vec<_> = TIMES.iter().chain(keys).copied().collect();
    let mut scene = Scene::new(3, &keys);
    let witness = Witness::start().unwrap();
    let warm = scene.keys("warm", 1);
    connect_all(&scene, &warm);
    let rest = Rest::of(scene.proxy.process());
    for victim in 0..scene.servers.len() {
        for fault in Fault::ALL {
            let struck = strike(&mut scene, &witness, victim, fault);
            let lost_is_fine = fault != Fault::Pause || policy == Policy::Remap;
            let place = format!("{fault:?} of s{victim}");
            let words = Words { policy, twemproxy, victim: &scene.servers[victim].entry(1, "") };
            judge(&struck, victim, fault, lost_is_fine, &words, &place);
        }
    }
    connect_all(&scene, &warm);
    let Some(rest) = rest else {
        println!("no /proc here: files and memory passed over");
        return;
    };
    let (now, is_back) = rest.is_back(scene.proxy.process(), SLACK_KIB);
    println!("before all faults {rest:?}, after them {now:?}");
    assert!(is_back, "before all faults {rest:?}, after them {now:?}");
}

/// Each worker connects to each server, as a proxy in use is.
fn connect_all(scene: &Scene, keys: &[Vec<String>]) {
    for client in &mut scene.clients() {
        for key in keys.iter().flatten() {
            assert!(!client.command(&["EXISTS", key]).unwrap().is_error());
        }
    }
}

/// One fault and the recovery from it, under load.
fn strike(scene: &mut Scene, witness: &Witness, victim: usize, fault: Fault) -> Struck {
    let groups = scene.keys(&format!("{fault:?}{victim}"), 5);
    let mut trial = Trial::start(witness, &scene.proxy, &groups).unwrap();
    sleep(CALM);
    trial.strike();
    let server = &mut scene.servers[victim];
    match fault {
        Fault::Kill => {
            server.kill().unwrap();
            sleep(Duration::from_millis(500));
            server.restart().unwrap();
        }
        Fault::Pause => {
            server.pause().unwrap();
            // Longer than 4 timeouts: connections are given up, too.
            sleep(Duration::from_millis(1500));
            server.resume().unwrap();
        }
        Fault::Restart => {
            server.process().terminate(Duration::from_secs(10)).unwrap();
            server.restart().unwrap();
        }
    }
    let there_again = trial.elapsed();
    // Without ejection each worker finds out by itself, after its own pause.
    let mut clients = scene.clients();
    let is_well = || {
        scene.shards_live() == scene.servers.len()
            && clients
                .iter_mut()
                .all(|client| !client.command(&["EXISTS", &groups[victim][0]]).unwrap().is_error())
    };
    assert!(poll_until(Duration::from_secs(10), is_well), "s{victim} did not come back");
    sleep(CALM);
    let well_again = trial.elapsed();
    sleep(CALM);
    let seen = trial.finish();
    let late =
        seen.samples.iter().find(|s| s.at > well_again && matches!(s.outcome, Outcome::Failed(_)));
    assert!(late.is_none(), "{fault:?}: s{victim} is back since {well_again:?}, and yet: {late:?}");
    Struck { seen, there_again }
}

fn judge(
    struck: &Struck,
    victim: usize,
    fault: Fault,
    lost_is_fine: bool,
    words: &Words<'_>,
    place: &str,
) {
    let Struck { seen, there_again } = struck;
    let mut failed = 0;
    for sample in &seen.samples {
        // One that was on its way at the strike is its own, too.
        let its_own = sample.group == victim
            && sample.ended() >= seen.struck
            && sample.at <= *there_again + BACK_WITHIN;
        match &sample.outcome {
            Outcome::Good => {}
            Outcome::Failed(text) if its_own => {
                failed += 1;
                assert!(words.may_say(fault, text), "{place}: {text}");
            }
            Outcome::Lost(_) if its_own && lost_is_fine => {}
            other => panic!(
                "{place}: {other:?} from s{} at {:?}; struck at {:?}, there again at {there_again:?}",
                sample.group, sample.at, seen.struck
            ),
        }
    }
    assert!(failed > 0, "{place}: nobody noticed; was there a fault?");
    let pace = seen.pace(|group| group != victim);
    println!("{place}: {failed} failed, the healthy ones' p99: {pace:?}");
    assert!(pace.is_some_and(|pace| pace.is_kept()), "{place}: the healthy ones' p99: {pace:?}");
}

/// What clients may read when a server fails.
struct Words<'a> {
    policy: Policy,
    twemproxy: bool,
    /// Its address and weight.
    victim: &'a str,
}

impl Words<'_> {
    fn may_say(&self, fault: Fault, text: &str) -> bool {
        let causes: &[&str] = match (fault, self.policy) {
            (Fault::Kill | Fault::Restart, _) => {
                &["Connection refused", "unknown", "Connection reset by peer", "Broken pipe"]
            }
            // Held out by `fail_fast`.
            (Fault::Pause, Policy::FailFast) => &["Connection timed out", "Connection refused"],
            (Fault::Pause, _) => &["Connection timed out"],
        };
        let Some((word, rest)) = text.split_once(' ') else {
            return false;
        };
        let Some(cause) = causes.iter().find(|cause| rest.starts_with(**cause)) else {
            return false;
        };
        if self.twemproxy {
            return text == format!("ERR {cause}");
        }
        // What was not sent may be repeated, and says so.
        if text.ends_with(", not sent") != (word == "MASTERDOWN") {
            return false;
        }
        let address = self.victim.rsplit_once(':').unwrap().0;
        let sure = match *cause {
            "Connection refused" => text.ends_with(", not sent"),
            "unknown" => text.ends_with(", outcome unknown"),
            _ => text.ends_with(", not sent") || text.ends_with(", outcome unknown"),
        };
        sure && text.contains(&format!(", server {address})"))
    }
}
