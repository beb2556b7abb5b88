//! What the system knows about a child: its memory and its open files. Read from /proc, so Linux
//! only. On other systems the answer is `None` and a test skips that part.

use crate::Process;
use std::fs;

impl Process {
    /// Memory it occupies now, in KiB.
    pub fn rss_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> Option<usize> {
        Some(fs::read_dir(format!("/proc/{}/fd", self.pid())).ok()?.count())
    }

    /// Ticks of processor time that all its threads have used; 100 a second on Linux.
    pub fn cpu_ticks(&self) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        // The name is in parentheses and may hold anything; fields are counted after it.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let user: u64 = fields.nth(11)?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(user + system)
    }

    /// Whether all its threads are stopped.
    pub fn is_stopped(&self) -> Option<bool> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?;
        let is_stopped = |stat: &str| {
            let state =
                stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
            state == Some('T')
        };
        Some(threads.flatten().all(|thread| {
            // A thread that has ended counts as stopped.
            fs::read_to_string(thread.path().join("stat")).map_or(true, |stat| is_stopped(&stat))
        }))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::wait::poll_until;
    use crate::{Folder, Process};
    use std::time::Duration;

    #[test]
    fn a_child_has_memory_and_files() {
        let folder = Folder::new().unwrap();
        let child = Process::start("/bin/sleep".as_ref(), ["30"], folder).unwrap();
        // Just after its start the kernel may not have counted its pages yet.
        assert!(poll_until(Duration::from_secs(5), || child.rss_kib().unwrap() > 100));
        assert!(child.open_files().unwrap() >= 3);
        assert!(child.cpu_ticks().unwrap() < 1000);
        assert!(!child.is_stopped().unwrap());
    }

    #[test]
    fn a_paused_child_is_stopped_when_pause_returns() {
        let folder = Folder::new().unwrap();
        let mut child = Process::start("/bin/sleep".as_ref(), ["30"], folder).unwrap();
        child.pause().unwrap();
        assert!(child.is_stopped().unwrap());
        child.resume().unwrap();
    }
}
