//! Scripts and functions. Argument 2 is the number of their keys. Without keys they go to one fixed
//! server: the owner of the key `placeholder`, or, under `random`, where keys have no owner, the first
//! live one. So EVALSHA finds the scripts of EVAL there. twemproxy closed the connection on EVAL and
//! EVALSHA without keys. SCRIPT and FUNCTION concern all servers.

use super::row::{NO_KEY, counted, row};
use super::subcommands;
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use, ScriptUse};

const SCRIPT: Flags =
    Flags::NOSCRIPT.and(Flags::STALE).and(Flags::SKIP_MONITOR).and(Flags::NO_MANDATORY_KEYS);
const SCRIPT_RO: Flags = SCRIPT.and(Flags::READONLY);

const G: Group = Group::Scripting;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 8] = [
    row(G, "eval",       -3, SCRIPT,    counted(2, Use::MODIFY), Sent,   "2.6.0",
        "script numkeys:integer [key...] [arg...]",
        "Runs a Lua script.").script(ScriptUse::Runs),
    row(G, "eval_ro",    -3, SCRIPT_RO, counted(2, Use::READ),   Closed, "7.0.0",
        "script numkeys:integer [key...] [arg...]",
        "Runs a Lua script that only reads.").script(ScriptUse::Runs),
    row(G, "evalsha",    -3, SCRIPT,    counted(2, Use::MODIFY), Sent,   "2.6.0",
        "sha1 numkeys:integer [key...] [arg...]",
        "Runs a stored Lua script by its SHA1.").script(ScriptUse::Calls),
    row(G, "evalsha_ro", -3, SCRIPT_RO, counted(2, Use::READ),   Closed, "7.0.0",
        "sha1 numkeys:integer [key...] [arg...]",
        "Runs a stored Lua script that only reads.").script(ScriptUse::Calls),
    row(G, "fcall",      -3, SCRIPT,    counted(2, Use::MODIFY), Closed, "7.0.0",
        "function numkeys:integer [key...] [arg...]",
        "Calls a function of a loaded library."),
    row(G, "fcall_ro",   -3, SCRIPT_RO, counted(2, Use::READ),   Closed, "7.0.0",
        "function numkeys:integer [key...] [arg...]",
        "Calls a function that only reads."),
    row(G, "function",   -2, Flags::NONE, NO_KEY,                Closed, "7.0.0", "",
        "Loads and shows libraries of functions.")
        .container(&subcommands::FUNCTION).modern(),
    row(G, "script",     -2, Flags::NONE, NO_KEY,                Closed, "2.6.0", "",
        "Loads and removes stored Lua scripts.").container(&subcommands::SCRIPT).modern(),
];
