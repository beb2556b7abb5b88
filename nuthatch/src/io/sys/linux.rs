//! Linux: a listening socket in several epolls, waiting for less than epoll counts in, and a bound
//! for what a socket holds.

use mio::{Events, Poll, Token};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Registers a listener that other workers wait for too. Level-triggered, so that a connection
/// left in the backlog is announced again, and exclusive, so that one connection wakes one worker
/// and not all of them (mio knows neither).
pub fn register_listener(poll: &Poll, listener: &impl AsFd, token: Token) -> io::Result<()> {
    let data = epoll::EventData::new_u64(token.0 as u64);
    let flags = epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE;
    Ok(epoll::add(poll.registry(), listener, data, flags)?)
}

/// Takes a listener out of this worker's epoll again.
pub fn unregister_listener(poll: &Poll, listener: &impl AsFd) -> io::Result<()> {
    Ok(epoll::delete(poll.registry(), listener)?)
}

/// Waits for events, and for less than a second: as exactly as the kernel can, not in epoll's
/// milliseconds.
pub fn poll_briefly(epoll: &mut Poll, events: &mut Events, time: Duration) -> io::Result<()> {
    if !time.is_zero() {
        let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        poll(&mut [PollFd::new(epoll.registry(), PollFlags::IN)], Some(&time))?;
    }
    epoll.poll(events, Some(Duration::ZERO))
}

/// Whether an accepted socket has its listener's options, so that they need not be set for each.
/// Here it has all that we set.
pub const ACCEPTED_INHERIT: bool = true;

/// A socket shall take no more while it holds so many bytes that it cannot send yet
/// (TCP_NOTSENT_LOWAT, tcp(7)). Else it takes megabytes, and tells of room when a third of them has
/// left: what flows then comes and goes in bursts, and everybody else waits for each. Set it on an
/// empty socket: one that holds more takes nothing until it holds less, and its peer looks stalled.
pub fn bound_unsent(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes)
}
