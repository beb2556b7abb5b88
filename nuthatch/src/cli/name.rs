//! The name of the program. Under the name `nutcracker`, with or without a path or an ending such as
//! `.new`, we are the drop-in; see docs/adr/0006.

use nuthatch_engine::topology::Manners;
use std::path::PathBuf;

/// Whether we were started under the name nutcracker.
pub fn is_nutcracker() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.as_ref().and_then(|path| path.file_stem()).is_some_and(|stem| stem == "nutcracker")
}

/// The default of `manners`.
pub fn default_manners() -> Manners {
    if is_nutcracker() { Manners::Twemproxy } else { Manners::Modern }
}
