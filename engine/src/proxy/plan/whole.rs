//! Decides on commands that every shard gets whole.

use super::{Facts, FanOut, Plan, Scratch, To, sending};
use crate::command::{Command, Detail, Join, Pieces};
use crate::protocol::resp::Args;
use crate::topology::Intent;

/// Sent behind RANDOMKEY.
const DBSIZE: &[u8] = b"*1\r\n$6\r\nDBSIZE\r\n";

/// Entries of SLOWLOG GET without a number, as in Redis.
const LOG_ENTRIES: usize = 10;

pub fn decide<'a>(
    command: &'static Command,
    join: Join,
    args: &Args<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    let (intent, sent) = sending(command);
    // What changes data or servers must reach all of them. The rest leaves out shards where no key is
    // found.
    let must_reach_all = intent == Intent::Write || command.is_fenced();
    let to = if must_reach_all || !facts.topology.is_any_in_ring() { To::All } else { To::InRing };
    let (behind, detail) = match join {
        Join::Random => (DBSIZE, Detail::Chance(scratch.chance.draw())),
        Join::Logs => (&b""[..], Detail::Count(entries(args))),
        _ => (&b""[..], Detail::None),
    };
    let pieces = Pieces::Whole { bytes: args.bytes() };
    let plan = FanOut::new(to, pieces, join, (intent, sent));
    Plan::FanOut(FanOut { behind, detail, script: command.script, ..plan })
}

/// The number in SLOWLOG GET; -1 is all. What is no number is an error of the servers'.
fn entries(args: &Args<'_>) -> usize {
    let Some(text) = args.get(2) else {
        return LOG_ENTRIES;
    };
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    number.map_or(0, |number| usize::try_from(number).unwrap_or(usize::MAX))
}

/// Whether the pool does not allow this command. CONFIG SET of `notify-keyspace-events` is always
/// allowed: session libraries send it, and it changes no data.
pub fn is_fenced(command: &Command, args: &Args<'_>, facts: &Facts<'_>) -> bool {
    if !command.is_fenced() || facts.topology.spec.serves.admin_commands {
        return false;
    }
    let is_harmless = command.name == "config|set"
        && args
            .iter_from(2)
            .step_by(2)
            .all(|it| it.eq_ignore_ascii_case(b"notify-keyspace-events"));
    !is_harmless
}
