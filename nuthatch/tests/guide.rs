//! README and the guide are right: every command in them is run, every output they show is compared.
//!
//! ```text
//!   README*.md
//!   docs/guide/migrate*.md ──▶ its ```yaml block   the file, with the test's ports
//!                          ──▶ its ```sh blocks    one shell, in order, in a folder of its own
//!                          ──▶ a ```text block     what the block before it prints, in shape
//!   docs/guide/failover*.md    the same; its blocks ```yaml FILE are files, and it starts its servers itself
//! ```
//!
//! In shape: numbers are alike, runs of blanks too, and a line `...` stands for any lines. A block
//! must end with 0, or with the code after `exit=`. Ports come in at the assignments of the first
//! block, as a reader's would; the servers of the file are started here.
//!
//! The proxies are started by the guide's own commands. Scripts in front of PATH see to it that
//! the kernel ends them with their shell, and the shell with us, whatever happens.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_testbed::{Folder, Guard, Process, RedisServer, find_program, free_port};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[test]
fn every_command_of_the_migration_guide_runs() {
    run("migrate.md");
}

#[test]
fn every_command_of_the_chinese_migration_guide_runs() {
    run("migrate.zh-CN.md");
}

#[test]
fn every_command_of_the_readme_runs() {
    run("../../README.md");
}

#[test]
fn every_command_of_the_chinese_readme_runs() {
    run("../../README.zh-CN.md");
}

#[test]
fn every_command_of_the_failover_guide_runs() {
    run_failover("failover.md");
}

#[test]
fn every_command_of_the_chinese_failover_guide_runs() {
    run_failover("failover.zh-CN.md");
}

/// README's indented commands are long: they are steps of the run that this test is part of.
#[test]
fn the_readmes_long_commands_are_steps_of_the_whole_test() {
    for name in ["../../README.md", "../../README.zh-CN.md"] {
        let text = guide(name);
        let long: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        let long: Vec<&str> = long.into_iter().filter(|line| line.starts_with("cargo")).collect();
        let demos =
            ["cargo xtask demo", "cargo xtask demo --memcached", "cargo xtask demo --failover"];
        assert_eq!(long, [&demos[..], &["cargo xtask test", "cargo build --release"]].concat());
    }
    let steps = fs::read_to_string(guide_path("../../xtask/src/test.rs")).unwrap();
    assert!(steps.contains("\"cargo xtask demo --once\""));
    assert!(steps.contains("cargo xtask demo --once --memcached"));
    assert!(steps.contains("cargo xtask demo --once --failover"));
    assert!(steps.contains("&[\"build\", \"--release\""));
}

#[test]
fn both_languages_have_the_same_commands() {
    for names in [
        ["migrate.md", "migrate.zh-CN.md"],
        ["failover.md", "failover.zh-CN.md"],
        ["../../README.md", "../../README.zh-CN.md"],
    ] {
        same_commands(names);
    }
}

fn same_commands(names: [&str; 2]) {
    let texts = names.map(|name| blocks(&guide(name)));
    assert_eq!(texts[0].len(), texts[1].len());
    for (english, chinese) in texts[0].iter().zip(&texts[1]) {
        assert_eq!(english.info, chinese.info);
        // Comments are translated.
        let bare = |block: &Block| -> Vec<String> {
            let code = |line: &str| line.split("    #").next().unwrap().trim_end().to_owned();
            block.lines.iter().map(|line| code(line)).collect()
        };
        assert_eq!(bare(english), bare(chinese));
    }
}

fn guide_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide").join(name)
}

fn guide(name: &str) -> String {
    fs::read_to_string(guide_path(name)).unwrap()
}

/// A fenced block: what follows the fence, and the lines within.
struct Block {
    info: String,
    lines: Vec<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some(Block { info: info.to_owned(), lines: Vec::new() }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.lines.push(line.to_owned());
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block without an end");
    blocks
}

/// Commands, the code they end with, and what they print where the guide shows it.
struct Step {
    script: String,
    code: i32,
    output: Option<Vec<String>>,
}

fn steps(blocks: &[Block]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in blocks {
        match block.info.split(' ').next() {
            Some("sh") => {
                let code =
                    block.info.strip_prefix("sh exit=").map_or(0, |code| code.parse().unwrap());
                steps.push(Step { script: block.lines.join("\n"), code, output: None });
            }
            Some("text") => steps.last_mut().unwrap().output = Some(block.lines.clone()),
            other => assert_eq!(other, Some("yaml")),
        }
    }
    steps
}

fn run(name: &str) {
    if ["nutcracker", "redis-cli", "bash"].iter().any(|name| find_program(name).is_none()) {
        eprintln!("nutcracker, redis-cli and bash are needed to follow the guide");
        return;
    }
    let blocks = blocks(&guide(name));
    let servers = [(); 3].map(|()| RedisServer::start().unwrap());
    let old_port = free_port();
    let folder = Folder::new().unwrap();
    let yaml = blocks.iter().find(|block| block.info == "yaml").unwrap().lines.join("\n");
    let yaml = ["6379", "6380", "6381"]
        .iter()
        .zip(&servers)
        .fold(yaml, |yaml, (port, server)| yaml.replace(port, &server.port().to_string()))
        .replace("22121", &old_port.to_string());
    for file in ["nutcracker.yml", "pools.yml"] {
        fs::write(folder.path().join(file), format!("{yaml}\n")).unwrap();
    }
    wrap_programs(folder.path(), &["nuthatch", "nutcracker"]);

    let steps = steps(&blocks);
    let mut script = "PATH=$PWD/bin:$PATH\n\
        trap 'kill $(jobs -p) $(cat *.pid 2>/dev/null) 2>/dev/null' EXIT\n"
        .to_owned();
    let stats_port = free_port();
    // README has its ports in the commands themselves.
    let is_readme = name.contains("README");
    for (at, step) in steps.iter().enumerate() {
        let mut commands = step.script.clone();
        for (name, port) in [
            ("OLD_PORT=22121", old_port),
            ("NEW_PORT=22122", free_port()),
            ("NEW_STATS_PORT=22223", free_port()),
            ("STATS_PORT=22222", stats_port),
        ] {
            let (variable, _) = name.split_once('=').unwrap();
            assert!(is_readme || at > 0 || commands.contains(name), "{name} opens the guide");
            commands = commands.replace(name, &format!("{variable}={port}"));
        }
        if is_readme {
            commands = commands
                .replace("22121", &old_port.to_string())
                .replace("22222", &stats_port.to_string());
        }
        let _ = write!(script, "exec >out.{at} 2>&1\n{commands}\necho $? >code.{at}\n");
    }
    follow(&steps, &script, folder);
}

/// The ports of the page; the longest first, since `6379` is a part of `26379`.
const FAILOVER_PORTS: [&str; 11] =
    ["26379", "26380", "26381", "22121", "22222", "6379", "6380", "6381", "6479", "6480", "6481"];

fn run_failover(name: &str) {
    if ["redis-server", "redis-cli", "bash"].iter().any(|name| find_program(name).is_none()) {
        eprintln!("redis-server, redis-cli and bash are needed to follow the guide");
        return;
    }
    let ports: Vec<String> = FAILOVER_PORTS.iter().map(|_| free_port().to_string()).collect();
    let with_ports = |text: &str| {
        // Marks first: a port of ours may contain one of the page's.
        let marks = FAILOVER_PORTS.iter().enumerate();
        let marked = marks.fold(text.to_owned(), |text, (at, port)| {
            text.replace(port, &format!("<{}>", char::from(b'a' + at as u8)))
        });
        ports.iter().enumerate().fold(marked, |text, (at, port)| {
            text.replace(&format!("<{}>", char::from(b'a' + at as u8)), port)
        })
    };
    let blocks = blocks(&guide(name));
    let folder = Folder::new().unwrap();
    for block in &blocks {
        if let Some(file) = block.info.strip_prefix("yaml ") {
            let yaml = with_ports(&block.lines.join("\n"));
            fs::write(folder.path().join(file), format!("{yaml}\n")).unwrap();
        }
    }
    wrap_programs(folder.path(), &["nuthatch", "redis-server"]);
    let steps = steps(&blocks);
    let mut script = "PATH=$PWD/bin:$PATH\n\
        trap 'kill $(jobs -p) $(cat *.pid 2>/dev/null) 2>/dev/null' EXIT\n"
        .to_owned();
    for (at, step) in steps.iter().enumerate() {
        let commands = with_ports(&step.script);
        let _ = write!(script, "exec >out.{at} 2>&1\n{commands}\necho $? >code.{at}\n");
    }
    follow(&steps, &script, folder);
}

/// Runs the script of a page, and compares what each step prints and how it ends.
fn follow(steps: &[Step], script: &str, folder: Folder) {
    fs::write(folder.path().join("script"), script).unwrap();
    let dir = folder.path().to_owned();
    let mut shell = Process::start(&find_program("bash").unwrap(), ["script"], folder).unwrap();
    let ended = shell.wait(Duration::from_secs(120));
    for (at, step) in steps.iter().enumerate() {
        let read = |name: &str| fs::read_to_string(dir.join(format!("{name}.{at}")));
        let printed = read("out").unwrap_or_default();
        let code =
            read("code").unwrap_or_else(|_| panic!("{}\nnever ended\n{printed}", step.script));
        assert_eq!(code.trim(), step.code.to_string(), "{}\n{printed}", step.script);
        if let Some(shown) = &step.output {
            assert!(is_alike(shown, &printed), "{}\nprinted:\n{printed}", step.script);
        }
    }
    ended.unwrap();
}

/// Programs by name, ended by the kernel when their shell ends.
fn wrap_programs(dir: &Path, names: &[&str]) {
    let bin = dir.join("bin");
    fs::create_dir(&bin).unwrap();
    for &name in names {
        let program = match name {
            "nuthatch" => PathBuf::from(env!("CARGO_BIN_EXE_nuthatch")),
            other => find_program(other).unwrap(),
        };
        let guard = match Guard::best() {
            Guard::DeathSignal => "setpriv --pdeathsig KILL ",
            Guard::Pipe => "",
        };
        // The name it was called by goes on: nuthatch minds it.
        let text = format!(
            "#!/usr/bin/env bash\nexec {guard}bash -c 'exec -a \"$0\" \"$@\"' \"$0\" '{}' \"$@\"\n",
            program.display()
        );
        let path = bin.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Are the printed lines of the shape shown?
fn is_alike(shown: &[String], printed: &str) -> bool {
    let printed: Vec<String> = printed.lines().map(shape).filter(|line| !line.is_empty()).collect();
    let shown: Vec<String> = shown.iter().map(|line| shape(line)).collect();
    matches(&shown, &printed)
}

fn matches(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, _) => printed.is_empty(),
        (Some((first, rest)), _) if first == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        (Some((first, rest)), Some((line, lines))) => first == line && matches(rest, lines),
        (Some(_), None) => false,
    }
}

/// A line with its numbers made alike and its blanks single.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    for c in line.trim().chars() {
        let c = if c.is_ascii_digit() { '9' } else { c };
        if !(matches!(c, '9' | ' ') && shape.ends_with(c)) {
            shape.push(c);
        }
    }
    shape
}

#[test]
fn shapes_are_compared() {
    let shown = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    assert!(is_alike(&shown(&["a 12  b"]), "a 3 b\n"));
    assert!(is_alike(&shown(&["a", "...", "z"]), "a\nb\nc\nz\n"));
    assert!(!is_alike(&shown(&["a", "...", "z"]), "a\nb\n"));
    assert!(!is_alike(&shown(&["a"]), "a\nb\n"));
}
