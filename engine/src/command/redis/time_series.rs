//! Time series, a module that comes with Redis 8.

use super::row::{Keyed, counted, one, row, two};
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use, Keys};

const READ: Flags = Flags::READ;
const WRITE: Flags = Flags::WRITE;
const GROW: Flags = Flags::GROW;

const G: Group = Group::TimeSeries;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 15] = [
    row(G, "ts.add", -4, GROW, one(Use::INSERT), Closed, "8.0.0",
        "key timestamp value:double [argument...]",
        "Appends a sample to a series.").not_in_valkey().by_reference(),
    row(G, "ts.alter", -2, WRITE, one(Use::UPDATE), Closed, "8.0.0",
        "key [argument...]",
        "Changes a series.").not_in_valkey().by_reference(),
    row(G, "ts.create", -2, GROW, one(Use::OVERWRITE), Closed, "8.0.0",
        "key [argument...]",
        "Makes a series.").not_in_valkey().by_reference(),
    row(G, "ts.createrule", -6, WRITE, two(Use::UPDATE, Use::UPDATE), Closed, "8.0.0",
        "source:key destination:key AGGREGATION rule(aggregator bucket:integer [align:integer])",
        "Makes a rule that fills a series from another.").not_in_valkey().by_reference(),
    row(G, "ts.decrby", -3, GROW, one(Use::MODIFY), Closed, "8.0.0",
        "key value:double [argument...]",
        "Subtracts from the last sample.").not_in_valkey().by_reference(),
    row(G, "ts.del", 4, WRITE, one(Use::DELETE), Closed, "8.0.0",
        "key from:integer to:integer",
        "Deletes the samples of a time range.").not_in_valkey().by_reference(),
    row(G, "ts.deleterule", 3, WRITE, two(Use::UPDATE, Use::UPDATE), Closed, "8.0.0",
        "source:key destination:key",
        "Deletes a rule.").not_in_valkey().by_reference(),
    row(G, "ts.get", -2, READ, one(Use::READ), Closed, "8.0.0",
        "key [LATEST]",
        "Returns the last sample.").not_in_valkey().by_reference(),
    row(G, "ts.incrby", -3, GROW, one(Use::MODIFY), Closed, "8.0.0",
        "key value:double [argument...]",
        "Adds to the last sample.").not_in_valkey().by_reference(),
    row(G, "ts.info", -2, READ, one(Use::READ), Closed, "8.0.0",
        "key [DEBUG]",
        "Describes a series.").not_in_valkey().by_reference(),
    row(G, "ts.madd", -4, GROW, Keyed(Keys::Range { first: 1, last: -1, step: 3 }, [Use::VARIES, Use::VARIES]), Closed, "8.0.0",
        "data(key timestamp value:double)...",
        "Appends samples to several series.").not_in_valkey().by_reference(),
    row(G, "ts.nrange", -5, READ, counted(1, Use::READ), Closed, "8.10.0",
        "numkeys:integer key... from to [argument...]",
        "Returns a time range of several series.").not_in_valkey().by_reference(),
    row(G, "ts.nrevrange", -5, READ, counted(1, Use::READ), Closed, "8.10.0",
        "numkeys:integer key... from to [argument...]",
        "Returns a time range of several series, the latest first.").not_in_valkey().by_reference(),
    row(G, "ts.range", -4, READ, one(Use::READ), Closed, "8.0.0",
        "key from to [argument...]",
        "Returns the samples of a time range.").not_in_valkey().by_reference(),
    row(G, "ts.revrange", -4, READ, one(Use::READ), Closed, "8.0.0",
        "key from to [argument...]",
        "Returns the samples of a time range, the latest first.").not_in_valkey().by_reference(),
];
