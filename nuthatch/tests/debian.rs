//! Debian's own files, run unchanged: the init script, its defaults, logrotate's reload, and the
//! command line of the systemd unit.
//!
//! ```text
//!   unshare: own mounts, own processes          the real machine sees none of it
//!     /usr/sbin/nutcracker   ◀─ bind ─ our binary
//!     /etc/nutcracker, /run, /var/log/nutcracker   fresh and empty
//!     /etc/default/nutcracker  ◀─ bind ─ the package's, with ports of ours
//!     /etc/init.d/nutcracker start, status, reload, stop
//! ```
//!
//! It needs root and Linux, and Debian's package; without one of them it says so and passes.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch_testbed::{find_program, find_program_or_skip, free_port, is_root, pool_yaml};
use stand::{Stand, run};
use std::fs;
use std::path::Path;

const INIT: &str = "/etc/init.d/nutcracker";
const UNIT: &str = "/lib/systemd/system/nutcracker.service";
const LOGROTATE: &str = "/etc/logrotate.d/nutcracker";

/// Every step says what it saw; the test looks at the words. `$1` is the folder with our files.
const PLAY: &str = r#"
set -u
here=$1
mount -t tmpfs none /etc/nutcracker
mount -t tmpfs none /run
mount -t tmpfs none /var/log/nutcracker
chown nutcracker:adm /var/log/nutcracker
cp "$here/pools.yml" /etc/nutcracker/nutcracker.yml
mount --bind "$here/binary" /usr/sbin/nutcracker
mount --bind "$here/default" /etc/default/nutcracker
log=/var/log/nutcracker/nutcracker.log
pid=/run/nutcracker/nutcracker.pid
init=/etc/init.d/nutcracker
cd /

soon() { n=0; while [ $n -lt 200 ]; do "$@" >/dev/null 2>&1 && return 0; n=$((n+1)); sleep 0.05; done; return 1; }

$init start; echo "start: $?"
test -s $pid && echo "pid file: yes"
kill -0 "$(cat $pid)" && echo "alive: yes"
echo "user: $(stat -c %U /proc/$(cat $pid))"
echo "name: $(cat /proc/$(cat $pid)/comm)"
echo "log's owner: $(stat -c %U $log)"
$init status >/dev/null; echo "status: $?"
$init start >/dev/null; echo "second start: $?"

# As the logrotate entry has it: moved, made anew, then its postrotate line.
mv $log $log.1
install -o nutcracker -g adm -m 640 /dev/null $log
sh "$here/postrotate" "$init"; echo "postrotate: $?"
soon grep -q SIGHUP $log.1 && echo "hup in the old log: yes"
kill -USR1 "$(cat $pid)"
soon grep -q SIGUSR1 $log && echo "usr1 in the new log: yes"

was=$(cat $pid)
$init restart >/dev/null; echo "restart: $?"
test "$(cat $pid)" != "$was" && echo "another pid: yes"

echo "nonsense: [" >> /etc/nutcracker/nutcracker.yml
$init restart >/dev/null; echo "restart with a bad file: $?"
kill -0 "$(cat $pid)" && echo "still alive: yes"

last=$(cat $pid)
$init stop >/dev/null; echo "stop: $?"
test -e $pid || echo "pid file gone: yes"
# The namespace's first process may leave it as a zombie.
ended() { ! test -d /proc/$1 || grep -q '^State:.Z' /proc/$1/status; }
soon ended $last && echo "process gone: yes"
$init stop >/dev/null; echo "second stop: $?"

# DAEMON_OPTS may name a configuration anywhere; the script finds the daemon by its pid file alone.
mkdir /run/elsewhere
cp "$here/pools.yml" /run/elsewhere/pools.yml
echo 'DAEMON_OPTS="$DAEMON_OPTS -c /run/elsewhere/pools.yml"' >> "$here/default"
$init start; echo "start elsewhere: $?"
test -s $pid && kill -0 "$(cat $pid)" && echo "pid file elsewhere: yes"
soon grep -q 'conf=/run/elsewhere' $log && echo "log elsewhere: yes"
last=$(cat $pid)
$init status >/dev/null; echo "status elsewhere: $?"
$init stop >/dev/null; echo "stop elsewhere: $?"
soon ended $last && echo "process elsewhere gone: yes"
"#;

fn is_possible() -> bool {
    let has = |name| find_program(name).is_some();
    let all = is_root() && has("start-stop-daemon") && Path::new(INIT).exists();
    let folders = ["/etc/nutcracker", "/var/log/nutcracker"];
    let all = all && folders.iter().all(|folder| Path::new(folder).is_dir());
    if !all {
        eprintln!("not root, or Debian's nutcracker package is not here: nothing to play");
    }
    all && find_program_or_skip("unshare").is_some()
}

#[test]
fn the_init_script_and_logrotate_as_they_are() {
    if !is_possible() {
        return;
    }
    let stand = Stand::idle();
    let at = stand.path("");
    // A link would be followed by the bind mount into a folder that the daemon's user may not
    // enter; a file of its own is what a package installs.
    fs::copy(env!("CARGO_BIN_EXE_nuthatch"), stand.path("binary")).unwrap();
    let defaults = fs::read_to_string("/etc/default/nutcracker").unwrap();
    let own = format!("DAEMON_OPTS=\"-s {} -a 127.0.0.1\"", stand.stats_port);
    let defaults = defaults.replace("DAEMON_OPTS=\"\"", &own);
    assert!(defaults.contains(&own), "{defaults}");
    fs::write(stand.path("default"), defaults).unwrap();
    fs::write(stand.path("postrotate"), postrotate()).unwrap();
    fs::write(stand.path("play.sh"), PLAY).unwrap();
    let unshare = find_program("unshare").unwrap();
    let play = stand.path("play.sh");
    let args = [
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "timeout",
        "-k",
        "5",
        "90",
        "sh",
        play.to_str().unwrap(),
        at.to_str().unwrap(),
    ];
    let done = run(&unshare, &args, &at);
    if done.err.contains("unshare:") || done.err.contains("mount:") {
        eprintln!("no namespaces here: {}", done.err);
        return;
    }
    let told = format!("{}\n{}", done.out, done.err);
    for line in [
        "start: 0",
        "pid file: yes",
        "alive: yes",
        "user: nutcracker",
        "name: nutcracker",
        "log's owner: nutcracker",
        "status: 0",
        "second start: 0",
        "postrotate: 0",
        "hup in the old log: yes",
        "usr1 in the new log: yes",
        "restart: 0",
        "another pid: yes",
        "restart with a bad file: 1",
        "still alive: yes",
        "stop: 0",
        "pid file gone: yes",
        "process gone: yes",
        "second stop: 0",
        "start elsewhere: 0",
        "pid file elsewhere: yes",
        "log elsewhere: yes",
        "status elsewhere: 0",
        "stop elsewhere: 0",
        "process elsewhere gone: yes",
    ] {
        assert!(done.out.lines().any(|one| one == line), "{line}, but:\n{told}");
    }
}

/// The line between `postrotate` and `endscript`. invoke-rc.d asks the machine's init system,
/// which a namespace has none of; what it would call is the script.
fn postrotate() -> String {
    let text = fs::read_to_string(LOGROTATE).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "postrotate")
        .skip(1)
        .take_while(|line| *line != "endscript")
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    let line = lines[0].replace("/usr/sbin/invoke-rc.d nutcracker", "\"$1\"");
    assert!(line.starts_with("\"$1\" reload"), "{line}");
    line
}

#[test]
fn the_units_command_line() {
    let Ok(unit) = fs::read_to_string(UNIT) else {
        eprintln!("Debian's unit is not here");
        return;
    };
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    assert!(unit.contains("Type=simple"), "{unit}");
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("/usr/sbin/nutcracker"));
    let stand = Stand::idle();
    let port = free_port();
    let yaml = pool_yaml("unit", port, &[("redis", "true")], &["127.0.0.1:1:1".to_owned()]);
    fs::write(stand.path("pools.yml"), yaml).unwrap();
    // systemd splits the variable into words.
    let options: Vec<String> = words
        .flat_map(|word| match word {
            "$DAEMON_OPTS" => stand.flags(&["-v", "6"]),
            word => vec![word.to_owned()],
        })
        .collect();
    let place = nuthatch_testbed::Folder::new().unwrap();
    fs::copy(stand.path("pools.yml"), place.path().join("pools.yml")).unwrap();
    let mut process =
        nuthatch_testbed::Process::start(&stand.path("nutcracker"), options, place).unwrap();
    process
        .wait_ready(stand::PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())
        .unwrap();
    assert!(process.log().contains("as_nutcracker=true"), "{}", process.log());
    assert!(process.terminate(stand::PATIENCE).unwrap().success());
}
