//! What was found, for people and as JSON.
//!
//! Names of keys are printed, shortened and with everything escaped that could command a
//! terminal; of values nothing is known, since none was asked for.

use super::super::load::View;
use super::super::print::{Object, column, cut, hex, json_array, json_text, percent, shown};
use super::failover::Remark;
use super::tally::{Found, Place, Tally};
use nuthatch_engine::routing::explain::explain;

fn names(view: &View, place: &Place) -> String {
    let name = |&shard: &usize| shown(view.spec.shards[shard].name.as_bytes());
    place.shards.iter().map(name).collect::<Vec<_>>().join(",")
}

/// A pool's paragraph.
pub fn text(view: &View, found: &Found) -> String {
    let pool = shown(view.spec.name.as_bytes());
    let part = found.misplaced as f64 / found.sampled.max(1) as f64;
    let mut lines = vec![match (found.sampled, found.misplaced) {
        (0, _) => format!("pool {pool}: no keys were found, so nothing is proved"),
        (sampled, 0) => {
            format!("pool {pool}: all {sampled} keys looked at are in place{}", unasked(found))
        }
        (sampled, misplaced) => format!(
            "pool {pool}: {misplaced} of {sampled} keys looked at ({}) are not where this file would look",
            percent(part)
        ),
    }];
    let addresses: Vec<String> = found.places.iter().map(|p| p.address.to_string()).collect();
    let shards: Vec<String> = found.places.iter().map(|place| names(view, place)).collect();
    let server_width = column("server", addresses.iter().map(String::as_str));
    let shard_width = column("shard", shards.iter().map(String::as_str));
    lines.push(format!(
        "  {:server_width$}  {:shard_width$}  {:>10}  {:>9}  {:>9}",
        "server", "shard", "keys", "looked at", "misplaced"
    ));
    for ((address, shard), tally) in addresses.iter().zip(&shards).zip(&found.tallies) {
        let told = match &tally.seen {
            Ok(seen) => format!("{:>10}  {:>9}  {:>9}", seen.keys, tally.sampled, tally.misplaced),
            Err(error) => format!("cannot be asked: {error}"),
        };
        lines.push(format!("  {address:server_width$}  {shard:shard_width$}  {told}"));
    }
    for (place, tally) in found.places.iter().zip(&found.tallies) {
        lines.extend(tally.examples.iter().map(|key| example(view, place, key)));
    }
    lines.extend(found.remarks.iter().map(|(level, text)| format!("  {}: {text}", level.text())));
    lines.extend(found.hints.iter().map(|hint| format!("  hint: {hint}")));
    lines.join("\n")
}

/// What the good news leaves out.
fn unasked(found: &Found) -> String {
    match found.tallies.iter().filter(|tally| tally.seen.is_err()).count() {
        0 => String::new(),
        1 => ", 1 server could not be asked".to_owned(),
        several => format!(", {several} servers could not be asked"),
    }
}

/// A misplaced key: where it lies, why the file looks elsewhere.
fn example(view: &View, place: &Place, key: &[u8]) -> String {
    let way = explain(&view.router, key);
    let tagged = match way.colocated {
        Some(found) => format!(" of {} by `colocate`", cut(found.first)),
        None if way.is_tagged => format!(" of {}", cut(way.hashed_part)),
        None => String::new(),
    };
    let hash = match way.hash {
        Some(hash) => format!("{} {hash}{tagged}", view.spec.hash.name),
        None => "the only shard".to_owned(),
    };
    let owner = way.shard.map_or_else(
        || "nobody".to_owned(),
        |id| {
            let shard = &view.spec.shards[id.index()];
            format!("{} at {}", shown(shard.name.as_bytes()), shard.address)
        },
    );
    format!("  {} has {}: {hash} belongs to {owner}", place.address, cut(key))
}

/// A pool on one line.
pub fn json(view: &View, found: &Found) -> String {
    let servers = found.places.iter().zip(&found.tallies);
    let object = Object::new()
        .text("pool", &view.spec.name)
        .raw("sampled", found.sampled)
        .raw("misplaced", found.misplaced)
        .raw(
            "misplaced_by_colocate",
            found.tallies.iter().map(|tally| tally.colocated).sum::<u64>(),
        )
        .raw("within_limit", found.is_within_limit)
        .raw("servers", json_array(servers.map(|(place, tally)| server_json(view, place, tally))))
        .raw("hints", json_array(found.hints.iter().map(|hint| json_text(hint))));
    if view.spec.failover.is_none() {
        return object.end();
    }
    let remark =
        |(level, text): &Remark| Object::new().text("level", level.text()).text("text", text).end();
    object.raw("failover", json_array(found.remarks.iter().map(remark))).end()
}

fn server_json(view: &View, place: &Place, tally: &Tally) -> String {
    let name = |&shard: &usize| json_text(&view.spec.shards[shard].name);
    let owners = tally.owners.iter().enumerate().filter(|(_, count)| **count > 0);
    let owners = owners.map(|(shard, count)| {
        Object::new().text("shard", &view.spec.shards[shard].name).raw("keys", count).end()
    });
    let seen = tally.seen.as_ref().ok();
    Object::new()
        .text("server", &place.address.to_string())
        .raw("shards", json_array(place.shards.iter().map(name)))
        .text_or_null("error", tally.seen.as_ref().err().map(String::as_str))
        .number_or_null("keys", seen.map(|seen| seen.keys))
        .raw("whole", seen.is_some_and(|seen| seen.is_whole))
        .raw("sampled", tally.sampled)
        .raw("misplaced", tally.misplaced)
        .raw("owners", json_array(owners))
        .raw("examples", json_array(tally.examples.iter().map(|key| example_json(view, key))))
        .end()
}

fn example_json(view: &View, key: &[u8]) -> String {
    let way = explain(&view.router, key);
    let shard = way.shard.map(|id| &view.spec.shards[id.index()]);
    // Whole, unless it is absurdly long: hexadecimal commands no terminal.
    let shortened = &key[..key.len().min(1024)];
    Object::new()
        .text("key_hex", &hex(shortened))
        .raw("key_bytes", key.len())
        .text("hashed_hex", &hex(&way.hashed_part[..way.hashed_part.len().min(1024)]))
        .text("hash", view.spec.hash.name)
        .number_or_null("hash_value", way.hash)
        .text_or_null("shard", shard.map(|shard| &*shard.name))
        .text_or_null("server", shard.map(|shard| shard.address.to_string()).as_deref())
        .end()
}
