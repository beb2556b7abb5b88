//! `nuthatch verify`, `nuthatch where` and INFO for a pool with replicas.

use super::{SOON, Stage, sentinel, set};
use nuthatch_testbed::{Folder, RedisServer, free_port, poll_until};
use serde_json::Value as Json;
use std::process::Command;

/// Exit code and output.
fn nuthatch(yaml: &str, args: &[&str]) -> (i32, String) {
    let folder = Folder::new().unwrap();
    std::fs::write(folder.path().join("t.yml"), yaml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuthatch"));
    command.arg(args[0]).args(["-c", "t.yml"]).args(&args[1..]).current_dir(folder.path());
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn pool(primary: &str, more: &str) -> String {
    format!("p:\n  listen: 127.0.0.1:1\n  redis: true\n{more}  servers:\n    - {primary}:1 one\n")
}

/// Each thing that can be wrong, seen on real servers.
#[test]
fn verify_asks_replicas_and_sentinels() {
    let stage = Stage::new(&[], 0);
    let (primary, replica) = (stage.primary.addr().to_string(), stage.replica.addr().to_string());
    set(&mut stage.primary.client().unwrap(), 10);
    let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
    let sentinels: Vec<_> =
        ports.iter().map(|&port| sentinel(port, stage.primary.port())).collect();
    let list: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let with_sentinels = format!("  sentinels: [{}]\n", list.join(", "));

    let (code, out) = nuthatch(&pool(&primary, &with_sentinels), &["verify"]);
    assert_eq!(code, 0, "{out}");
    let advice = format!("  advice: primary {primary} of one has `min-replicas-to-write 0`");
    assert!(out.contains(&advice), "{out}");
    assert_eq!(out.matches("warning:").count(), 0, "{out}");
    let (_, out) = nuthatch(&pool(&primary, &with_sentinels), &["verify", "--json"]);
    let told: Json = serde_json::from_str(out.trim_end()).unwrap();
    assert_eq!(told["failover"].as_array().unwrap().len(), 1, "{out}");
    assert_eq!(told["failover"][0]["level"], "advice");

    // The file has the replica in the primary's place.
    let (code, out) = nuthatch(&pool(&replica, &with_sentinels), &["verify"]);
    let differs = format!(
        "warning: the primary of one is {primary}, as Sentinels say; the file has {replica}"
    );
    assert!(code == 0 && out.contains(&differs), "{out}");
    // Another name for the same server is no difference.
    let by_name = format!("localhost:{}", stage.primary.port());
    let (_, out) = nuthatch(&pool(&by_name, &with_sentinels), &["verify"]);
    assert!(!out.contains("as Sentinels say"), "{out}");

    let unknown = pool(&primary, &with_sentinels).replace(":1 one", ":1 two");
    let (code, out) = nuthatch(&unknown, &["verify"]);
    assert_eq!((code, out.matches("does not know the name two").count()), (1, 3), "{out}");

    // A Sentinel that is gone, and a replica that a switch would need.
    drop(sentinels);
    let (code, out) = nuthatch(&pool(&primary, &with_sentinels), &["verify"]);
    assert_eq!((code, out.matches("cannot be asked: Connection refused").count()), (2, 3), "{out}");

    let stale = ["CONFIG", "SET", "replica-serve-stale-data", "no"];
    assert!(stage.replica.client().unwrap().command(&stale).unwrap().is_ok());
    let listed = format!("  read: prefer_replica\n  replicas:\n    - {replica} one\n");
    let (code, out) = nuthatch(&pool(&primary, &listed), &["verify"]);
    let stale = format!("warning: replica {replica} of one has `replica-serve-stale-data no`");
    assert!(code == 0 && out.contains(&stale), "{out}");
    let no_longer = ["REPLICAOF", "NO", "ONE"];
    assert!(stage.replica.client().unwrap().command(&no_longer).unwrap().is_ok());
    let (_, out) = nuthatch(&pool(&primary, &listed), &["verify"]);
    assert!(out.contains(&format!("replica {replica} of one says that it is a primary")), "{out}");
    let locked = RedisServer::start_with(&["--requirepass", "secret"]).unwrap();
    let listed = format!("  redis_auth: not-this-one\n  replicas:\n    - {} one\n", locked.addr());
    let (code, out) = nuthatch(&pool(&primary, &listed), &["verify"]);
    assert!(code == 2 && out.contains("cannot be asked: AUTH: WRONGPASS"), "{out}");
    assert!(!out.contains("not-this-one"), "{out}");
}

#[test]
fn where_names_the_replicas_of_the_file() {
    let listed = "  replicas:\n    - 10.0.0.2:2 one\n    - 10.0.0.3:3 one\n";
    let (code, out) = nuthatch(&pool("10.0.0.1:1", listed), &["where", "key"]);
    assert_eq!(code, 0);
    let mut lines = out.lines();
    assert!(lines.next().unwrap().contains("server      replicas               key"), "{out}");
    assert!(lines.next().unwrap().contains("10.0.0.1:1  10.0.0.2:2,10.0.0.3:3  key"), "{out}");
    let (_, out) = nuthatch(&pool("10.0.0.1:1", listed), &["where", "--json", "key"]);
    let told: Json = serde_json::from_str(out.trim_end()).unwrap();
    assert_eq!(told["replicas"], serde_json::json!(["10.0.0.2:2", "10.0.0.3:3"]));

    let asked = "  sentinels: [10.0.0.9:9, 10.0.0.8:8, 10.0.0.7:7]\n";
    let (_, out) = nuthatch(&pool("10.0.0.1:1", asked), &["where", "key"]);
    assert!(out.contains("pool p asks Sentinels") && !out.contains("replicas"), "{out}");
    let (_, out) = nuthatch(&pool("10.0.0.1:1", ""), &["where", "--json", "key"]);
    assert!(!out.contains("replicas"), "{out}");
}

#[test]
fn info_counts_replicas() {
    let stage = Stage::new(&[], 0);
    let mut client = stage.proxy.client().unwrap();
    let primary = stage.primary.addr();
    let wanted = format!(
        "shard0:name=one,server={primary},weight=1,state=live,replicas=1,replicas_good=1\r\n"
    );
    let mut info = |section| client.command(&["INFO", section]).unwrap().text().unwrap();
    assert!(poll_until(SOON, || info("nuthatch").contains(&wanted)), "{}", info("nuthatch"));
    let replication = info("replication");
    assert!(replication.contains("role:master") && replication.contains("connected_slaves:0"));
}
