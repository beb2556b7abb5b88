//! Free memory: how much of it the allocator keeps, and giving it back to the system.
//!
//! glibc gives each thread an arena of its own. What is freed at an arena's top stays there until it
//! is more than a threshold, and that threshold is twice the largest mapped block that was ever
//! freed, up to 64 MiB: one large reply, and a worker keeps megabytes for ever. `malloc_trim` does
//! not help, as it leaves the tops of all arenas but the first alone. So a thread that is told to
//! cuts its own top off. From the first time on the thresholds are fixed, which is glibc's price for
//! it, and not before: an array of ten thousand clients that grows in an arena leaves holes of three
//! mebibytes behind, where one that is mapped grows in its place. Other allocators have no such
//! words.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::sync::{Mutex, PoisonError};

    /// Larger blocks are mapped one by one from then on, and unmapped when they are freed. A reply of
    /// 10,000 values of 100 bytes is below it: to map it anew for each request costs half as much
    /// as all the rest.
    const MAPPED_BYTES: i32 = 4 << 20;
    /// What an arena keeps at its top, to be used again without asking the system.
    const KEPT_BYTES: i32 = 2 * MAPPED_BYTES;
    /// From 64 KiB on freeing a block makes glibc look at the top.
    const LOOK_BYTES: usize = 96 << 10;

    /// The threshold is the whole process's, so one thread at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn set(what: i32, bytes: i32) {
        // SAFETY: glibc calls it unsafe beside other threads, since those read the one word that it
        // writes under another arena's lock, or none. They find the old value or the new one, and
        // either is good: at worst they cut a top off too, or leave it. A value it does not like
        // changes nothing.
        unsafe {
            libc::mallopt(what, bytes);
        }
    }

    pub fn release() {
        // SAFETY: no preconditions; it takes the allocator's own locks.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    pub fn release_own() {
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        set(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        set(libc::M_TRIM_THRESHOLD, 0);
        drop(std::hint::black_box(Vec::<u8>::with_capacity(LOOK_BYTES)));
        set(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
}

/// Gives back what is free between things in use, of all threads. Milliseconds, and the
/// allocator's locks meanwhile.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::release();
}

/// Gives back what is free at the top of the calling thread's arena. Microseconds, and those of
/// other threads that do the same.
pub fn release_own_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::release_own();
}
