//! The ways to join replies.

use crate::command::tips::ResponsePolicy;

/// How the replies are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Join {
    /// RESP: elements in the order of the request's keys.
    InOrder,
    /// RESP: integers are added.
    Sum,
    /// RESP: OK if all are.
    AllOk,
    /// RESP: the first reply, if none is an error.
    AllSucceeded,
    /// RESP: a reply that is no error, if there is one.
    OneSucceeded,
    /// RESP: the elements of all replies, in the order of the shards.
    Concat,
    /// KEYS: the elements of all replies. The large ones flow, one after the other, behind the others.
    Stream,
    /// RESP: for each place the least of the integers there.
    And,
    /// RESP: the least integer.
    Min,
    /// RANDOMKEY and DBSIZE of each shard: one of the keys.
    Random,
    /// SCAN: the server's cursor becomes ours.
    Cursor,
    /// SLOWLOG GET: entries of all servers, the latest first.
    Logs,
    /// INFO: fields of all servers, and ours.
    Info,
    /// SUBSCRIBE: the text that is known, when the servers have confirmed.
    Confirm,
    /// EXEC: elements of all blocks and of ours, in the order of the commands. A block that fails is an error in
    /// the places of its commands.
    Exec,
    /// CLIENT LIST: the lines of all workers.
    Lines,
    /// CLIENT KILL by address: OK if a worker has closed a client.
    Killed,
    /// CLIENT KILL by filters: how many clients all workers have closed.
    WorkersSum,
    /// CLIENT PAUSE: OK when all workers have done it.
    WorkersOk,
    /// memcached: items in the order of the request's keys.
    Items,
    /// memcached: the first server's reply, if no server failed.
    First,
    /// memcached: numbers are added, the rest is listed by server.
    Stats,
    /// memcached: equal values are listed once, the rest is listed by server.
    Settings,
}

impl Join {
    /// What Redis' command tips call it. They have no word for arrays, and none for memcached.
    pub const fn policy(self) -> Option<ResponsePolicy> {
        match self {
            Join::Sum => Some(ResponsePolicy::AggSum),
            Join::Min => Some(ResponsePolicy::AggMin),
            Join::And => Some(ResponsePolicy::AggLogicalAnd),
            Join::AllOk | Join::AllSucceeded => Some(ResponsePolicy::AllSucceeded),
            Join::OneSucceeded => Some(ResponsePolicy::OneSucceeded),
            Join::Random | Join::Cursor | Join::Info | Join::Exec => Some(ResponsePolicy::Special),
            Join::InOrder | Join::Concat | Join::Stream | Join::Logs => None,
            Join::Lines | Join::Killed | Join::WorkersSum | Join::WorkersOk | Join::Confirm => None,
            Join::Items | Join::First | Join::Stats | Join::Settings => None,
        }
    }
}
