//! A request of more arguments than servers before Redis 7 take: it has a connection of its own.

use nuthatch_engine::base::limits::SHARED_ARGS_MAX;
use nuthatch_engine::base::{PoolId, Time, WorkerId};
use nuthatch_engine::proxy::{Action, Cause, ConnId, Gathering, Step, Worker};
use nuthatch_engine::topology::{Address, Director, Eject, PoolSpec, Protocol, Report, Sight};
use std::collections::BTreeMap;
use std::sync::Arc;

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const REFUSED: &[u8] = b"-ERR Protocol error: invalid multibulk length\r\n";

/// One worker and its one server, which has a connection up as soon as it is wished for.
struct Stage {
    worker: Worker,
    now: Time,
    upstreams: Vec<ConnId>,
    /// What each connection was sent, and has not looked at.
    sent: BTreeMap<ConnId, Vec<u8>>,
    reports: Vec<Report>,
}

impl Stage {
    fn new(protocol: Protocol) -> Stage {
        let address = Address::Unix { path: "one".into() };
        let spec = PoolSpec { eject: Eject::Remap, ..PoolSpec::plain(protocol, [address]) };
        let snapshot = Director::new(&[Arc::new(spec)], 1).snapshot();
        let worker = Worker::new(WorkerId(0), 7, &snapshot);
        let (upstreams, sent, reports) = (Vec::new(), BTreeMap::new(), Vec::new());
        Stage { worker, now: Time::from_ms(1), upstreams, sent, reports }
    }

    fn client(&mut self, id: u64) -> ConnId {
        self.turn(|worker| worker.handle_accept(PoolId(0), id, None))
    }

    fn turn<T>(&mut self, event: impl FnOnce(&mut Worker) -> T) -> T {
        self.now = self.now.plus_ms(1);
        self.worker.begin_turn(self.now);
        let made = event(&mut self.worker);
        self.worker.finish_turn(Gathering::None);
        while let Some(step) = self.worker.poll() {
            match step {
                Step::Write(conn) => {
                    let bytes = self.worker.output(conn).to_vec();
                    self.worker.handle_written(conn, bytes.len());
                    self.sent.entry(conn).or_default().extend(bytes);
                }
                Step::Act(Action::Connect { conn, .. }) => {
                    self.upstreams.push(conn);
                    self.worker.handle_connected(conn);
                }
                Step::Act(Action::Report(report)) => self.reports.push(report),
                Step::Act(_) => {}
            }
        }
        self.worker.check_invariants();
        made
    }

    fn says(&mut self, conn: ConnId, bytes: &[u8]) {
        self.turn(|worker| worker.handle_bytes(conn, bytes));
    }

    fn got(&mut self, conn: ConnId) -> Vec<u8> {
        self.sent.remove(&conn).unwrap_or_default()
    }
}

fn del_of_too_many() -> Vec<u8> {
    let head = format!("*{}\r\n$3\r\nDEL\r\n", SHARED_ARGS_MAX + 1);
    [head.as_bytes(), &b"$1\r\nk\r\n".repeat(SHARED_ARGS_MAX)].concat()
}

#[test]
fn a_server_that_closes_on_it_costs_its_client_alone() {
    let mut stage = Stage::new(Protocol::Redis);
    let (asker, neighbour) = (stage.client(1), stage.client(2));
    let many = del_of_too_many();
    stage.says(asker, GET);
    stage.says(asker, &[&many, GET].concat());
    let &[shared] = &stage.upstreams[..] else { panic!("it waits for the reply before it") };
    assert_eq!(stage.got(shared), GET);
    stage.says(shared, b"$1\r\nv\r\n");
    assert_eq!(stage.got(asker), b"$1\r\nv\r\n");
    let &[_, apart] = &stage.upstreams[..] else { panic!("it has a connection apart") };
    assert_eq!(stage.got(apart).len(), many.len());
    assert_eq!(stage.got(shared), b"", "what is behind it waits");

    stage.says(neighbour, GET);
    stage.says(apart, REFUSED);
    stage.turn(|worker| worker.handle_closed(apart, &Cause::Reset));
    assert_eq!(stage.got(asker), REFUSED);
    stage.says(shared, b"$1\r\nw\r\n$1\r\nx\r\n");
    assert_eq!(
        (stage.got(neighbour), stage.got(asker)),
        (b"$1\r\nw\r\n".into(), b"$1\r\nx\r\n".into())
    );
    assert!(stage.reports.iter().all(|report| report.sight == Sight::Suspect), "a probe decides");
}

/// The same without a word, which is what a reset leaves of it when it is fast.
#[test]
fn it_is_no_failure_of_the_server() {
    let mut stage = Stage::new(Protocol::Redis);
    let client = stage.client(1);
    stage.says(client, &del_of_too_many());
    let &[apart] = &stage.upstreams[..] else { panic!() };
    stage.turn(|worker| worker.handle_closed(apart, &Cause::Reset));
    assert!(stage.got(client).starts_with(b"-ERR Connection reset by peer"));
    // Nor is a large one that flows.
    stage.says(client, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000\r\nxxx");
    let &[_, apart] = &stage.upstreams[..] else { panic!() };
    stage.turn(|worker| worker.handle_closed(apart, &Cause::Reset));
    assert!(stage.reports.iter().all(|report| report.sight == Sight::Suspect), "a probe decides");
    stage.reports.clear();

    // One among others is, and so is a memcached's, which takes any.
    let other = stage.client(2);
    stage.says(other, GET);
    let &[.., shared] = &stage.upstreams[..] else { panic!() };
    stage.turn(|worker| worker.handle_closed(shared, &Cause::Reset));
    assert!(matches!(stage.reports[..], [Report { sight: Sight::Failed, .. }]));
    let mut stage = Stage::new(Protocol::Memcache);
    let client = stage.client(1);
    stage.says(client, b"set k 0 0 200000\r\nxxx");
    let &[apart] = &stage.upstreams[..] else { panic!() };
    stage.turn(|worker| worker.handle_closed(apart, &Cause::Reset));
    assert!(matches!(stage.reports[..], [Report { sight: Sight::Failed, .. }]));
}
