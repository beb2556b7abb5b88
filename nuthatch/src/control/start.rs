//! From a checked configuration and sockets that listen to running threads: workers, then control.

use super::log::NoteLog;
use super::signals::Signals;
use super::systemd::Systemd;
use super::trim_memory::MemoryTrim;
use super::{Control, Ending, Standing, View};
use crate::config::Config;
use crate::io::log::Log;
use crate::io::{Balance, Clock, EventLoop, Listener, Mailbox, Post};
use anyhow::Context;
use mio::Poll;
use nuthatch_engine::base::WorkerId;
use nuthatch_engine::proxy::{Identity, Worker};
use nuthatch_engine::topology::{Director, PoolSpec, Snapshot};
use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// The settings of the process besides its pools.
pub struct Settings {
    pub workers: u16,
    /// Clients for which there are enough descriptors.
    pub clients_room: usize,
    pub log: Arc<Log>,
    /// How long the shutdown may wait for requests in flight.
    pub grace: Duration,
}

/// Control's runtime, and the signals. Made before a socket listens: a program that finds the port open
/// may send TERM, which must not kill the process.
pub struct SignalRuntime {
    runtime: tokio::runtime::Runtime,
    signals: Signals,
}

impl SignalRuntime {
    /// Call it in the process that will serve: they do not survive a fork.
    pub fn open() -> anyhow::Result<SignalRuntime> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals::take().context("cannot hear signals")?
        };
        Ok(SignalRuntime { runtime, signals })
    }
}

/// The threads of a running proxy.
pub struct Running {
    workers: Vec<JoinHandle<()>>,
    control: JoinHandle<()>,
}

impl Running {
    /// Waits for the end of the shutdown, which a signal begins.
    pub fn wait(self) -> anyhow::Result<()> {
        self.control.join().map_err(|_| anyhow::anyhow!("the control thread panicked"))?;
        for worker in self.workers {
            worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))?;
        }
        Ok(())
    }
}

/// Starts the workers and control. The sockets listen already: those of each pool, in the order of
/// [`super::listen`]. `beside` makes the task that runs on control's thread too, and gets the state of the
/// process.
pub fn start<F>(
    config: &Config,
    listeners: &[Vec<Arc<Listener>>],
    settings: Settings,
    signal_runtime: SignalRuntime,
    beside: impl FnOnce(View) -> F,
) -> anyhow::Result<Running>
where
    F: Future<Output = ()> + Send + 'static,
{
    let Settings { workers, clients_room, log, grace } = settings;
    let specs: Vec<Arc<PoolSpec>> =
        config.pools.iter().map(|pool| Arc::new(pool.spec.clone())).collect();
    let SignalRuntime { runtime, signals } = signal_runtime;
    let director = Director::new(&specs, usize::from(workers));
    let snapshot = director.snapshot();
    check_ids(listeners, &snapshot);
    let balance = Arc::new(Balance::new(usize::from(workers), specs.len(), clients_room));
    let clock = Clock::start();
    let (own, inbox) = tokio::sync::mpsc::unbounded_channel();

    let identity = Arc::new(identity(listeners, workers));
    let mut polls = Vec::new();
    let mut mailboxes = Vec::new();
    for _ in 0..workers {
        let poll = Poll::new().context("cannot make an event queue (epoll)")?;
        let waker = EventLoop::waker(&poll).context("cannot make a waker (eventfd)")?;
        let (sender, mail) = mpsc::channel();
        mailboxes.push(Mailbox { sender, waker: Arc::new(waker) });
        polls.push((poll, mail));
    }
    let mailboxes = Arc::new(mailboxes);
    let mut threads = Vec::new();
    for (at, (poll, mail)) in polls.into_iter().enumerate() {
        let mut worker = Worker::new(WorkerId(at as u16), seed(at), &snapshot);
        worker.set_identity(Arc::clone(&identity));
        let doors = listeners.iter().map(|of_pool| Arc::clone(&of_pool[at % of_pool.len()]));
        let post = Post { control: own.clone(), workers: Arc::clone(&mailboxes) };
        let event_loop = EventLoop::new(
            worker,
            poll,
            clock,
            doors.collect(),
            Arc::clone(&balance),
            mail,
            post,
            Arc::clone(&snapshot),
        )
        .context("cannot watch the listening sockets")?;
        let thread = std::thread::Builder::new().name(format!("worker-{at}"));
        threads.push(thread.spawn(move || {
            if let Err(error) = event_loop.run() {
                tracing::error!(%error, "a worker cannot go on");
                std::process::exit(1);
            }
        })?);
    }
    let (standing, seen) = watch::channel(Standing::new(Arc::clone(&snapshot)));
    let beside = beside(View {
        workers: Arc::clone(&mailboxes),
        listeners: listeners.iter().map(Vec::len).sum(),
        standing: seen,
    });
    let control = Control {
        director,
        workers: mailboxes,
        clock,
        snapshot,
        own,
        notes: NoteLog::default(),
        lookups: BTreeMap::new(),
        standing,
        log,
        signals,
        systemd: Systemd::find(usize::from(workers)),
        ending: Ending::new(grace, usize::from(workers)),
        trim: MemoryTrim::new(),
        watches: super::watch::Watches::default(),
    };
    let control = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::spawn(beside);
            control.run(inbox).await;
        });
        // Dropping the runtime would wait for look-ups that hang in the system's resolver and cannot be
        // cancelled. The shutdown would take longer than its grace time, and no second signal would
        // be handled.
        runtime.shutdown_background();
    })?;
    Ok(Running { workers: threads, control })
}

/// Sockets listened before the director gave ids out: each has the id that its pool got.
fn check_ids(listeners: &[Vec<Arc<Listener>>], snapshot: &Snapshot) {
    for listener in listeners.iter().flatten() {
        let pool = snapshot.pool(listener.pool);
        let is_its_own = pool.is_some_and(|pool| pool.spec.name == listener.name);
        assert!(is_its_own, "pool '{}' has the id of another one", listener.name);
    }
}

/// The process, for INFO.
fn identity(listeners: &[Vec<Arc<Listener>>], workers: u16) -> Identity {
    let system = rustix::system::uname();
    let words = [system.sysname(), system.release(), system.machine()];
    let os = words.map(|word| word.to_string_lossy().into_owned()).join(" ");
    let run_id = format!("{:016x}{:016x}{:08x}", seed(0), seed(1), seed(2) as u32);
    let mut ports = vec![0; listeners.len()];
    for one in listeners.iter().filter_map(|of_pool| of_pool.first()) {
        ports[one.pool.index()] = one.socket.port();
    }
    let process_id = std::process::id();
    Identity { os: os.into(), process_id, run_id: run_id.into(), ports, workers }
}

/// A seed that differs from run to run, so that jitter differs between processes.
fn seed(worker: usize) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(worker)
}
