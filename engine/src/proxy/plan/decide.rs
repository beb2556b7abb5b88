//! The one decision; each protocol has its file.

use super::{Facts, Head, Plan, Scratch, memcache, redis};

/// What becomes of a request; see the room's head.
#[inline(always)]
pub fn decide<'a>(head: Head<'_, 'a>, facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    match head {
        Head::Args(args) => redis::decide(args, facts, scratch),
        Head::ArgsBegun { name, key, args } => redis::decide_begun(name, key, args, facts, scratch),
        Head::Line(request) => memcache::decide(request, facts, scratch),
        Head::LineBegun { line } => memcache::decide_begun(line, facts, scratch),
    }
}
