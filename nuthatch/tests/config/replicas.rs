//! The keys of a pool with replicas and Sentinels.

use crate::{bad, good, pool, rendered};
use nuthatch_engine::topology::{AfterWrite, Eject, LagBounds, Reads};

#[test]
fn a_pool_may_have_replicas_and_sentinels() {
    let lines = "  sentinels: [a:26379, b:26379, '[::1]:26379']\n  sentinel_user: u\n  sentinel_auth: p\n  \
                 failover_hold_ms: 500\n  read: nearest\n  read_lag_max_bytes: 7\n  read_lag_max_ms: 8\n  \
                 replica_stale_ms: 9\n  read_after_write_ms: 10\n  zone: z\n  replicas:\n  \
                 - h:1 127.0.0.1:6379 zone=z\n  - '[::2]:1 127.0.0.1:6379'\n";
    let (config, problems) = good(&pool(lines));
    assert!(problems.is_empty(), "{}", rendered(&problems));
    let spec = &config.pools[0].spec;
    let failover = spec.failover.as_deref().unwrap();
    let names: Vec<String> = failover.sentinels.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a:26379", "b:26379", "::1:26379"]);
    assert_eq!(
        (failover.sentinel_user.as_deref(), failover.sentinel_auth.as_deref()),
        (Some("u"), Some("p"))
    );
    assert_eq!(
        (failover.hold_ms, failover.reads, failover.after_write),
        (500, Reads::Nearest, AfterWrite::Ms(10))
    );
    assert_eq!(failover.lag, LagBounds { bytes: 7, ms: 8, stale_ms: 9 });
    assert_eq!(failover.zone.as_deref(), Some("z"));
    let replicas = &spec.shards[0].replicas;
    assert_eq!(replicas[0].zone.as_deref(), Some("z"));
    assert_eq!(replicas[1].address.to_string(), "::2:1");
    assert_eq!(spec.eject, Eject::FailFast, "the default where there are replicas");
    // A pool without replicas holds no request. Fewer than three Sentinels give a warning.
    assert_eq!(good(&pool("")).0.pools[0].spec.hold_ms(), 0);
    let (_, problems) = good(&pool("  sentinels: [a:1]\n"));
    assert!(rendered(&problems).contains("fewer than three"), "{}", rendered(&problems));
    let memcached = "p:\n  listen: h:1\n  replicas: [h:2 h:1]\n  servers: [h:1:1]\n";
    assert!(rendered(&bad(memcached)).contains("memcached has no replicas"));
}

#[test]
fn own_writes_are_found_for_a_time_or_for_as_long_as_it_takes() {
    let of = |word: &str| format!("  sentinels: [a:1, b:1, c:1]\n  read_after_write_ms: {word}\n");
    let (config, _) = good(&pool(&of("auto")));
    let after = config.pools[0].spec.failover.as_deref().map(|it| it.after_write);
    assert_eq!(after, Some(AfterWrite::Auto));
    let text = rendered(&bad(&pool(&of("always"))));
    assert!(text.contains("from 0 to 3600000, digits only, or `auto`"), "{text}");
}

#[test]
fn a_zone_may_be_that_of_the_machine() {
    let replica = "  replicas: ['h:1 127.0.0.1:6379']\n";
    for (own, zone) in [("", "of the machine"), ("  zone: of the pool\n", "of the pool")] {
        let (mut config, _) = good(&pool(&format!("{replica}{own}")));
        config.default_zone("of the machine");
        let of = config.pools[0].spec.failover.as_deref().unwrap().zone.as_deref();
        assert_eq!(of, Some(zone));
    }
    let (mut config, _) = good(&pool(""));
    config.default_zone("of the machine");
    assert!(config.pools[0].spec.failover.is_none());
}
