//! `nuthatch where`: how single keys are routed, from their bytes to their server.
//!
//! ```text
//!   hash                 place                  shard        server          key
//!   fnv1a_64 4275688823  477/480 at 4279183433  b            127.0.0.1:6381  foo
//!            the hash    the ring's point
//! ```
//!
//! After a key with a tag stands what is hashed, and after a colocated key also the prefix of `colocate`
//! that it begins with.
//!
//! In a pool with replicas their addresses stand behind the server's, as the file has them.
//!
//! The key comes last, like the name in `ls -l`. The width of the other columns follows from the
//! pools, so keys from a pipe are answered as they arrive, any number of them.
//!
//! All shards count as live: the output shows where keys belong, not where they go during an ejection.

use super::flags::CONF_FILE;
use super::load::{self, View};
use super::print::{Object, column, hex, json_array, json_text, shown};
use anyhow::{Context, ensure};
use nuthatch_engine::routing::distribution::Ring;
use nuthatch_engine::routing::explain::{Explanation, Place, explain};
use nuthatch_engine::topology::ShardSpec;
use std::ffi::OsString;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// The longest line that may be a key: the longest key of Redis. Keys of memcached are shorter.
const KEY_BYTES_MAX: u64 = 512 * 1024 * 1024;

#[derive(clap::Args, Debug)]
pub struct Where {
    /// The configuration: twemproxy's YAML
    #[arg(short, long, value_name = "FILE", default_value = CONF_FILE)]
    conf_file: PathBuf,
    /// Only this pool; absent: every pool of the file
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// A key in hexadecimal; may be given several times
    #[arg(long, value_name = "HEX", value_parser = unhex)]
    hex: Vec<Bytes>,
    /// One JSON object a line. Points are numbered from 1, slots from 0, as in the text
    #[arg(long)]
    json: bool,
    /// The keys as text; `-` reads them from stdin, one a line
    #[arg(value_name = "KEY", required_unless_present = "hex")]
    keys: Vec<OsString>,
}

/// A key. A type of its own, so that clap reads it as one value.
#[derive(Clone, Debug)]
struct Bytes(Vec<u8>);

fn unhex(text: &str) -> Result<Bytes, String> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            Ok(Bytes(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()))
        }
        _ => Err("pairs of hexadecimal digits are expected".to_owned()),
    }
}

pub fn run(asked: &Where) -> anyhow::Result<ExitCode> {
    let views = match load::pools(&asked.conf_file, asked.pool.as_deref()) {
        Ok(views) => views,
        Err(code) => return Ok(code),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let table = Table::new(&views);
    if !asked.json {
        writeln!(out, "{}", table.head())?;
    }
    let mut answer = |key: &[u8]| -> anyhow::Result<()> {
        for view in &views {
            let way = explain(&view.router, key);
            let line = if asked.json { json(view, key, &way) } else { table.line(view, key, &way) };
            writeln!(out, "{line}")?;
        }
        Ok(())
    };
    for key in &asked.keys {
        if key == "-" {
            each_line(&mut io::stdin().lock(), &mut answer)?;
        } else {
            answer(key.as_bytes())?;
        }
    }
    for key in &asked.hex {
        answer(&key.0)?;
    }
    if !asked.json {
        for view in views.iter().filter(|view| matches!(view.router.ring, Ring::Random(_))) {
            writeln!(out, "{}", random_note(view))?;
        }
        for view in views.iter().filter(|view| has_sentinels(view)) {
            writeln!(out, "{}", sentinel_note(view))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Every line without its line feed. The last one may have none.
fn each_line(
    input: &mut impl BufRead,
    take: &mut impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(KEY_BYTES_MAX + 1).read_until(b'\n', &mut line);
        if read.context("stdin cannot be read")? == 0 {
            return Ok(());
        }
        ensure!(line.len() as u64 <= KEY_BYTES_MAX, "a line of stdin is too long to be a key");
        take(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
}

fn random_note(view: &View) -> String {
    format!("pool {} is `random`: any shard may get any key", shown(view.spec.name.as_bytes()))
}

fn has_sentinels(view: &View) -> bool {
    view.spec.failover.as_ref().is_some_and(|failover| !failover.sentinels.is_empty())
}

fn sentinel_note(view: &View) -> String {
    let pool = shown(view.spec.name.as_bytes());
    format!("pool {pool} asks Sentinels: they may have made another server a shard's primary")
}

/// The replicas of a shard, as the file has them.
fn replicas(shard: &ShardSpec) -> String {
    let all: Vec<String> = shard.replicas.iter().map(|it| it.address.to_string()).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(",") }
}

/// The widths of the columns, which follow from the pools.
struct Table {
    /// Shown when there are several pools.
    pool: Option<usize>,
    function: usize,
    place: usize,
    shard: usize,
    server: usize,
    /// Shown when a shard has some in the file.
    replicas: Option<usize>,
}

impl Table {
    fn new(views: &[View]) -> Table {
        let names: Vec<String> = views.iter().map(|v| shown(v.spec.name.as_bytes())).collect();
        let places: Vec<String> = views.iter().map(widest_place).collect();
        let functions =
            views.iter().filter(|v| v.router.ring.is_hashed()).map(|v| v.spec.hash.name);
        let shards = || views.iter().flat_map(|view| &view.spec.shards);
        let shard_names: Vec<String> = shards().map(|s| shown(s.name.as_bytes())).collect();
        let servers: Vec<String> = shards().map(|s| s.address.to_string()).collect();
        let replicated: Vec<String> = shards().map(replicas).collect();
        let has_replicas = shards().any(|shard| !shard.replicas.is_empty());
        let texts = |list: &[String], heading| column(heading, list.iter().map(String::as_str));
        Table {
            pool: (views.len() > 1).then(|| texts(&names, "pool")),
            function: column("", functions),
            place: texts(&places, "place"),
            shard: texts(&shard_names, "shard"),
            server: texts(&servers, "server"),
            replicas: has_replicas.then(|| texts(&replicated, "replicas")),
        }
    }

    fn head(&self) -> String {
        self.row("pool", "hash", "place", ["shard", "server", "replicas"], "key")
    }

    fn line(&self, view: &View, key: &[u8], way: &Explanation<'_>) -> String {
        let hash = match way.hash {
            Some(hash) => format!("{:w$} {hash:>10}", view.spec.hash.name, w = self.function),
            None => "-".to_owned(),
        };
        let of_shard = match way.shard.map(|id| &view.spec.shards[id.index()]) {
            Some(shard) => {
                [shown(shard.name.as_bytes()), shard.address.to_string(), replicas(shard)]
            }
            None => ["-"; 3].map(str::to_owned),
        };
        let mut last = shown(key);
        if way.hash.is_some() && (way.is_tagged || way.colocated.is_some()) {
            last.push_str("  hashed: ");
            last.push_str(&shown(way.hashed_part));
        }
        if let (Some(found), Some(_)) = (way.colocated, way.hash) {
            last.push_str("  colocate: ");
            last.push_str(&shown(found.prefix));
        }
        let pool = shown(view.spec.name.as_bytes());
        self.row(&pool, &hash, &place_text(way.place), of_shard.each_ref().map(|it| &**it), &last)
    }

    fn row(
        &self,
        pool: &str,
        hash: &str,
        place: &str,
        [shard, server, replicas]: [&str; 3],
        last: &str,
    ) -> String {
        let pool = self.pool.map_or_else(String::new, |w| format!("{pool:w$}  "));
        let replicas = self.replicas.map_or_else(String::new, |w| format!("{replicas:w$}  "));
        // After the function's name come a blank and ten digits.
        let hash_width = if self.function > 0 { self.function + 11 } else { 4 };
        format!(
            "{pool}{hash:hash_width$}  {place:p$}  {shard:s$}  {server:a$}  {replicas}{last}",
            p = self.place,
            s = self.shard,
            a = self.server
        )
    }
}

/// Points are counted from 1, as people count; slots from 0, since a slot is a remainder.
fn place_text(place: Place) -> String {
    match place {
        Place::Nowhere => "nowhere".to_owned(),
        Place::OnlyShard => "only shard".to_owned(),
        Place::Point { index, count, value, .. } => {
            let digits = count.to_string().len();
            format!("{:>digits$}/{count} at {value:>10}", index + 1)
        }
        Place::Slot { slot, count } => format!("slot {slot} of {count}"),
        Place::Anywhere { count } => format!("any of {count}"),
    }
}

/// The longest text for any key of the pool.
fn widest_place(view: &View) -> String {
    let place = explain(&view.router, b"").place;
    place_text(match place {
        Place::Slot { count, .. } => Place::Slot { slot: count - 1, count },
        other => other,
    })
}

fn json(view: &View, key: &[u8], way: &Explanation<'_>) -> String {
    let shard = way.shard.map(|id| &view.spec.shards[id.index()]);
    let server = shard.map(|shard| shard.address.to_string());
    let mut object = Object::new()
        .text("pool", &view.spec.name)
        .text_or_null("key", std::str::from_utf8(key).ok())
        .text("key_hex", &hex(key));
    object = match way.hash {
        Some(hash) => object
            .text("hash", view.spec.hash.name)
            .raw("hash_value", hash)
            .text("hashed_hex", &hex(way.hashed_part))
            .raw("tagged", way.is_tagged)
            .text_or_null("colocate_hex", way.colocated.map(|found| hex(found.prefix)).as_deref()),
        None => ["hash", "hash_value", "hashed_hex", "tagged", "colocate_hex"]
            .iter()
            .fold(object, |object, name| object.raw(name, "null")),
    };
    let (kind, number, count) = match way.place {
        Place::Nowhere => ("nowhere", None, 0),
        Place::OnlyShard => ("only_shard", None, 1),
        Place::Point { index, count, .. } => ("point", Some(index as u64 + 1), count as u64),
        Place::Slot { slot, count } => ("slot", Some(slot), count),
        Place::Anywhere { count } => ("random", None, count as u64),
    };
    object = object.text("place", kind).number_or_null("number", number).raw("of", count);
    if let Place::Point { value, is_past_last, .. } = way.place {
        object = object.raw("point", value).raw("wrapped", is_past_last);
    }
    object = object
        .text_or_null("shard", shard.map(|shard| &*shard.name))
        .text_or_null("server", server.as_deref());
    if let Some(shard) = shard.filter(|_| view.spec.failover.is_some()) {
        let replicas = shard.replicas.iter().map(|it| json_text(&it.address.to_string()));
        object = object.raw("replicas", json_array(replicas));
    }
    object.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_pairs_of_digits() {
        assert_eq!(unhex("fF80").unwrap().0, [0xff, 0x80]);
        assert_eq!(unhex("").unwrap().0, [0; 0]);
        for bad in ["f", "0x", "zz", "ff 8"] {
            assert!(unhex(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_byte_of_a_line_belongs_to_the_key() {
        let mut keys = Vec::new();
        each_line(&mut &b"a\r\n\n b\n\xff"[..], &mut |key| {
            keys.push(key.to_vec());
            Ok(())
        })
        .unwrap();
        assert_eq!(keys, [&b"a\r"[..], b"", b" b", b"\xff"]);
    }

    #[test]
    fn places_as_text() {
        let point = Place::Point { index: 9, count: 480, value: 77, is_past_last: false };
        assert_eq!(place_text(point), " 10/480 at         77");
        assert_eq!(place_text(Place::Slot { slot: 0, count: 4 }), "slot 0 of 4");
        assert_eq!(place_text(Place::Anywhere { count: 3 }), "any of 3");
    }
}
