//! 1.3, 1.4, 1.6 and 2: sockets, files and exit codes of the program. Flags and files that are
//! taken or refused are played by `command_line` and `config_oracle`; signals stand in
//! `signals.rs`.

use crate::rows::Row;
use crate::signals;
use crate::stage::Program;
use crate::{Alone, Case, Differs, Same, case};
use nuthatch_testbed::{Folder, free_port, poll_until, pool_yaml};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(15);

pub const CASES: &[Case] = &[
    case("1.3", "2147483648 is refused", Alone(|p| number(p, "2147483648")), Same("exit 1")),
    case(
        "1.3",
        "4294967297 wraps round to 1",
        Alone(|p| number(p, "4294967297")),
        Differs(Row::Numbers, "exit 0", "exit 1"),
    ),
    case(
        "1.4",
        "a socket's mode is what bind made of it",
        Alone(|p| socket(p, "", false)),
        Same("755"),
    ),
    case("1.4", "0 too", Alone(|p| socket(p, " 0", false)), Same("755")),
    case("1.4", "0640 is that", Alone(|p| socket(p, " 0640", false)), Same("640")),
    case(
        "1.4",
        "digits end at the first that is not octal",
        Alone(|p| socket(p, " 6408", false)),
        Same("640"),
    ),
    case("1.4", "under -d no mode is 0777", Alone(|p| socket(p, "", true)), Same("777")),
    case("1.4", "under -d 0600 is that", Alone(|p| socket(p, " 0600", true)), Same("600")),
    case("1.4", "a file at the path makes room", Alone(in_the_way), Same("755")),
    case(
        "1.6",
        "-t on a good file",
        Alone(|p| test(p, "good.yml")),
        Same("exit 0, valid 1, invalid 0, other 0"),
    ),
    case(
        "1.6",
        "-t on a bad file: the line twice, and no reason",
        Alone(|p| test(p, "bad.yml")),
        Differs(
            Row::TestConf,
            "exit 1, valid 0, invalid 2, other 0",
            "exit 1, valid 0, invalid 1, other more",
        ),
    ),
    case("1.6", "a normal start with a bad file", Alone(bad_start), Same("exit 1, invalid 1")),
    case(
        "1.6",
        "with -d the parent has exited 0 by then",
        Alone(bad_daemon),
        Differs(Row::Daemon, "exit 0", "exit 1"),
    ),
    case("2", "the stats port is taken: no start", Alone(taken_stats), Same("exit 1")),
    case(
        "2",
        "the pool's port is taken: no start, no pid file",
        Alone(taken_port),
        Same("exit 1, no pid file"),
    ),
    case("2", "the pid file: the number alone, 0644", Alone(pid_file), Same("number 644")),
    case(
        "2",
        "TERM leaves the pid file behind",
        Alone(|p| ended(p, Signal::TERM)),
        Differs(Row::Ending, "left", "removed"),
    ),
    case("2", "INT too", Alone(|p| ended(p, Signal::INT)), Differs(Row::Ending, "left", "removed")),
    case("1.4", "the socket's file is not removed at the end", Alone(socket_left), Same("left")),
    case(
        "2",
        "signals leave their names in the log",
        Alone(signals::names),
        Same("SIGTTIN SIGTTOU SIGHUP SIGUSR1 SIGUSR2"),
    ),
    case(
        "2",
        "HUP reopens the log by name; its line goes to the old file",
        Alone(signals::reopened),
        Same("a new file, its line in the old one"),
    ),
    case(
        "2",
        "INT exits with 1 at once, and leaves its name",
        Alone(|p| signals::end(p, Signal::INT, "SIGINT")),
        Differs(Row::Ending, "exit 1, named", "exit 0, named"),
    ),
    case(
        "2",
        "TERM is not handled",
        Alone(|p| signals::end(p, Signal::TERM, "SIGTERM")),
        Differs(Row::Ending, "signal 15, not named", "exit 0, named"),
    ),
    case(
        "2",
        "SEGV leaves its name and dies of it",
        Alone(|p| signals::end(p, Signal::SEGV, "SIGSEGV")),
        Same("signal 11, named"),
    ),
    case("2", "PIPE is ignored", Alone(signals::ignored), Same("+PONG~(open)")),
];

/// A folder with `good.yml` and `bad.yml`, and what ran in it.
pub struct Place {
    program: Program,
    pub folder: Folder,
    pub port: u16,
}

impl Place {
    pub fn new(program: Program) -> Place {
        let (folder, port) = (Folder::new().unwrap(), free_port());
        let servers = ["127.0.0.1:1:1".to_owned()];
        let good = pool_yaml("p", port, &[("redis", "true")], &servers);
        fs::write(folder.path().join("bad.yml"), good.replace("redis:", "rdis:")).unwrap();
        fs::write(folder.path().join("good.yml"), good).unwrap();
        Place { program, folder, port }
    }

    /// Runs with these flags until it, or with `-d` its parent, ends; exit code and stderr.
    fn run(&self, flags: &[&str]) -> (Option<i32>, String) {
        let stats = free_port().to_string();
        let has_stats = flags.contains(&"-s");
        let more: &[&str] = if has_stats { &[] } else { &["-s", &stats] };
        // A daemon must not hold our pipe open, so stderr is a file.
        let log = fs::File::create(self.folder.path().join("stderr")).unwrap();
        let mut child = Command::new(self.program.path(&self.folder))
            .args(["-a", "127.0.0.1"])
            .args(more)
            .args(flags)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        if !poll_until(PATIENCE, || child.try_wait().is_ok_and(|done| done.is_some())) {
            child.kill().unwrap();
        }
        let code = child.wait().unwrap().code();
        (code, fs::read_to_string(self.folder.path().join("stderr")).unwrap())
    }

    /// Under `-d`, with a pid file; `None` if it did not come to serve.
    fn daemon(&self, serves: impl Fn() -> bool) -> Option<Daemon<'_>> {
        let flags = ["-d", "-c", "good.yml", "-o", "d.log", "-p", "d.pid"];
        assert_eq!(self.run(&flags).0, Some(0));
        poll_until(PATIENCE, || self.pid().is_some());
        let daemon = Daemon { pid: self.pid()?, place: self };
        poll_until(PATIENCE, serves).then_some(daemon)
    }

    fn pid(&self) -> Option<Pid> {
        fs::read_to_string(self.folder.path().join("d.pid"))
            .ok()?
            .parse()
            .ok()
            .and_then(Pid::from_raw)
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    fn mode(&self, name: &str) -> String {
        let mode = fs::metadata(self.folder.path().join(name)).unwrap().permissions().mode();
        format!("{:o}", mode & 0o777)
    }
}

/// A process that is no child of ours: known by its pid file, and by the folder it runs in.
struct Daemon<'a> {
    pid: Pid,
    place: &'a Place,
}

impl Daemon<'_> {
    fn is_ours(&self) -> bool {
        let folder = fs::canonicalize(self.place.folder.path()).unwrap();
        fs::read_link(format!("/proc/{}/cwd", self.pid)).is_ok_and(|cwd| cwd == folder)
    }

    fn end(&self, signal: Signal) {
        assert!(self.is_ours());
        kill_process(self.pid, signal).unwrap();
        assert!(poll_until(PATIENCE, || test_kill_process(self.pid).is_err() || !self.is_ours()));
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

fn exit(code: Option<i32>) -> String {
    code.map_or("no exit".to_owned(), |code| format!("exit {code}"))
}

fn number(program: Program, timeout: &str) -> String {
    let place = Place::new(program);
    let yaml = fs::read_to_string(place.folder.path().join("good.yml")).unwrap();
    let yaml = yaml.replace("  redis:", &format!("  timeout: {timeout}\n  redis:"));
    fs::write(place.folder.path().join("good.yml"), yaml).unwrap();
    exit(place.run(&["-t", "-c", "good.yml"]).0)
}

fn on_socket(program: Program, field: &str) -> Place {
    let place = Place::new(program);
    let path = place.folder.path().join("p.sock");
    let yaml = fs::read_to_string(place.folder.path().join("good.yml")).unwrap();
    let listen = format!("127.0.0.1:{}", place.port);
    let yaml = yaml.replace(&listen, &format!("{}{field}", path.display()));
    fs::write(place.folder.path().join("good.yml"), yaml).unwrap();
    place
}

fn socket_answers(place: &Place) -> bool {
    std::os::unix::net::UnixStream::connect(place.folder.path().join("p.sock")).is_ok()
}

/// The mode of a pool's socket; tests run under umask 022, as services do.
fn socket(program: Program, field: &str, is_daemon: bool) -> String {
    let place = on_socket(program, field);
    if is_daemon {
        let Some(_daemon) = place.daemon(|| socket_answers(&place)) else {
            return "does not serve".to_owned();
        };
        return place.mode("p.sock");
    }
    let yaml = fs::read_to_string(place.folder.path().join("good.yml")).unwrap();
    let _running = program.start(&yaml, &[]);
    place.mode("p.sock")
}

fn in_the_way(program: Program) -> String {
    let place = on_socket(program, "");
    // What a predecessor that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(place.folder.path().join("p.sock")).unwrap());
    let yaml = fs::read_to_string(place.folder.path().join("good.yml")).unwrap();
    let _running = program.start(&yaml, &[]);
    place.mode("p.sock")
}

fn socket_left(program: Program) -> String {
    let place = on_socket(program, "");
    let yaml = fs::read_to_string(place.folder.path().join("good.yml")).unwrap();
    let mut running = program.start(&yaml, &[]);
    running.process().terminate(PATIENCE).unwrap();
    let left = place.folder.path().join("p.sock").exists();
    if left { "left".to_owned() } else { "removed".to_owned() }
}

fn test(program: Program, file: &str) -> String {
    let place = Place::new(program);
    let (code, err) = place.run(&["-t", "-c", file]);
    let line = |end: &str| format!("nutcracker: configuration file '{file}' syntax is {end}");
    let count = |text: &str| err.lines().filter(|line| *line == text).count();
    let (valid, invalid) = (count(&line("ok")), count(&line("invalid")));
    let other = err.lines().count() - valid - invalid;
    let other = if other > 0 { "more" } else { "0" };
    format!("{}, valid {valid}, invalid {invalid}, other {other}", exit(code))
}

fn bad_start(program: Program) -> String {
    let place = Place::new(program);
    let (code, err) = place.run(&["-c", "bad.yml", "-o", ""]);
    let line = "nutcracker: configuration file 'bad.yml' syntax is invalid";
    let invalid = err.lines().filter(|one| *one == line).count();
    format!("{}, invalid {invalid}", exit(code))
}

fn bad_daemon(program: Program) -> String {
    let place = Place::new(program);
    exit(place.run(&["-d", "-c", "bad.yml", "-o", "d.log", "-p", "d.pid"]).0)
}

fn taken_stats(program: Program) -> String {
    let place = Place::new(program);
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    exit(place.run(&["-c", "good.yml", "-o", "", "-s", &port]).0)
}

fn taken_port(program: Program) -> String {
    let place = Place::new(program);
    let _held = TcpListener::bind(("127.0.0.1", place.port)).unwrap();
    let (code, _) = place.run(&["-c", "good.yml", "-o", "", "-p", "d.pid"]);
    let left = place.folder.path().join("d.pid").exists();
    format!("{}, {} pid file", exit(code), if left { "a" } else { "no" })
}

fn pid_file(program: Program) -> String {
    let place = Place::new(program);
    let Some(daemon) = place.daemon(|| place.answers()) else {
        return "does not serve".to_owned();
    };
    let text = fs::read_to_string(place.folder.path().join("d.pid")).unwrap();
    let number = text == daemon.pid.as_raw_nonzero().get().to_string() && daemon.is_ours();
    format!("{} {}", if number { "number" } else { "not the number" }, place.mode("d.pid"))
}

fn ended(program: Program, signal: Signal) -> String {
    let place = Place::new(program);
    let Some(daemon) = place.daemon(|| place.answers()) else {
        return "does not serve".to_owned();
    };
    daemon.end(signal);
    let left = place.folder.path().join("d.pid").exists();
    if left { "left".to_owned() } else { "removed".to_owned() }
}
