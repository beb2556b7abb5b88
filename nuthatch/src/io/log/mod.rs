//! The log: one line an event, to a file or to stderr.
//!
//! ```text
//!   tracing::warn!(pool, server, "server ejected")
//!        │ is the level high enough?
//!        ▼
//!   line.rs: one line of text, or one JSON object ──▶ one write(2), appending
//! ```
//!
//! | level | twemproxy's word | written |
//! |---|---|---|
//! | 0 | emergency | start, end and signals, which are written at every level |
//! | 1, 2, 3 | alert, critical, error | errors as well |
//! | 4 | warning | warnings as well |
//! | 5, 6 | notice (the default), info | events that concern an operator |
//! | 7 | debug | events that help to find a fault |
//! | 8 to 11 | | all events |
//!
//! What always holds: when a line cannot be written (disk full, reader gone), only the line is lost.
//! Lost lines are counted, and the next line that can be written is followed by one with their
//! number. If the log is a pipe and its reader does not read, the writer waits, as any program does.
//!
//! HUP opens the file again by its name. The new file gets the descriptor number of the old one, so
//! the crash line of `io/sys`, which must not take a lock, always finds the right file.
//!
//! This is a small `tracing` subscriber: there are no spans, and the filter is a number that signals
//! change.

mod line;

pub use line::{ALWAYS, Form};

use line::Line;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, span};

pub const LEVEL_MAX: u8 = 11;

/// The most writes for one line. A socket or pipe may accept a part at a time.
const WRITES_MAX: usize = 16;

/// See the module's head.
#[derive(Debug)]
pub struct Log {
    level: AtomicU8,
    form: Form,
    /// `None`: stderr, as it is when the line is written.
    file: Option<File>,
    lost: AtomicU64,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    fd: Mutex<OwnedFd>,
}

impl Log {
    /// Opens the log and receives all events of the process from now on. `None`: stderr.
    pub fn start(path: Option<&Path>, form: Form, level: u8) -> io::Result<Arc<Log>> {
        let log = Arc::new(Log::open(path, form, level)?);
        tracing::subscriber::set_global_default(Subscriber(Arc::clone(&log)))
            .map_err(io::Error::other)?;
        Ok(log)
    }

    fn open(path: Option<&Path>, form: Form, level: u8) -> io::Result<Log> {
        let file = match path {
            Some(path) => Some(File { path: path.to_owned(), fd: Mutex::new(open(path)?) }),
            None => None,
        };
        let level = AtomicU8::new(level.min(LEVEL_MAX));
        Ok(Log { level, form, file, lost: AtomicU64::new(0) })
    }

    pub fn level(&self) -> u8 {
        self.level.load(Ordering::Relaxed)
    }

    /// Adds one or subtracts one, within 0 and 11. Returns the new level.
    pub fn change_level(&self, louder: bool) -> u8 {
        let level =
            if louder { (self.level() + 1).min(LEVEL_MAX) } else { self.level().saturating_sub(1) };
        self.level.store(level, Ordering::Relaxed);
        level
    }

    /// Opens the file of the same name: a new one, if logrotate has moved the old one. No effect on
    /// stderr. When it cannot be opened, the old file stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let fresh = open(&file.path)?;
        let mut fd = file.fd.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rustix::io::dup2(&fresh, &mut fd)?)
    }

    /// The number of the descriptor. It never changes.
    pub fn number(&self) -> RawFd {
        match &self.file {
            Some(file) => file.fd.lock().unwrap_or_else(PoisonError::into_inner).as_raw_fd(),
            None => rustix::stdio::raw_stderr(),
        }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == ALWAYS {
            return true;
        }
        let level = self.level();
        match *metadata.level() {
            Level::ERROR => level >= 1,
            Level::WARN => level >= 4,
            Level::INFO => level >= 5,
            Level::DEBUG => level >= 7,
            Level::TRACE => level >= 8,
        }
    }

    fn write(&self, line: &[u8]) {
        match &self.file {
            Some(file) => {
                let fd = file.fd.lock().unwrap_or_else(PoisonError::into_inner);
                self.write_to(fd.as_fd(), line);
            }
            None => self.write_to(io::stderr().as_fd(), line),
        }
    }

    fn write_to(&self, fd: BorrowedFd<'_>, line: &[u8]) {
        if !write_all(fd, line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let mut note = Line::new(self.form, "warn", line::now());
            note.field("lines", &lost.to_string(), false);
            let note = note.end("lines before this could not be written and are lost");
            if !write_all(fd, note.as_bytes()) {
                self.lost.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let file = OpenOptions::new().append(true).create(true).mode(0o644).open(path)?;
    Ok(file.into())
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> bool {
    for _ in 0..WRITES_MAX {
        match rustix::io::write(file, bytes) {
            Ok(0) => return false,
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
        if bytes.is_empty() {
            return true;
        }
    }
    false
}

struct Subscriber(Arc<Log>);

impl tracing::Subscriber for Subscriber {
    /// The level may change at any time, so a call site must not cache the answer.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.0.wants(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::new(self.0.form, line::word(event.metadata()), line::now());
        event.record(&mut line);
        self.0.write(line.finish().as_bytes());
    }

    // There are no spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_stays_within_its_bounds() {
        let log = Log::open(None, Form::Text, 99).unwrap();
        assert_eq!(log.level(), 11);
        assert_eq!(log.change_level(true), 11);
        assert_eq!((0..20).map(|_| log.change_level(false)).last(), Some(0));
        assert_eq!(log.change_level(true), 1);
    }

    #[test]
    fn a_full_disk_costs_only_lines() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let log = Log::open(Some(full), Form::Text, 5).unwrap();
        for _ in 0..3 {
            log.write(b"x\n");
        }
        assert_eq!(log.lost.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn reopening_keeps_the_descriptors_number() {
        let path = std::env::temp_dir().join(format!("nuthatch-log-{}", std::process::id()));
        let moved = path.with_extension("1");
        let log = Log::open(Some(&path), Form::Text, 5).unwrap();
        let number = log.number();
        log.write(b"old\n");
        std::fs::rename(&path, &moved).unwrap();
        log.write(b"still old\n");
        log.reopen().unwrap();
        log.write(b"new\n");
        assert_eq!(log.number(), number);
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "old\nstill old\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        std::fs::remove_file(&moved).unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
