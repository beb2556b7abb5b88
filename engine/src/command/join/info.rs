//! INFO over several servers: fields of ours, and those of the servers that mean something for a pool.
//!
//! A field is added, or its highest, lowest or worst value counts, as `FIELDS` says. A field without
//! a row is left out, since the value of one server would pass for the pool's. A server that does not
//! answer is left out too: libraries ask INFO when they connect, and one dead shard must not keep
//! them away from the others.

use crate::protocol::resp::{encode, reply};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The sections that a client asked for, in order: the name, and our own lines.
#[derive(Debug)]
pub struct Asked {
    pub sections: Vec<(&'static str, String)>,
}

impl Asked {
    /// Whether we have lines of our own. Without them and without a server INFO says nothing true.
    pub fn is_known_here(&self) -> bool {
        self.sections.iter().any(|(_, ours)| !ours.is_empty())
    }
}

/// How the values of servers become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    Sum,
    /// A sum of seconds with a fraction.
    Seconds,
    Max,
    Min,
    /// A sum, or 0 for "no limit" if any server has none.
    Limit,
    /// `ok`, or the first other word.
    Status,
    /// The policy that evicts most.
    Policy,
    /// A number of bytes for people, made from another field.
    Human(&'static str),
}

/// What is joined: section, field, rule. In the order in which they are printed.
const FIELDS: [(&str, &str, Rule); 52] = [
    ("Memory", "used_memory", Rule::Sum),
    ("Memory", "used_memory_human", Rule::Human("used_memory")),
    ("Memory", "used_memory_rss", Rule::Sum),
    ("Memory", "used_memory_rss_human", Rule::Human("used_memory_rss")),
    ("Memory", "used_memory_peak", Rule::Sum),
    ("Memory", "used_memory_peak_human", Rule::Human("used_memory_peak")),
    ("Memory", "used_memory_overhead", Rule::Sum),
    ("Memory", "used_memory_startup", Rule::Sum),
    ("Memory", "used_memory_dataset", Rule::Sum),
    ("Memory", "used_memory_lua", Rule::Sum),
    ("Memory", "used_memory_scripts", Rule::Sum),
    ("Memory", "number_of_cached_scripts", Rule::Max),
    ("Memory", "number_of_functions", Rule::Max),
    ("Memory", "number_of_libraries", Rule::Max),
    ("Memory", "maxmemory", Rule::Limit),
    ("Memory", "maxmemory_human", Rule::Human("maxmemory")),
    ("Memory", "maxmemory_policy", Rule::Policy),
    ("Memory", "active_defrag_running", Rule::Max),
    ("Memory", "lazyfree_pending_objects", Rule::Sum),
    ("Persistence", "loading", Rule::Max),
    ("Persistence", "async_loading", Rule::Max),
    ("Persistence", "rdb_changes_since_last_save", Rule::Sum),
    ("Persistence", "rdb_bgsave_in_progress", Rule::Max),
    ("Persistence", "rdb_last_save_time", Rule::Min),
    ("Persistence", "rdb_last_bgsave_status", Rule::Status),
    ("Persistence", "aof_enabled", Rule::Max),
    ("Persistence", "aof_rewrite_in_progress", Rule::Max),
    ("Persistence", "aof_last_bgrewrite_status", Rule::Status),
    ("Persistence", "aof_last_write_status", Rule::Status),
    ("Stats", "total_commands_processed", Rule::Sum),
    ("Stats", "instantaneous_ops_per_sec", Rule::Sum),
    ("Stats", "total_net_input_bytes", Rule::Sum),
    ("Stats", "total_net_output_bytes", Rule::Sum),
    ("Stats", "rejected_connections", Rule::Sum),
    ("Stats", "sync_full", Rule::Sum),
    ("Stats", "sync_partial_ok", Rule::Sum),
    ("Stats", "sync_partial_err", Rule::Sum),
    ("Stats", "expired_keys", Rule::Sum),
    ("Stats", "expired_stale_perc", Rule::Seconds),
    ("Stats", "evicted_keys", Rule::Sum),
    ("Stats", "evicted_clients", Rule::Sum),
    ("Stats", "keyspace_hits", Rule::Sum),
    ("Stats", "keyspace_misses", Rule::Sum),
    ("Stats", "latest_fork_usec", Rule::Max),
    ("Stats", "total_forks", Rule::Sum),
    ("Stats", "total_error_replies", Rule::Sum),
    ("CPU", "used_cpu_sys", Rule::Seconds),
    ("CPU", "used_cpu_user", Rule::Seconds),
    ("CPU", "used_cpu_sys_children", Rule::Seconds),
    ("CPU", "used_cpu_user_children", Rule::Seconds),
    ("CPU", "used_cpu_sys_main_thread", Rule::Seconds),
    ("CPU", "used_cpu_user_main_thread", Rule::Seconds),
];

/// Sections whose fields are lists of numbers, and the beginning of the names of those fields.
const LISTS: [(&str, &str); 3] =
    [("Commandstats", "cmdstat_"), ("Errorstats", "errorstat_"), ("Keyspace", "db")];

/// Whether servers know something of this section.
pub fn needs_servers(section: &str) -> bool {
    FIELDS.iter().any(|(of, ..)| *of == section) || LISTS.iter().any(|(of, _)| *of == section)
}

type Server<'a> = BTreeMap<&'a str, &'a str>;

pub fn write(out: &mut Vec<u8>, replies: &[Option<&[u8]>], asked: &Asked) -> bool {
    let texts = replies.iter().flatten().filter_map(|reply| reply::text(reply));
    let texts: Vec<String> = texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    let servers: Vec<Server<'_>> = texts.iter().map(|text| fields(text)).collect();
    let mut text = String::new();
    for (name, ours) in &asked.sections {
        let gap = if text.is_empty() { "" } else { "\r\n" };
        let _ = write!(text, "{gap}# {name}\r\n{ours}");
        for (_, field, rule) in FIELDS.iter().filter(|(of, ..)| of == name) {
            if let Some(value) = joined(&servers, field, *rule) {
                let _ = write!(text, "{field}:{value}\r\n");
            }
        }
        if let Some((_, begin)) = LISTS.iter().find(|(of, _)| of == name) {
            write_lists(&mut text, &servers, begin);
        }
    }
    encode::bulk(out, text.as_bytes());
    true
}

fn fields(text: &str) -> Server<'_> {
    text.lines().filter_map(|line| line.split_once(':')).collect()
}

fn joined(servers: &[Server<'_>], field: &str, rule: Rule) -> Option<String> {
    if let Rule::Human(of) = rule {
        let (_, _, rule) = FIELDS.iter().find(|(_, field, _)| *field == of)?;
        return Some(human(joined(servers, of, *rule)?.parse().ok()?));
    }
    let values: Vec<&str> =
        servers.iter().filter_map(|server| server.get(field).copied()).collect();
    let numbers = || values.iter().filter_map(|value| value.parse::<i64>().ok());
    let sum = || numbers().fold(0i64, i64::saturating_add);
    values.first()?;
    Some(match rule {
        Rule::Sum => sum().to_string(),
        Rule::Limit if numbers().any(|number| number == 0) => "0".to_owned(),
        Rule::Limit => sum().to_string(),
        Rule::Seconds => {
            let sum: f64 = values.iter().filter_map(|value| value.parse::<f64>().ok()).sum();
            format!("{sum:.6}")
        }
        Rule::Max => numbers().max()?.to_string(),
        Rule::Min => numbers().min()?.to_string(),
        Rule::Status => (*values.iter().find(|value| **value != "ok").unwrap_or(&"ok")).to_owned(),
        Rule::Policy => {
            // `noeviction` keeps everything, `volatile-*` keys without an expiry, `allkeys-*` nothing.
            let kept = |policy: &&str| match policy.split('-').next() {
                Some("allkeys") => 0,
                Some("volatile") => 1,
                _ => 2,
            };
            (*values.iter().min_by_key(|policy| kept(policy))?).to_owned()
        }
        Rule::Human(_) => return None,
    })
}

/// As Redis prints bytes for people.
fn human(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.2}{name}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

/// `db0:keys=1,expires=0,avg_ttl=0`: the numbers are added by name, and means are made again.
fn write_lists(text: &mut String, servers: &[Server<'_>], begin: &str) {
    let mut joined: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    for (field, value) in servers.iter().flatten() {
        let rest = field.strip_prefix(begin);
        // `db0`, and no other field that begins with these letters.
        let is_it =
            rest.is_some_and(|rest| begin != "db" || rest.bytes().all(|b| b.is_ascii_digit()));
        if !is_it {
            continue;
        }
        let numbers = joined.entry(field).or_default();
        let pairs: Vec<(&str, f64)> = value
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .filter_map(|(name, number)| Some((name, number.parse().ok()?)))
            .collect();
        let weight = pairs.iter().find(|(name, _)| *name == "expires").map_or(1.0, |it| it.1);
        for (name, number) in pairs {
            let number = if name == "avg_ttl" { number * weight } else { number };
            match numbers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += number,
                None => numbers.push((name, number)),
            }
        }
    }
    // db2 before db10.
    let mut lists: Vec<_> = joined.into_iter().collect();
    lists.sort_by_key(|(field, _)| (field.len(), *field));
    if begin != "db" {
        lists.sort_by_key(|(field, _)| *field);
    }
    for (field, numbers) in lists {
        let of = |wanted: &str| numbers.iter().find(|(name, _)| *name == wanted).map(|it| it.1);
        let shown = numbers.iter().map(|(name, number)| match *name {
            "usec_per_call" => {
                let mean = of("usec").unwrap_or(0.0) / of("calls").unwrap_or(1.0).max(1.0);
                format!("{name}={mean:.2}")
            }
            "avg_ttl" => format!("{name}={:.0}", number / of("expires").unwrap_or(1.0).max(1.0)),
            _ => format!("{name}={number:.0}"),
        });
        let _ = write!(text, "{field}:{}\r\n", shown.collect::<Vec<_>>().join(","));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_servers_become_one() {
        let reply = |text: &str| {
            let mut out = Vec::new();
            encode::bulk(&mut out, text.as_bytes());
            out
        };
        let one = reply(
            "# Memory\r\nused_memory:1048576\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n\
             secret:1\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=100\r\n",
        );
        let two = reply(
            "used_memory:1048576\r\nmaxmemory:5\r\nmaxmemory_policy:volatile-lru\r\n\
             db0:keys=1,expires=3,avg_ttl=200\r\ndb10:keys=1,expires=0,avg_ttl=0\r\n\
             db2:keys=1,expires=0,avg_ttl=0\r\n",
        );
        let asked = Asked {
            sections: vec![("Memory", "ours:1\r\n".to_owned()), ("Keyspace", String::new())],
        };
        let mut out = Vec::new();
        assert!(write(&mut out, &[Some(&one), None, Some(&two)], &asked));
        let text = String::from_utf8_lossy(reply::text(&out).unwrap()).into_owned();
        assert_eq!(
            text,
            "# Memory\r\nours:1\r\nused_memory:2097152\r\nused_memory_human:2.00M\r\n\
             maxmemory:0\r\nmaxmemory_human:0B\r\nmaxmemory_policy:volatile-lru\r\n\r\n# Keyspace\r\n\
             db0:keys=4,expires=4,avg_ttl=175\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n\
             db10:keys=1,expires=0,avg_ttl=0\r\n"
        );
    }

    #[test]
    fn means_are_made_again() {
        let mut text = String::new();
        let one = fields("cmdstat_get:calls=1,usec=10,usec_per_call=10.00,failed_calls=0");
        let two = fields("cmdstat_get:calls=3,usec=10,usec_per_call=3.33,failed_calls=1");
        write_lists(&mut text, &[one, two], "cmdstat_");
        assert_eq!(text, "cmdstat_get:calls=4,usec=20,usec_per_call=5.00,failed_calls=1\r\n");
    }
}
