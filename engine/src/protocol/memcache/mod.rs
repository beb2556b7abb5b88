//! The text and meta protocols of memcached
//! (<https://github.com/memcached/memcached/blob/master/doc/protocol.txt>), as Debian's 1.6.18
//! speaks them.
//!
//! A request is a line of words, with a block of data after it if it stores. A reply is one line or
//! several. A line ends in LF, a CR before it is dropped, and a NUL ends the words of a line early.
//! memcached's parser does the same, and on a shared connection we must find the same ends.

pub mod base64;
pub mod encode;
pub mod reply;
pub mod request;
pub mod words;

pub use request::Request;

/// Bytes in a key, before it is decoded. Over it: memcached refuses the line, and so do we.
pub const KEY_BYTES_MAX: usize = 250;

/// Bytes in a line that is not a retrieval. Over it: memcached closes the connection, and so do we.
pub const LINE_BYTES_MAX: usize = 2048;

/// The first byte of every request of the binary protocol.
pub const BINARY_MAGIC: u8 = 0x80;
