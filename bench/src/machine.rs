//! A description of the machine, so that no number is shown without it.

use nuthatch_testbed::find_program;
use std::fs;
use std::process::Command;

/// Lines for the head of a report.
pub fn describe() -> Vec<String> {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| Some(text.split(' ').next()?.parse::<u64>().ok()? / 1024 / 1024));
    let cores = nuthatch_bench::pin::core_count();
    let kernel = read("/proc/sys/kernel/osrelease");
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or("unknown system")
        .trim_matches('"');
    let hypervisor = field("/proc/cpuinfo", "flags")
        .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let place = if hypervisor { "a virtual machine" } else { "a real machine" };
    let congestion = read("/proc/sys/net/ipv4/tcp_congestion_control");
    vec![
        format!(
            "{place}: {cpu}, {cores} cores, {} GiB, all traffic on loopback",
            memory.unwrap_or(0)
        ),
        format!("{system}, Linux {kernel}, TCP congestion control {congestion}"),
        versions(),
    ]
}

fn versions() -> String {
    let asks = [
        ("nutcracker", "--version"),
        ("haproxy", "-v"),
        ("redis-server", "--version"),
        ("memcached", "--version"),
    ];
    let said = asks.map(|(program, flag)| {
        let output =
            find_program(program).and_then(|path| Command::new(path).arg(flag).output().ok());
        let text = output.map_or(String::new(), |output| {
            // nutcracker prints its version on standard error.
            let both = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&both).into_owned()
        });
        let number = text
            .split([' ', '=', '-', '\n'])
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'));
        format!("{program} {}", number.unwrap_or("not installed"))
    });
    said.join(", ")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Today in UTC, as 2031-12-31 23:59.
pub fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M"]).output();
    output.map_or(String::new(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned())
}
