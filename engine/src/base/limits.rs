//! Every limit, its reason, and what happens above it. The end of the file asserts relations
//! between limits at compile time.

/// Arguments in one request, as in Redis 7. Over it: a protocol error, the client is closed. Their
/// memory is bounded by `REQUEST_BYTES_MAX`, and by two bytes a key where the request is split.
pub const REQUEST_ARGS_MAX: usize = i32::MAX as usize;

/// Arguments in a request on a shared connection: what servers before Redis 7 accept. Over it: the
/// request waits until its client is owed no reply, and goes on connections of its own, since an
/// old server closes the connection.
pub const SHARED_ARGS_MAX: usize = 1024 * 1024;

/// Bytes in one argument: the default of Redis' proto-max-bulk-len. Over it: a protocol error, the
/// client is closed.
pub const BULK_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Bytes in one whole request: Redis' client-query-buffer-limit. Over it: an error, and the client is closed.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Arguments of a client that has not given the password yet, as in Redis: such a client cannot
/// make us store much.
pub const UNAUTHENTICATED_ARGS_MAX: usize = 10;

/// Bytes in one argument of such a client, as in Redis.
pub const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// Bytes in an inline request: the 64 KiB of Redis, and the 16 KiB that Redis reads at a time, since
/// Redis accepts a longer line if its end came in the same read. Over it: a protocol error, the
/// client is closed.
pub const INLINE_BYTES_MAX: usize = (64 + 16) * 1024;

/// Bytes in one value of memcached, which accepts items of 1 GiB at most, item headers included.
/// Over it: a request gets an error and its block is dropped as it arrives; an upstream is closed.
pub const MEMCACHE_VALUE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Bytes in the line of a retrieval. memcached has no limit here, but its time grows with the
/// square: it needed 40 s for a line of 8 MiB. Over it: the client is closed.
pub const MEMCACHE_LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Elements in one aggregate of a reply: what Redis can send. Over it: the upstream is closed.
pub const REPLY_ELEMENTS_MAX: u64 = u32::MAX as u64;

/// Bytes in one bulk string of a reply: more than any server holds, so that only a broken length is
/// above it. (DUMP writes a list of many values as one string.) Over it: the upstream is closed.
pub const REPLY_BULK_BYTES_MAX: usize = if usize::BITS >= 64 { 1 << 40 } else { 512 * 1024 * 1024 };

/// Bytes in a status, error or number line of a reply that is buffered whole: a script can make as
/// many. A reply that is passed on as it arrives has no limit. Over it: the upstream is closed.
pub const REPLY_LINE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The same for memcached, whose lines have a few KiB at most.
pub const MEMCACHE_REPLY_LINE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of buffers that a worker keeps for reuse. Over it: buffers are freed.
pub const POOLED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of the largest buffer kept for reuse: as many as are read from a connection in a turn.
pub const POOLED_BUFFER_BYTES_MAX: usize = READS_PER_TURN * READ_BYTES;

/// Bytes reserved for a client's output, when its socket is full. Over it, if less than a quarter is
/// in use: the buffer shrinks.
pub const OUTPUT_TRIM_BYTES_MIN: usize = 64 * 1024;

/// Bytes read at a time, into the worker's shared buffer or to the end of an output.
pub const READ_BYTES: usize = 64 * 1024;

/// Full reads from a connection in a turn. Few, since all other connections wait meanwhile.
pub const READS_PER_TURN: usize = 4;

/// Bytes written to a connection in a turn, for the same reason. More than are read, since it is
/// best to write a whole merged reply at once.
pub const WRITE_BYTES: usize = 1024 * 1024;

/// Unsent bytes that a TCP socket may hold, where the system has such a limit. With more, the socket
/// would become writable in bursts of megabytes.
pub const UNSENT_BYTES: usize = READS_PER_TURN * READ_BYTES;

/// Requests a client may have in flight. Over it: further requests are not forwarded and the client
/// is not read until replies have left (`clients_paused`).
pub const CLIENT_WINDOW_MAX: u32 = 4096;

/// The window of a client whose replies we have not seen yet. It opens by one with each reply.
pub const CLIENT_WINDOW_START: u32 = 32;

/// Bytes of unread replies above which we stop forwarding for a client. The window follows it:
/// `window * mean reply` stays near this number.
pub const CLIENT_OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Milliseconds a client's socket may stay full: the default of `client_stall_ms`. Over it: closed
/// (`clients_stalled`). A last write is tried first, and if the kernel accepts bytes the time begins
/// again: a client that reads nothing may have it twice.
pub const CLIENT_STALL_MS: u32 = 60_000;

/// The smallest `client_stall_ms`: a client that still reads its socket hardly pauses for so long.
pub const CLIENT_STALL_MS_MIN: u32 = 100;

/// The largest: a day.
pub const CLIENT_STALL_MS_MAX: u32 = 24 * 60 * 60 * 1_000;

/// Bytes of unread replies above which a client that reads nothing gets little time.
pub const CLIENT_HOARD_BYTES: usize = 64 * 1024 * 1024;

/// Milliseconds the socket of such a client may stay full; fewer where `client_stall_ms` is less.
pub const CLIENT_HOARD_STALL_MS: u64 = 5_000;

/// Bytes of unread replies above which it gets hardly any time. A client can get here: its window
/// grew while replies were small, its requests are forwarded, and now all replies are large.
pub const CLIENT_GLUT_BYTES: usize = 256 * 1024 * 1024;

/// Milliseconds the socket of such a client may stay full; fewer where `client_stall_ms` is less.
pub const CLIENT_GLUT_STALL_MS: u64 = 250;

/// Milliseconds that HELLO waits for servers to say whether they know RESP3; fewer where
/// `connect_timeout_ms` is less. Clients' own timeouts are 5 seconds.
pub const HELLO_WAIT_MS_MAX: u64 = 2_000;

/// Milliseconds for which the input of a refused client is read and dropped. With unread input, a
/// close would reset the connection and our last reply would be lost.
pub const LINGER_MS: u64 = 1_000;

/// Requests waiting on one upstream. Over it: an error at once (`upstream_queue_full`).
pub const UPSTREAM_QUEUE_MAX: usize = 262_144;

/// Unsent bytes of an upstream. Over it: an error at once (`upstream_queue_full`). An empty queue
/// accepts one request of any size.
pub const UPSTREAM_UNSENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Clients that get replies in one turn, from which on requests to an idle server are gathered too.
/// A busy loop finds so many in a turn; a loop with time to spare hardly ever does.
pub const GATHER_CLIENTS: usize = 8;

/// Bytes gathered for one write. Over it: written at once.
pub const GATHER_BYTES: usize = 16 * 1024;

/// Microseconds for which a request or a reply may be held to gather more. It leaves at the end of
/// the turn in which they are over.
pub const GATHER_US: u64 = 100;

/// Bytes from which on a reply is passed to its client as it arrives.
pub const STREAM_BYTES_MIN: usize = 128 * 1024;

/// Unread bytes of such a reply at its client. Over it: its server is not read. A little more than
/// what is read in a turn, so that a client that keeps up never causes a pause.
pub const STREAM_PAUSE_BYTES: usize = (READS_PER_TURN + 1) * READ_BYTES;

/// The same while requests of other clients wait behind the reply. They are worth some memory: the
/// most that a client may leave unread before it gets little time.
pub const STREAM_SHARED_PAUSE_BYTES: usize = CLIENT_HOARD_BYTES;

/// Unread bytes below which the server is read again.
pub const STREAM_RESUME_BYTES: usize = 2 * READ_BYTES;

/// Milliseconds for which a client that reads nothing may delay others that wait behind its reply.
/// Over it: closed (`clients_stalled`).
pub const STREAM_SHARED_STALL_MS: u64 = 200;

/// Connections of a server and lane that are kept open for the next large value.
pub const SPARE_SOCKETS_MAX: usize = 8;

/// Milliseconds for which they are kept.
pub const SPARE_IDLE_MS: u64 = 5_000;

/// Milliseconds for which a memcached that did not know a meta command gets no other.
pub const NO_META_MS: u64 = 60_000;

/// Scripts that a worker remembers for a pool, so that EVALSHA finds them on every server. Over it: the
/// one not used for the longest time is forgotten.
pub const SCRIPTS_MAX: usize = 1_024;

/// Bytes of such scripts, for the same reason. A larger script is not remembered.
pub const SCRIPTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of an EVALSHA that is kept until its reply, to be sent again if the server has lost the script.
/// Over it: the client gets NOSCRIPT then.
pub const SCRIPT_CALL_BYTES_MAX: usize = 16 * 1024;

/// Bytes of all such calls of a client. Over it: the same.
pub const SCRIPT_CALLS_BYTES_MAX: usize = 1024 * 1024;

/// How long an idle connection is kept that one client had alone, for the next one who waits or watches.
pub const PINNED_IDLE_MS: u64 = 30_000;

/// The largest `pinned_connections`.
pub const PINNED_CONNECTIONS_MAX: u32 = 65_535;

/// How long a subscriber may leave more unread than `pubsub_output_soft_bytes`; as in Redis. Over it: closed.
pub const SUBSCRIBER_SOFT_MS: u64 = 60_000;

/// The default of `pubsub_output_bytes`; as in Redis.
pub const SUBSCRIBER_BYTES: u32 = 32 * 1024 * 1024;

/// The default of `pubsub_output_soft_bytes`; as in Redis.
pub const SUBSCRIBER_SOFT_BYTES: u32 = 8 * 1024 * 1024;

/// Commands of a transaction. Over it: EXECABORT.
pub const TRANSACTION_COMMANDS_MAX: usize = 1_000_000;

/// Bytes of its requests, which wait for EXEC. Over it: EXECABORT.
pub const TRANSACTION_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of CLIENT LIST. Over it: an error.
pub const CLIENT_LIST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest CLIENT PAUSE in milliseconds: clients' own timeouts are 5 s, so a longer one is a mistake
/// or an operator's wish; Redis has no bound but that of the number. A day.
pub const PAUSE_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// The largest `databases`. A database that a client uses has connections of its own to each server.
pub const DATABASES_MAX: u32 = 1024;

/// Late replies that an upstream may owe. Over it: the upstream is closed.
pub const TOMBSTONES_MAX: usize = 1024;

/// An upstream is closed when its oldest late reply is this many timeouts old.
pub const TOMBSTONE_TIMEOUTS: u64 = 4;

/// The first pause between attempts to connect. The first attempts have no pause; later ones double
/// it.
pub const RECONNECT_MS_MIN: u64 = 20;

/// The longest pause between attempts to connect.
pub const RECONNECT_MS_MAX: u64 = 1_000;

/// The longest pause between attempts to connect while requests wait for a server of a shard that has
/// replicas.
pub const SWITCH_RETRY_MS: u64 = 50;

/// When another server becomes a shard's primary, or a server refuses a request as one that is no primary,
/// the answers to what was sent before are awaited for so long. What is not answered then fails: its
/// outcome is not known.
pub const SWITCH_DRAIN_MS: u64 = 40;

/// How long requests may wait for a shard's next primary, where the file does not say.
pub const FAILOVER_HOLD_MS: u32 = 3_000;

/// The most that a file may say. Clients themselves wait for some five seconds.
pub const FAILOVER_HOLD_MS_MAX: u32 = 60_000;

/// Bytes of a client's name or library name (CLIENT SETNAME, SETINFO), which is stored as long as
/// the client is connected. Over it: an error.
pub const CLIENT_NAME_BYTES_MAX: usize = 64 * 1024;

/// Names in one COMMAND INFO or COMMAND DOCS: more than there are commands, and few enough that
/// the reply stays below 4 MiB. Over it: an error.
pub const COMMAND_NAMES_MAX: usize = 512;

/// Bytes in the pattern of COMMAND LIST, which is matched with every name. Over it: an error.
pub const COMMAND_PATTERN_BYTES_MAX: usize = 1024;

/// Prefixes in a pool's `colocate`, all entries together. A key is compared with each that has its
/// first byte. Over it: the configuration is refused.
pub const COLOCATE_PREFIXES_MAX: usize = 64;

/// Bytes in one prefix of `colocate`: longer than prefixes of programs are, and quickly compared. Over
/// it: the configuration is refused.
pub const COLOCATE_PREFIX_BYTES_MAX: usize = 128;

const _: () = assert!(UNAUTHENTICATED_ARGS_MAX < SHARED_ARGS_MAX);
const _: () = assert!(SHARED_ARGS_MAX < REQUEST_ARGS_MAX);
const _: () = assert!(BULK_BYTES_MAX < REQUEST_BYTES_MAX);
const _: () = assert!(MEMCACHE_VALUE_BYTES_MAX <= REQUEST_BYTES_MAX);
// Ranges of a request are kept in 32 bits.
const _: () = assert!(REQUEST_BYTES_MAX <= u32::MAX as usize);
// A whole window fits an upstream's queue, so one client alone never fills the queue.
const _: () = assert!((CLIENT_WINDOW_MAX as usize) < UPSTREAM_QUEUE_MAX);
const _: () = assert!(CLIENT_WINDOW_START <= CLIENT_WINDOW_MAX);
const _: () = assert!(CLIENT_GLUT_STALL_MS < CLIENT_HOARD_STALL_MS);
const _: () = assert!(CLIENT_HOARD_BYTES < CLIENT_GLUT_BYTES);
const _: () = assert!(CLIENT_HOARD_STALL_MS < CLIENT_STALL_MS as u64);
const _: () = assert!(CLIENT_STALL_MS_MIN < CLIENT_STALL_MS);
const _: () = assert!(CLIENT_STALL_MS < CLIENT_STALL_MS_MAX);
const _: () = assert!(STREAM_RESUME_BYTES < STREAM_PAUSE_BYTES);
const _: () = assert!(STREAM_PAUSE_BYTES < STREAM_SHARED_PAUSE_BYTES);
const _: () = assert!(RECONNECT_MS_MIN < RECONNECT_MS_MAX);
const _: () = assert!(READ_BYTES <= CLIENT_OUTPUT_BYTES_MAX);
