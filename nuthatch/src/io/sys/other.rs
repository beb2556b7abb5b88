//! Elsewhere (kqueue): mio's own edge-triggered registration; all workers wake for a connection
//! and all but one find nothing. It counts in nanoseconds.

use mio::{Events, Interest, Poll, Token, unix::SourceFd};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

pub fn register_listener(poll: &Poll, listener: &impl AsFd, token: Token) -> io::Result<()> {
    let fd = listener.as_fd().as_raw_fd();
    poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE)
}

pub fn unregister_listener(poll: &Poll, listener: &impl AsFd) -> io::Result<()> {
    let fd = listener.as_fd().as_raw_fd();
    poll.registry().deregister(&mut SourceFd(&fd))
}

pub fn poll_briefly(poll: &mut Poll, events: &mut Events, time: Duration) -> io::Result<()> {
    poll.poll(events, Some(time))
}

/// Not everywhere, so each is set anew.
pub const ACCEPTED_INHERIT: bool = false;

/// The system's own bounds have to do.
pub fn bound_unsent(_socket: &impl AsFd, _bytes: usize) -> io::Result<()> {
    Ok(())
}
