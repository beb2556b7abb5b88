//! What joining needs to know of a protocol.

/// How a protocol writes errors.
pub struct Dialect {
    /// The text of an error reply, if it is one.
    pub error_text: fn(&[u8]) -> Option<Box<[u8]>>,
    pub write_error: fn(&mut Vec<u8>, &[u8]),
    /// What hides a server's error under twemproxy manners, and stands for a reply that does not fit.
    pub invalid: &'static str,
    /// What twemproxy said of a server that closed in good order: any other text is better.
    pub wordless: Option<&'static str>,
    /// One failed part fails the whole.
    pub one_fails_all: bool,
}
