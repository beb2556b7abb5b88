//! Requests that conversations are made of.
//!
//! `K` is a key, followed by the type that it should hold, `A` any key, `V` a value, `N` a number. `Chan` is a channel,
//! `Pat` a pattern of channels, `Msg` a message like no other.

pub const TYPES: [&str; 7] = ["str", "num", "list", "set", "hash", "zset", "stream"];

/// By the type that their key holds.
pub const DATA: [&[&str]; 7] = [
    &[
        "GET K",
        "SET K V",
        "SETNX K V",
        "APPEND K V",
        "GETSET K V",
        "STRLEN K",
        "GETDEL K",
        "SETEX K 1000 V",
        "GETRANGE K 0 3",
        "SET K V GET",
        "SET K V NX GET",
    ],
    &["INCR K", "INCR K", "DECR K", "INCRBY K N", "INCRBYFLOAT K 0.5", "GET K", "SET K N"],
    &[
        "RPUSH K V",
        "LPUSH K V N",
        "LPOP K",
        "RPOP K 2",
        "LRANGE K 0 -1",
        "LLEN K",
        "LINDEX K N",
        "BLPOP K 0.001",
        "BRPOP K 0.001",
    ],
    &["SADD K V N", "SREM K N", "SCARD K", "SISMEMBER K N", "SMEMBERS K"],
    &[
        "HSET K N V",
        "HGET K N",
        "HDEL K N",
        "HINCRBY K n 1",
        "HGETALL K",
        "HMGET K N x n",
        "HLEN K",
    ],
    &[
        "ZADD K N V",
        "ZSCORE K V",
        "ZRANGE K 0 -1 WITHSCORES",
        "ZINCRBY K N m",
        "ZREM K V",
        "ZPOPMIN K",
        "BZPOPMIN K 0.001",
    ],
    &[
        "XADD K N-N f V",
        "XLEN K",
        "XRANGE K - +",
        "XREAD COUNT 2 STREAMS K 0",
        "XTRIM K MAXLEN 3",
        "XREAD BLOCK 1 STREAMS K $",
    ],
];
pub const ANY: &[&str] = &[
    "DEL A",
    "UNLINK A A",
    "EXISTS A A",
    "TYPE A",
    "EXPIRE A 1000",
    "TTL A",
    "PERSIST A",
    "TOUCH A A",
    "GET A",
    "DEL A A A",
    "MGET A A A",
    "MSET Kstr V Kstr V",
    "MGET Kstr Knum Kstr",
    "EXPIRE A -1",
    "MOVE A 1",
    "MOVE A 99",
];
/// What has two keys.
pub const TIED: &[&str] = &[
    "RENAME A A",
    "COPY A A",
    "COPY A A REPLACE",
    "MSETNX Kstr V Knum N",
    "LMOVE Klist Klist LEFT RIGHT",
    "SUNIONSTORE Kset Kset Kset",
    "SMOVE Kset Kset N",
    "RPOPLPUSH Klist A",
    "BLMOVE Klist Klist LEFT RIGHT 0.001",
    "BLPOP Klist Knum 0.001",
    "COPY A A DB 1 REPLACE",
    "COPY A A DB 99",
];
/// All sides have them from the start.
pub const SCRIPTS: &[&str] = &[
    "return redis.call('get',KEYS[1])",
    "return redis.call('incr',KEYS[1])",
    "redis.call('set',KEYS[1],ARGV[1]) return {KEYS[1],ARGV[1],3.7,false,true}",
    "return redis.error_reply('MY own')",
    "return {{double=3.5},{map={a=1}}}",
    "return (",
];
/// SHA1 of the first three, and of none.
pub const SHAS: [&str; 4] = [
    "fd758d1589d044dd850a6f05d52f2eefd27f033f",
    "6f5ade10a69975e903c6d07b10ea44c6382381a5",
    "e8391d26c36af8e1ea84b37bd14256ff5fe7bb3d",
    "0000000000000000000000000000000000000000",
];
pub const KEYLESS: &[&str] = &[
    "PING",
    "PING V",
    "ECHO V",
    "TIME",
    "CLIENT GETNAME",
    "CLIENT SETNAME n",
    "CLIENT SETNAME m",
    "CLIENT ID",
    "COMMAND COUNT x",
];
pub const MISTAKES: &[&str] = &[
    "GET",
    "SET Kstr",
    "NOSUCH Kstr",
    "NOSUCH",
    "INCR Knum Knum",
    "MGET",
    "SET Kstr V WRONG",
    "HSET Khash f",
    "INCRBY Knum x",
    "EVAL",
    "CLIENT NOSUCH",
    "OBJECT NOSUCH Kstr",
    "LPUSH Klist",
    "PING a b",
    "ECHO",
    "EVAL return(1) x",
    "EVAL return(1) -1",
    "EVAL return(1) 5 Kstr",
    "EXPIRE Kstr x",
    "MSET Kstr",
    "MSET Kstr V Kstr",
    "BLPOP Klist",
    "BLPOP Klist x",
    "BLPOP Klist -1",
    "SINTERCARD x Kset",
    "ZUNION 0 Kset",
    "XREAD STREAMS Kstream",
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "PUBLISH Chan",
    "SPUBLISH Chan",
    "PUBSUB",
    "PUBSUB NOSUCH",
    "PUBSUB NUMPAT x",
];
/// A client listens.
pub const BEGINS: &[&str] = &[
    "SUBSCRIBE Chan",
    "SUBSCRIBE Chan Chan Chan",
    "PSUBSCRIBE Pat",
    "PSUBSCRIBE Pat Pat",
    "SSUBSCRIBE Chan",
    "SSUBSCRIBE Chan Chan",
];
/// It does not any more.
pub const ENDS_IT: &[&str] = &[
    "UNSUBSCRIBE Chan",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE Pat Pat",
    "PUNSUBSCRIBE",
    "SUNSUBSCRIBE Chan",
    "SUNSUBSCRIBE",
];
pub const PUBLISHES: &[&str] = &["PUBLISH Chan Msg", "PUBLISH Chan Msg", "SPUBLISH Chan Msg"];
pub const LISTENERS: &[&str] = &[
    "PUBSUB NUMSUB Chan Chan",
    "PUBSUB SHARDNUMSUB Chan",
    "PUBSUB NUMPAT",
    "PUBSUB CHANNELS Pat",
    "PUBSUB SHARDCHANNELS Pat",
];
/// While a client of RESP2 listens.
pub const RESTRICTED: &[&str] = &[
    "PING",
    "PING V",
    "PING a b",
    "RESET",
    "HELLO 3",
    "GET Kstr",
    "GET",
    "NOSUCH",
    "CLIENT NOSUCH",
    "CLIENT ID",
    "PUBLISH Chan Msg",
    "PUBSUB NUMPAT",
    "SUBSCRIBE",
    "EXEC",
    "DISCARD",
    "WATCH A",
    "SELECT 1",
    "BLPOP Klist 0.001",
];
pub const WHOLE: &[&str] = &[
    "DBSIZE",
    "KEYS P*",
    "FLUSHDB",
    "FLUSHALL",
    "SCRIPT EXISTS x",
    "RANDOMKEY",
    "SCAN 0 COUNT 100000",
    "SCAN 0 MATCH P* COUNT 100000",
    "SCAN x",
    "SCAN 0 NOSUCH 1",
];

/// After which a server closes the connection.
pub const ENDS: [&str; 4] = [
    "QUIT\r\n",
    "*1\r\n$4\r\nQUIT\r\n",
    "*1\r\n$4\r\nEXEC\r\n*1\r\n$x\r\n",
    "*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nEXEC\r\n",
];
