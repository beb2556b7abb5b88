//! Why a client's next command is refused, whatever it is; see `client/refused_multi.rs`.

/// Why a command is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barred {
    No,
    /// MULTI was refused, and neither EXEC nor DISCARD has come since.
    Multi,
    /// It follows CLIENT CACHING YES.
    Caching,
}
