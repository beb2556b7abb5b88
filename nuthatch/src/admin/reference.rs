//! The reference page of the stats port, printed from the tables in `stats.rs`, `pages.rs` and
//! `foreign.rs`.
//!
//! docs/reference/stats.md is this text. A test compares them, and
//! `NUTHATCH_BLESS=1 cargo test -p nuthatch` writes the page.

use super::foreign::FOREIGN;
use super::pages::PAGES;
use super::stats::{
    Kind, POOL_ROWS, REPLICAS_ROWS, REPLICATED_ROWS, SERVER_ROWS, SERVER_ROWS_OURS, pool_rows_ours,
    replicated_counters,
};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Statistics

<!-- Printed from nuthatch/src/admin/; change it there. -->

`-s PORT` (22222) and `-a ADDRESS` (0.0.0.0) set the address. `-a /path/of/socket` is a Unix socket, as
a pool's `listen` may be: an octal file mode may follow a blank (`-a \"/run/nuthatch.sock 0660\"`), a
socket that no process serves is replaced, and no other file at that path is removed. `-s` has no
effect then. If the port or the path is in use, the proxy does not start.

Connect, and you get the bare document in one line of JSON, then the end. Or use HTTP:

| GET or HEAD | answer |
| --- | --- |
";

const AFTER_PAGES: &str = "
A server may answer unless it is ejected, or it has failed (with ejection or without) and has not
answered since. `/ready` depends on the results of clients' requests: a server without a request
yet counts as one that may answer, so a proxy is ready as soon as it listens, with any servers.
When every server of a pool fails, each is probed once a second, so that `/ready` becomes 200 again
without clients.

A pool with replicas stays ready while its shards have no primary, for as long as requests may wait
(`failover_hold_ms`): they are answered when the next primary is there, and through another proxy they would
wait as well. It also stays ready while a replica answers reads. After that it is like any other pool.

A reader that sends nothing is served after a tenth of a second; a reader that closes its sending side,
at once. The numbers are current sums over all workers; `-i` is accepted and has no effect.

## Two documents

**The bare document** has only the members of twemproxy (nutcracker 0.5.0): its names, its order, its
blanks, under both program names. Readers of plain TCP and `/` get it. Below, those members are marked
`twemproxy`. Collectors written for twemproxy read it. Several of them read every other member as a
pool, a server or a number, and fail.

**`/stats`** has the same members, and ours, marked `nuthatch`, at the end of each object:

    curl http://127.0.0.1:22222/stats
    curl --unix-socket /run/nuthatch.sock http://localhost/stats

`--stats-extended` adds ours to the bare document too, for a reader that cannot use HTTP and accepts
unknown members. The flag also works under the name nutcracker.

`service` and `version` are those that collectors know. Ours are numbers or text, never objects. When
a pool or a server has the name of one of our members, that member is left out. Quotes and other
special characters in names are escaped; twemproxy did not escape them.

## The whole

| member | | since |
| --- | --- | --- |
| `service` | always `nutcracker` | twemproxy |
| `source` | the host's name | twemproxy |
| `version` | always `0.5.0`: the version of this document | twemproxy |
| `uptime` | seconds since the start | twemproxy |
| `timestamp` | seconds since the epoch | twemproxy |
| `total_connections` | connections since the start: clients, servers (attempts too), listening sockets | twemproxy |
| `curr_connections` | open connections: clients, servers, listening sockets | twemproxy |
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
    page.push_str(POOL_WITH_REPLICAS);
    for row in replicated_counters() {
        line(&mut page, row.name, kind(Kind::Counter), row.about, "nuthatch");
    }
    for row in &REPLICATED_ROWS {
        line(&mut page, row.name, kind(row.kind), row.about, "nuthatch");
    }
    page.push_str("\n## A server\n\n| member | kind | | since |\n| --- | --- | --- | --- |\n");
    for row in &SERVER_ROWS {
        line(&mut page, row.name, kind(row.kind), row.about, "twemproxy");
    }
    for row in &SERVER_ROWS_OURS {
        line(&mut page, row.name, kind(row.kind), row.about, "nuthatch");
    }
    page.push_str(SERVER_WITH_REPLICAS);
    for row in &REPLICAS_ROWS {
        line(&mut page, row.name, kind(row.kind), row.about, "nuthatch");
    }
    page.push_str(SHARDS);
    page.push_str(REMARKS);
    page.push_str(FOREIGN_COME);
    for row in &FOREIGN {
        let _ = writeln!(page, "| {} | {} |", row.speaks, row.gets);
    }
    page.push_str(AFTER_FOREIGN);
    page
}

const POOL_WITH_REPLICAS: &str = "
A pool with replicas (`sentinels` or `replicas`) also has:

| member | kind | | since |
| --- | --- | --- | --- |
";

const SERVER_WITH_REPLICAS: &str = "
In a pool with replicas a *server* of this document is a shard. Its counters are the sum over all servers
that were its primary, so they never fall when another server takes over. Reads that replicas answer are not
in it: they have counters of their own, in the pool and in `/shards`. It also has:

| member | kind | | since |
| --- | --- | --- | --- |
";

const SHARDS: &str = "
## `/shards`

    {\"pools\":[{\"name\":\"store\", \"shards\":[{\"name\":\"shard-0\", \"primary\":\"10.0.0.2:6379\", ...}]}]}

All pools are in it. Without replicas a shard has its primary and an empty list.

| member of a shard | |
| --- | --- |
| `name` | |
| `state` | `live`, or `down` or `ejected` when its server has failed for too long |
| `primary` | the address that its requests go to |
| `since` | since when, in usec since epoch; at first the start of the proxy |
| `sentinel_epoch` | the newest epoch in which a Sentinel has named this primary, or null |
| `two_primaries` | two servers say that they are primaries |
| `switches` | times it got another primary |
| `last_switch` | null, or `at`, `from`, `to`, `why`, `sentinel_epoch`; `why` is a text for people |
| `replicas` | a list |

| member of a replica | |
| --- | --- |
| `address` | |
| `good` | it may answer reads; null if it is not asked |
| `why_not` | the reason if it is not good, a text for people; otherwise null |
| `role` | what it says of itself: `replica`, `primary`, or null if it was not asked or did not answer |
| `link` | `up` or `down`: its connection to its primary |
| `lag_bytes` | how many bytes it is behind, or null |
| `lag_ms` | how long ago its primary has heard of it, in steps of a second, or null |
| `requests`, `responses` | what went to it as a replica, and what it answered |

With `sentinels` and `read: primary` replicas are not asked, so their state is not known, and `replicas_good`
is 0.
";

const FOREIGN_COME: &str = "
## Other protocols

The port supports HTTP/1, one request a connection, with any `Host`. Clients that connect to it by
mistake get an error, and the log has a warning, at most one of each kind in ten seconds:

| protocol | answer |
| --- | --- |
";

const AFTER_FOREIGN: &str = "
Other methods than GET and HEAD get 405, other paths 404, a head over 8 KiB 431, and a head that does
not end within two seconds 408. Other bytes get the bare document, memcached's commands too: readers
of plain TCP may send a word before they read.

Every client that can connect can read. The documents hold names and addresses of pools and servers.
Neither they nor the log hold a password, a key or a value. `-a` limits from where clients can connect.
";

const REMARKS: &str = "
## Notes

- `client_eof` and `client_err` together count the clients that are closed. A refused request closes
  the client under `manners: twemproxy` and so counts in `client_err`. Under modern manners the client
  stays connected, and `requests_refused` counts the request.
- `forward_error` counts the requests that got an error from us because a server failed: one for each
  request, even if several of its fragments failed.
- `retrievals_partial` counts the replies to memcached's `get` and similar commands without the keys of
  a server that failed (docs/adr/0008). Most of them count in `forward_error` too. For clients they look
  like misses, so only this counter shows them.
- `requests_held` counts at the end of a wait, whether there was a server then or the request failed.
- `fragments` counts the parts of commands that were split over servers (twemproxy's was always 0).
- `server_timedout` counts the `timeout` periods in which a server that owed replies gave none, and
  connections that were not made in time. twemproxy closed its connection then; here it stays open.
- `in_queue` counts requests that are not completely written; `out_queue` those that are written and
  wait for a reply, also when their client already got a timeout error.
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
