//! The reference page of the stats port, printed from the tables in `stats.rs`, `pages.rs` and
//! `foreign.rs`.
//!
//! docs/reference/stats.md is this text; a test compares them, and writes the page anew when
//! asked by `NUTHATCH_BLESS=1 cargo test -p nuthatch`.

use super::foreign::FOREIGN;
use super::pages::PAGES;
use super::stats::{Kind, POOL_ROWS, SERVER_ROWS, SERVER_ROWS_OURS, pool_rows_ours};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Statistics

<!-- Printed from nuthatch/src/admin/; change it there. -->

`-s PORT` (22222) and `-a ADDRESS` (0.0.0.0) say where. `-a /path/of/socket` is a Unix socket, as a
pool's `listen` may be: an octal file mode may follow a blank (`-a \"/run/nuthatch.sock 0660\"`), a
socket that no process serves is replaced, and nothing else at that path is removed. `-s` has no
effect then. If the port or the path is taken the proxy does not start.

Connect, and you get the bare document in one line of JSON, then the end. Or ask by HTTP:

| GET or HEAD | answer |
| --- | --- |
";

const AFTER_PAGES: &str = "
A server may answer unless it is ejected, or has failed (with ejection or without) and not answered
since. `/ready` goes by what clients' requests have met: a server that was never asked counts as
one that may answer, so a proxy is ready as soon as it listens, whatever its servers. Once every
server of a pool fails, each is asked once a second, so that `/ready` is 200 again though no client
comes.

A reader that sends nothing is served after a tenth of a second, one that shuts its sending side at
once. The numbers are summed over all workers and are those of the moment you ask; `-i` is taken
and has no effect.

## Two documents

**The bare document** has the members of twemproxy (nutcracker 0.5.0) and no other: its names, its
order, its blanks, under both program names. Readers of plain TCP get it, and `/`. Below, those
members are marked `twemproxy`. Collectors written for twemproxy read it; several of them take every
other member for a pool, for a server or for a number, and fail on it.

**`/stats`** has the same members, and ours, marked `nuthatch`, at the end of each object:

    curl http://127.0.0.1:22222/stats
    curl --unix-socket /run/nuthatch.sock http://localhost/stats

`--stats-extended` puts ours into the bare document as well, for a reader that cannot speak HTTP and
takes members that it does not know. Under the name nutcracker the flag works too.

`service` and `version` stay as collectors know them. Ours are numbers or text, never objects; where
a pool or a server has the very name of one, ours is left out. Quotes and the like in names are
escaped, which twemproxy did not do.

## The whole

| member | | since |
| --- | --- | --- |
| `service` | always `nutcracker` | twemproxy |
| `source` | the host's name | twemproxy |
| `version` | always `0.5.0`: whose document this is | twemproxy |
| `uptime` | seconds since the start | twemproxy |
| `timestamp` | seconds since the epoch | twemproxy |
| `total_connections` | connections ever: clients, servers (tried), and the listening sockets | twemproxy |
| `curr_connections` | the same, now | twemproxy |
| (a pool's name) | an object for each pool, in their order | twemproxy |
| `nuthatch_version` | the version of this proxy | nuthatch |
| `nuthatch_workers` | threads that serve clients | nuthatch |
| `nuthatch_workers_missing` | those that did not answer within a second; their last numbers are in the sums | nuthatch |
";

/// The page, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for row in &PAGES {
        let _ = writeln!(page, "| `{}` | {} |", row.path, row.about);
    }
    page.push_str(AFTER_PAGES);
    page.push_str("\n## A pool\n\n| member | kind | | since |\n| --- | --- | --- | --- |\n");
    for row in &POOL_ROWS {
        line(&mut page, row.name, kind(row.kind), row.about, "twemproxy");
    }
    page.push_str(
        "| (a server's name) | | an object for each server, in their order | twemproxy |\n",
    );
    for row in pool_rows_ours() {
        line(&mut page, row.name, kind(Kind::Counter), row.about, "nuthatch");
    }
    page.push_str("\n## A server\n\n| member | kind | | since |\n| --- | --- | --- | --- |\n");
    for row in &SERVER_ROWS {
        line(&mut page, row.name, kind(row.kind), row.about, "twemproxy");
    }
    for row in &SERVER_ROWS_OURS {
        line(&mut page, row.name, kind(row.kind), row.about, "nuthatch");
    }
    page.push_str(REMARKS);
    page.push_str(FOREIGN_COME);
    for row in &FOREIGN {
        let _ = writeln!(page, "| {} | {} |", row.speaks, row.gets);
    }
    page.push_str(AFTER_FOREIGN);
    page
}

const FOREIGN_COME: &str = "
## What else may come

The port speaks HTTP/1, one request a connection, under any `Host`. Clients that took it for another
port get an error, and a warning stands in the log, at most one of each kind in ten seconds:

| spoken | answer |
| --- | --- |
";

const AFTER_FOREIGN: &str = "
Other methods than GET and HEAD get 405, other paths 404, a head over 8 KiB 431, one that does not
end within two seconds 408. Everything else gets the bare document, memcached's commands too: readers
of plain TCP may send a word before they read.

All who can connect may read. The documents hold names and addresses of pools and servers; neither
they nor the log hold a password, a key or a value. `-a` says from where one can connect.
";

const REMARKS: &str = "
## What some of them mean

- `client_eof` and `client_err` together are the clients that left. A refused request closes the
  client under `manners: twemproxy` and so counts in `client_err`; under modern manners the client
  stays, and `requests_refused` counts it.
- `forward_error` counts the requests that got an error of ours because a server failed: one a
  request, however many of its fragments failed.
- `retrievals_partial` counts the answers to memcached's `get` and the like that lack the keys of a
  server that failed (docs/adr/0008); most of them count in `forward_error` too. To clients they look
  like misses, so this is where an operator sees them.
- `fragments` counts the parts of commands that were split over servers (twemproxy's was always 0).
- `server_timedout` counts the `timeout` periods in which a server that owed replies gave none, and
  connections that could not be made in time. twemproxy closed its connection at that moment; here
  it stays.
- `in_queue` holds requests that have not left us whole; `out_queue` those that have left and are
  owed a reply, also those whose client was already told that it took too long.
- `server_connections` is right for Unix sockets too.
";

fn line(page: &mut String, name: &str, kind: &str, about: &str, since: &str) {
    let _ = writeln!(page, "| `{name}` | {kind} | {about} | {since} |");
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Timestamp => "timestamp",
    }
}
