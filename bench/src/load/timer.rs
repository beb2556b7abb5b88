//! A timer that is more precise than a millisecond.
//!
//! epoll's own timeout is in whole milliseconds. If the load woke a millisecond late, this would
//! count as the proxy's latency. Linux has a timer with a descriptor; other systems use the timeout.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// See the module's head.
#[cfg(target_os = "linux")]
pub struct Timer(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Timer {
    pub fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        use mio::unix::SourceFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let raw = timer.as_raw_fd();
        registry.register(&mut SourceFd(&raw), token, mio::Interest::READABLE)?;
        Ok(Timer(timer))
    }

    /// Fires once after `wait`. Edge-triggered, so it need not be read.
    pub fn set(&self, wait: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Zero would stop it.
        let wait = wait.max(Duration::from_nanos(1));
        let it_value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let times = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &times)?;
        Ok(())
    }

    /// How long epoll itself may wait.
    pub fn patience(_wait: Duration) -> Duration {
        Duration::from_secs(1)
    }
}

#[cfg(not(target_os = "linux"))]
pub struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub fn new(_registry: &Registry, _token: Token) -> io::Result<Timer> {
        Ok(Timer)
    }

    pub fn set(&self, _wait: Duration) -> io::Result<()> {
        Ok(())
    }

    pub fn patience(wait: Duration) -> Duration {
        wait
    }
}
