//! A log on a disk that is full: clients do not notice, and what was lost is told afterwards.

use super::{at_rest, groups, in_own_world, is_at_rest_again, judge, proxy, run, witness};
use nuthatch_testbed::{Folder, RedisServer, Trial, poll_until};
use rustix::process::Signal;
use std::fs::{self, File};
use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

const CALM: Duration = Duration::from_millis(300);

#[test]
fn a_full_disk_hurts_nobody_and_is_told_of() {
    in_own_world("full_disk::a_full_disk_hurts_nobody_and_is_told_of", || {
        let folder = Folder::new().unwrap();
        let disk = folder.path().join("disk");
        fs::create_dir(&disk).unwrap();
        let mounted = disk.to_str().unwrap();
        run("mount", &["-t", "tmpfs", "-o", "size=64k", "none", mounted]);
        let log = disk.join("n.log");
        let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
        let entries = [servers[0].entry(1, "a"), servers[1].entry(1, "b")];
        let more = ["-o", log.to_str().unwrap(), "-v", "11"];
        let mut proxy = proxy("127.0.0.1:", &entries, &[("timeout", "1000")], &more);
        let mut direct = servers.each_ref().map(|server| server.client().unwrap());
        let groups = groups(&proxy, &mut direct, 5);
        let witness = witness();
        let rest = at_rest(&mut proxy, &groups);

        let mut trial = Trial::start(&witness, &proxy, &groups).unwrap();
        sleep(CALM);
        trial.strike();
        let filler = disk.join("filler");
        let mut file = File::create(&filler).unwrap();
        while file.write_all(&[b'x'; 512]).is_ok() {}
        // What fits into the log's last page is still written, what comes then is not.
        let mut length = 0;
        let full = || {
            (0..50).for_each(|_| provoke(&mut proxy));
            sleep(Duration::from_millis(50));
            let before = std::mem::replace(&mut length, fs::metadata(&log).unwrap().len());
            before == length
        };
        assert!(poll_until(Duration::from_secs(10), full), "the disk did not fill");
        proxy.process().signal(Signal::HUP).unwrap();
        sleep(CALM);
        let seen = trial.finish();
        judge(&seen, None, |_| false);
        is_at_rest_again(&mut proxy, &groups, rest);

        drop(file);
        fs::remove_file(&filler).unwrap();
        provoke(&mut proxy);
        let told = || fs::read_to_string(&log).unwrap_or_default().contains("lost");
        assert!(poll_until(Duration::from_secs(5), told), "{:?}", fs::read_to_string(&log));
        drop(proxy);
        run("umount", &[mounted]);
    });
}

/// A line for the log: signals are written at every level.
fn provoke(proxy: &mut nuthatch_testbed::Proxy) {
    proxy.process().signal(Signal::USR1).unwrap();
    sleep(Duration::from_millis(1));
}
