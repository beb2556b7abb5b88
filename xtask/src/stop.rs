//! Ctrl-C, TERM and HUP: the demo ends in order.
//!
//! The first signal sets a flag. Every loop and wait of the demo checks it and returns an ordinary
//! error, so that everything is dropped as usual. A second signal ends us at once. Then the guards
//! of the children end them.

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The flag.
#[derive(Clone)]
pub struct Stop(Arc<AtomicBool>);

/// The error that ends all calls after a signal.
#[derive(Debug)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by a signal")
    }
}

impl std::error::Error for Stopped {}

impl Stop {
    /// Listens from now on.
    pub fn listen() -> Result<Stop> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: at the first signal the flag is not set yet, and is only set.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&raised))?;
            flag::register(signal, Arc::clone(&raised))?;
        }
        Ok(Stop(raised))
    }

    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if a signal has come.
    pub fn check(&self) -> Result<()> {
        if self.is_raised() { Err(Stopped.into()) } else { Ok(()) }
    }

    /// Sleeps for this time, or until a signal comes.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}
