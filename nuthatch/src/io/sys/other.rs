//! Other systems (kqueue): mio's edge-triggered registration. A connection wakes all workers, and
//! all but one find nothing. kqueue waits in nanoseconds.

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

/// Not on all systems, so we set the options for each socket.
pub const ACCEPTED_INHERIT: bool = false;

/// Does nothing: the limits of the system must do.
pub fn limit_unsent(_socket: &impl AsFd, _bytes: usize) -> io::Result<()> {
    Ok(())
}
