//! Linux: a listening socket in several epolls, waits shorter than epoll's unit, and a limit of the
//! bytes in a socket.

use mio::{Events, Poll, Token};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Registers a listener that other workers register too. Level-triggered, so that a connection left
/// in the backlog is reported again, and exclusive, so that one connection wakes one worker and not
/// all (mio has neither).
pub fn register_listener(poll: &Poll, listener: &impl AsFd, token: Token) -> io::Result<()> {
    let data = epoll::EventData::new_u64(token.0 as u64);
    let flags = epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE;
    Ok(epoll::add(poll.registry(), listener, data, flags)?)
}

/// Removes a listener from this worker's epoll.
pub fn unregister_listener(poll: &Poll, listener: &impl AsFd) -> io::Result<()> {
    Ok(epoll::delete(poll.registry(), listener)?)
}

/// Waits for events for less than a second, in nanoseconds and not in epoll's milliseconds.
pub fn poll_briefly(epoll: &mut Poll, events: &mut Events, time: Duration) -> io::Result<()> {
    if !time.is_zero() {
        let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        poll(&mut [PollFd::new(epoll.registry(), PollFlags::IN)], Some(&time))?;
    }
    epoll.poll(events, Some(Duration::ZERO))
}

/// Whether an accepted socket has the options of its listener, so that we need not set them for each.
/// On Linux it has all that we set.
pub const ACCEPTED_INHERIT: bool = true;

/// Limits the unsent bytes in a socket (TCP_NOTSENT_LOWAT, tcp(7)): at the limit it accepts no more.
/// Otherwise it accepts megabytes, and is writable again only when a third of them has left. Large
/// values would then move in bursts, and all other connections would wait for each. Set it on an
/// empty socket: one that holds more accepts nothing until it holds less, and its peer looks stalled.
pub fn limit_unsent(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes)
}
