//! Every rule of `differs.rs`: a file for which it reports a difference, and one for which it does not.

use super::{Difference, Kind, RULES, differences};
use nuthatch_engine::topology::Manners;

/// A pool of these lines, and servers.
fn file(lines: &str, servers: &str) -> String {
    format!("p:\n  listen: 127.0.0.1:1\n{lines}  servers:\n{servers}")
}

const TWO: &str = "  - h:1:1\n  - h:2:1\n";

fn told(text: &str, workers: u16) -> Vec<Difference> {
    let (config, _) = crate::config::parse(text, "t.yml", Manners::Modern).unwrap();
    differences(&config, workers)
}

/// A rule, a file that it reports with the line, and a file that is the same under both.
fn cases() -> Vec<(&'static str, String, u32, String)> {
    let redis = |lines: &str| file(&format!("  redis: true\n{lines}"), TWO);
    let good = redis("");
    let over = |servers| file("  redis: true\n  redis_db: 2\n", servers);
    vec![
        (
            "client_connections",
            redis("  client_connections: 9\n"),
            4,
            redis("  client_connections: 0\n"),
        ),
        ("colocate", redis("  colocate:\n  - 'bull:'\n"), 4, good.clone()),
        ("crc32", redis("  hash: crc32\n"), 4, redis("  hash: crc32\n  distribution: modula\n")),
        ("forms", "---\n".to_owned() + &good, 1, good.clone()),
        ("keys", redis("  eject: off\n"), 4, redis("  auto_eject_hosts: false\n")),
        ("keys", redis("  client_stall_ms: 5000\n"), 4, good.clone()),
        ("password", redis("  redis_auth: x\n"), 4, good.clone()),
        (
            "password_and_database",
            redis("  redis_auth: x\n  redis_db: 2\n"),
            5,
            redis("  redis_db: 2\n"),
        ),
        (
            "port_11211",
            file("  redis: true\n", "  - h:1:1\n  - h:11211:1\n"),
            6,
            file("  redis: true\n", "  - h:1:1\n  - h:11211:1 h2\n"),
        ),
        (
            "preconnect",
            redis("  preconnect: true\n  server_connections: 2\n"),
            4,
            redis("  preconnect: true\n  server_connections: 1\n"),
        ),
        ("server_brackets", file("  redis: true\n", "  - '[::1]:1:1'\n"), 5, good.clone()),
        ("unix_and_database", over("  - h:1:1\n  - /tmp/s:1\n"), 4, over(TWO)),
        (
            "weights",
            file("  redis: true\n", "  - h:1:1000 a\n  - h:2:1 b\n"),
            6,
            file("  redis: true\n", "  - h:1:10 a\n  - h:2:1 b\n"),
        ),
    ]
}

#[test]
fn every_rule_speaks_and_is_silent() {
    let cases = cases();
    for (rule, text, line, same) in &cases {
        let found = told(text, 1);
        // Every password is reported.
        let apart = |it: &&Difference| it.rule != "password" || *rule == "password";
        let found: Vec<&Difference> = found.iter().filter(apart).collect();
        assert_eq!(found.len(), 1, "{rule}: {found:?}");
        assert_eq!((found[0].rule, found[0].line), (*rule, *line), "{}", found[0]);
        assert_eq!(told(same, 1), [], "{rule}");
    }
    let tested = |name: &str| name == "upstreams" || cases.iter().any(|case| case.0 == name);
    assert!(RULES.iter().all(|rule| tested(rule.name)));
}

#[test]
fn the_table_is_sorted() {
    assert!(RULES.windows(2).all(|pair| pair[0].name < pair[1].name));
}

#[test]
fn workers_multiply_connections() {
    let text = file("  redis: true\n  server_connections: 3\n", TWO);
    assert_eq!(told(&text, 1), []);
    let found = told(&text, 4);
    assert_eq!((found.len(), found[0].rule, found[0].line), (1, "upstreams", 1));
    assert!(found[0].ours.starts_with("up to 12: 4 workers make 3 each; twice"), "{}", found[0]);
    assert!(found[0].cure.ends_with("the servers' `maxclients` allow it"), "{}", found[0]);
    // memcached has no RESP3 and another name for its limit.
    let memcached = text.replace("redis: true", "redis: false");
    let found = told(&memcached, 4);
    assert!(found[0].ours.ends_with("up to 12: 4 workers make 3 each"), "{}", found[0]);
    assert!(found[0].cure.ends_with("the servers' `-c` allow it"), "{}", found[0]);
    let both = told(&(text + &memcached.replace("p:", "q:").replace(":1\n  red", ":2\n  red")), 4);
    assert_eq!(both.len(), 1);
    assert!(both[0].cure.contains("(memcached: `-c`)"), "{}", both[0]);
}

#[test]
fn a_difference_reads_like_help() {
    let text = file("  redis: true\n  redis_auth: secret\n  redis_db: 2\n", TWO);
    assert_eq!(
        told(&text, 1)[1].to_string(),
        "t.yml:5:13: differs from nutcracker in pool `p`\n  \
         nutcracker: sent SELECT before AUTH: it was refused, and the data went to database 0\n  \
         nuthatch:   sends AUTH first and uses database 2\n  \
         cure:       `redis_db: 0` where the data is to be found again; `nuthatch verify` looks"
    );
    let kept = told(&file("  redis: true\n  hash: crc32\n", TWO), 1);
    assert_eq!(kept[0].kind, Kind::Kept);
    assert!(kept[0].to_string().starts_with("t.yml:4:9: as under nutcracker in pool `p`\n"));
    assert!(kept[0].old.contains("1 of 2 servers"), "{}", kept[0]);
}
