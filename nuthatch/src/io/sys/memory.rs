//! Free memory: how much of it the allocator keeps, and how to return it to the system.
//!
//! glibc gives each thread an arena. Memory freed at the top of an arena stays there until it is more
//! than a threshold. The threshold is twice the largest mapped block that was ever freed, up to
//! 64 MiB: after one large reply a worker keeps megabytes for ever. `malloc_trim` does not help, since
//! it trims the top of the first arena only. So each thread trims the top of its own arena, when
//! control asks. The first time this fixes the thresholds, as glibc does when one is set. We do not
//! fix them earlier: an array of ten thousand clients that grows in an arena leaves holes of 3 MiB,
//! but a mapped one grows in place. Other allocators have no such calls.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::sync::{Mutex, PoisonError};

    /// Larger blocks are mapped one by one from then on, and unmapped when freed. A reply of 10,000
    /// values of 100 bytes is below it: a new mapping for each request would cost half as much as all
    /// the rest of the request.
    const MAPPED_BYTES: i32 = 4 << 20;
    /// Bytes that an arena keeps at its top, to use them again without a system call.
    const KEPT_BYTES: i32 = 2 * MAPPED_BYTES;
    /// When a block of 64 KiB or more is freed, glibc checks the top.
    const CHECK_BYTES: usize = 96 << 10;

    /// The threshold belongs to the whole process, so one thread at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn set(what: i32, bytes: i32) {
        // SAFETY: glibc calls it unsafe with other threads, since they read the word that it writes
        // under the lock of another arena, or without a lock. They read the old value or the new one,
        // and both are good: at worst they trim a top too, or do not. A value that glibc rejects
        // changes nothing.
        unsafe {
            libc::mallopt(what, bytes);
        }
    }

    pub fn release() {
        // SAFETY: no preconditions; it takes the locks of the allocator.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    pub fn release_own() {
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        set(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        set(libc::M_TRIM_THRESHOLD, 0);
        drop(std::hint::black_box(Vec::<u8>::with_capacity(CHECK_BYTES)));
        set(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
}

/// Returns free memory between blocks in use to the system, for all threads. Takes milliseconds and
/// holds the locks of the allocator meanwhile.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::release();
}

/// Returns free memory at the top of the calling thread's arena to the system. Takes microseconds,
/// and waits for other threads that do the same.
pub fn release_own_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::release_own();
}
