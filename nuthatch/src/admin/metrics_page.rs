//! The reference page of the metrics, printed from the tables in `metrics.rs`, `process.rs` and `stats.rs`.
//!
//! docs/reference/metrics.md is this text. A test compares them, and
//! `NUTHATCH_BLESS=1 cargo test -p nuthatch` writes the page.

use super::metrics::{self, Metric, POOL, PROXY, SERVER, SHARD};
use super::process::PROCESS;
use super::stats::Kind;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Metrics

<!-- Printed from nuthatch/src/admin/; change it there. -->

`GET /metrics` on the stats port (`-s`, 22222) is a page for Prometheus, in its classic text format, or in
OpenMetrics for a reader that asks for it. [prometheus.yml](../../deploy/prometheus/prometheus.yml) scrapes it,
[alerts.yml](../../deploy/prometheus/alerts.yml) has alerts with tests of their own, and
[nuthatch.json](../../deploy/grafana/nuthatch.json) is a dashboard for Grafana.

Metrics of pools and servers have the names of the [statistics](stats.md), with `nuthatch_` before and `_total`
behind a counter. The number of series follows from the configuration: pools, shards and their servers. No key,
client or command is a label.

A server's numbers are those of its present life in the pool. `role` is `primary` or `replica`: what it did as
each. For `nuthatch_server_up` and the lag it is what the server is now. A replica that is not asked whether it
can be read (`read: primary` with `sentinels`) has no `nuthatch_server_up`.
";

/// The page, in Markdown.
pub fn metrics_reference() -> String {
    let mut page = String::from(INTRODUCTION);
    head(&mut page, "The proxy", "");
    line(
        &mut page,
        "nuthatch_build_info",
        Kind::Gauge,
        "always 1; its label `version` is the version",
    );
    of(&mut page, &PROXY);
    head(&mut page, "The process, on Linux", "");
    for row in &PROCESS {
        line(&mut page, row.name, row.kind, row.about);
    }
    head(&mut page, "A pool", "Label: `pool`.");
    of(&mut page, &POOL);
    for row in metrics::pool_rows() {
        line(&mut page, &row.name, row.kind, row.about);
    }
    head(&mut page, "A shard", "Labels: `pool`, `shard`.");
    of(&mut page, &SHARD);
    head(&mut page, "A server", "Labels: `pool`, `shard`, `server`, `role`.");
    of(&mut page, &SERVER);
    for row in metrics::server_rows() {
        let name = metrics::name_of("server_", row.name, row.kind);
        line(&mut page, &name, row.kind, metrics::about(row.about));
    }
    page
}

fn head(page: &mut String, title: &str, labels: &str) {
    let _ = write!(page, "\n## {title}\n\n");
    if !labels.is_empty() {
        let _ = write!(page, "{labels}\n\n");
    }
    page.push_str("| metric | kind | |\n| --- | --- | --- |\n");
}

fn of<T>(page: &mut String, rows: &[Metric<T>]) {
    for row in rows {
        line(page, row.name, row.kind, row.about);
    }
}

fn line(page: &mut String, name: &str, kind: Kind, about: &str) {
    let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
    let _ = writeln!(page, "| `{name}` | {kind} | {about} |");
}
