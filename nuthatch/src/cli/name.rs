//! The name we were started under. `nutcracker`, with or without a path or an ending such as
//! `.new`, makes us the drop-in; see docs/adr/0006.

use nuthatch_engine::topology::Manners;
use std::path::PathBuf;

/// Are we to be nutcracker?
pub fn is_nutcracker() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.as_ref().and_then(|path| path.file_stem()).is_some_and(|stem| stem == "nutcracker")
}

/// The manners of pools that do not say.
pub fn default_manners() -> Manners {
    if is_nutcracker() { Manners::Twemproxy } else { Manners::Modern }
}
