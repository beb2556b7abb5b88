//! A host with a network of its own, at the other end of a cable.

use super::run;
use nuthatch_testbed::{Client, Folder, Process, find_program, poll_until};
use std::fs;
use std::process::Command;
use std::time::Duration;

pub const NEAR: &str = "10.77.0.1";
pub const FAR: &str = "10.77.0.2";
pub const PORT: u16 = 6379;
const NEAR_CARD: &str = "02:00:00:00:00:01";
const FAR_CARD: &str = "02:00:00:00:00:02";
const NOBODYS_CARD: &str = "02:00:00:00:00:99";

/// A network of its own, which lives as long as a process that sleeps in it.
pub struct FarHost {
    sleeper: Process,
}

impl FarHost {
    pub fn new() -> FarHost {
        let unshare = find_program("unshare").unwrap();
        let args = ["--net", "sleep", "300"];
        let sleeper = Process::start(&unshare, args, Folder::new().unwrap()).unwrap();
        let ours = fs::read_link("/proc/self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", sleeper.pid());
        let moved = || fs::read_link(&theirs).is_ok_and(|net| net != ours);
        assert!(poll_until(Duration::from_secs(5), moved));
        let pid = sleeper.pid().to_string();
        run("ip", &["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &pid]);
        run("ip", &["link", "set", "near", "address", NEAR_CARD]);
        run("ip", &["addr", "add", &format!("{NEAR}/24"), "dev", "near"]);
        run("ip", &["link", "set", "near", "up"]);
        let far = FarHost { sleeper };
        far.ip("link set lo up");
        far.ip(&format!("link set far address {FAR_CARD}"));
        far.appear();
        far.ip("link set far up");
        far.mend();
        far
    }

    /// `ip` on that host.
    pub fn ip(&self, words: &str) {
        let pid = self.sleeper.pid().to_string();
        let args: Vec<&str> =
            ["-t", &pid, "-n", "ip"].into_iter().chain(words.split(' ')).collect();
        run("nsenter", &args);
    }

    /// What either host sends to the other is lost in silence from now on: it goes to a card that is not there.
    pub fn cut(&self) {
        self.neighbours([NOBODYS_CARD; 2]);
    }

    /// The cable is whole.
    pub fn mend(&self) {
        self.neighbours([NEAR_CARD, FAR_CARD]);
    }

    fn neighbours(&self, [near, far]: [&str; 2]) {
        self.ip(&format!("neigh replace {NEAR} lladdr {near} dev far nud permanent"));
        let words = format!("neigh replace {FAR} lladdr {far} dev near nud permanent");
        run("ip", &words.split(' ').collect::<Vec<_>>());
    }

    pub fn vanish(&self) {
        self.ip(&format!("addr del {FAR}/24 dev far"));
    }

    pub fn appear(&self) {
        self.ip(&format!("addr add {FAR}/24 dev far"));
    }

    pub fn start(&self, program: &str, args: &[&str]) -> Process {
        self.start_in(Folder::new().unwrap(), program, args)
    }

    pub fn start_in(&self, folder: Folder, program: &str, args: &[&str]) -> Process {
        let pid = self.sleeper.pid().to_string();
        let all = ["-t", &pid, "-n", program].into_iter().chain(args.iter().copied());
        let nsenter = find_program("nsenter").unwrap();
        Process::start(&nsenter, all, folder).unwrap()
    }

    pub fn redis(&self) -> Process {
        let args = ["--port", "6379", "--protected-mode", "no", "--save", ""];
        let mut server = self.start("redis-server", &args);
        let answers =
            || direct().is_some_and(|mut c| c.command(&["PING"]).is_ok_and(|r| !r.is_error()));
        server.wait_ready(Duration::from_secs(10), answers).unwrap();
        server
    }
}

impl Drop for FarHost {
    fn drop(&mut self) {
        // The kernel would remove it too, but in its own good time.
        let _ = Command::new("ip").args(["link", "del", "near"]).status();
    }
}

pub fn direct() -> Option<Client> {
    Client::connect((FAR, PORT)).ok()
}
