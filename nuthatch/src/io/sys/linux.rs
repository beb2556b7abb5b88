//! Linux: a listening socket in several epolls.

use mio::{Poll, Token};
use rustix::event::epoll;
use std::io;
use std::os::fd::AsFd;

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
