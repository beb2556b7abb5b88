//! Calls that std, mio and rustix do not have. All our unsafe is here.

mod memory;
mod unix;
pub use memory::{release_memory, release_own_memory};
pub use unix::{LocalTime, local_time, on_crash, receive_onto};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use linux::{
    ACCEPTED_INHERIT, limit_unsent, poll_briefly, register_listener, unregister_listener,
};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod other;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use other::{
    ACCEPTED_INHERIT, limit_unsent, poll_briefly, register_listener, unregister_listener,
};
