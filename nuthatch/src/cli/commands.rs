//! `nuthatch commands`: what becomes of each command. From the tables that the proxy itself reads.
//!
//! docs/reference/commands.md is the page of it. A test compares them, and `NUTHATCH_BLESS=1 cargo test -p
//! nuthatch` writes the page.

use super::print;
use nuthatch_engine::command::memcache::{self, Verb as LineVerb};
use nuthatch_engine::command::{
    COMMANDS, Command, CutBy, Join, Keys, Local, Refuses, Since, Subject, Transact, Verb, keys,
    lookup, refused,
};
use std::fmt::Write;
use std::process::ExitCode;

/// Shows what is served, split, sent to all, answered here or refused, and why.
#[derive(clap::Args, Debug)]
pub struct Commands {
    /// Show only this command (`get`, `config set`)
    name: Vec<String>,
}

/// What the page says before its tables.
const INTRODUCTION: &str = "\
# Commands

What becomes of each command in a pool. This page is printed from the proxy's own tables; `nuthatch commands` prints them in a
terminal, and `nuthatch commands NAME` one of them.

| words | meaning |
|---|---|
| to its owner | sent unchanged to the shard that owns the key |
| to one owner | the same, if one shard owns all keys of the request; otherwise `CROSSSLOT` |
| split | cut into a part for each owner, the replies are joined |
| to every shard | the whole request goes to every shard, the replies are joined |
| shard by shard | one shard after the other, by the cursor |
| to one shard | to one fixed shard, the same for all proxies of the file |
| here | answered by the proxy |
| allowed by file | to every server, only with `admin_commands: allow` |

*since* is the first version of Redis, and that of Valkey where it is another one. A row with a `*` is from the public command
reference: no server that the tests start has the command.

Under `manners: twemproxy`, commands with a *-* in the last column are unknown, as they were to twemproxy.
";

pub fn run(asked: &Commands) -> anyhow::Result<ExitCode> {
    if asked.name.is_empty() {
        print::all(&list())?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = asked.name.join("|").to_ascii_lowercase();
    if let Some(text) = about(&name) {
        print::all(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if refused::has_state(name.as_bytes()) {
        anyhow::bail!("'{name}' is not served yet: it needs a connection of its own for a client");
    }
    anyhow::bail!(
        "no command '{name}' is known; with `unknown_commands: first_key` a pool sends it to the owner of \
         its first argument"
    )
}

/// The page, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for rows in COMMANDS.chunk_by(|a, b| a.group == b.group) {
        let Some(first) = rows.first() else { continue };
        let _ = write!(page, "\n## {}\n\n", title(first.group.name()));
        page.push_str(
            "| command | since | what becomes of it | what it does | twemproxy manners |\n",
        );
        page.push_str("|---|---|---|---|---|\n");
        for row in rows.iter().flat_map(all) {
            let old = if is_modern(row) { "-" } else { "served" };
            let (name, since, fate) = (shown(row), since(row.since), fate(row));
            let _ = writeln!(page, "| {name} | {since} | {fate} | {} | {old} |", row.summary);
        }
    }
    page.push_str("\n## Never served\n\n| command | why |\n|---|---|\n");
    for (name, why) in refused::REFUSED {
        let _ = writeln!(page, "| {} | {} |", name.replace('|', " ").to_uppercase(), why.text());
    }
    page.push_str(
        "\n## Not served yet\n\nThese need a connection of their own for a client. They are unknown commands.\n\n",
    );
    let _ = writeln!(page, "{}", refused::STATEFUL.map(str::to_uppercase).join(", "));
    page.push_str(
        "\n## memcached\n\n| command | what becomes of it | what it does |\n|---|---|---|\n",
    );
    for row in &memcache::COMMANDS {
        let _ = writeln!(page, "| {} | {} | {} |", row.name, line_fate(row.verb), row.summary);
    }
    page
}

/// The same for a terminal.
fn list() -> String {
    let rows: Vec<&Command> = COMMANDS.iter().flat_map(all).collect();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{:<width$}  {}", shown(row), fate(row));
    }
    for (name, why) in refused::REFUSED {
        let name = name.replace('|', " ").to_uppercase();
        let _ = writeln!(text, "{name:<width$}  refused: {}", why.text());
    }
    text
}

/// One command, or the subcommands of a container.
fn about(name: &str) -> Option<String> {
    if let Some(why) = refused::why(name.as_bytes()) {
        let name = name.replace('|', " ").to_uppercase();
        return Some(format!("{name}  refused: {}\n", why.text()));
    }
    let row = match name.split_once('|') {
        None => lookup(name.as_bytes())?,
        Some((container, sub)) => keys::subcommand(lookup(container.as_bytes())?, sub.as_bytes())?,
    };
    let mut text = String::new();
    for row in all(row) {
        let _ = writeln!(text, "{} {}", shown(row), row.syntax);
        let _ = writeln!(text, "  {}", row.summary);
        let _ = writeln!(text, "  since {}", since(row.since));
        let _ = writeln!(text, "  {}", fate(row));
        let old = if is_modern(row) { "unknown, as to twemproxy" } else { "served" };
        let _ = writeln!(text, "  under `manners: twemproxy`: {old}");
        let tips: Vec<&str> = row.tips.words().collect();
        if !tips.is_empty() {
            let _ = writeln!(text, "  command tips: {}", tips.join(", "));
        }
    }
    Some(text)
}

/// The command itself, unless it is only a container, and its subcommands.
fn all(row: &'static Command) -> impl Iterator<Item = &'static Command> {
    let is_command = row.subcommands.is_empty() || row.verb != Verb::Forward;
    std::iter::once(row).filter(move |_| is_command).chain(row.subcommands)
}

fn is_modern(row: &Command) -> bool {
    let container = row.name.split('|').next().unwrap_or_default();
    row.is_modern() || lookup(container.as_bytes()).is_some_and(Command::is_modern)
}

fn shown(row: &Command) -> String {
    row.name.replace('|', " ").to_uppercase()
}

fn since(since: Since) -> String {
    let mark = if since.by_reference { " *" } else { "" };
    match since {
        Since { redis, valkey, .. } if redis == valkey => format!("{redis}{mark}"),
        Since { redis: "", valkey, .. } => format!("Valkey {valkey}{mark}"),
        Since { redis, valkey: "", .. } => format!("Redis {redis}{mark}"),
        Since { redis, valkey, .. } => format!("{redis}, Valkey {valkey}{mark}"),
    }
}

fn title(group: &str) -> String {
    let mut letters = group.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn fate(row: &Command) -> String {
    let mut text = match row.verb {
        Verb::Forward if row.single_key => "to its owner".to_owned(),
        Verb::Forward => match row.keys {
            Keys::Range { first, last, .. } if last == i8::try_from(first).unwrap_or(0) => {
                "to its owner".to_owned()
            }
            _ => "to one owner".to_owned(),
        },
        Verb::Cut(by, join) if row.is_fenced() => {
            format!("allowed by file: every {}, {}", target(by), joined(join))
        }
        Verb::Cut(CutBy::CountedPair, join) => {
            format!("split by key; {}; with NX or XX to one owner", joined(join))
        }
        Verb::Cut(CutBy::Key | CutBy::Pair | CutBy::KeyBeforeLast, join) => {
            format!("split by key; {}", joined(join))
        }
        Verb::Cut(by, join) => format!("to every {}; {}", target(by), joined(join)),
        Verb::Scan => "shard by shard".to_owned(),
        Verb::Local(Local::Info) => "to every shard; fields are joined, ours are added".to_owned(),
        Verb::Subscribe(Subject::Pattern) => {
            "here, with one subscription at every shard for all".to_owned()
        }
        Verb::Subscribe(_) => {
            "here, with one subscription at the channel's owner for all".to_owned()
        }
        Verb::Unsubscribe(_) | Verb::Listeners => "here".to_owned(),
        Verb::Publish => "to the channel's owner".to_owned(),
        Verb::Wait => "to one owner, on a connection of the client's own".to_owned(),
        Verb::Acknowledge(join) => {
            format!("to every shard that the client has used; {}", joined(join))
        }
        Verb::Transact(Transact::Exec) => "the block of the transaction to one owner".to_owned(),
        Verb::Transact(Transact::Watch) => {
            "to one owner, on a connection of the client's own".to_owned()
        }
        Verb::Local(_) | Verb::Transact(_) => "here".to_owned(),
        Verb::Placeholder => "to one shard".to_owned(),
    };
    text.push_str(match row.refuses {
        Refuses::Nothing => "",
        Refuses::Block => "; with BLOCK on a connection of the client's own",
        Refuses::Database => "; other databases than the pool's are refused",
        Refuses::LineBreak => "; line breaks are refused",
        Refuses::Patterns => "; patterns that can name keys of other shards are refused",
    });
    text
}

fn target(by: CutBy) -> &'static str {
    if by == CutBy::Servers { "server" } else { "shard" }
}

fn joined(join: Join) -> &'static str {
    match join {
        Join::InOrder => "elements in order",
        Join::Sum | Join::WorkersSum => "numbers are added",
        Join::AllOk | Join::WorkersOk => "OK if all are",
        Join::AllSucceeded => "one reply if all succeed",
        Join::OneSucceeded => "one success is enough",
        Join::Concat | Join::Stream | Join::Lines => "one list of all",
        Join::And => "the least at each place",
        Join::Min => "the least",
        Join::Random => "a key of one, by its size",
        Join::Cursor => "the cursor becomes ours",
        Join::Logs => "the latest first",
        Join::Info => "fields are joined",
        Join::Exec => "elements in the order of the commands",
        Join::Confirm => "when all have confirmed",
        Join::Killed => "OK if one did",
        Join::Items => "items in order",
        Join::First => "one reply",
        Join::Stats | Join::Settings => "numbers are added, the rest by server",
    }
}

fn line_fate(verb: LineVerb) -> String {
    match verb {
        LineVerb::Forward | LineVerb::Meta { .. } => "to its owner".to_owned(),
        LineVerb::Retrieve { .. } => "split by key; items in order".to_owned(),
        LineVerb::All(join) => format!("to every server; {}", joined(join)),
        LineVerb::Local(_) => "here".to_owned(),
        LineVerb::Refused => "refused: it concerns one server; ask that server directly".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_with_its_subcommands() {
        let text = about("script").unwrap();
        assert!(text.contains("SCRIPT LOAD script\n") && text.contains("SCRIPT EXISTS"), "{text}");
        assert!(about("config|set").unwrap().contains("allowed by file: every server"));
        assert!(about("shutdown").unwrap().contains("refused: it concerns one server"));
        assert!(about("nosuch").is_none() && about("config|nosuch").is_none());
    }

    #[test]
    fn every_row_is_in_the_list() {
        let text = list();
        for row in COMMANDS.iter().flat_map(all) {
            assert!(text.lines().any(|line| line.starts_with(&shown(row))), "{}", row.name);
        }
    }
}
