//! The entry: it calls the file of the request's protocol.

use super::{Facts, Head, Plan, Scratch, memcache, redis};

/// The plan of a request. `mod.rs` lists the checks in their order.
#[inline(always)]
pub fn decide<'a>(head: Head<'_, 'a>, facts: &Facts<'_>, scratch: &mut Scratch<'_>) -> Plan<'a> {
    match head {
        Head::Args(args) => redis::decide(args, facts, scratch),
        Head::ArgsBegun { name, key, args } => redis::decide_begun(name, key, args, facts, scratch),
        Head::Line(request) => memcache::decide(request, facts, scratch),
        Head::LineBegun { line } => memcache::decide_begun(line, facts, scratch),
    }
}
