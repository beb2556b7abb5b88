//! Scripts and functions. Their keys are counted by argument 2. Those without keys go to one fixed
//! server, the owner of the key `placeholder` (under `random`, where keys have no owner, the first that
//! is live): EVALSHA then finds what EVAL left there. twemproxy
//! closed on EVAL and EVALSHA without keys. Loading them (SCRIPT, FUNCTION) is every server's
//! affair and has no rows yet.

use super::row::{counted, row};
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use};

const SCRIPT: Flags =
    Flags::NOSCRIPT.and(Flags::STALE).and(Flags::SKIP_MONITOR).and(Flags::NO_MANDATORY_KEYS);
const SCRIPT_RO: Flags = SCRIPT.and(Flags::READONLY);

const G: Group = Group::Scripting;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 6] = [
    row(G, "eval",       -3, SCRIPT,    counted(2, Use::MODIFY), Sent,   "2.6.0",
        "script numkeys:integer [key...] [arg...]",
        "Runs a Lua script."),
    row(G, "eval_ro",    -3, SCRIPT_RO, counted(2, Use::READ),   Closed, "7.0.0",
        "script numkeys:integer [key...] [arg...]",
        "Runs a Lua script that only reads."),
    row(G, "evalsha",    -3, SCRIPT,    counted(2, Use::MODIFY), Sent,   "2.6.0",
        "sha1 numkeys:integer [key...] [arg...]",
        "Runs a Lua script the server knows by its SHA1."),
    row(G, "evalsha_ro", -3, SCRIPT_RO, counted(2, Use::READ),   Closed, "7.0.0",
        "sha1 numkeys:integer [key...] [arg...]",
        "Runs a known Lua script that only reads."),
    row(G, "fcall",      -3, SCRIPT,    counted(2, Use::MODIFY), Closed, "7.0.0",
        "function numkeys:integer [key...] [arg...]",
        "Calls a function of a loaded library."),
    row(G, "fcall_ro",   -3, SCRIPT_RO, counted(2, Use::READ),   Closed, "7.0.0",
        "function numkeys:integer [key...] [arg...]",
        "Calls a function that only reads."),
];
