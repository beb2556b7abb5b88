//! Answers about the server: a pool is a primary without replicas and without cluster mode, and each of
//! its clients is the user `default`.

use crate::command::{COMMANDS, Categories, Command};
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::Exchange;
use crate::routing::hash;
use crate::texts;
use crate::topology::Reads;

pub fn role(x: &mut Exchange<'_>) {
    x.answer(|out| {
        encode::array(out, 3);
        encode::bulk(out, b"master");
        encode::integer(out, 0);
        encode::array(out, 0);
    });
}

/// READONLY: replicas may answer this client's reads, as far as the pool has some. READWRITE: they may not.
pub fn reads(x: &mut Exchange<'_>, command: &Command) {
    let reads = x.pool.spec.reads();
    if x.pool.spec.failover.is_none() {
        return x.error(texts::not_served(command.name, texts::NO_REPLICAS));
    }
    x.client.settings.reads = match (command.name, reads) {
        ("readonly", Reads::Primary) => Reads::PreferReplica,
        ("readonly", reads) => reads,
        _ => Reads::Primary,
    };
    x.answer(|out| encode::status(out, "OK"));
}

pub fn cluster(x: &mut Exchange<'_>, command: &Command, args: &Args<'_>) {
    if command.short_name() != "keyslot" {
        return x.error(texts::CLUSTER_DISABLED);
    }
    let slot = hash::cluster_slot(args.get(2).unwrap_or_default());
    x.answer(|out| encode::integer(out, slot.into()));
}

pub fn acl(x: &mut Exchange<'_>, command: &Command, args: &Args<'_>) {
    let version = x.client.settings.version;
    match command.short_name() {
        "whoami" => x.answer(|out| encode::bulk(out, b"default")),
        "users" => x.answer(|out| {
            encode::array(out, 1);
            encode::bulk(out, b"default");
        }),
        "list" => {
            let word = if x.pool.spec.redis_auth.is_some() { "" } else { " nopass" };
            let rule = format!("user default on{word} ~* &* +@all");
            x.answer(|out| {
                encode::array(out, 1);
                encode::bulk(out, rule.as_bytes());
            });
        }
        "getuser" if args.get(2) == Some(b"default") => {
            let is_open = x.pool.spec.redis_auth.is_none();
            x.answer(|out| user(out, version, is_open));
        }
        "getuser" => x.answer(|out| encode::null(out, version)),
        _ => categories(x, args),
    }
}

/// As in ACL GETUSER. The password is not shown, nor its hash.
fn user(out: &mut Vec<u8>, version: Version, is_open: bool) {
    let flags: &[&str] = if is_open { &["on", "nopass"] } else { &["on"] };
    encode::map(out, version, 6);
    encode::bulk(out, b"flags");
    encode::words(out, version, flags);
    encode::bulk(out, b"passwords");
    encode::array(out, 0);
    for (field, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        encode::bulk(out, field.as_bytes());
        encode::bulk(out, value.as_bytes());
    }
    encode::bulk(out, b"selectors");
    encode::array(out, 0);
}

/// ACL CAT: all categories, or the commands that we serve of one.
fn categories(x: &mut Exchange<'_>, args: &Args<'_>) {
    let Some(name) = args.get(2) else {
        return x.answer(|out| {
            encode::array(out, Categories::NAMES.len());
            for (_, name) in Categories::NAMES {
                encode::bulk(out, &name.as_bytes()[1..]);
            }
        });
    };
    let Some(category) = Categories::named(name).filter(|_| args.len() == 3) else {
        return x.error(texts::unknown_category(name));
    };
    let rows = COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands));
    let found = rows.filter(|row| row.categories().has(category));
    x.answer(|out| {
        encode::array(out, found.clone().count());
        for row in found {
            encode::bulk(out, row.name.as_bytes());
        }
    });
}
