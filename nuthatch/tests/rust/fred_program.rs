//! A program as users write them, with the crate `fred` and its defaults: one server, RESP2 or
//! RESP3.
//!
//! Connecting is `PING` or `HELLO`, `CLIENT ID` and `INFO server`. `quit()` closes the connection
//! without a `QUIT`.

use fred::prelude::*;
use fred::types::lists::{LMoveDirection, ListLocation};
use fred::types::scan::{ScanType, Scanner};
use fred::types::sorted_sets::{Ordering, ZSort};
use fred::types::streams::XReadResponse;
use fred::types::{CustomCommand, InfoKind, RespVersion, SortOrder};
use std::collections::{HashMap, HashSet};
use tokio_stream::StreamExt;

type Outcome = Result<(), Error>;
/// An entry of a stream: its id, its fields.
type Entry = (String, HashMap<String, i64>);

pub async fn run(port: u16, version: RespVersion) -> Outcome {
    let server = ServerConfig::new_centralized("127.0.0.1", port);
    let config = Config { server, version, ..Config::default() };
    let r = Builder::from_config(config.clone()).build()?;
    let connection = r.init().await?;
    r.flushall::<()>(false).await?;
    strings(&r).await?;
    many_keys(&r).await?;
    hashes(&r).await?;
    lists(&r).await?;
    sets(&r).await?;
    sorted_sets(&r).await?;
    streams(&r).await?;
    pipelines(&r).await?;
    iterators(&r).await?;
    scripts(&r).await?;
    connections(&r, config).await?;
    transactions(&r).await?;
    r.quit().await?;
    connection.await.map_err(Error::from)?
}

async fn strings(r: &Client) -> Outcome {
    assert_eq!(r.ping::<String>(None).await?, "PONG");
    assert_eq!(r.echo::<String, _>("a word").await?, "a word");
    r.set::<(), _, _>("greeting", "grüße", None, None, false).await?;
    assert_eq!(r.get::<String, _>("greeting").await?, "grüße");
    assert_eq!(r.get::<Option<String>, _>("nothing").await?, None);
    let (soon, only_new) = (Some(Expiration::EX(100)), Some(SetOptions::NX));
    let refused: Option<String> = r.set("greeting", "x", soon.clone(), only_new, false).await?;
    assert_eq!(refused, None);
    let old: String = r.set("greeting", "hello", soon, None, true).await?;
    assert_eq!(old, "grüße");
    assert!(r.ttl::<i64, _>("greeting").await? > 90);
    assert!(r.pttl::<i64, _>("greeting").await? > 90_000);
    assert!(r.persist::<bool, _>("greeting").await?);
    assert!(r.expire::<bool, _>("greeting", 50, None).await?);
    assert!(r.pexpire::<bool, _>("greeting", 50_000, None).await?);
    assert!(r.expire_at::<bool, _>("greeting", 4_000_000_000, None).await?);
    assert_eq!(r.expire_time::<i64, _>("greeting").await?, 4_000_000_000);
    assert_eq!(r.append::<usize, _, _>("greeting", " world").await?, 11);
    assert_eq!(r.strlen::<usize, _>("greeting").await?, 11);
    assert_eq!(r.getrange::<String, _>("greeting", 6, 10).await?, "world");
    assert_eq!(r.setrange::<usize, _, _>("greeting", 6, "there").await?, 11);
    assert_eq!(r.getset::<String, _, _>("greeting", "bye").await?, "hello there");
    assert_eq!(r.r#type::<String, _>("greeting").await?, "string");
    let dump: Value = r.dump("greeting").await?;
    r.restore::<(), _>("again", 0, dump, false, false, None, None).await?;
    assert_eq!(r.getdel::<String, _>("again").await?, "bye");
    assert_eq!(r.incr::<i64, _>("n").await?, 1);
    assert_eq!(r.incr_by::<i64, _>("n", 5).await?, 6);
    assert_eq!(r.decr::<i64, _>("n").await?, 5);
    assert_eq!(r.decr_by::<i64, _>("n", 2).await?, 3);
    let half: f64 = r.incr_by_float("n", 0.5).await?;
    assert!((half - 3.5).abs() < 1e-9);
    // With a tag, two keys have one server.
    r.set::<(), _, _>("{a}from", "x", None, None, false).await?;
    assert!(r.copy::<bool, _, _>("{a}from", "{a}copy", None, false).await?);
    r.rename::<(), _, _>("{a}from", "{a}to").await?;
    assert!(!r.renamenx::<bool, _, _>("{a}copy", "{a}to").await?);
    assert_eq!(r.lcs::<usize, _, _>("{a}copy", "{a}to", true, false, None, false).await?, 1);
    assert!(r.randomkey::<Option<String>>().await?.is_some());
    Ok(())
}

async fn many_keys(r: &Client) -> Outcome {
    let many: Vec<(String, i64)> = (0..100).map(|n| (format!("many:{n}"), n)).collect();
    let names: Vec<String> = many.iter().map(|(name, _)| name.clone()).collect();
    let before: usize = r.dbsize().await?;
    r.mset(many).await?;
    assert_eq!(r.mget::<Vec<i64>, _>(names.clone()).await?, (0..100).collect::<Vec<_>>());
    assert_eq!(r.exists::<usize, _>(names.clone()).await?, 100);
    assert_eq!(r.dbsize::<usize>().await?, before + 100);
    let keys: Vec<String> = r.custom(command("KEYS"), vec!["many:*"]).await?;
    assert_eq!(keys.len(), 100);
    assert_eq!(r.custom::<usize, _>(command("TOUCH"), names[..10].to_vec()).await?, 10);
    assert_eq!(r.del::<usize, _>(names[..2].to_vec()).await?, 2);
    assert_eq!(r.unlink::<usize, _>(names[..4].to_vec()).await?, 2);
    Ok(())
}

async fn hashes(r: &Client) -> Outcome {
    assert_eq!(r.hset::<usize, _, _>("h", [("a", 1), ("b", 2)]).await?, 2);
    assert_eq!(r.hget::<i64, _, _>("h", "a").await?, 1);
    assert_eq!(r.hgetall::<HashMap<String, i64>, _>("h").await?.get("b"), Some(&2));
    let some: Vec<Option<i64>> = r.hmget("h", vec!["a", "z"]).await?;
    assert_eq!(some, [Some(1), None]);
    assert!(r.hsetnx::<bool, _, _, _>("h", "c", "long").await?);
    assert_eq!(r.hstrlen::<usize, _, _>("h", "c").await?, 4);
    assert_eq!(r.hincrby::<i64, _, _>("h", "a", 9).await?, 10);
    assert!(r.hexists::<bool, _, _>("h", "a").await?);
    assert_eq!(r.hlen::<usize, _>("h").await?, 3);
    // fred keeps pairs in a map without an order.
    assert_eq!(r.hkeys::<HashSet<String>, _>("h").await?.len(), 3);
    assert_eq!(r.hvals::<HashSet<String>, _>("h").await?.len(), 3);
    let random: HashMap<String, String> = r.hrandfield("h", Some((2, true))).await?;
    assert_eq!(random.len(), 2);
    assert_eq!(r.hdel::<usize, _, _>("h", vec!["b", "c"]).await?, 2);
    Ok(())
}

async fn lists(r: &Client) -> Outcome {
    assert_eq!(r.rpush::<usize, _, _>("{l}", vec![3, 1, 2]).await?, 3);
    assert_eq!(r.lpush::<usize, _, _>("{l}", 0).await?, 4);
    assert_eq!(r.lpushx::<usize, _, _>("nothing", 0).await?, 0);
    assert_eq!(r.lrange::<Vec<i64>, _>("{l}", 0, -1).await?, [0, 3, 1, 2]);
    assert_eq!(r.lindex::<i64, _>("{l}", -1).await?, 2);
    assert_eq!(r.lpos::<usize, _, _>("{l}", 1, None, None, None).await?, 2);
    assert_eq!(r.linsert::<i64, _, _, _>("{l}", ListLocation::Before, 1, 7).await?, 5);
    r.lset::<(), _, _>("{l}", 0, 9).await?;
    assert_eq!(r.lrem::<usize, _, _>("{l}", 0, 7).await?, 1);
    let (order, all) = (Some(SortOrder::Desc), Vec::<String>::new());
    let sorted: Vec<i64> = r.sort("{l}", None, Some((0, 2)), all, order, false, None).await?;
    assert_eq!(sorted, [9, 3]);
    let (left, right) = (LMoveDirection::Left, LMoveDirection::Right);
    assert_eq!(r.lmove::<i64, _, _>("{l}", "{l}2", left.clone(), right).await?, 9);
    assert_eq!(r.rpoplpush::<i64, _, _>("{l}", "{l}2").await?, 2);
    let popped: (String, Vec<i64>) = r.lmpop("{l}2", left, Some(2)).await?;
    assert_eq!(popped, ("{l}2".to_owned(), vec![2, 9]));
    assert_eq!(r.lpop::<i64, _>("{l}", None).await?, 3);
    assert_eq!(r.rpop::<Vec<i64>, _>("{l}", Some(2)).await?, [1]);
    r.ltrim::<(), _>("{l}", 0, 1).await?;
    assert_eq!(r.llen::<usize, _>("{l}").await?, 0);
    Ok(())
}

async fn sets(r: &Client) -> Outcome {
    assert_eq!(r.sadd::<usize, _, _>("{s}a", vec!["x", "y", "z"]).await?, 3);
    assert_eq!(r.sadd::<usize, _, _>("{s}b", vec!["y", "z", "q"]).await?, 3);
    assert_eq!(r.scard::<usize, _>("{s}a").await?, 3);
    assert!(r.sismember::<bool, _, _>("{s}a", "x").await?);
    let members: Vec<bool> = r.smismember("{s}a", vec!["x", "q"]).await?;
    assert_eq!(members, [true, false]);
    assert_eq!(r.smembers::<HashSet<String>, _>("{s}a").await?.len(), 3);
    let both = vec!["{s}a", "{s}b"];
    assert_eq!(r.sinter::<HashSet<String>, _>(both.clone()).await?.len(), 2);
    assert_eq!(r.sunion::<HashSet<String>, _>(both.clone()).await?.len(), 4);
    assert_eq!(r.sdiff::<Vec<String>, _>(both.clone()).await?, ["x"]);
    assert_eq!(r.sunionstore::<usize, _, _>("{s}c", both).await?, 4);
    assert!(r.smove::<bool, _, _, _>("{s}a", "{s}b", "x").await?);
    assert!(r.srandmember::<Option<String>, _>("{s}b", None).await?.is_some());
    assert_eq!(r.spop::<Vec<String>, _>("{s}c", Some(3)).await?.len(), 3);
    assert_eq!(r.srem::<usize, _, _>("{s}a", vec!["y", "none"]).await?, 1);
    Ok(())
}

async fn sorted_sets(r: &Client) -> Outcome {
    let values = vec![(1.0, "one"), (2.5, "two"), (3.0, "three")];
    assert_eq!(r.zadd::<usize, _, _>("{z}", None, None, false, false, values).await?, 3);
    let greater = Some(Ordering::GreaterThan);
    let changed: usize = r.zadd("{z}", None, greater, true, false, (0.5, "one")).await?;
    assert_eq!(changed, 0);
    assert_eq!(r.zcard::<usize, _>("{z}").await?, 3);
    assert_eq!(r.zcount::<usize, _>("{z}", 2.0, f64::INFINITY).await?, 2);
    assert_eq!(r.zscore::<Option<f64>, _, _>("{z}", "two").await?, Some(2.5));
    let scores: Vec<Option<f64>> = r.zmscore("{z}", vec!["one", "none"]).await?;
    assert_eq!(scores, [Some(1.0), None]);
    assert_eq!(r.zrank::<usize, _, _>("{z}", "three", false).await?, 2);
    assert_eq!(r.zrevrank::<usize, _, _>("{z}", "three", false).await?, 0);
    let range: Vec<(String, f64)> = r.zrange("{z}", 0, -1, None, false, None, true).await?;
    let all = [("one", 1.0), ("two", 2.5), ("three", 3.0)];
    assert_eq!(range, all.map(|(member, score)| (member.to_owned(), score)));
    let by_score = Some(ZSort::ByScore);
    let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
    let range: Vec<String> = r.zrange("{z}", 1.5, high, by_score, false, None, false).await?;
    assert_eq!(range, ["two", "three"]);
    let range: Vec<String> = r.zrangebyscore("{z}", low, high, false, Some((1, 1))).await?;
    assert_eq!(range, ["two"]);
    assert_eq!(r.zincrby::<Option<f64>, _, _>("{z}", 1.5, "one").await?, Some(2.5));
    let stored: usize = r.zunionstore("{z}2", vec!["{z}", "{z}2"], vec![2.0, 1.0], None).await?;
    assert_eq!(stored, 3);
    assert_eq!(r.zpopmax::<(String, f64), _>("{z}2", None).await?, ("three".to_owned(), 6.0));
    assert_eq!(r.zremrangebyrank::<usize, _>("{z}2", 0, 0).await?, 1);
    assert_eq!(r.zrem::<usize, _, _>("{z}", vec!["three", "none"]).await?, 1);
    Ok(())
}

async fn streams(r: &Client) -> Outcome {
    r.xgroup_create::<(), _, _, _>("x", "group", "$", true).await?;
    for n in 0..5 {
        let id: String = r.xadd("x", false, None::<()>, format!("1-{}", n + 1), ("n", n)).await?;
        assert_eq!(id, format!("1-{}", n + 1));
    }
    assert_eq!(r.xlen::<usize, _>("x").await?, 5);
    let range: Vec<Entry> = r.xrange_values("x", "1-2", "+", Some(2)).await?;
    assert_eq!(range.iter().map(|(_, fields)| fields["n"]).collect::<Vec<_>>(), [1, 2]);
    let read: XReadResponse<String, String, String, i64> =
        r.xread_map(Some(10), None, "x", "1-3").await?;
    assert_eq!(read["x"].len(), 2);
    let read: XReadResponse<String, String, String, i64> =
        r.xreadgroup_map("group", "me", Some(3), None, false, "x", ">").await?;
    assert_eq!(read["x"][2].0, "1-3");
    assert_eq!(r.xack::<usize, _, _, _>("x", "group", vec!["1-1", "1-2"]).await?, 2);
    let pending: Vec<(String, String, i64, i64)> = r.xpending("x", "group", ("-", "+", 10)).await?;
    assert_eq!(pending.len(), 1);
    let claimed: (String, Vec<Entry>) =
        r.xautoclaim_values("x", "group", "other", 0, "0-0", None, false).await?;
    assert_eq!(claimed.1[0].0, "1-3");
    assert_eq!(r.xdel::<usize, _, _>("x", "1-5").await?, 1);
    assert_eq!(r.xtrim::<usize, _, _>("x", ("MAXLEN", "=", 2, None)).await?, 2);
    assert_eq!(r.xgroup_destroy::<usize, _, _>("x", "group").await?, 1);
    Ok(())
}

async fn pipelines(r: &Client) -> Outcome {
    let pipe = r.pipeline();
    pipe.set::<(), _, _>("p", 1, None, None, false).await?;
    pipe.incr::<(), _>("p").await?;
    pipe.mget::<(), _>(vec!["p", "many:7", "many:8"]).await?;
    let all: (String, i64, Vec<i64>) = pipe.all().await?;
    assert_eq!(all, ("OK".to_owned(), 2, vec![2, 7, 8]));
    // A pipeline can be sent again.
    assert_eq!(pipe.last::<Vec<i64>>().await?, [2, 7, 8]);

    let pipe = r.pipeline();
    for n in 10..100 {
        pipe.get::<(), _>(format!("many:{n}")).await?;
    }
    assert_eq!(pipe.all::<Vec<i64>>().await?, (10..100).collect::<Vec<_>>());

    // An error is that of its own command.
    let pipe = r.pipeline();
    pipe.get::<(), _>("p").await?;
    pipe.hgetall::<(), _>("p").await?;
    pipe.get::<(), _>("many:9").await?;
    let each = pipe.try_all::<Value>().await;
    assert!(each[0].is_ok() && each[2].is_ok());
    assert!(each[1].as_ref().unwrap_err().details().starts_with("WRONGTYPE"));

    // Calls at the same time share the connection without a pipeline too.
    let calls: Vec<_> = (10..60)
        .map(|n| {
            let r = r.clone();
            tokio::spawn(async move { r.get::<i64, _>(format!("many:{n}")).await })
        })
        .collect();
    for (call, n) in calls.into_iter().zip(10..) {
        assert_eq!(call.await.unwrap()?, n);
    }
    Ok(())
}

async fn iterators(r: &Client) -> Outcome {
    let mut seen = HashSet::new();
    let mut pages = std::pin::pin!(r.scan("many:*", Some(10), None));
    while let Some(mut page) = pages.try_next().await? {
        seen.extend(page.take_results().unwrap_or_default());
        page.next();
    }
    assert_eq!(seen.len(), 96);
    let buffered = r.scan_buffered("many:*", Some(7), Some(ScanType::String));
    let seen: HashSet<_> = buffered.collect::<Result<_, _>>().await?;
    assert_eq!(seen.len(), 96);
    // `scan_page` has the cursor in the caller's hands.
    let (mut cursor, mut seen) = ("0".to_owned(), HashSet::new());
    loop {
        let (next, keys): (String, Vec<String>) =
            r.scan_page(cursor, "many:*", Some(20), None).await?;
        seen.extend(keys);
        if next == "0" {
            break;
        }
        cursor = next;
    }
    assert_eq!(seen.len(), 96);

    let fields: Vec<(String, i64)> = (0..1000).map(|n| (format!("f:{n}"), n)).collect();
    r.hset::<(), _, _>("big", fields).await?;
    let (mut pages, mut sum) = (std::pin::pin!(r.hscan("big", "f:*", Some(100))), 0);
    while let Some(mut page) = pages.try_next().await? {
        let map = page.take_results().unwrap().inner();
        sum += map.values().filter_map(Value::as_i64).sum::<i64>();
        page.next();
    }
    assert_eq!(sum, 499_500);
    let (mut pages, mut count) = (std::pin::pin!(r.sscan("{s}b", "*", None)), 0);
    while let Some(page) = pages.try_next().await? {
        count += page.results().as_ref().map_or(0, Vec::len);
    }
    assert_eq!(count, 4);
    let (mut pages, mut count) = (std::pin::pin!(r.zscan("{z}", "*", None)), 0);
    while let Some(page) = pages.try_next().await? {
        count += page.results().as_ref().map_or(0, Vec::len);
    }
    assert_eq!(count, 2);
    Ok(())
}

async fn scripts(r: &Client) -> Outcome {
    let source = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    let sha: String = r.script_load(source).await?;
    assert_eq!(r.script_exists::<Vec<bool>, _>(sha.clone()).await?, [true]);
    for n in 0..20 {
        assert_eq!(r.evalsha::<i64, _, _, _>(sha.clone(), format!("d:{n}"), n).await?, n);
    }
    r.script_flush(false).await?;
    let error = r.evalsha::<i64, _, _, _>(sha.clone(), "d:1", 1).await.unwrap_err();
    assert!(error.details().starts_with("NOSCRIPT"), "{error}");
    assert_eq!(r.eval::<i64, _, _, _>(source, "d:1", 1).await?, 2);
    assert_eq!(r.evalsha::<i64, _, _, _>(sha, "d:1", 1).await?, 3);
    Ok(())
}

async fn connections(r: &Client, config: Config) -> Outcome {
    assert!(r.server_version().is_some());
    assert!(r.info::<String>(Some(InfoKind::Server)).await?.contains("redis_version:"));
    assert!(r.client_id::<i64>().await? > 0);
    r.client_setname("writer").await?;
    assert_eq!(r.client_getname::<String>().await?, "writer");
    assert!(r.client_info::<String>().await?.contains("name=writer"));
    assert!(r.client_list::<String, String>(None, None).await?.contains("name=writer"));
    assert!(r.lastsave::<i64>().await? > 0);

    // A pool of five connections to another database.
    let pool = Builder::from_config(Config { database: Some(3), ..config }).build_pool(5)?;
    pool.init().await?;
    for n in 0..20 {
        assert_eq!(pool.get::<Option<String>, _>("greeting").await?, None);
        pool.set::<(), _, _>(format!("o:{n}"), n, None, None, false).await?;
    }
    assert_eq!(pool.dbsize::<usize>().await?, 20);
    assert_eq!(pool.next().mget::<Vec<i64>, _>(vec!["o:3", "o:4", "o:5"]).await?, [3, 4, 5]);
    pool.quit().await?;
    r.select(3).await?;
    assert_eq!(r.get::<i64, _>("o:7").await?, 7);
    r.select(0).await
}

async fn transactions(r: &Client) -> Outcome {
    let transaction = r.multi();
    transaction.set::<(), _, _>("t", 1, None, None, false).await?;
    transaction.incr::<(), _>("t").await?;
    assert_eq!(transaction.exec::<(String, i64)>(true).await?, ("OK".to_owned(), 2));
    r.rpush::<(), _, _>("{w}list", "x").await?;
    let taken: (String, String) = r.blpop(vec!["{w}none", "{w}list"], 1.0).await?;
    assert_eq!(taken, ("{w}list".to_owned(), "x".to_owned()));
    assert_eq!(r.publish::<i64, _, _>("channel", "text").await?, 0);
    assert_eq!(r.ping::<String>(None).await?, "PONG");
    Ok(())
}

fn command(name: &'static str) -> CustomCommand {
    CustomCommand::new_static(name, None::<u16>, false)
}
