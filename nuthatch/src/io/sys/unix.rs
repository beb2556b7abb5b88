//! Calls that std and rustix do not have: local time, a last line before a crash, a read to the end
//! of a vector.

use rustix::net::{RecvFlags, recv};
use std::io;
use std::os::fd::{AsFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Reads at most `most` bytes to the end of `out`, into capacity that it has already. rustix alone
/// has no such limit: it fills all the capacity.
pub fn receive_onto(from: impl AsFd, out: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let before = out.len();
    let spare = out.spare_capacity_mut();
    let most = most.min(spare.len());
    let len = recv(from, &mut spare[..most], RecvFlags::empty())?.0.0.len();
    // SAFETY: rustix says that it has written so many bytes after the old length.
    unsafe { out.set_len(before + len) };
    Ok(len)
}

/// A moment in local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalTime {
    pub year: i32,
    pub month: i32,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub millis: u32,
    /// East of Greenwich.
    pub offset_minutes: i32,
}

/// Seconds since 1970 in the time zone of the machine.
pub fn local_time(seconds: i64, millis: u32) -> LocalTime {
    // SAFETY: every field of `tm` is an integer or a pointer, for which zeros are valid.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    let seconds = seconds as libc::time_t;
    // SAFETY: both pointers are to locals that outlive the call. It reads TZ in the environment,
    // which we never change. On failure `tm` stays as it is.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
    LocalTime {
        year: tm.tm_year + 1900,
        month: tm.tm_mon + 1,
        day: tm.tm_mday,
        hour: tm.tm_hour,
        minute: tm.tm_min,
        second: tm.tm_sec,
        millis,
        offset_minutes: (tm.tm_gmtoff / 60) as i32,
    }
}

/// Where the crash line goes.
static CRASH_FD: AtomicI32 = AtomicI32::new(2);
static CRASH_IS_JSON: AtomicBool = AtomicBool::new(false);

/// A signal handler cannot read the local time, hence the dots, as in twemproxy's line.
const CRASH_LINE: &[u8] =
    b"[.......................] NOTE  signal 11 (SIGSEGV) received, ending at once\n";

/// The same for a log in JSON.
const CRASH_OBJECT: &[u8] = b"{\"time\":null,\"level\":\"note\",\"message\":\"signal 11 (SIGSEGV) \
    received, ending at once\"}\n";

/// From now on SIGSEGV writes a line to `file`, then ends the process as by default.
pub fn on_crash(file: RawFd, is_json: bool) {
    CRASH_FD.store(file, Ordering::Relaxed);
    CRASH_IS_JSON.store(is_json, Ordering::Relaxed);
    // SAFETY: zeros are a valid `sigaction`: no flags, an empty mask, the default handler.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = crash as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // On std's stack for stack overflows. The default action is restored before the handler runs.
    action.sa_flags = libc::SA_RESETHAND | libc::SA_ONSTACK;
    // SAFETY: `action` is complete and its handler calls only what signal-safety(7) allows.
    unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()) };
}

extern "C" fn crash(signal: libc::c_int) {
    let file = CRASH_FD.load(Ordering::Relaxed);
    let line = if CRASH_IS_JSON.load(Ordering::Relaxed) { CRASH_OBJECT } else { CRASH_LINE };
    // SAFETY: write(2) and raise(3) are async-signal-safe; the line is a static. The signal that we
    // raise is pending until we return. Then the default action runs.
    unsafe {
        libc::write(file, line.as_ptr().cast(), line.len());
        libc::raise(signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_read_goes_to_the_end_and_takes_no_more_than_it_may() {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(b"0123456789").unwrap();
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(b"before ");
        assert_eq!(receive_onto(&far, &mut out, 4).unwrap(), 4);
        assert_eq!(out, b"before 0123");
        assert_eq!(receive_onto(&far, &mut out, 1000).unwrap(), 6);
        assert_eq!(out, b"before 0123456789");
        near.write_all(&[b'x'; 100]).unwrap();
        let room = out.capacity() - out.len();
        assert_eq!(receive_onto(&far, &mut out, 1000).unwrap(), room, "it makes no room");
        drop(near);
        out.clear();
        assert_eq!(receive_onto(&far, &mut out, 1000).unwrap(), (100 - room).min(out.capacity()));
        out.clear();
        while receive_onto(&far, &mut out, 1000).unwrap() > 0 {
            out.clear();
        }
        assert!(out.is_empty(), "the end adds no bytes");
    }
}
