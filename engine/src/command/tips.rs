//! The words by which Redis' command tips say how a request is cut for several servers, and how the
//! replies are joined. A cut and a join carry them, so `COMMAND INFO` prints what we really do.

/// `request_policy`: which servers a request goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestPolicy {
    /// To every server, replicas too.
    AllNodes,
    /// To the primary of every shard.
    AllShards,
    /// In parts, by the owners of its keys.
    MultiShard,
    Special,
}

/// `response_policy`: how the replies become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponsePolicy {
    AggLogicalAnd,
    AggMin,
    AggSum,
    AllSucceeded,
    OneSucceeded,
    Special,
}

/// The tips of a command, as `COMMAND INFO` prints them.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tips {
    /// How it is cut. A cut brings its own.
    pub request: Option<RequestPolicy>,
    /// How the replies are joined.
    pub response: Option<ResponsePolicy>,
    /// What is special about the output.
    pub output: Option<&'static str>,
}

impl Tips {
    pub const NONE: Tips = Tips { request: None, response: None, output: None };

    pub fn words(&self) -> impl Iterator<Item = &'static str> + Clone {
        let policies =
            [self.request.map(RequestPolicy::tip), self.response.map(ResponsePolicy::tip)];
        policies.into_iter().chain([self.output]).flatten()
    }
}

impl RequestPolicy {
    /// As in `COMMAND INFO`.
    pub const fn tip(self) -> &'static str {
        match self {
            RequestPolicy::AllNodes => "request_policy:all_nodes",
            RequestPolicy::AllShards => "request_policy:all_shards",
            RequestPolicy::MultiShard => "request_policy:multi_shard",
            RequestPolicy::Special => "request_policy:special",
        }
    }
}

impl ResponsePolicy {
    /// As in `COMMAND INFO`.
    pub const fn tip(self) -> &'static str {
        match self {
            ResponsePolicy::AggLogicalAnd => "response_policy:agg_logical_and",
            ResponsePolicy::AggMin => "response_policy:agg_min",
            ResponsePolicy::AggSum => "response_policy:agg_sum",
            ResponsePolicy::AllSucceeded => "response_policy:all_succeeded",
            ResponsePolicy::OneSucceeded => "response_policy:one_succeeded",
            ResponsePolicy::Special => "response_policy:special",
        }
    }
}
