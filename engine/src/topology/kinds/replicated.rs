//! What the servers of a shard say of themselves: which one is primary, and which replicas can be read.
//!
//! ```text
//!   INFO replication of every server, once a second ──▶ roles ──▶ the primary, where no Sentinel says it
//!                                                  └──▶ lag   ──▶ the replicas that answer reads
//! ```
//!
//! A replica can be read while its primary calls it `online`, its link is up, it gets no full copy and it is
//! not too far behind: a replica that gets a full copy answers as if it had no data, and no error tells it.
//! When the primary is dead, every replica has lost its link; they go on for a while, since reads are needed
//! most then.
//!
//! Without Sentinels the primary is the server whose ROLE says so. Two may say so after a promotion: then we
//! stay with the one that we follow until it is gone or is a replica.

use crate::base::Time;
use crate::topology::{Address, LagBounds};
use std::collections::VecDeque;

/// What one server says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sight {
    Primary {
        offset: u64,
        /// Replicas that it knows.
        replicas: Vec<SeenReplica>,
    },
    Replica {
        offset: u64,
        link_is_up: bool,
        is_syncing: bool,
        /// It reads its data from its disk.
        is_loading: bool,
    },
}

/// A replica as its primary sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenReplica {
    pub address: Address,
    pub is_online: bool,
    /// Seconds since it was heard of last.
    pub lag_s: u64,
}

/// Why a replica cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    NotAsked,
    /// Nothing is read from replicas, so they are not asked.
    NotWanted,
    NoAnswer,
    SaysPrimary,
    Syncing,
    Loading,
    LinkDown,
    Behind,
    /// Its primary does not know it, or has not heard of it.
    NotOnline,
    NoPrimary,
}

impl Fault {
    /// For the log and for those who ask.
    pub fn text(self) -> &'static str {
        match self {
            Fault::NotAsked => "it has not been asked yet",
            Fault::NotWanted => "reads go to the primary, so it is not asked",
            Fault::NoAnswer => "it does not answer",
            Fault::SaysPrimary => "it says that it is a primary",
            Fault::Syncing => "it gets a full copy",
            Fault::Loading => "it loads its data",
            Fault::LinkDown => "its link to its primary is down",
            Fault::Behind => "it is too many bytes behind",
            Fault::NotOnline => {
                "its primary does not call it online, or has not heard of it lately"
            }
            Fault::NoPrimary => "its primary does not answer",
        }
    }
}

/// What is known of a replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaView {
    pub address: Address,
    /// What it says of itself. `None`: it did not answer the last time.
    pub sight: Option<Sight>,
    pub lag_bytes: Option<u64>,
    /// Seconds since its primary has heard of it.
    pub lag_s: Option<u64>,
    /// `None`: it can be read.
    pub fault: Option<Fault>,
}

struct Member {
    address: Address,
    /// `None`: it did not answer the last time.
    sight: Option<Sight>,
    fault: Option<Fault>,
    /// A replica: it has what its primary had at this moment.
    caught_up_at: Time,
}

/// Questions to the primary that are remembered: a replica that is behind by more is taken to have nothing new.
const MARKS: usize = 16;

/// The servers of one shard.
pub struct Replicated {
    bounds: LagBounds,
    primary: Address,
    members: Vec<Member>,
    /// Since when the primary does not answer.
    lost_at: Option<Time>,
    /// Two servers say that they are primaries.
    is_split: bool,
    /// When the primary was asked the last times, and its offset then; the last first.
    marks: VecDeque<(Time, u64)>,
}

impl Replicated {
    pub fn new(bounds: LagBounds, primary: Address, replicas: &[Address]) -> Replicated {
        let mut shard = Replicated {
            bounds,
            primary: primary.clone(),
            members: Vec::new(),
            lost_at: None,
            is_split: false,
            marks: VecDeque::new(),
        };
        shard.set_servers(primary, replicas);
        shard
    }

    /// The servers of the shard from now on.
    pub fn set_servers(&mut self, primary: Address, replicas: &[Address]) {
        if primary != self.primary {
            self.lost_at = None;
            self.marks.clear();
            // These answers are older than the switch.
            for member in &mut self.members {
                member.sight = None;
                member.caught_up_at = Time::ZERO;
            }
        }
        self.primary = primary;
        let wanted: Vec<Address> =
            std::iter::once(&self.primary).chain(replicas).cloned().collect();
        self.members.retain(|member| wanted.contains(&member.address));
        for address in wanted {
            if !self.members.iter().any(|member| member.address == address) {
                self.members.push(Member {
                    address,
                    sight: None,
                    fault: Some(Fault::NotAsked),
                    caught_up_at: Time::ZERO,
                });
            }
        }
    }

    /// Another primary from now on. The old one stays in the shard: it may come back as a replica.
    pub fn follow(&mut self, primary: Address) {
        let servers: Vec<Address> = self.servers().cloned().collect();
        self.set_servers(primary, &servers);
    }

    /// All servers, the primary too.
    pub fn servers(&self) -> impl Iterator<Item = &Address> {
        self.members.iter().map(|member| &member.address)
    }

    pub fn primary(&self) -> &Address {
        &self.primary
    }

    /// Whether two servers say that they are primaries.
    pub fn is_split(&self) -> bool {
        self.is_split
    }

    /// All servers have been asked; an answer each, `None` if there was none. The replicas before the primary:
    /// then the distance between their offsets is too large rather than too small. If the last one is not our
    /// primary, they were asked before the last switch: such answers count for nothing. Else the old primary
    /// would look like a server that the new primary has handed over to.
    /// `asked_at`: before the primary was asked.
    pub fn handle_sights(
        &mut self,
        sights: Vec<(Address, Option<Sight>)>,
        asked_at: Time,
        now: Time,
    ) {
        if sights.last().is_none_or(|(address, _)| *address != self.primary) {
            return;
        }
        for (address, sight) in sights {
            if let Some(member) = self.members.iter_mut().find(|it| it.address == address) {
                member.sight = sight;
                if member.fault == Some(Fault::NotAsked) {
                    member.fault = Some(Fault::NoAnswer);
                }
            }
        }
        let primary = self.members.iter().find(|member| member.address == self.primary);
        let sight = primary.and_then(|member| member.sight.clone());
        match &sight {
            Some(Sight::Primary { offset, .. }) => {
                self.lost_at = None;
                self.mark(asked_at, *offset);
            }
            _ => {
                self.lost_at.get_or_insert(now);
            }
        }
        let is_stale = |since: Time| since.plus_ms(u64::from(self.bounds.stale_ms)) <= now;
        let is_tolerated = self.lost_at.is_some_and(|since| !is_stale(since));
        for member in self.members.iter_mut().filter(|member| member.fault != NOT_ASKED) {
            let was_good = member.fault.is_none();
            member.fault = match &member.sight {
                None => Some(Fault::NoAnswer),
                Some(Sight::Primary { .. }) => Some(Fault::SaysPrimary),
                Some(Sight::Replica { is_syncing: true, .. }) => Some(Fault::Syncing),
                Some(Sight::Replica { is_loading: true, .. }) => Some(Fault::Loading),
                Some(Sight::Replica { offset, link_is_up, .. }) => match &sight {
                    Some(Sight::Primary { .. }) if !link_is_up => Some(Fault::LinkDown),
                    Some(Sight::Primary { offset: ahead, replicas }) => {
                        let is_behind =
                            ahead.saturating_sub(*offset) > u64::from(self.bounds.bytes);
                        let is_online = is_online(replicas, &member.address, self.bounds.ms);
                        let fault = if is_behind { Fault::Behind } else { Fault::NotOnline };
                        (is_behind || !is_online).then_some(fault)
                    }
                    _ => (!was_good || !is_tolerated).then_some(Fault::NoPrimary),
                },
            };
        }
        let says_primary = |it: &&Member| matches!(it.sight, Some(Sight::Primary { .. }));
        self.is_split = self.members.iter().filter(says_primary).count() > 1;
    }

    /// The primary's offset at a moment. A replica that has come so far has all that was done before.
    fn mark(&mut self, asked_at: Time, offset: u64) {
        self.marks.truncate(MARKS - 1);
        self.marks.push_front((asked_at, offset));
        for member in &mut self.members {
            if let Some(Sight::Replica { offset, link_is_up: true, .. }) = &member.sight {
                let has = |(_, mark): &&(Time, u64)| mark <= offset;
                let passed = self.marks.iter().find(has).map(|(at, _)| *at);
                member.caught_up_at = member.caught_up_at.max(passed.unwrap_or(Time::ZERO));
            }
        }
    }

    /// The replicas that can be read have all that the primary had at this moment. `None`: there are none.
    pub fn caught_up_at(&self) -> Option<Time> {
        let is_read = |it: &&Member| it.address != self.primary && it.fault.is_none();
        self.members.iter().filter(is_read).map(|it| it.caught_up_at).min()
    }

    /// The server that calls itself the primary while ours calls itself a replica.
    pub fn handed_over(&self) -> Option<Address> {
        let of = |member: &&Member| member.address == self.primary;
        let ours = self.members.iter().find(of).and_then(|member| member.sight.as_ref());
        let says_primary = |it: &&Member| matches!(it.sight, Some(Sight::Primary { .. }));
        let mut primaries = self.members.iter().filter(says_primary);
        match (ours, primaries.next(), primaries.next()) {
            (Some(Sight::Replica { .. }), Some(one), None) => Some(one.address.clone()),
            _ => None,
        }
    }

    /// The server that calls itself the primary, if we should follow it instead of ours.
    pub fn next_primary(&self) -> Option<Address> {
        let says_primary = |it: &&Member| matches!(it.sight, Some(Sight::Primary { .. }));
        let primaries: Vec<&Address> =
            self.members.iter().filter(says_primary).map(|member| &member.address).collect();
        match primaries.as_slice() {
            [one] if **one != self.primary => Some((*one).clone()),
            _ => None,
        }
    }

    /// The replicas, and whether each can be read.
    pub fn replicas(&self) -> Vec<(Address, bool)> {
        let others = self.members.iter().filter(|member| member.address != self.primary);
        others.map(|member| (member.address.clone(), member.fault.is_none())).collect()
    }

    /// The replicas, and all that is known of them.
    pub fn views(&self) -> Vec<ReplicaView> {
        let of = |member: &&Member| member.address == self.primary;
        let primary = self.members.iter().find(of).and_then(|member| member.sight.as_ref());
        let view = |member: &Member| {
            let (lag_bytes, lag_s) = match (primary, &member.sight) {
                (
                    Some(Sight::Primary { offset: ahead, replicas }),
                    Some(Sight::Replica { offset, .. }),
                ) => {
                    let seen = seen(replicas, &member.address);
                    (Some(ahead.saturating_sub(*offset)), seen.map(|seen| seen.lag_s))
                }
                _ => (None, None),
            };
            let (address, sight) = (member.address.clone(), member.sight.clone());
            ReplicaView { address, sight, lag_bytes, lag_s, fault: member.fault }
        };
        self.members.iter().filter(|member| member.address != self.primary).map(view).collect()
    }
}

const NOT_ASKED: Option<Fault> = Some(Fault::NotAsked);

/// How the primary sees a replica. It may know the replica by another name than we do; then one with the same
/// port is meant, if there is only one.
fn seen<'a>(replicas: &'a [SeenReplica], address: &Address) -> Option<&'a SeenReplica> {
    let port = |of: &Address| match of {
        Address::Tcp { port, .. } => Some(*port),
        Address::Unix { .. } => None,
    };
    let exact = replicas.iter().find(|seen| seen.address == *address);
    let mut same_port = replicas.iter().filter(|seen| port(&seen.address) == port(address));
    exact.or_else(|| same_port.next().filter(|_| same_port.next().is_none()))
}

/// Whether the primary calls this replica online, and has heard of it lately.
fn is_online(replicas: &[SeenReplica], address: &Address, lag_ms: u32) -> bool {
    seen(replicas, address)
        .is_some_and(|seen| seen.is_online && seen.lag_s * 1_000 <= u64::from(lag_ms).max(1_000))
}

#[cfg(test)]
#[allow(
    clippy::unnecessary_wraps,
    reason = "one type for servers that answer and those that do not"
)]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address::Tcp { host: "h".into(), port }
    }

    fn primary(offset: u64, online: &[u16]) -> Option<Sight> {
        let replicas =
            online.iter().map(|&port| SeenReplica { address: at(port), is_online: true, lag_s: 0 });
        Some(Sight::Primary { offset, replicas: replicas.collect() })
    }

    fn replica(offset: u64, link_is_up: bool, is_syncing: bool) -> Option<Sight> {
        Some(Sight::Replica { offset, link_is_up, is_syncing, is_loading: false })
    }

    fn shard() -> Replicated {
        let bounds = LagBounds { bytes: 100, ms: 10_000, stale_ms: 5_000 };
        Replicated::new(bounds, at(1), &[at(2), at(3)])
    }

    fn faults(shard: &Replicated) -> Vec<Option<Fault>> {
        shard.views().into_iter().map(|view| view.fault).collect()
    }

    #[test]
    fn a_replica_that_cannot_be_read_has_a_reason() {
        let mut shard = shard();
        assert_eq!(faults(&shard), [NOT_ASKED; 2]);
        let first = |two| [primary(1_000, &[2]), two, replica(1_000, true, false)];
        let because = |it| [Some(it), Some(Fault::NotOnline)];
        for (two, fault) in [
            (None, Fault::NoAnswer),
            (primary(0, &[]), Fault::SaysPrimary),
            (replica(1_000, true, true), Fault::Syncing),
            (replica(1_000, false, false), Fault::LinkDown),
            (replica(899, true, false), Fault::Behind),
        ] {
            see(&mut shard, 0, first(two));
            assert_eq!(faults(&shard), because(fault));
        }
        see(&mut shard, 1, first(replica(990, true, false)));
        let views = shard.views();
        assert_eq!((views[0].fault, views[0].lag_bytes, views[0].lag_s), (None, Some(10), Some(0)));
        assert_eq!((views[1].lag_bytes, views[1].lag_s), (Some(0), None));
        see(&mut shard, 2, [None, replica(990, false, false), replica(1_000, false, false)]);
        assert_eq!(faults(&shard), [None, Some(Fault::NoPrimary)]);
        assert_eq!(shard.views()[0].lag_bytes, None);
        shard.set_servers(at(1), &[at(2), at(4)]);
        see(&mut shard, 3, [None, None, None]);
        assert_eq!(faults(&shard), [Some(Fault::NoAnswer), NOT_ASKED]);
    }

    fn good(shard: &Replicated) -> Vec<bool> {
        shard.replicas().into_iter().map(|(_, is_good)| is_good).collect()
    }

    fn see(shard: &mut Replicated, ms: u64, sights: [Option<Sight>; 3]) -> Vec<bool> {
        let mut sights: Vec<_> = (1..).map(at).zip(sights).collect();
        sights.sort_by_key(|(address, _)| *address == *shard.primary());
        shard.handle_sights(sights, Time::from_ms(ms), Time::from_ms(ms));
        good(shard)
    }

    #[test]
    fn a_replica_is_read_while_it_keeps_up() {
        let mut shard = shard();
        assert_eq!(good(&shard), [false; 2]);
        let both = |two| [primary(1_000, &[2, 3]), two, replica(990, true, false)];
        assert_eq!(see(&mut shard, 0, both(replica(900, true, false))), [true, true]);
        assert_eq!(see(&mut shard, 1, both(replica(899, true, false))), [false, true], "lag");
        assert_eq!(see(&mut shard, 2, both(replica(1_000, false, false))), [false, true], "link");
        assert_eq!(
            see(&mut shard, 3, both(replica(1_000, true, true))),
            [false, true],
            "full copy"
        );
        assert_eq!(see(&mut shard, 4, both(None)), [false, true]);
        let unknown =
            [primary(1_000, &[3]), replica(1_000, true, false), replica(1_000, true, false)];
        assert_eq!(see(&mut shard, 5, unknown), [false, true], "its primary does not know it");
    }

    #[test]
    fn replicas_outlive_their_primary_for_a_while() {
        let mut shard = shard();
        let well = replica(1_000, true, false);
        see(&mut shard, 0, [primary(1_000, &[2]), well, replica(0, true, true)]);
        let lost = || [None, replica(1_000, false, false), replica(0, false, true)];
        assert_eq!(see(&mut shard, 1_000, lost()), [true, false]);
        assert_eq!(see(&mut shard, 5_999, lost()), [true, false]);
        assert_eq!(see(&mut shard, 6_000, lost()), [false, false]);
    }

    #[test]
    fn a_replica_has_what_its_primary_had_when_it_was_asked() {
        let mut shard = shard();
        let mut see = |ms, [of_primary, two, three]: [u64; 3]| {
            let one = primary(of_primary, &[2, 3]).unwrap();
            let all = [(at(2), replica(two, true, false)), (at(3), replica(three, true, false))];
            let sights = all.into_iter().chain([(at(1), Some(one))]).collect();
            shard.handle_sights(sights, Time::from_ms(ms), Time::from_ms(ms + 9));
            shard.caught_up_at()
        };
        assert_eq!(see(1_000, [500, 500, 500]), Some(Time::from_ms(1_000)));
        // Each is one question behind; the slower one counts.
        assert_eq!(see(2_000, [550, 520, 500]), Some(Time::from_ms(1_000)));
        assert_eq!(see(3_000, [590, 550, 540]), Some(Time::from_ms(1_000)));
        assert_eq!(see(4_000, [590, 590, 550]), Some(Time::from_ms(2_000)));
        // Far behind, so it is not read.
        assert_eq!(see(5_000, [690, 690, 580]), Some(Time::from_ms(5_000)));
        assert_eq!(see(6_000, [690, 690, 690]), Some(Time::from_ms(6_000)));
        shard.follow(at(2));
        assert_eq!(shard.caught_up_at(), Some(Time::ZERO));
    }

    #[test]
    fn the_primary_is_the_one_that_says_so() {
        let mut shard = shard();
        let up = || replica(1_000, true, false);
        see(&mut shard, 0, [primary(1_000, &[2, 3]), up(), up()]);
        assert_eq!(shard.next_primary(), None);
        // Promoted, while ours is still one.
        see(&mut shard, 1, [primary(1_000, &[3]), primary(1_000, &[]), up()]);
        assert_eq!((shard.next_primary(), shard.is_split()), (None, true));
        assert_eq!(shard.handed_over(), None);
        see(&mut shard, 2, [up(), primary(1_000, &[3]), up()]);
        assert_eq!(shard.handed_over(), Some(at(2)));
        see(&mut shard, 2, [None, primary(1_000, &[3]), up()]);
        assert_eq!(shard.handed_over(), None, "it may be cut off, and a primary for others");
        assert_eq!((shard.next_primary(), shard.is_split()), (Some(at(2)), false));
        shard.set_servers(at(2), &[at(1), at(3)]);
        assert_eq!(see(&mut shard, 3, [up(), primary(1_000, &[1, 3]), up()]), [true, true]);
    }

    #[test]
    fn answers_of_before_a_switch_count_for_nothing() {
        let mut shard = shard();
        let up = || replica(1_000, true, false);
        see(&mut shard, 0, [primary(1_000, &[2, 3]), up(), up()]);
        // The servers are asked. Before they answer, a Sentinel names another primary.
        shard.set_servers(at(2), &[at(1), at(3)]);
        assert_eq!(shard.handed_over(), None);
        let asked = [(at(2), up()), (at(3), up()), (at(1), primary(1_000, &[2, 3]))];
        shard.handle_sights(asked.into(), Time::from_ms(1), Time::from_ms(1));
        assert_eq!(shard.handed_over(), None, "it was a replica when it was asked");
        assert_eq!(shard.next_primary(), None);
        see(&mut shard, 2, [primary(1_001, &[3]), up(), up()]);
        assert_eq!(shard.handed_over(), Some(at(1)));
    }

    #[test]
    fn a_replica_may_have_another_name() {
        let seen = |host: &str, port| SeenReplica {
            address: Address::Tcp { host: host.into(), port },
            is_online: true,
            lag_s: 3,
        };
        assert!(is_online(&[seen("10.0.0.1", 2), seen("10.0.0.1", 3)], &at(2), 10_000));
        assert!(!is_online(&[seen("10.0.0.1", 2), seen("10.0.0.2", 2)], &at(2), 10_000));
        assert!(!is_online(&[seen("h", 2)], &at(2), 2_000), "not heard of for three seconds");
    }
}
