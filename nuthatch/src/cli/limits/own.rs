//! The rows that have no limit of a server: limits of the configuration, and those that protect the
//! process and its servers.

use super::row::{Here, Row};
use crate::admin::HEAD_BYTES_MAX;
use crate::config::{FILE_BYTES_MAX, POOLS_MAX, SERVERS_MAX, UNIX_PATH_MAX};
use nuthatch_engine::base::limits as l;

pub const CONFIGURATION: &[Row] = &[
    Row {
        name: "a number, if its key has no other range",
        here: Here::Range(0, i32::MAX as i64),
        constants: &[],
        cells: &[
            "the same, and numbers from 4,294,967,296 on, cut to 32 bits",
            "`timeout: 4294967296` meant 0, which waits for ever",
        ],
    },
    Row {
        name: "`server_connections`",
        here: Here::Key("server_connections"),
        constants: &[],
        cells: &["1 to 2,147,483,647", "between two addresses there are no more ports"],
    },
    Row {
        name: "`client_stall_ms`",
        here: Here::Key("client_stall_ms"),
        constants: &["CLIENT_STALL_MS_MIN", "CLIENT_STALL_MS_MAX"],
        cells: &["has no such key", "a client that still reads may pause for less"],
    },
    Row {
        name: "prefixes in `colocate`",
        here: Here::Count(l::COLOCATE_PREFIXES_MAX as u64),
        constants: &["COLOCATE_PREFIXES_MAX"],
        cells: &["has no such key", "each key is compared with those that have its first byte"],
    },
    Row {
        name: "bytes in a prefix of `colocate`",
        here: Here::Bytes(l::COLOCATE_PREFIX_BYTES_MAX),
        constants: &["COLOCATE_PREFIX_BYTES_MAX"],
        cells: &["has no such key", "the same comparison; programs use short prefixes"],
    },
    Row {
        name: "servers in a pool",
        here: Here::Count(SERVERS_MAX as u64),
        constants: &[],
        cells: &["none met: 65,536", "a split request stores the server of each key in 16 bits"],
    },
    Row {
        name: "pools in a file",
        here: Here::Count(POOLS_MAX as u64),
        constants: &[],
        cells: &[
            "none met: 10,000",
            "each listens in every worker, and is compared with all others",
        ],
    },
    Row {
        name: "bytes in a file",
        here: Here::Bytes(FILE_BYTES_MAX as usize),
        constants: &[],
        cells: &[
            "none met: 20 MB of comments",
            "a pool of 65,535 servers has 4 MB; after each error the file is read again for the next",
        ],
    },
    Row {
        name: "bytes in the path of a Unix socket to listen on",
        here: Here::Bytes(UNIX_PATH_MAX),
        constants: &[],
        cells: &["the same", "the kernel's limit"],
    },
    Row {
        name: "a number of a flag",
        here: Here::Range(0, i32::MAX as i64),
        constants: &[],
        cells: &[
            "the same, and numbers from 4,294,967,296 on, cut to 32 bits",
            "`-v 4294967297` meant 1",
        ],
    },
];

pub const PROTECTION: &[Row] = &[
    Row {
        name: "clients",
        here: Here::Words("open files, except those for listeners and servers"),
        constants: &[],
        cells: &[
            "the same, with fewer files for servers",
            "refused with the protocol's error",
            "clients must leave files for servers: see *Open files* in the guide to operating",
        ],
    },
    Row {
        name: "requests of a client in flight",
        here: Here::Count(l::CLIENT_WINDOW_MAX as u64),
        constants: &["CLIENT_WINDOW_MAX"],
        cells: &["none", "it is not read until replies have left", "memory, here and in servers"],
    },
    Row {
        name: "bytes of replies that a client has not read",
        here: Here::Bytes(l::CLIENT_OUTPUT_BYTES_MAX),
        constants: &["CLIENT_OUTPUT_BYTES_MAX"],
        cells: &["none", "its requests wait until it has read some", "memory"],
    },
    Row {
        name: "time for which a client may read nothing of them (default of `client_stall_ms`)",
        here: Here::Ms(l::CLIENT_STALL_MS as u64),
        constants: &["CLIENT_STALL_MS"],
        cells: &["none", "closed (`clients_stalled`)", "memory; it may get this time twice"],
    },
    Row {
        name: "the same with more unread bytes than",
        here: Here::BytesFor(l::CLIENT_HOARD_BYTES, l::CLIENT_HOARD_STALL_MS),
        constants: &["CLIENT_HOARD_BYTES", "CLIENT_HOARD_STALL_MS"],
        cells: &["none", "closed (`clients_stalled`)", "memory"],
    },
    Row {
        name: "the same with still more unread bytes than",
        here: Here::BytesFor(l::CLIENT_GLUT_BYTES, l::CLIENT_GLUT_STALL_MS),
        constants: &["CLIENT_GLUT_BYTES", "CLIENT_GLUT_STALL_MS"],
        cells: &["none", "closed (`clients_stalled`)", "memory"],
    },
    Row {
        name: "time for which a request waits for a shard's next primary (default of `failover_hold_ms`)",
        here: Here::Ms(l::FAILOVER_HOLD_MS as u64),
        constants: &["FAILOVER_HOLD_MS"],
        cells: &["none", "it fails, not sent", "clients themselves wait for some five seconds"],
    },
    Row {
        name: "the same, as a file may have it",
        here: Here::Ms(l::FAILOVER_HOLD_MS_MAX as u64),
        constants: &["FAILOVER_HOLD_MS_MAX"],
        cells: &["none", "the file is refused", "what waits longer is a failure for its client"],
    },
    Row {
        name: "pause between attempts to connect meanwhile",
        here: Here::Ms(l::SWITCH_RETRY_MS),
        constants: &["SWITCH_RETRY_MS"],
        cells: &["none", "the next attempt", "a server that is back serves at once"],
    },
    Row {
        name: "time for which the last answers of a replaced primary are awaited",
        here: Here::Ms(l::SWITCH_DRAIN_MS),
        constants: &["SWITCH_DRAIN_MS"],
        cells: &[
            "none",
            "what it has not answered fails: outcome unknown",
            "others wait for the next one",
        ],
    },
    Row {
        name: "the same while other clients wait behind its large reply",
        here: Here::Ms(l::STREAM_SHARED_STALL_MS),
        constants: &["STREAM_SHARED_STALL_MS"],
        cells: &["none", "closed (`clients_stalled`)", "the other clients wait"],
    },
    Row {
        name: "time for which HELLO and INFO wait for the versions of servers",
        here: Here::Ms(l::HELLO_WAIT_MS_MAX),
        constants: &["HELLO_WAIT_MS_MAX"],
        cells: &[
            "has neither command",
            "answered with the versions known so far",
            "clients' own timeouts are 5 s; less if `connect_timeout_ms` is less",
        ],
    },
    Row {
        name: "time for which the input of a refused client is read and dropped",
        here: Here::Ms(l::LINGER_MS),
        constants: &["LINGER_MS"],
        cells: &["0", "closed", "an early close may reset the connection and lose our last reply"],
    },
    Row {
        name: "requests that wait for a connection to a server",
        here: Here::Count(l::UPSTREAM_QUEUE_MAX as u64),
        constants: &["UPSTREAM_QUEUE_MAX"],
        cells: &[
            "none",
            "an error at once, `not sent` (`upstream_queue_full`)",
            "memory; no client waits so long",
        ],
    },
    Row {
        name: "bytes of requests that wait to be sent to a server",
        here: Here::Bytes(l::UPSTREAM_UNSENT_BYTES_MAX),
        constants: &["UPSTREAM_UNSENT_BYTES_MAX"],
        cells: &["none", "the same; an empty queue accepts one of any size", "memory"],
    },
    Row {
        name: "late replies that a connection may owe",
        here: Here::Count(l::TOMBSTONES_MAX as u64),
        constants: &["TOMBSTONES_MAX"],
        cells: &[
            "0: it closes at the first",
            "the connection is closed",
            "a server that is so late is useless",
        ],
    },
    Row {
        name: "how late they may be, as a multiple of `timeout`",
        here: Here::Count(l::TOMBSTONE_TIMEOUTS),
        constants: &["TOMBSTONE_TIMEOUTS"],
        cells: &["0", "the connection is closed", "the same"],
    },
    Row {
        name: "bytes that a reader of the stats port sends",
        here: Here::Bytes(HEAD_BYTES_MAX),
        constants: &[],
        cells: &["reads none", "431", "more than any health check sends"],
    },
];
