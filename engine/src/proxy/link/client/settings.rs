//! What a client has set on its connection, by HELLO, AUTH and CLIENT. RESET undoes all of it.

use crate::protocol::resp::Version;

pub struct Settings {
    pub version: Version,
    /// The lane of its version.
    pub lane: u8,
    pub is_authenticated: bool,
    pub names: Option<Box<Names>>,
}

/// What a client says of itself.
#[derive(Default)]
pub struct Names {
    pub name: Box<[u8]>,
    pub library: Box<[u8]>,
    pub library_version: Box<[u8]>,
}

impl Settings {
    /// Of a fresh connection; `lane` is that of RESP2.
    pub fn new(lane: u8, is_authenticated: bool) -> Settings {
        Settings { version: Version::Resp2, lane, is_authenticated, names: None }
    }

    pub fn names_mut(&mut self) -> &mut Names {
        self.names.get_or_insert_default()
    }
}
