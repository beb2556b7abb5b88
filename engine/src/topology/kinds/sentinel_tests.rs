//! Examples for the machine that follows Sentinels.

use super::*;

const SHARD: ShardId = ShardId(0);

fn at(name: &str) -> Address {
    Address::Tcp { host: name.into(), port: 6379 }
}

/// Three Sentinels and a primary `a`; all have said so at epoch 1, with the replicas `b` and `c`.
fn settled() -> Sentinels {
    let mut machine = Sentinels::new(&[at("s0"), at("s1"), at("s2")], [at("a")]);
    for sentinel in 0..3 {
        let replicas = Some(vec![at("b"), at("c")]);
        machine.handle_claim(SentinelId(sentinel), SHARD, &Claim { replicas, ..claim(1, "a") });
    }
    wishes(&mut machine);
    machine
}

fn claim(epoch: u64, primary: &str) -> Claim {
    Claim { epoch, primary: at(primary), in_tilt: false, replicas: None, sentinels: None }
}

fn wishes(machine: &mut Sentinels) -> Vec<String> {
    std::iter::from_fn(|| machine.poll_wish())
        .map(|wish| match wish {
            SentinelWish::AskRole { address, epoch, .. } => format!("role {address} {epoch}"),
            SentinelWish::Primary { address, epoch, .. } => format!("primary {address} {epoch}"),
            SentinelWish::Replicas { replicas, .. } => {
                let names: Vec<String> = replicas.iter().map(ToString::to_string).collect();
                format!("replicas {}", names.join(" "))
            }
            SentinelWish::Ask(id, address) => format!("ask {} {address}", id.0),
        })
        .collect()
}

#[allow(clippy::needless_pass_by_value, reason = "an example is read more easily")]
fn say(machine: &mut Sentinels, sentinel: u16, claim: Claim) -> Vec<String> {
    machine.handle_claim(SentinelId(sentinel), SHARD, &claim);
    wishes(machine)
}

#[test]
fn one_sentinel_is_enough_for_a_replica_that_says_it_is_primary() {
    let mut machine = settled();
    assert_eq!(say(&mut machine, 1, claim(2, "b")), ["role b:6379 2"]);
    machine.handle_role(SHARD, &at("b"), 2, false);
    assert!(wishes(&mut machine).is_empty(), "it is none yet");
    assert_eq!(say(&mut machine, 1, claim(2, "b")), ["role b:6379 2"], "asked again");
    machine.handle_role(SHARD, &at("b"), 2, true);
    assert_eq!(wishes(&mut machine), ["primary b:6379 2", "replicas c:6379"]);
    // The others still say what was.
    assert!(say(&mut machine, 0, claim(1, "a")).is_empty());
    assert!(say(&mut machine, 2, claim(1, "a")).is_empty(), "never back to a lower epoch");
    assert_eq!(machine.primary(SHARD), (&at("b"), Some(2)));
    // The old one is back as a replica.
    let back = Claim { replicas: Some(vec![at("c"), at("a")]), ..claim(2, "b") };
    assert_eq!(say(&mut machine, 1, back), ["replicas a:6379 c:6379"]);
}

#[test]
fn the_leader_shows_a_new_epoch_with_the_old_address() {
    let mut machine = settled();
    assert!(say(&mut machine, 0, claim(2, "a")).is_empty());
    assert_eq!(machine.primary(SHARD), (&at("a"), Some(2)));
    // Its other command has the address: no higher epoch, so the majority decides.
    assert!(say(&mut machine, 0, claim(2, "b")).is_empty());
    assert_eq!(say(&mut machine, 1, claim(2, "b")), ["primary b:6379 2", "replicas c:6379"]);
}

#[test]
fn a_stranger_needs_a_majority() {
    let mut machine = settled();
    assert!(say(&mut machine, 0, claim(9, "x")).is_empty(), "no replica of ours: it was reset");
    assert!(say(&mut machine, 0, claim(9, "x")).is_empty(), "the same one does not count twice");
    assert_eq!(say(&mut machine, 2, claim(9, "x")), ["primary x:6379 9", "replicas b:6379 c:6379"]);
}

#[test]
fn at_the_start_the_file_may_be_old() {
    let mut machine = Sentinels::new(&[at("s0"), at("s1"), at("s2")], [at("a")]);
    wishes(&mut machine);
    assert!(say(&mut machine, 0, claim(5, "b")).is_empty());
    assert_eq!(say(&mut machine, 1, claim(5, "b")), ["primary b:6379 5", "replicas "]);
}

#[test]
fn answers_in_tilt_count_for_nothing() {
    let mut machine = settled();
    for sentinel in 0..3 {
        let claim = Claim { in_tilt: true, ..claim(7, "b") };
        assert!(say(&mut machine, sentinel, claim).is_empty());
    }
    assert_eq!(machine.primary(SHARD), (&at("a"), Some(1)));
}

#[test]
fn a_late_answer_about_a_role_changes_nothing() {
    let mut machine = settled();
    say(&mut machine, 0, claim(2, "b"));
    say(&mut machine, 1, claim(3, "c"));
    machine.handle_role(SHARD, &at("b"), 2, true);
    assert!(wishes(&mut machine).is_empty(), "a later failover is known");
    machine.handle_role(SHARD, &at("c"), 3, true);
    assert_eq!(wishes(&mut machine), ["primary c:6379 3", "replicas b:6379"]);
}

#[test]
fn other_sentinels_are_found_and_count() {
    let mut machine = Sentinels::new(&[at("s0")], [at("a")]);
    assert_eq!(wishes(&mut machine), ["ask 0 s0:6379"]);
    let others = Claim { sentinels: Some(vec![at("s1"), at("s2")]), ..claim(1, "a") };
    assert_eq!(say(&mut machine, 0, others), ["ask 1 s1:6379", "ask 2 s2:6379"]);
    assert!(say(&mut machine, 1, claim(1, "b")).is_empty(), "one of three");
    assert_eq!(say(&mut machine, 2, claim(1, "b")), ["primary b:6379 1", "replicas "]);
}

#[test]
fn a_primary_hands_over_and_sentinels_learn_of_it_late() {
    let mut machine = settled();
    machine.handle_handover(SHARD, &at("x"));
    assert!(wishes(&mut machine).is_empty(), "no replica of this shard");
    machine.handle_handover(SHARD, &at("b"));
    assert_eq!(wishes(&mut machine), ["primary b:6379 1", "replicas a:6379 c:6379"]);
    for sentinel in 0..3 {
        assert!(say(&mut machine, sentinel, claim(1, "a")).is_empty());
    }
    // And back, before the Sentinels have noticed.
    machine.handle_handover(SHARD, &at("a"));
    assert_eq!(wishes(&mut machine), ["primary a:6379 1", "replicas b:6379 c:6379"]);
    machine.handle_handover(SHARD, &at("b"));
    assert_eq!(wishes(&mut machine), ["primary b:6379 1", "replicas a:6379 c:6379"]);
    // A failover of theirs has an epoch.
    assert_eq!(say(&mut machine, 0, claim(2, "a")), ["role a:6379 2"]);
    machine.handle_role(SHARD, &at("a"), 2, true);
    assert_eq!(wishes(&mut machine), ["primary a:6379 2", "replicas c:6379"]);
}

#[test]
fn sentinels_that_are_set_up_anew_are_followed_again() {
    let mut machine = settled();
    for sentinel in 0..3 {
        say(&mut machine, sentinel, claim(7, "a"));
    }
    // Two of three begin anew. For a while they may only be late.
    for round in 1..=OLDER_MIN {
        assert_eq!(machine.primary(SHARD).1, Some(7), "{round}");
        for sentinel in [0, 1] {
            assert!(say(&mut machine, sentinel, claim(0, "a")).is_empty());
        }
    }
    assert_eq!(machine.primary(SHARD).1, Some(0));
    assert_eq!(say(&mut machine, 1, claim(1, "b")), ["role b:6379 1"]);
    // One alone changes nothing.
    let mut machine = settled();
    for _ in 0..3 * OLDER_MIN {
        say(&mut machine, 2, claim(0, "a"));
    }
    assert_eq!(machine.primary(SHARD).1, Some(1));
}
