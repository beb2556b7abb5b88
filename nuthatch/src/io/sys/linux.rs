//! Linux: a listening socket in several epolls.

use mio::{Poll, Token};
use rustix::event::epoll;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Registers a listener that other workers wait for too. Level-triggered, so that a connection
/// left in the backlog is announced again, and exclusive, so that one connection wakes one worker
/// and not all of them (mio knows neither).
pub fn register_listener(poll: &Poll, listener: &impl AsFd, token: Token) -> io::Result<()> {
    // SAFETY: the descriptor is mio's, is open as long as `poll` is, and `poll` outlives the call.
    let epoll = unsafe { BorrowedFd::borrow_raw(poll.as_raw_fd()) };
    let data = epoll::EventData::new_u64(token.0 as u64);
    let flags = epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE;
    match epoll::add(epoll, listener, data, flags) {
        Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes a listener out of this worker's epoll again.
pub fn unregister_listener(poll: &Poll, listener: &impl AsFd) -> io::Result<()> {
    // SAFETY: as above.
    let epoll = unsafe { BorrowedFd::borrow_raw(poll.as_raw_fd()) };
    Ok(epoll::delete(epoll, listener)?)
}
