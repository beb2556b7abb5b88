//! The yardstick measured: a proxy that stands still must not pass for one that keeps its pace.
//!
//! A client that waits for each answer before it asks again, and counts from its asking, has one
//! late request for a pause of any length. A p99 made of such does not see the pause at all.

use super::Scene;
use nuthatch_testbed::{Outcome, Trial, Witness};
use std::thread::sleep;
use std::time::Duration;

#[test]
fn one_that_stands_still_does_not_keep_its_pace() {
    let witness = Witness::start().unwrap();
    let mut scene = Scene::new(2, &[]);
    let groups = scene.keys("k", 5);
    let mut trial = Trial::start(&witness, &scene.proxy, &groups).unwrap();
    sleep(Duration::from_millis(300));
    trial.strike();
    // A sixth of the time, in a row.
    sleep(Duration::from_millis(700));
    scene.proxy.process().pause().unwrap();
    sleep(Duration::from_millis(400));
    scene.proxy.process().resume().unwrap();
    sleep(Duration::from_millis(1100));
    let seen = trial.finish();
    let wrong = seen.samples.iter().find(|sample| sample.outcome != Outcome::Good);
    assert!(wrong.is_none(), "{wrong:?}");
    let pace = seen.pace(|_| true).unwrap();
    println!("{} requests: {pace:?}", seen.samples.len());
    assert!(pace.during > Duration::from_millis(100), "{pace:?}");
    assert!(!pace.is_kept(), "{pace:?}");
}
