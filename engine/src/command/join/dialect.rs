//! What joining needs to know of a protocol.

/// How a protocol writes errors.
pub struct Dialect {
    /// The text of an error reply, if it is one.
    pub error_text: fn(&[u8]) -> Option<Box<[u8]>>,
    pub write_error: fn(&mut Vec<u8>, &[u8]),
    /// The text for a reply of an unexpected form, and for a server's error under twemproxy manners.
    pub invalid: &'static str,
    /// Under twemproxy manners, a text that is used only if no failed part has another text.
    pub last_choice: Option<&'static str>,
    /// One failed part fails the whole.
    pub one_fails_all: bool,
}
