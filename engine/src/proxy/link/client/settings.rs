//! The settings of a client's connection: by HELLO, AUTH and CLIENT. RESET undoes them all.

use crate::protocol::resp::Version;

pub struct Settings {
    pub version: Version,
    /// The lane of its version.
    pub lane: u8,
    pub is_authenticated: bool,
    pub names: Option<Box<Names>>,
}

/// The names that a client gives itself and its library.
#[derive(Default)]
pub struct Names {
    pub name: Box<[u8]>,
    pub library: Box<[u8]>,
    pub library_version: Box<[u8]>,
}

impl Settings {
    /// The settings of a new connection. `lane`: the lane of RESP2.
    pub fn new(lane: u8, is_authenticated: bool) -> Settings {
        Settings { version: Version::Resp2, lane, is_authenticated, names: None }
    }

    pub fn names_mut(&mut self) -> &mut Names {
        self.names.get_or_insert_default()
    }
}
