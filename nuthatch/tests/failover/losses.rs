//! Acknowledged writes over the death of a primary: what a replica had confirmed stays, and a proxy loses no
//! more than a client that follows the Sentinels by itself.

use crate::cluster::{Cluster, PLAIN};
use crate::crowd::{Crowd, Way};
use crate::history::Verdict;
use crate::takeovers::{GAP, SOON};
use crate::{rounds, sleep_ms};
use std::time::Instant;

const CLIENTS: usize = 4;

#[test]
fn what_a_replica_confirmed_is_never_lost() {
    for _ in 0..rounds() {
        let mut cluster = Cluster::start(&PLAIN);
        let ports = cluster.sentinels.iter().map(nuthatch_testbed::RedisSentinel::port).collect();
        let through = cluster.way();
        let crowds = [through, Way::Sentinels(ports)].map(|way| Crowd::start(CLIENTS, &way, true));
        sleep_ms(1_000);
        let (old, struck) = (cluster.followed(0), Instant::now());
        cluster.servers[0][0].kill().unwrap();
        cluster.await_successor(0, old, SOON);
        sleep_ms(1_500);
        let [through, direct] = crowds.map(|crowd| Verdict::of(&crowd.finish()));
        through.tell("killed, with WAIT, through the proxy");
        direct.tell("killed, with WAIT, without a proxy ");
        let since = struck.checked_sub(GAP).unwrap();
        through.is_good(CLIENTS, since);
        direct.lost_little(since);
        assert!(through.safe > 20 && direct.safe > 20, "too little was confirmed to judge");
        let failed = |verdict: &Verdict| verdict.failed.len() + verdict.unknown.len();
        assert!(failed(&through) < failed(&direct), "the proxy saves no request");
    }
}
