//! The command line as its users meet it: the real binary, its output to the byte, its exit codes.
//!
//! What commands print lies in `tests/golden/`. `NUTHATCH_RECORD=1 cargo test --test cli` writes
//! it anew; the diff is what to review.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_testbed::Folder;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The pool of the worked example, in an order of the file's own.
const WORKED: &str = "\
alpha:
  listen: 127.0.0.1:22121
  redis: true
  hash: fnv1a_64
  distribution: ketama
  servers:
    - 127.0.0.1:6380:3 alpha
    - 127.0.0.1:6381:1 b
    - 127.0.0.1:6382:2 gamma-delta
";

/// Its keys, their hashes and owners, made by nutcracker's own code.
const OWNERS: [(&str, u32, &str, &str); 17] = [
    ("a", 2_248_273_036, "gamma-delta", "gamma-delta"),
    ("b", 2_248_274_341, "gamma-delta", "alpha"),
    ("foo", 4_275_688_823, "b", "gamma-delta"),
    ("bar", 322_520_602, "b", "gamma-delta"),
    ("baz", 322_517_122, "b", "gamma-delta"),
    ("qux", 1_389_177_577, "gamma-delta", "alpha"),
    ("apple", 1_488_911_807, "alpha", "gamma-delta"),
    ("banana", 3_279_079_568, "alpha", "alpha"),
    ("cherry", 1_808_718_072, "gamma-delta", "b"),
    ("key", 911_937_772, "gamma-delta", "gamma-delta"),
    ("user:1", 1_963_465_963, "alpha", "alpha"),
    ("user:2", 1_963_466_398, "alpha", "gamma-delta"),
    ("session:abc", 2_066_161_017, "gamma-delta", "alpha"),
    ("hello world", 37_540_583, "alpha", "gamma-delta"),
    ("counter", 374_439_011, "alpha", "gamma-delta"),
    ("zebra", 1_720_811_951, "gamma-delta", "gamma-delta"),
    ("{tag}x", 344_162_767, "alpha", "alpha"),
];

/// One pool of every kind of place.
const KINDS: &str = "\
chance:
  listen: 127.0.0.1:22122
  redis: true
  distribution: random
  servers:
    - 127.0.0.1:6380:1 x
    - 127.0.0.1:6381:1 y
cut:
  listen: 127.0.0.1:22123
  redis: true
  hash: md5
  hash_tag: \"{}\"
  distribution: modula
  servers:
    - 127.0.0.1:6380:3 x
    - 127.0.0.1:6381:1 y
lone:
  listen: 127.0.0.1:22124
  redis: true
  servers:
    - 127.0.0.1:6380:1
memory:
  listen: 127.0.0.1:22125
  servers:
    - 127.0.0.1:11211:1
";

const BAD: &str = "\
alpha:
  listen: 127.0.0.1:22121
  redis: ture
  hash: fnvla_64
  servers:
    - 127.0.0.1:6380:1
";

#[test]
fn where_prints_the_worked_example() {
    let desk = Desk::new(&[("pools.yml", WORKED)]);
    let mut args = vec!["where", "-c", "pools.yml"];
    args.extend(OWNERS.iter().map(|row| row.0));
    args.extend(["", "--hex", "ff80", "--hex", "636166c3a9"]);
    desk.run(&args, "").is_golden("where.txt");
}

#[test]
fn where_agrees_with_the_owners_of_the_worked_example() {
    let modula = WORKED.replace("ketama", "modula");
    let desk = Desk::new(&[("ketama.yml", WORKED), ("modula.yml", &modula)]);
    let lines = OWNERS.map(|row| row.0).join("\n");
    for file in ["ketama.yml", "modula.yml"] {
        let rows = desk.run(&["where", "-c", file, "--json", "-"], &lines).json();
        assert_eq!(rows.len(), OWNERS.len());
        for (row, (key, hash, ketama, modula)) in rows.iter().zip(OWNERS) {
            assert_eq!((&row["key"], &row["hash_value"]), (&key.into(), &hash.into()));
            assert_eq!(row["shard"], if file == "ketama.yml" { ketama } else { modula }, "{key}");
        }
    }
}

#[test]
fn where_of_every_kind_of_pool() {
    let desk = Desk::new(&[("pools.yml", KINDS)]);
    desk.run(&["where", "-c", "pools.yml", "{tag}x", "a\tb"], "").is_golden("where-kinds.txt");
    let rows = desk.run(&["where", "-c", "pools.yml", "--json", "--hex", "ff"], "").json();
    let pools: Vec<&Value> = rows.iter().map(|row| &row["pool"]).collect();
    assert_eq!(pools, ["cut", "lone", "chance", "memory"]);
    assert!(rows.iter().all(|row| row["key"].is_null() && row["key_hex"] == "ff"));
    assert_eq!((&rows[2]["shard"], &rows[2]["place"]), (&Value::Null, &"random".into()));
    let memory = desk.run(&["where", "-c", "pools.yml", "--pool", "memory", "--json", "k"], "");
    assert_eq!(memory.json()[0]["place"], "only_shard");
}

#[test]
fn colocated_keys_say_their_prefix_and_what_is_hashed() {
    let colocate = WORKED.replace(
        "  redis: true\n",
        "  redis: true\n  hash_tag: \"{}\"\n  colocate:\n    - \"bull: bee:\"\n    - \"rq:\"\n",
    );
    let desk = Desk::new(&[("colocate.yml", &colocate), ("pools.yml", WORKED)]);
    let keys = ["bull:a", "bee:{x}:c", "rq:1", "{foo}:1", "foo"];
    let args = [&["where", "-c", "colocate.yml"][..], &keys].concat();
    desk.run(&args, "").is_golden("where-colocate.txt");
    let args = [&["where", "-c", "colocate.yml", "--json"][..], &keys].concat();
    let rows = desk.run(&args, "").json();
    assert_eq!(
        (&rows[0]["shard"], &rows[0]["hash_value"]),
        (&rows[1]["shard"], &rows[1]["hash_value"])
    );
    assert_eq!(
        (&rows[1]["hashed_hex"], &rows[1]["colocate_hex"]),
        (&"62756c6c3a".into(), &"6265653a".into())
    );
    assert_eq!((&rows[3]["tagged"], &rows[3]["colocate_hex"]), (&true.into(), &Value::Null));
    desk.run(&["ring", "-c", "colocate.yml"], "").is_golden("ring-colocate.txt");
    let ring = desk.run(&["ring", "-c", "colocate.yml", "--json"], "").json();
    assert_eq!(ring[0]["colocate"], serde_json::json!(["bull:", "rq:"]));
    let plain = colocate.replace("  colocate:\n    - \"bull: bee:\"\n    - \"rq:\"\n", "");
    let desk = Desk::new(&[("colocate.yml", &colocate), ("plain.yml", &plain)]);
    desk.run(&["ring", "-c", "plain.yml", "colocate.yml"], "").is_golden("moves-colocate.txt");
    let done = desk.run(&["-t", "-c", "colocate.yml"], "");
    assert!(
        done.err.contains("keeps all keys of an entry on one server: `bull:` on `"),
        "{}",
        done.err
    );
    assert!(done.err.contains("may get most of the load"), "{}", done.err);
}

#[test]
fn a_wrong_question_is_answered_with_what_there_is() {
    let desk = Desk::new(&[("pools.yml", KINDS)]);
    let done = desk.run(&["where", "-c", "pools.yml", "--pool", "chanse", "k"], "");
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert_eq!(
        done.err,
        "nuthatch: pools.yml has no pool `chanse`; it has `cut`, `lone`, `chance`, `memory`\n  \
         did you mean `chance`?\n"
    );
    for args in [&["where", "-c", "pools.yml"][..], &["where", "-c", "pools.yml", "--hex", "f"]] {
        assert_eq!(desk.run(args, "").code, 2);
    }
}

#[test]
fn a_bad_file_is_told_the_same_by_every_command() {
    let desk = Desk::new(&[("bad.yml", BAD), ("good.yml", WORKED)]);
    let tested = desk.run(&["-t", "-c", "bad.yml"], "");
    assert_eq!((tested.code, tested.out.as_str()), (1, ""));
    assert_eq!(tested.err.matches("error in pool `alpha`").count(), 2, "{}", tested.err);
    let last = "nutcracker: configuration file 'bad.yml' syntax is invalid";
    assert_eq!(tested.err.lines().last(), Some(last));
    for args in [
        &["where", "-c", "bad.yml", "k"][..],
        &["ring", "-c", "bad.yml"],
        &["ring", "-c", "good.yml", "bad.yml"],
    ] {
        let asked = desk.run(args, "");
        assert_eq!((asked.code, asked.out.as_str()), (1, ""), "{args:?}");
        assert_eq!(asked.err, tested.err, "{args:?}");
    }
    let missing = desk.run(&["-t", "-c", "none.yml"], "");
    assert_eq!(missing.code, 1);
    assert!(
        missing.err.starts_with("none.yml: error: this file cannot be read"),
        "{}",
        missing.err
    );
}

#[test]
fn a_good_file_is_told_in_the_line_that_scripts_know() {
    let desk = Desk::new(&[("good.yml", WORKED)]);
    // With as many workers as the old proxy had: more of them are a difference to be told.
    let done = desk.run(&["-t", "-w", "1", "-c", "good.yml"], "");
    assert_eq!((done.code, done.out.as_str()), (0, ""));
    assert_eq!(done.err, "nutcracker: configuration file 'good.yml' syntax is ok\n");
}

#[test]
fn what_differs_from_nutcracker_is_told_before_that_line_under_both_names() {
    let differs = WORKED.replace(
        "  servers:",
        "  redis_auth: secret\n  redis_db: 2\n  manners: modern\n  client_connections: 5\n  servers:",
    );
    let desk = Desk::new(&[("differs.yml", &differs), ("good.yml", WORKED)]);
    let nutcracker = desk.0.path().join("nutcracker");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_nuthatch"), &nutcracker).unwrap();
    let last = "nutcracker: configuration file 'differs.yml' syntax is ok";
    for program in [Path::new(env!("CARGO_BIN_EXE_nuthatch")), &nutcracker] {
        let done = desk.run_as(program, &["-t", "-w", "1", "-c", "differs.yml"], "");
        assert_eq!((done.code, done.out.as_str()), (0, ""));
        let told: Vec<&str> =
            done.err.lines().filter(|line| line.starts_with("differs.yml")).collect();
        assert_eq!(
            told,
            [
                "differs.yml:6:15: differs from nutcracker in pool `alpha`",
                "differs.yml:7:13: differs from nutcracker in pool `alpha`",
                "differs.yml:8:3: differs from nutcracker in pool `alpha`",
                "differs.yml:9:23: differs from nutcracker in pool `alpha`",
            ],
            "{}",
            done.err
        );
        assert_eq!(done.err.lines().last(), Some(last));
        assert!(!done.err.contains("secret"));
    }
    // The drop-in has one worker unless told otherwise, so there is nothing to say.
    let done = desk.run_as(&nutcracker, &["-t", "-c", "good.yml"], "");
    assert_eq!(done.err, "nutcracker: configuration file 'good.yml' syntax is ok\n");
    let done = desk.run(&["-t", "-w", "4", "-c", "good.yml"], "");
    assert!(done.err.contains("nuthatch:   up to 4: 4 workers make 1 each"), "{}", done.err);
}

#[test]
fn ring_draws_shares() {
    let desk = Desk::new(&[("pools.yml", WORKED), ("kinds.yml", KINDS)]);
    desk.run(&["ring", "-c", "pools.yml"], "").is_golden("ring.txt");
    desk.run(&["ring", "-c", "kinds.yml"], "").is_golden("ring-kinds.txt");
    let rows = desk.run(&["ring", "-c", "pools.yml", "--json"], "").json();
    let points: Vec<&Value> =
        rows[0]["servers"].as_array().unwrap().iter().map(|server| &server["points"]).collect();
    assert_eq!(points, [80, 240, 160]);
}

#[test]
fn ring_tells_what_would_move() {
    let more = format!("{WORKED}    - 127.0.0.1:6383:2 delta\n").replace("6381", "6391");
    let hash = WORKED.replace("fnv1a_64", "md5");
    let names = WORKED.replace(" alpha\n", " a\n");
    let tag = WORKED.replace("  redis: true\n", "  redis: true\n  hash_tag: \"{}\"\n");
    let desk = Desk::new(&[
        ("pools.yml", WORKED),
        ("more.yml", &more),
        ("hash.yml", &hash),
        ("names.yml", &names),
        ("tag.yml", &tag),
        ("kinds.yml", KINDS),
        ("keys.txt", "foo\nbar\nbaz\napple\n"),
    ]);
    let ring = |more: &[&str]| desk.run(&[&["ring", "-c", "pools.yml"], more].concat(), "");
    ring(&["more.yml"]).is_golden("moves-exact.txt");
    ring(&["hash.yml"]).is_golden("moves-sample.txt");
    ring(&["names.yml"]).is_golden("moves-names.txt");
    ring(&["tag.yml"]).is_golden("moves-tag.txt");
    ring(&["pools.yml"]).is_golden("moves-none.txt");
    ring(&["hash.yml", "--keys", "keys.txt"]).is_golden("moves-keys.txt");

    let told = ring(&["more.yml", "--json"]).json();
    assert_eq!(told.len(), 3, "two rings, and what moves");
    let moves = told[2]["moves"].as_array().unwrap();
    let sum: f64 = moves.iter().map(|one| one["part"].as_f64().unwrap()).sum();
    assert!((sum - told[2]["moved"].as_f64().unwrap()).abs() < 1e-9);
    assert!(moves.iter().all(|one| one["to"] == "delta"), "only the new one gains");
    assert_eq!(told[2]["method"], "exact");

    let strangers = ring(&["kinds.yml"]);
    assert_eq!(strangers.code, 1);
    let last = "pool chance is only in kinds.yml\npool memory is only in kinds.yml\n";
    assert!(strangers.out.ends_with(last), "{}", strangers.out);
    assert_eq!(ring(&["more.yml", "--keys", "none.txt"]).code, 1);
    assert_eq!(ring(&["--keys", "keys.txt"]).code, 2, "keys of what?");
}

/// A folder to run in, so that names of files are short and the same everywhere.
struct Desk(Folder);

impl Desk {
    fn new(files: &[(&str, &str)]) -> Desk {
        let folder = Folder::new().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Desk(folder)
    }

    fn run(&self, args: &[&str], input: &str) -> Done {
        self.run_as(Path::new(env!("CARGO_BIN_EXE_nuthatch")), args, input)
    }

    fn run_as(&self, program: &Path, args: &[&str], input: &str) -> Done {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(self.0.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that does not read its input may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Done {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn is_golden(&self, name: &str) {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{name}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if std::env::var_os("NUTHATCH_RECORD").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &self.out).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(self.out, golden, "{name}; NUTHATCH_RECORD=1 records what is right now");
        if !name.starts_with("where") {
            assert!(self.out.is_ascii(), "{name}: no blocks in a locale without");
            assert!(self.out.lines().all(|line| line.len() <= 80), "{name}");
        }
    }

    fn json(&self) -> Vec<Value> {
        assert_eq!((self.code, self.err.as_str()), (0, ""));
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
