//! What those who misbehave cost those who do not, against the time before and a witness: p99,
//! files and memory.

use super::Scene;
use nuthatch_testbed::{Client, Outcome, Rest, Trial, Witness, encode};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

const CALM: Duration = Duration::from_millis(400);
/// What one measures another would spoil.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// At the least between the strike and the end: a p99 of less is a matter of chance. It still sees
/// a proxy that stands still for longer than a hundredth of it.
const DURING: Duration = Duration::from_secs(5);
/// A neighbour on the same worker waits behind what the other may have in flight on the connection
/// they share: 4096 small requests, or the first 32 replies of 1 MiB, which the server sends whether
/// they are read or not. Built for debugging, on a busy machine, these take 40 ms, and 130 have been
/// seen; all hundred thousand, or all 300 MiB, would take a second.
const BEHIND_A_WINDOW: Duration = Duration::from_millis(150);
const SLACK_KIB: u64 = 16 * 1024;

/// Clients at work while `misbehave` runs and, after its end, a proxy at rest. A p99 up to twice
/// `floor` is well.
fn beside<T>(mut scene: Scene, floor: Duration, misbehave: impl FnOnce(&Scene) -> T) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let witness = Witness::start().unwrap();
    let keys = (0..5).map(|n| format!("work:{n}")).collect();
    // Each worker's connection stands.
    let mut warm: Vec<Client> = (0..8).map(|_| scene.client()).collect();
    for client in &mut warm {
        assert!(!client.command(&["GET", "big"]).unwrap().is_error());
    }
    drop(warm);
    let rest = Rest::of(scene.proxy.process());
    let mut trial = Trial::start(&witness, &scene.proxy, &[keys]).unwrap();
    sleep(CALM);
    trial.strike();
    let end = Instant::now() + DURING;
    let kept = misbehave(&scene);
    sleep(end.saturating_duration_since(Instant::now()));
    let seen = trial.finish();
    drop(kept);
    let wrong = seen.samples.iter().find(|sample| sample.outcome != Outcome::Good);
    assert!(wrong.is_none(), "{wrong:?}");
    let pace = seen.pace(|_| true);
    println!("{} requests beside it: {pace:?}", seen.samples.len());
    assert!(pace.is_some_and(|pace| pace.is_kept_above(floor)), "{pace:?}");
    let Some(rest) = rest else { return };
    let (now, is_back) = rest.is_back(scene.proxy.process(), SLACK_KIB);
    println!("at rest before: {rest:?}, after: {now:?}");
    assert!(is_back, "at rest before: {rest:?}, after: {now:?}");
}

#[test]
fn beside_one_that_never_reads() {
    let scene = Scene::new(2, &[]);
    scene.store("big", 1024 * 1024);
    beside(scene, BEHIND_A_WINDOW, |scene| {
        let mut silent = scene.client();
        let mut bytes = Vec::new();
        (0..300).for_each(|_| encode(&["GET", "big"], &mut bytes));
        silent.send_raw(&bytes).unwrap();
        silent
    });
}

#[test]
fn beside_one_that_pipelines_a_hundred_thousand() {
    const COUNT: usize = 100_000;
    let scene = Scene::new(2, &[]);
    beside(scene, BEHIND_A_WINDOW, |scene| {
        let mut client = scene.client();
        let mut sender = client.try_clone().unwrap();
        sender.set_timeout(Duration::from_secs(20)).unwrap();
        let mut bytes = Vec::new();
        (0..COUNT).for_each(|_| encode(&["INCR", "counter"], &mut bytes));
        let sending = thread::spawn(move || sender.send_raw(&bytes).unwrap());
        for n in 1..=COUNT {
            assert_eq!(client.recv().unwrap().as_int(), i64::try_from(n).ok());
        }
        sending.join().unwrap();
    });
}
