//! The reference page of the configuration, printed from the table in `schema.rs`.
//!
//! docs/reference/config.md is this text. A test compares them, and writes the page with
//! `NUTHATCH_BLESS=1 cargo test -p nuthatch`.

use super::schema::{KEYS, Key, Kind, Origin, WhenAbsent};
use nuthatch_engine::routing::{DISTRIBUTIONS, HASHES};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Configuration

<!-- Printed from nuthatch/src/config/schema.rs; change it there. -->

A file is one YAML mapping from pool names to pools. A pool is a mapping of the keys below; `listen`
and `servers` must be there, all others may be.

```yaml
cache:
  listen: 127.0.0.1:22121
  redis: true
  servers:
    - 127.0.0.1:6379:1
    - 127.0.0.1:6380:1
```

A file that twemproxy (nutcracker 0.5.0) takes means the same here. A few such files are refused:
those with a number that twemproxy let wrap round at 32 bits, more than 65535 `server_connections`,
a list under another key than `servers`, a server's name that is empty, a `#` right behind a closing
quote, or a quoted text of several lines that are not indented deeper than its key. Some rules are not those of other YAML files:

- A number is decimal digits and nothing else: no sign, no `0x`, no unit. `true` and `false` are
  written so, not `yes` or `True`. Quotes make no difference.
- No value is empty, no key is given twice, and a key this page does not have is refused.
- Anchors, aliases and tags are refused.
- The order of servers and of pools in the file has no effect: both are sorted by name, the
  shorter first.

`nuthatch -t -c FILE` checks a file and tells everything that is wrong with it in one go.
";

const SECRET: &str = "\nNo message shows the value. It shows `****` instead, and also for a key that \
                      resembles this one, or that is not known at all.\n";

/// The page, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n## Keys of a pool\n\n");
    page.push_str("| key | value | when absent | since |\n| --- | --- | --- | --- |\n");
    for key in &KEYS {
        row(
            &mut page,
            &[&format!("[`{0}`](#{0})", key.name), &kind(key), &absent(key), origin(key.origin)],
        );
    }
    for key in &KEYS {
        let _ = write!(page, "\n### {}\n\n{}\n", key.name, key.about);
        if key.secret {
            page.push_str(SECRET);
        }
        if key.kind == Kind::HashName {
            page.push_str("\n| name | |\n| --- | --- |\n");
            for hash in &HASHES {
                row(&mut page, &[&format!("`{}`", hash.name), hash.about]);
            }
        }
        if key.kind == Kind::DistributionName {
            page.push_str("\n| name | |\n| --- | --- |\n");
            for distribution in &DISTRIBUTIONS {
                row(&mut page, &[&format!("`{}`", distribution.name), distribution.about]);
            }
        }
    }
    page
}

fn row(page: &mut String, cells: &[&str]) {
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn kind(key: &Key) -> String {
    match key.kind {
        Kind::Listen => "address".into(),
        Kind::Text => "text".into(),
        Kind::Number { min, max } => {
            let unit = if key.unit.is_empty() { "" } else { " of " };
            format!("number{unit}{}, {min} to {max}", key.unit)
        }
        Kind::NumberOr { min, max, word } => {
            format!("number of {}, {min} to {max}, or `{word}`", key.unit)
        }
        Kind::Bool => "`true` or `false`".into(),
        Kind::HashName => "name of a hash".into(),
        Kind::DistributionName => "name of a distribution".into(),
        Kind::HashTag => "two bytes".into(),
        Kind::Colocate => "list of prefixes".into(),
        Kind::Choice(words) => super::scalars::one_of(words),
        Kind::Servers => "list of servers".into(),
        Kind::Addresses => "list of addresses".into(),
        Kind::Replicas => "list of replicas".into(),
    }
}

fn absent(key: &Key) -> String {
    match key.when_absent {
        WhenAbsent::Refused => "refused".into(),
        WhenAbsent::Nothing if key.unit == "ms" => "no limit".into(),
        WhenAbsent::Nothing => "none".into(),
        WhenAbsent::Number(value) => format!("{value}"),
        WhenAbsent::Bool(value) => format!("`{value}`"),
        WhenAbsent::Name(name) => format!("`{name}`"),
        WhenAbsent::By(what) => format!("by {what}"),
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Twemproxy => "twemproxy",
        Origin::TwemproxyHead => "twemproxy, after its last release",
        Origin::Nuthatch => "nuthatch",
    }
}
