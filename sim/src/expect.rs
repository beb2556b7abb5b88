//! A request that is owed a reply, and what the right reply is.

use crate::resp::Value;
use crate::topics::Confirm;
use nuthatch_engine::base::Time;

/// The right reply to a request.
#[derive(Clone, Debug)]
pub enum Expect {
    Value(Value),
    /// The reply to HELLO 3: a map.
    Hello,
    /// The value of the private key with this number.
    Own(usize),
    /// OK, and this is the new value of the private key.
    OwnSet(usize, Vec<u8>),
    /// An error that begins with this text.
    Error(&'static str),
    /// A page of SCAN.
    Page,
    /// The number of keys on all shards, or of those that are left.
    Count,
    /// As many keys.
    Keys,
    /// The value, or NOSCRIPT: somebody has flushed the server's scripts.
    ValueOrNoScript(Value),
    /// The value, or CROSSSLOT.
    ValueOrCrossSlot(Value),
    /// QUEUED. `true`: or CROSSSLOT.
    Queued(bool),
    /// OK to WATCH. The transaction that is behind it in the pipeline.
    Watch(Option<u64>),
    /// The value of a counter.
    Counter,
    Exec(Box<Exec>),
    /// The number of the database after EXEC. It was this one before.
    Database(u32),
    /// A confirmation of a subscription, or of its end.
    Confirm(Box<Confirm>),
    /// How many have got a message.
    Published,
    /// RESET: the client is as a new one.
    Reset,
    /// The length of a list.
    Pushed,
    /// An element of one of these lists.
    Popped {
        keys: Vec<Vec<u8>>,
        may_be_null: bool,
    },
    /// A write of a register or a list.
    Written,
    /// The value of a register.
    Register,
    /// 0 or 1.
    Flag,
    /// OK or an error.
    Either,
    /// OK; then the connection ends.
    Quit,
    /// These items in order. With `manners: modern` some may be missing after a failure.
    Items(Vec<Vec<u8>>),
    /// STAT lines with the sum over all shards.
    Stats,
    /// Lines that begin with this text.
    Prefix(&'static str),
    /// The reply to the `mn` that ends a quiet run.
    Noop,
    /// A quiet request that gets a reply: from its server, or an error of ours.
    QuietHit(Value),
    /// No reply, or an error of its server.
    Silence {
        /// The client gets an error if the request fails.
        reports_failure: bool,
        /// Its server sends an error, because it has no memory for it.
        answers: bool,
        /// The private key and its new value.
        own: Option<(usize, Vec<u8>)>,
    },
}

/// A request that is owed a reply.
#[derive(Clone, Debug)]
pub struct Asked {
    pub tag: u64,
    pub at: Time,
    pub expect: Expect,
    /// It goes to one server without a cut.
    pub whole: bool,
    /// The owner of its key while all shards are live. `None`: it has several keys, or no fixed owner.
    pub shard: Option<u16>,
    pub resp3: Option<bool>,
    /// Of a register or a list.
    pub key: Vec<u8>,
}

/// What a client knows about an EXEC that it sends.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// The elements of the reply.
    pub elements: Vec<Expect>,
    /// A server refuses a command of it.
    pub is_refused: bool,
    pub watches: bool,
    /// The client has said HELLO since WATCH.
    pub has_switched: bool,
    /// It increments this counter.
    pub counter: Option<Vec<u8>>,
    /// The database of what comes after it, if it is executed.
    pub db: Option<u32>,
}
