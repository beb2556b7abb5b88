//! One benchmark at a time on a machine.
//!
//! The lock is held during a round, so that all contestants of a round run under the same
//! conditions. Two benchmarks take turns, and none waits an hour. BENCH_LOCK names another file.

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use std::env;
use std::fs::File;
use std::path::PathBuf;

/// Held until dropped. The kernel releases it when we die.
pub struct Lock {
    _file: File,
}

pub fn hold() -> Result<Lock> {
    let path =
        env::var_os("BENCH_LOCK").map_or_else(|| env::temp_dir().join("bench.lock"), PathBuf::from);
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open the lock {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        eprintln!("another benchmark holds {}; waiting", path.display());
        flock(&file, FlockOperation::LockExclusive)?;
    }
    Ok(Lock { _file: file })
}
