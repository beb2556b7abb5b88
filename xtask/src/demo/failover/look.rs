//! Questions to one server, without the proxy.

use anyhow::{Context, Result};
use nuthatch_testbed::{Client, Value};

pub fn ask(port: u16, words: &[&str]) -> Result<Value> {
    Ok(Client::connect(("127.0.0.1", port))?.command(words)?)
}

pub fn is_replica_of(port: u16, primary: u16) -> bool {
    let wanted = [
        "role:slave".to_owned(),
        format!("master_port:{primary}"),
        "master_link_status:up".to_owned(),
    ];
    let info = ask(port, &["INFO", "replication"]).ok().and_then(|info| info.text());
    info.is_some_and(|info| wanted.iter().all(|line| info.lines().any(|it| it == line)))
}

/// How many requests of our clients a server has had: those of its primary do not count.
pub fn calls(port: u16) -> Result<u64> {
    let info = ask(port, &["INFO", "commandstats"])?.text().context("no INFO")?;
    let calls = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        line.split(',').next()?.parse::<u64>().ok()
    };
    Ok(calls("cmdstat_get:calls=").unwrap_or(0))
}

pub fn value(port: u16, key: &str) -> Result<u64> {
    let value = ask(port, &["GET", key])?.text();
    Ok(value.and_then(|text| text.parse().ok()).unwrap_or(0))
}
