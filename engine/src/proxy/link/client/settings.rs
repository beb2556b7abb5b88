//! The settings of a client's connection: by HELLO, AUTH and CLIENT. RESET undoes them all.

use crate::base::Time;
use crate::protocol::resp::Version;
use crate::topology::Reads;

pub struct Settings {
    pub version: Version,
    pub db: u32,
    /// The lane of its version and database.
    pub lane: u16,
    pub is_authenticated: bool,
    /// CLIENT NO-TOUCH ON: its reads do not mark keys as used.
    pub is_untouching: bool,
    /// CLIENT TRACKING ON OPTIN.
    pub opted_in: bool,
    /// CLIENT CACHING YES was refused, so its next command is too: a library that reads only the last reply
    /// would keep a value that is never invalidated.
    pub is_barred: bool,
    /// Where its reads go: as the pool says, or as READONLY and READWRITE have said since.
    pub reads: Reads,
    /// When its last request that may have written was sent; where that matters, when it was known to be done.
    pub wrote_at: Time,
    /// That request may not be done yet.
    pub is_writing: bool,
    pub names: Option<Box<Names>>,
}

/// The names that a client gives itself and its library.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Names {
    pub name: Box<[u8]>,
    pub library: Box<[u8]>,
    pub library_version: Box<[u8]>,
}

impl Settings {
    /// The settings of a new connection. `lane`: the lane of RESP2 and of this database.
    pub fn new(db: u32, lane: u16, is_authenticated: bool, reads: Reads) -> Settings {
        Settings {
            version: Version::Resp2,
            db,
            lane,
            is_authenticated,
            is_untouching: false,
            opted_in: false,
            is_barred: false,
            reads,
            wrote_at: Time::ZERO,
            is_writing: false,
            names: None,
        }
    }

    pub fn names_mut(&mut self) -> &mut Names {
        self.names.get_or_insert_default()
    }
}
