//! Sorted sets of positions. GEORADIUS and GEORADIUSBYMEMBER write only with STORE or STOREDIST,
//! whose key may stand anywhere among the options.

use super::row::{Keyed, one, row, two};
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use, Keys};

const READ: Flags = Flags::READ;
const GROW: Flags = Flags::GROW;

const G: Group = Group::Geo;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 10] = [
    row(G, "geoadd",               -5, GROW, one(Use::UPDATE),               Sent,   "3.2.0",
        "key [condition(NX | XX)] [change=CH] (longitude:double latitude:double member)...",
        "Adds members with their positions."),
    row(G, "geodist",              -4, READ, one(Use::READ),                 Sent,   "3.2.0",
        "key member1 member2 [unit(M | KM | FT | MI)]",
        "Returns the distance between two members."),
    row(G, "geohash",              -2, READ, one(Use::READ),                 Sent,   "3.2.0",
        "key member...",
        "Returns members' positions as geohashes."),
    row(G, "geopos",               -2, READ, one(Use::READ),                 Sent,   "3.2.0",
        "key member...",
        "Returns members' longitudes and latitudes."),
    row(G, "georadius",            -6, GROW, around(6),                      Sent,   "3.2.0",
        "key longitude:double latitude:double radius:double unit(M | KM | FT | MI) [WITHCOORD] \
         [WITHDIST] [WITHHASH] [count(COUNT count:integer [ANY])] [order(ASC | DESC)] [STORE key] \
         [STOREDIST key]",
        "Finds members around a position, and may store them."),
    row(G, "georadius_ro",         -6, READ, one(Use::READ),                 Closed, "3.2.10",
        "key longitude:double latitude:double radius:double unit(M | KM | FT | MI) [WITHCOORD] \
         [WITHDIST] [WITHHASH] [count(COUNT count:integer [ANY])] [order(ASC | DESC)]",
        "Finds members around a position."),
    row(G, "georadiusbymember",    -5, GROW, around(5),                      Sent,   "3.2.0",
        "key member radius:double unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] \
         [count(COUNT count:integer [ANY])] [order(ASC | DESC)] [STORE key] [STOREDIST key]",
        "Finds members around a member, and may store them."),
    row(G, "georadiusbymember_ro", -5, READ, one(Use::READ),                 Closed, "3.2.10",
        "key member radius:double unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH] \
         [count(COUNT count:integer [ANY])] [order(ASC | DESC)]",
        "Finds members around a member."),
    row(G, "geosearch",            -7, READ, one(Use::READ),                 Sent,   "6.2.0",
        "key from(FROMMEMBER member | FROMLONLAT (longitude:double latitude:double)) \
         by(circle(BYRADIUS radius:double unit(M | KM | FT | MI)) | \
         box(BYBOX width:double height:double unit(M | KM | FT | MI))) [order(ASC | DESC)] \
         [count(COUNT count:integer [ANY])] [WITHCOORD] [WITHDIST] [WITHHASH]",
        "Finds members inside a circle or box."),
    row(G, "geosearchstore",       -8, GROW, two(Use::OVERWRITE, Use::READ), Sent,   "6.2.0",
        "destination:key source:key \
         from(FROMMEMBER member | FROMLONLAT (longitude:double latitude:double)) \
         by(circle(BYRADIUS radius:double unit(M | KM | FT | MI)) | \
         box(BYBOX width:double height:double unit(M | KM | FT | MI))) [order(ASC | DESC)] \
         [count(COUNT count:integer [ANY])] [STOREDIST]",
        "Stores the members inside a circle or box."),
];

const fn around(options: u8) -> Keyed {
    Keyed(Keys::Georadius { options }, [Use::READ, Use::OVERWRITE])
}
