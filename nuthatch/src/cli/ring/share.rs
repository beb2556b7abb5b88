//! Each server's share of a ring, drawn next to its part of the weights.
//!
//! A share is a part of the hashes that the pool's function can return, computed exactly. The longest
//! bar is the largest share, so that differences between fifty servers of two percent each can be
//! seen. ketama's shares differ from the weights by some percent, which is normal. There is a note
//! when a server differs by more than [`FAR`] of its part of the weights, which is not random.

use super::super::load::View;
use super::super::print::{Object, column, json_array, json_text, percent, shown};
use nuthatch_engine::routing::distribution::Ring;
use nuthatch_engine::routing::explain::explain;
use std::env;
use std::fmt::Write;
use std::path::Path;

/// The difference from which on there is a note. With 160 points a server, shares differ by about 8
/// percent, so four times that is not random.
const FAR: f64 = 0.33;
/// Notes on single servers. The other servers are counted.
const NOTES_MAX: usize = 6;
/// Columns of the screen.
const SCREEN: usize = 80;
const BAR_MIN: usize = 8;
const BAR_MAX: usize = 32;

pub struct Share<'a> {
    pub name: &'a str,
    pub address: String,
    pub weight: u32,
    /// Of the hash space, 0 to 1.
    pub share: f64,
    /// Its part of the weights.
    pub ideal: f64,
    /// Points of `ketama`, slots of `modula`.
    pub points: Option<u64>,
    /// Its replicas in the file; `None` in a pool without.
    pub replicas: Option<Vec<String>>,
}

pub fn shares(view: &View) -> Vec<Share<'_>> {
    let shards = &view.spec.shards;
    let points = points(view);
    let is_random = matches!(view.router.ring, Ring::Random(_));
    let sum: f64 = shards.iter().map(|shard| f64::from(shard.weight)).sum();
    let share = view.router.share();
    shards
        .iter()
        .enumerate()
        .map(|(at, shard)| Share {
            name: &shard.name,
            address: shard.address.to_string(),
            weight: shard.weight,
            share: share[at],
            ideal: if is_random {
                1.0 / shards.len() as f64
            } else {
                f64::from(shard.weight) / sum
            },
            points: points.as_ref().map(|points| points[at]),
            replicas: view.spec.failover.as_ref().map(|_| {
                shard.replicas.iter().map(|replica| replica.address.to_string()).collect()
            }),
        })
        .collect()
}

fn points(view: &View) -> Option<Vec<u64>> {
    match &view.router.ring {
        Ring::Ketama(continuum) => {
            let mut points = vec![0; view.spec.shards.len()];
            for point in continuum.points() {
                points[point.shard.index()] += 1;
            }
            Some(points)
        }
        Ring::Modula(_) => Some(view.spec.shards.iter().map(|s| u64::from(s.weight)).collect()),
        _ => None,
    }
}

/// The characters of bars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bars {
    Ascii,
    Blocks,
}

impl Bars {
    /// Blocks where the locale says that text is UTF-8.
    pub fn of_locale() -> Bars {
        Bars::of(["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).ok()))
    }

    /// The first of these that is set and not empty is used, as in the C library.
    fn of(settings: [Option<String>; 3]) -> Bars {
        let locale = settings.into_iter().flatten().find(|value| !value.is_empty());
        let locale = locale.unwrap_or_default().to_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8");
        if is_utf8 { Bars::Blocks } else { Bars::Ascii }
    }

    fn bar(self, part: f64, width: usize) -> String {
        let (full, empty) = match self {
            Bars::Ascii => ("#", "."),
            Bars::Blocks => ("█", "░"),
        };
        let filled = (part * width as f64).round() as usize;
        // A small part is at least one cell.
        let filled = filled.clamp(usize::from(part > 0.0), width);
        full.repeat(filled) + &empty.repeat(width - filled)
    }
}

/// The pool's heading, a row for each server, and notes. Ends in a line feed.
pub fn draw(file: &Path, view: &View, shares: &[Share<'_>], bars: Bars) -> String {
    let mut text = heading(file, view, shares);
    let names: Vec<String> = shares.iter().map(|share| shown(share.name.as_bytes())).collect();
    let name_width = column("server", names.iter().map(String::as_str));
    // After name and bar: share, weight, due, points, and the blanks between.
    let bar_width = (SCREEN - 36).saturating_sub(name_width).clamp(BAR_MIN, BAR_MAX);
    let unit = if matches!(view.router.ring, Ring::Modula(_)) { "slots" } else { "points" };
    // With Sentinels the file need not name any.
    let has_replicas = shares.iter().flat_map(|share| &share.replicas).any(|all| !all.is_empty());
    let last = if has_replicas { "  replicas" } else { "" };
    let _ = writeln!(
        text,
        "\n  {:name_width$}  {:bar_width$} {:>6}  {:>6} {:>7}  {unit:>6}{last}",
        "server", "", "share", "weight", "due"
    );
    let greatest = shares.iter().map(|share| share.share).fold(0.0, f64::max);
    for (share, name) in shares.iter().zip(&names) {
        let part = if greatest > 0.0 { share.share / greatest } else { 0.0 };
        let replicas = share.replicas.as_ref().filter(|_| has_replicas);
        let last = replicas.map_or_else(String::new, |all| format!("  {:>8}", all.len()));
        let _ = writeln!(
            text,
            "  {name:name_width$}  {} {:>6}  {:>6} {:>7}  {:>6}{last}",
            bars.bar(part, bar_width),
            percent(share.share),
            share.weight,
            percent(share.ideal),
            share.points.map_or_else(|| "-".to_owned(), |points| points.to_string()),
        );
    }
    let notes = notes(view, shares);
    if !notes.is_empty() {
        text.push('\n');
    }
    for note in notes {
        let _ = writeln!(text, "  {note}");
    }
    text
}

fn heading(file: &Path, view: &View, shares: &[Share<'_>]) -> String {
    let spec = &view.spec;
    let mut text = format!("pool {} of {}: ", shown(spec.name.as_bytes()), file.display());
    let distribution = spec.distribution.name;
    let _ = match &view.router.ring {
        Ring::Single(_) | Ring::Empty => write!(text, "one server, so no key is hashed"),
        Ring::Random(_) => write!(text, "{distribution}, {} servers", shares.len()),
        Ring::Ketama(ring) => {
            let (servers, points) = (shares.len(), ring.points().len());
            write!(text, "{distribution}, {}, {servers} servers, {points} points", spec.hash.name)
        }
        Ring::Modula(ring) => {
            let (servers, slots) = (shares.len(), ring.slot_count());
            write!(text, "{distribution}, {}, {servers} servers, {slots} slots", spec.hash.name)
        }
    };
    if let (Some(tag), true) = (spec.hash_tag, view.router.ring.is_hashed()) {
        let _ = write!(text, ", tag {}", shown(&[tag.open, tag.close]));
    }
    text.push('\n');
    text
}

/// Notes for the operator about these shares.
pub fn notes(view: &View, shares: &[Share<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    let quoted = |share: &Share<'_>| format!("`{}`", shown(share.name.as_bytes()));
    match &view.router.ring {
        Ring::Random(_) => {
            notes.push(
                "`random` picks a server for each request: weights have no effect.".to_owned(),
            );
        }
        Ring::Ketama(_) if view.spec.hash.max < u32::MAX => notes.push(format!(
            "{} reaches {} of the ring: a few servers get all keys, with any weights.",
            view.spec.hash.name,
            percent((f64::from(view.spec.hash.max) + 1.0) / (f64::from(u32::MAX) + 1.0)),
        )),
        _ => {}
    }
    notes.extend(colocated(view));
    let has_no_point = |share: &&Share<'_>| share.points == Some(0);
    for share in shares.iter().filter(has_no_point).take(NOTES_MAX) {
        notes.push(format!(
            "{} gets no point, and so no key: its weight is too small compared with the others.",
            quoted(share)
        ));
    }
    let off = |share: &&Share<'_>| (share.share - share.ideal).abs() > FAR * share.ideal;
    let far: Vec<&Share<'_>> = shares.iter().filter(off).filter(|s| !has_no_point(s)).collect();
    for share in far.iter().take(NOTES_MAX) {
        notes.push(format!(
            "{} has {}, but its part of the weights is {}.",
            quoted(share),
            percent(share.share),
            percent(share.ideal)
        ));
    }
    let more = shares.iter().filter(has_no_point).count().saturating_sub(NOTES_MAX)
        + far.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        notes.push(format!("... and {more} more differ as much from their weight."));
    }
    notes
}

/// Which server has the keys of each entry of `colocate`. The shares are parts of the hashes, and all
/// keys of an entry have one hash.
fn colocated(view: &View) -> Vec<String> {
    let Some(colocate) = &view.spec.colocate else { return Vec::new() };
    let is_placed = |first: &&[u8]| explain(&view.router, first).hash.is_some();
    let firsts: Vec<&[u8]> = colocate.firsts().filter(is_placed).collect();
    let note = |first: &&[u8]| {
        let shard = explain(&view.router, first).shard?;
        let name = shown(view.spec.shards[shard.index()].name.as_bytes());
        Some(format!("`{name}` has all keys of the entry `{}` besides its share.", shown(first)))
    };
    let mut notes: Vec<String> = firsts.iter().take(NOTES_MAX).filter_map(note).collect();
    let more = firsts.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        notes.push(format!(
            "... and {more} more entries of `colocate`; `nuthatch where` places them."
        ));
    }
    notes
}

pub fn json(file: &Path, view: &View, shares: &[Share<'_>]) -> String {
    let spec = &view.spec;
    let servers = json_array(shares.iter().map(|share| {
        let mut object = Object::new()
            .text("shard", share.name)
            .text("server", &share.address)
            .raw("weight", share.weight)
            .raw("share", share.share)
            .raw("due", share.ideal)
            .number_or_null("points", share.points);
        if let Some(replicas) = &share.replicas {
            object = object.raw("replicas", json_array(replicas.iter().map(|it| json_text(it))));
        }
        object.end()
    }));
    let tag = spec.hash_tag.map(|tag| String::from_utf8_lossy(&[tag.open, tag.close]).into_owned());
    let firsts: Vec<String> = spec
        .colocate
        .iter()
        .flat_map(|colocate| colocate.firsts())
        .map(|first| String::from_utf8_lossy(first).into_owned())
        .collect();
    Object::new()
        .text("about", "ring")
        .text("file", &file.to_string_lossy())
        .text("pool", &spec.name)
        .text("distribution", spec.distribution.name)
        .text("hash", spec.hash.name)
        .text_or_null("hash_tag", tag.as_deref())
        .raw("colocate", json_array(firsts.iter().map(|first| json_text(first))))
        .raw("servers", servers)
        .raw("notes", json_array(notes(view, shares).iter().map(|note| json_text(note))))
        .end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use nuthatch_engine::topology::Manners;

    fn view(keys: &str, servers: &[&str]) -> View {
        let mut yaml = format!("p:\n  listen: 127.0.0.1:1\n  redis: true\n{keys}  servers:\n");
        for server in servers {
            let _ = writeln!(yaml, "    - {server}");
        }
        let (config, _) = config::parse(&yaml, "p.yml", Manners::Modern).unwrap();
        View::new(config.pools[0].spec.clone())
    }

    #[test]
    fn bars_follow_the_locale() {
        let of = |all: &str, lang: &str| Bars::of([Some(all.into()), None, Some(lang.into())]);
        assert_eq!(of("", "en_US.UTF-8"), Bars::Blocks);
        assert_eq!(of("C.utf8", "C"), Bars::Blocks);
        assert_eq!(of("C", "en_US.UTF-8"), Bars::Ascii);
        assert_eq!(Bars::of([None, None, None]), Bars::Ascii);
        assert_eq!(Bars::Ascii.bar(0.5, 8), "####....");
        assert_eq!(Bars::Ascii.bar(0.001, 8), "#.......");
        assert_eq!(Bars::Ascii.bar(0.0, 8), "........");
        assert_eq!(Bars::Blocks.bar(1.0, 2), "██");
    }

    #[test]
    fn a_server_without_points_has_a_note() {
        let view = view("", &["h:1:100000 big", "h:2:1 small"]);
        let shares = shares(&view);
        assert_eq!(shares[1].points, Some(0));
        let notes = notes(&view, &shares).join("\n");
        assert!(notes.contains("`small` gets no point, and so no key"), "{notes}");
        assert!(!notes.contains("`big`"), "{notes}");
    }

    #[test]
    fn replicas_are_counted_and_named() {
        let servers = ["h:1:1 a", "h:2:1 b"];
        let with = view("  replicas: ['h:3 a', 'h:4 a']\n", &servers);
        let text = draw(Path::new("p.yml"), &with, &shares(&with), Bars::Ascii);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert!(rows[0].ends_with("replicas") && rows[1].ends_with("  2"), "{text}");
        assert!(rows[2].ends_with("  0"), "{text}");
        assert!(json(Path::new("p.yml"), &with, &shares(&with)).contains(r#"["h:3","h:4"]"#));
        let without = view("", &servers);
        assert!(
            !draw(Path::new("p.yml"), &without, &shares(&without), Bars::Ascii).contains("repl")
        );
    }

    #[test]
    fn crc32_on_a_ring_has_a_note() {
        let servers = ["h:1:1 a", "h:2:1 b", "h:3:1 c"];
        let view = view("  hash: crc32\n", &servers);
        let notes = notes(&view, &shares(&view)).join("\n");
        assert!(notes.contains("crc32 reaches <0.1% of the ring"), "{notes}");
        assert!(notes.contains("its part of the weights is 33.3%"), "{notes}");
    }

    #[test]
    fn each_entry_of_colocate_names_its_server() {
        let servers = ["h:1:1 a", "h:2:1 b", "h:3:1 c"];
        let view = view("  colocate: ['bull:', 'celery _kombu']\n", &servers);
        let shares = shares(&view);
        let text = draw(Path::new("p.yml"), &view, &shares, Bars::Ascii);
        let owner = explain(&view.router, b"_kombu.x").shard.unwrap();
        let note = format!(
            "`{}` has all keys of the entry `celery`",
            view.spec.shards[owner.index()].name
        );
        assert!(text.contains(&note), "{text}");
    }

    #[test]
    fn equal_servers_need_no_note_and_lines_fit_the_screen() {
        let servers: Vec<String> = (1..=50).map(|n| format!("10.1.2.{n}:6379:1")).collect();
        let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
        for distribution in ["ketama", "modula"] {
            let view = view(&format!("  distribution: {distribution}\n"), &servers);
            let shares = shares(&view);
            assert_eq!(notes(&view, &shares), [""; 0], "{distribution}");
            let text = draw(Path::new("p.yml"), &view, &shares, Bars::Blocks);
            assert!(text.lines().all(|line| line.chars().count() <= SCREEN), "{text}");
        }
    }
}
