//! The stats document: twemproxy's, equal in every byte, and the same with our members.
//!
//! Some collectors read every unknown member as a pool, a server or a number. So the bare document
//! has only twemproxy's members. Ours are shown on request (docs/adr/0015).
//!
//! Members are `"key":value` with `, ` between them. An object opens with `"name": {` and closes with
//! `}`. After an object comes `,` without a blank. The line ends in `\n`. People match this with
//! regular expressions, so it must not change. One thing differs: names are escaped (a quote in a
//! name broke twemproxy's document).
//!
//! Our members come at the end of each object. The names of pools and servers are members of the same
//! objects, and an operator may choose any name. When a name is taken, our member is left out. Ours
//! are numbers or text, never objects: each object is a pool or a server.

use super::stats::{
    POOL_ROWS, PoolFacts, REPLICAS_ROWS, REPLICATED_ROWS, SERVER_ROWS, SERVER_ROWS_OURS,
    ServerFacts, pool_rows_ours, replicated_counters,
};
use crate::io::json_text;
use std::fmt::{Display, Write};

/// Collectors look for this name.
const SERVICE: &str = "nutcracker";
/// The version of twemproxy that has this document. Ours is `nuthatch_version`.
const VERSION: &str = "0.5.0";

/// The members of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Members {
    /// Only twemproxy's.
    Twemproxy,
    /// Ours too.
    All,
}

/// All data of the document.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The host's name.
    pub source: String,
    pub uptime_s: u64,
    pub timestamp_s: u64,
    pub total_connections: u64,
    pub curr_connections: u64,
    /// In their order.
    pub pools: Vec<PoolPart>,
    pub workers: usize,
    /// Workers that did not answer; their numbers are from their last answer.
    pub workers_missing: usize,
}

/// A pool's part of the document.
#[derive(Clone, Debug)]
pub struct PoolPart {
    pub name: String,
    pub facts: PoolFacts,
    /// In their order, with their names.
    pub servers: Vec<(String, ServerFacts)>,
}

/// The document in one line, with the line end.
pub fn render(facts: &Facts, members: Members) -> String {
    let with_ours = members == Members::All;
    let mut out = Writer { text: "{".to_owned(), gap: "" };
    out.member("service", json_text(SERVICE));
    out.member("source", json_text(&facts.source));
    out.member("version", json_text(VERSION));
    out.member("uptime", facts.uptime_s);
    out.member("timestamp", facts.timestamp_s);
    out.member("total_connections", facts.total_connections);
    out.member("curr_connections", facts.curr_connections);
    for PoolPart { name, facts: pool, servers } in &facts.pools {
        out.open(name);
        for row in &POOL_ROWS {
            out.member(row.name, (row.read)(pool));
        }
        for (name, server) in servers {
            out.open(name);
            let ours = SERVER_ROWS_OURS.iter().filter(|_| with_ours);
            for row in SERVER_ROWS.iter().chain(ours) {
                out.member(row.name, (row.read)(server));
            }
            for replicas in server.replicas.iter().filter(|_| with_ours) {
                for row in &REPLICAS_ROWS {
                    out.member(row.name, (row.read)(replicas));
                }
            }
            out.close();
        }
        let counters = pool_rows_ours()
            .chain(replicated_counters().filter(|_| pool.replicated.is_some()))
            .map(|row| (row.name, (row.read)(&pool.counters)));
        let replicated = pool
            .replicated
            .iter()
            .flat_map(|of_pool| REPLICATED_ROWS.iter().map(|row| (row.name, (row.read)(of_pool))));
        for (name, value) in counters.chain(replicated).filter(|_| with_ours) {
            if servers.iter().all(|(taken, _)| taken != name) {
                out.member(name, value);
            }
        }
        out.close();
    }
    for (name, value) in ours(facts).into_iter().filter(|_| with_ours) {
        if facts.pools.iter().all(|pool| pool.name != name) {
            out.member(name, value);
        }
    }
    out.text.push_str("}\n");
    out.text
}

/// Our members of the whole document.
fn ours(facts: &Facts) -> [(&'static str, String); 3] {
    [
        ("nuthatch_version", json_text(env!("CARGO_PKG_VERSION"))),
        ("nuthatch_workers", facts.workers.to_string()),
        ("nuthatch_workers_missing", facts.workers_missing.to_string()),
    ]
}

struct Writer {
    text: String,
    /// The text before the next member.
    gap: &'static str,
}

impl Writer {
    fn member(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.text, "{}{}:{value}", self.gap, json_text(name));
        self.gap = ", ";
    }

    fn open(&mut self, name: &str) {
        let _ = write!(self.text, "{}{}: {{", self.gap, json_text(name));
        self.gap = "";
    }

    fn close(&mut self) {
        self.text.push('}');
        self.gap = ",";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pool: &str, servers: &[&str]) -> Facts {
        let servers = servers.iter().map(|&name| (name.to_owned(), ServerFacts::default()));
        let servers = servers.collect();
        let part = PoolPart { name: pool.to_owned(), facts: PoolFacts::default(), servers };
        Facts { pools: vec![part], workers: 1, ..Facts::default() }
    }

    #[test]
    fn objects_have_the_layout_of_twemproxy() {
        let text = render(&facts("a", &["s1", "s2"]), Members::All);
        assert!(text.starts_with("{\"service\":\"nutcracker\", \"source\":\"\", \"version\":"));
        assert!(text.contains("\"curr_connections\":0, \"a\": {\"client_eof\":0, \"client_err\""));
        assert!(text.contains("\"fragments\":0, \"s1\": {\"server_eof\":0, "));
        assert!(text.contains("\"server_live\":0},\"s2\": {\"server_eof\""));
        assert!(text.contains("\"server_live\":0},\"clients_paused\":0, "));
        assert!(text.contains("},\"nuthatch_version\":\""));
        assert!(text.ends_with("\"nuthatch_workers\":1, \"nuthatch_workers_missing\":0}\n"));
    }

    #[test]
    fn the_bare_document_ends_where_twemproxys_does() {
        let text = render(&facts("a", &["s1", "s2"]), Members::Twemproxy);
        assert!(text.contains("\"out_queue_bytes\":0},\"s2\": {\"server_eof\""), "{text}");
        assert!(text.ends_with("\"out_queue_bytes\":0}}}\n"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 7 + 1);
        assert_eq!(value["a"].as_object().unwrap().len(), POOL_ROWS.len() + 2);
        assert_eq!(value["a"]["s2"].as_object().unwrap().len(), SERVER_ROWS.len());
    }

    #[test]
    fn our_member_is_left_out_when_its_name_is_taken() {
        let text = render(&facts("nuthatch_version", &["tombstones", "a\"b\\"]), Members::All);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["nuthatch_version"]["tombstones"].is_object());
        assert!(value["nuthatch_version"]["a\"b\\"].is_object());
        assert_eq!(text.matches("\"nuthatch_version\"").count(), 1);
        assert_eq!(text.matches("\"tombstones\"").count(), 1);
        assert_eq!(value["nuthatch_workers"], 1);
    }
}
