//! Every bound, its reason, and what happens there. Relations between them are asserted at
//! compile time at the foot of the file.

/// Arguments in one request, as in Redis 7. Over it: a protocol error, the client is closed. What is
/// gathered of them is bounded by `REQUEST_BYTES_MAX`, and by two bytes a key where it is split.
pub const REQUEST_ARGS_MAX: usize = i32::MAX as usize;

/// Arguments in a request that travels with others': what servers before Redis 7 take. Over it: it
/// waits until its client is owed nothing, and has connections apart, on which a server may close.
pub const SHARED_ARGS_MAX: usize = 1024 * 1024;

/// Bytes in one argument: Redis' proto-max-bulk-len where nobody has changed it. Over it: a protocol
/// error, the client is closed.
pub const BULK_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Bytes in one whole request: Redis' client-query-buffer-limit. Over it: an error, and the client is closed.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Arguments of a client that has not given the password yet, as in Redis: a stranger cannot
/// make us gather much.
pub const UNAUTHENTICATED_ARGS_MAX: usize = 10;

/// Bytes in one argument of such a client, as in Redis.
pub const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// Bytes in an inline request: 64 KiB as in Redis, and the 16 KiB that Redis reads at a time, since
/// it takes a longer line whose end came with the rest. Over it: a protocol error, the client is closed.
pub const INLINE_BYTES_MAX: usize = (64 + 16) * 1024;

/// Bytes in one value of memcached, which itself takes items of 1 GiB at most, their heads counted.
/// Over it: a request is told so and its block dropped as it comes; an upstream is closed.
pub const MEMCACHE_VALUE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Bytes in a retrieval's line. memcached has no bound for it, but its time grows with the square: a
/// line of 8 MiB took it 40 s. Over it: the client is closed.
pub const MEMCACHE_LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Elements in one aggregate of a reply: what Redis can send. Over it the upstream is closed.
pub const REPLY_ELEMENTS_MAX: u64 = u32::MAX as u64;

/// Bytes in one bulk string of a reply: more than any server holds, so that only what is no length at
/// all is above it. (DUMP writes a list of many values as one string.) Over it the upstream is closed.
pub const REPLY_BULK_BYTES_MAX: usize = if usize::BITS >= 64 { 1 << 40 } else { 512 * 1024 * 1024 };

/// Bytes in a status, error or number line of a reply that is gathered: what a script can make. One
/// that flows has no bound. Over it the upstream is closed.
pub const REPLY_LINE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The same for memcached, whose lines have a few KiB.
pub const MEMCACHE_REPLY_LINE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of buffers that a worker keeps for reuse. Beyond it their memory goes back to the system.
pub const POOLED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of the largest buffer kept for reuse: what is read from a connection in a turn.
pub const POOLED_BUFFER_BYTES_MAX: usize = READS_PER_TURN * READ_BYTES;

/// Bytes of a client's output that may stay reserved for less, when its socket is full.
pub const OUTPUT_TRIM_BYTES_MIN: usize = 64 * 1024;

/// Bytes read at a time, into the worker's one shared buffer or to the end of an output.
pub const READ_BYTES: usize = 64 * 1024;

/// Full reads from a connection in a turn. Everybody else waits meanwhile, so few.
pub const READS_PER_TURN: usize = 4;

/// Bytes written to a connection in a turn, for the same reason; more than are read, since a whole
/// merged reply is best taken at once.
pub const WRITE_BYTES: usize = 1024 * 1024;

/// Bytes that a TCP socket may hold and not have sent yet, where the system has a bound for it. More
/// would come back as room in bursts of megabytes.
pub const UNSENT_BYTES: usize = READS_PER_TURN * READ_BYTES;

/// Requests a client may have in flight. Over it: what it sent beyond stays unforwarded and it is
/// not read until replies have left (`clients_paused`).
pub const CLIENT_WINDOW_MAX: u32 = 4096;

/// The window of a client whose replies we have not seen yet. It opens by one with each reply.
pub const CLIENT_WINDOW_START: u32 = 32;

/// Bytes of replies a client may leave unread before we stop forwarding for it, and what its
/// window is meant to hold: `window * mean reply` stays near it.
pub const CLIENT_OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Milliseconds a client may leave a full socket untouched, where its pool does not say
/// (`client_stall_ms`). Over it: closed (`clients_stalled`). The socket is tried first, and if its
/// kernel takes some the time begins again: a client that reads nothing may have it twice.
pub const CLIENT_STALL_MS: u32 = 60_000;

/// The least a pool may say: a client that reads is hardly away from its socket for so long.
pub const CLIENT_STALL_MS_MIN: u32 = 100;

/// The most: a day.
pub const CLIENT_STALL_MS_MAX: u32 = 24 * 60 * 60 * 1_000;

/// Bytes of unread replies beyond which a client that takes nothing is given little time.
pub const CLIENT_HOARD_BYTES: usize = 64 * 1024 * 1024;

/// Milliseconds such a client may leave its full socket untouched; fewer where the pool says so.
pub const CLIENT_HOARD_STALL_MS: u64 = 5_000;

/// Bytes of unread replies beyond which it is given hardly any: requests for large replies that
/// were sent while replies were small have been forwarded already, and all of them will come.
pub const CLIENT_GLUT_BYTES: usize = 256 * 1024 * 1024;

/// Milliseconds such a client may leave its full socket untouched; fewer where the pool says so.
pub const CLIENT_GLUT_STALL_MS: u64 = 250;

/// Milliseconds after which what a client sends no longer belongs to its refused MULTI, unless it
/// was seen to send the two together.
pub const REFUSED_MULTI_MS: u64 = 1_000;

/// Milliseconds that HELLO waits for servers to say what they can do; fewer where the pool gives a
/// connection less (`connect_timeout_ms`). Clients' own time-outs are 5 seconds.
pub const HELLO_WAIT_MS_MAX: u64 = 2_000;

/// Milliseconds a refused client's remaining input is read and dropped, so that our last words
/// are not lost in a reset.
pub const LINGER_MS: u64 = 1_000;

/// Requests waiting on one upstream. Over it: an error at once (`upstream_queue_full`).
pub const UPSTREAM_QUEUE_MAX: usize = 262_144;

/// Unsent bytes of an upstream over which no further request joins (one request of any size
/// joins an empty queue). Over it: an error at once (`upstream_queue_full`).
pub const UPSTREAM_UNSENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Clients about to get replies from which on requests are gathered for a server that has nothing to
/// do: as many as a loop finds in a turn that is near its limits, and hardly ever one that is not.
pub const GATHER_CLIENTS: usize = 8;

/// Bytes that are gathered for one write; more are worth a write of their own.
pub const GATHER_BYTES: usize = 16 * 1024;

/// Microseconds that a request or a reply may be held back so, and to the end of the turn that is
/// going on then.
pub const GATHER_US: u64 = 100;

/// Bytes from which on a reply flows to its client as it comes.
pub const STREAM_BYTES_MIN: usize = 128 * 1024;

/// Bytes a client may leave unread of a flowing reply before its server is read no further: a little
/// more than what is read in a turn, so that one that keeps up is never paused for.
pub const STREAM_PAUSE_BYTES: usize = (READS_PER_TURN + 1) * READ_BYTES;

/// The same while others wait behind the reply, who are worth some memory: as much as a client may
/// hoard before it is given little time.
pub const STREAM_SHARED_PAUSE_BYTES: usize = CLIENT_HOARD_BYTES;

/// Unread bytes below which it is read on.
pub const STREAM_RESUME_BYTES: usize = 2 * READ_BYTES;

/// Milliseconds a client that takes nothing may hold up others that wait behind its reply. Over
/// it: closed (`clients_stalled`).
pub const STREAM_SHARED_STALL_MS: u64 = 200;

/// Connections of a server and lane that are kept open for the next large value.
pub const SPARE_SOCKETS_MAX: usize = 8;

/// Milliseconds for which they are kept.
pub const SPARE_IDLE_MS: u64 = 5_000;

/// Milliseconds for which a memcached that did not know a meta command is sent no other.
pub const NO_META_MS: u64 = 60_000;

/// Late replies an upstream may owe before it is closed.
pub const TOMBSTONES_MAX: usize = 1024;

/// An upstream is closed when its oldest late reply is this many timeouts old.
pub const TOMBSTONE_TIMEOUTS: u64 = 4;

/// The first pause between attempts to connect, once the free ones are spent; it doubles.
pub const RECONNECT_MS_MIN: u64 = 20;

/// The longest pause between attempts to connect.
pub const RECONNECT_MS_MAX: u64 = 1_000;

/// Bytes of a client's name or library name (CLIENT SETNAME, SETINFO), which is kept as long as the
/// client stays. Over it: an error.
pub const CLIENT_NAME_BYTES_MAX: usize = 64 * 1024;

/// Names in one COMMAND INFO or COMMAND DOCS: more than there are commands, and few enough that
/// the reply stays below a megabyte or two. Over it: an error.
pub const COMMAND_NAMES_MAX: usize = 512;

/// Bytes in the pattern of COMMAND LIST, which is held against every name. Over it: an error.
pub const COMMAND_PATTERN_BYTES_MAX: usize = 1024;

const _: () = assert!(UNAUTHENTICATED_ARGS_MAX < SHARED_ARGS_MAX);
const _: () = assert!(SHARED_ARGS_MAX < REQUEST_ARGS_MAX);
const _: () = assert!(BULK_BYTES_MAX < REQUEST_BYTES_MAX);
const _: () = assert!(MEMCACHE_VALUE_BYTES_MAX <= REQUEST_BYTES_MAX);
// Ranges of a request are kept in 32 bits.
const _: () = assert!(REQUEST_BYTES_MAX <= u32::MAX as usize);
// A whole window fits an upstream's queue, so one client alone never fills it.
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
