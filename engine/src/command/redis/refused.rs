//! Commands that are never served, and why. The client reads the reason. They have no row: `COMMAND`
//! lists only what is served.

/// Why a command is not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It concerns one server of the pool and not the data.
    OneServer,
    /// It would put shards out of step with each other.
    AllAtOnce,
    /// It keeps a state in the server's connection, which clients share.
    SharedConnection,
    /// The file of the pool says it.
    InTheFile,
    /// The replies of several servers cannot be joined to what one server would answer.
    NotJoined,
    /// Servers with cluster mode have it.
    ClusterOnly,
    /// The proxy has no such notifications. Libraries go on without them.
    Maintenance,
}

impl Why {
    /// What follows "is not served by the proxy: ".
    pub const fn text(self) -> &'static str {
        match self {
            Why::OneServer => "it concerns one server; ask that server directly",
            Why::AllAtOnce => "servers of a pool cannot do it at the same moment",
            Why::SharedConnection => {
                "the server keeps its state in a connection that other clients share"
            }
            Why::InTheFile => "the configuration file of the pool decides it",
            Why::NotJoined => "the replies of several servers cannot be joined to one",
            Why::ClusterOnly => "it is for a server with cluster mode",
            Why::Maintenance => "it sends no maintenance notifications",
        }
    }
}

/// Names in lower case, subcommands as `container|name`, sorted.
pub static REFUSED: [(&str, Why); 54] = [
    ("acl|deluser", Why::InTheFile),
    ("acl|load", Why::InTheFile),
    ("acl|save", Why::InTheFile),
    ("acl|setuser", Why::InTheFile),
    ("asking", Why::ClusterOnly),
    ("backup", Why::OneServer),
    ("client|import-source", Why::SharedConnection),
    ("client|maint_notifications", Why::Maintenance),
    ("clusterscan", Why::ClusterOnly),
    ("debug", Why::OneServer),
    ("failover", Why::OneServer),
    ("ft.aggregate", Why::NotJoined),
    ("ft.aliasadd", Why::NotJoined),
    ("ft.aliasdel", Why::NotJoined),
    ("ft.aliasupdate", Why::NotJoined),
    ("ft.alter", Why::NotJoined),
    ("ft.create", Why::NotJoined),
    ("ft.cursor", Why::NotJoined),
    ("ft.dictadd", Why::NotJoined),
    ("ft.dictdel", Why::NotJoined),
    ("ft.dictdump", Why::NotJoined),
    ("ft.dropindex", Why::NotJoined),
    ("ft.explain", Why::NotJoined),
    ("ft.hybrid", Why::NotJoined),
    ("ft.info", Why::NotJoined),
    ("ft.search", Why::NotJoined),
    ("ft.spellcheck", Why::NotJoined),
    ("ft.syndump", Why::NotJoined),
    ("ft.synupdate", Why::NotJoined),
    ("ft.tagvals", Why::NotJoined),
    ("himport", Why::SharedConnection),
    ("hotkeys", Why::OneServer),
    ("migrate", Why::OneServer),
    ("module|load", Why::OneServer),
    ("module|loadex", Why::OneServer),
    ("module|unload", Why::OneServer),
    ("pfdebug", Why::OneServer),
    ("pfselftest", Why::OneServer),
    ("psync", Why::OneServer),
    ("replconf", Why::OneServer),
    ("replicaof", Why::OneServer),
    ("restore-asking", Why::ClusterOnly),
    ("script|debug", Why::SharedConnection),
    ("shutdown", Why::OneServer),
    ("slaveof", Why::OneServer),
    ("swapdb", Why::AllAtOnce),
    ("sync", Why::OneServer),
    ("syncslots", Why::ClusterOnly),
    ("trimslots", Why::ClusterOnly),
    ("ts.mget", Why::NotJoined),
    ("ts.mrange", Why::NotJoined),
    ("ts.mrevrange", Why::NotJoined),
    ("ts.queryindex", Why::NotJoined),
    ("ts.querylabels", Why::NotJoined),
];

/// Why the command with this name, in any case, is never served; `None`: it is served, or is unknown.
pub fn why(name: &[u8]) -> Option<Why> {
    REFUSED.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|it| it.1)
}

/// Commands that change the state of a connection, or block it, and that we do not serve. They are
/// unknown, and never sent to a server.
pub static STATEFUL: [&str; 1] = ["monitor"];

/// Whether this unserved command must not be sent to a shared connection.
pub fn has_state(name: &[u8]) -> bool {
    STATEFUL.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// The same as [`why`] for a subcommand.
pub fn why_sub(container: &str, sub: &[u8]) -> Option<Why> {
    let is_it = |known: &str| {
        known
            .strip_prefix(container)
            .and_then(|rest| rest.strip_prefix('|'))
            .is_some_and(|known| sub.eq_ignore_ascii_case(known.as_bytes()))
    };
    REFUSED.iter().find(|(known, _)| is_it(known)).map(|it| it.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{keys, lookup};

    #[test]
    fn the_list_is_sorted_and_has_no_row() {
        assert!(REFUSED.is_sorted_by_key(|(name, _)| *name));
        for (name, _) in REFUSED {
            match name.split_once('|') {
                None => assert!(lookup(name.as_bytes()).is_none(), "{name}"),
                Some((container, sub)) => {
                    let row = lookup(container.as_bytes()).expect(name);
                    assert!(keys::subcommand(row, sub.as_bytes()).is_none(), "{name}");
                    assert!(why_sub(container, sub.to_uppercase().as_bytes()).is_some());
                }
            }
        }
        assert_eq!(why(b"ShutDown"), Some(Why::OneServer));
        assert_eq!(why(b"get"), None);
    }
}
