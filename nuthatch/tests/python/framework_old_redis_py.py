"""A program as users wrote them years ago, with redis-py 3.5 and its defaults.

    framework_old_redis_py.py PORT

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import sys
import warnings

from checks import refused, same

# It uses distutils, which newer Pythons do not like.
warnings.simplefilter("ignore")
import redis  # noqa: E402

PORT = int(sys.argv[1])


def strings(r):
    same((r.ping(), r.echo("hello")), (True, b"hello"), "ping")
    same((r.set("text", "value", ex=100), r.get("text")), (True, b"value"), "set")
    same((r.setex("passing", 100, 1), r.psetex("passing", 90000, 1)), (True, True), "setex")
    same((0 < r.ttl("passing") <= 90, r.persist("passing")), (True, True), "ttl")
    same((r.setnx("text", 1), r.getset("text", "new")), (False, b"value"), "setnx, getset")
    same((r.append("text", "er"), r.strlen("text"), r.getrange("text", 0, 1)), (5, 5, b"ne"), "append")
    same((r.incr("counter", 5), r.decr("counter"), r.incrbyfloat("counter", 0.5)), (5, 4, 4.5), "incr")
    same((r.setbit("bits", 7, 1), r.bitcount("bits")), (0, 1), "setbit")
    many = {f"{n}-of-many": n for n in range(100)}
    same(r.mset(many), True, "mset")
    same(r.mget(*many, "nothing"), [b"%d" % n for n in range(100)] + [None], "mget")
    same((r.exists(*many), r.touch(*many), r.delete(*many)), (100, 100, 100), "exists, touch, delete")
    refused(lambda: r.lpush("text", 1), redis.ResponseError, "wrong type")
    refused(lambda: r.execute_command("NOSUCH"), redis.ResponseError, "unknown command")


def hashes_and_others(r):
    same(r.hset("hash", mapping={f"f{n}": n for n in range(300)}), 300, "hset")
    same((r.hget("hash", "f7"), r.hlen("hash"), r.hincrby("hash", "f7", 3)), (b"7", 300, 10), "hget")
    same(r.hmget("hash", "f1", "z"), [b"1", None], "hmget")
    same(len(dict(r.hscan_iter("hash"))), 300, "hscan_iter")
    same((r.hdel("hash", "f1", "f2"), r.hexists("hash", "f1")), (2, False), "hdel")
    same((r.rpush("list", *range(10)), r.lrange("list", 0, 1)), (10, [b"0", b"1"]), "rpush")
    same((r.lpop("list"), r.rpop("list"), r.llen("list")), (b"0", b"9", 8), "lpop")
    same((r.sadd("set", *range(20)), len(list(r.sscan_iter("set")))), (20, 20), "sadd, sscan_iter")
    same((r.sismember("set", 3), r.srem("set", 3), r.scard("set")), (True, 1, 19), "sismember")
    same(r.zadd("zset", {"one": 1, "two": 2.5}), 2, "zadd")
    same(r.zrange("zset", 0, -1, withscores=True), [(b"one", 1.0), (b"two", 2.5)], "zrange")
    same((r.zincrby("zset", 2, "one"), r.zrank("zset", "one")), (3.0, 1), "zincrby")
    same((len(list(r.zscan_iter("zset"))), r.zscore("zset", "two")), (2, 2.5), "zscan_iter")
    first = r.xadd("stream", {"field": "first"})
    same(r.xrange("stream"), [(first, {b"field": b"first"})], "xrange")


def whole_pool(r):
    r.mset({f"{n}-to-be-found": n for n in range(300)})
    found = list(r.scan_iter(match="*-to-be-found", count=10))
    same((len(found) >= 300, len(set(found))), (True, 300), "scan_iter")
    same(len(r.keys("*-to-be-found")), 300, "keys")
    same((r.dbsize() > 300, r.randomkey() is not None), (True, True), "dbsize")
    same(r.info()["redis_mode"], "standalone", "info")
    other = redis.Redis.from_url(f"redis://127.0.0.1:{PORT}/2", decode_responses=True)
    same((other.set("there", "1"), other.get("there"), r.get("there")), (True, "1", None), "from_url")
    same((other.flushdb(), other.dbsize()), (True, 0), "flushdb")
    other.close()


def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for n in range(500):
            pipe.set(f"{n}-of-the-pipeline", n).get(f"{n}-of-the-pipeline")
        replies = pipe.execute()
    same(replies[0::2], [True] * 500, "pipeline set")
    same(replies[1::2], [b"%d" % n for n in range(500)], "pipeline get")
    with r.pipeline(transaction=False) as pipe:
        pipe.set("a", 1).lpush("a", 2).get("a")
        replies = pipe.execute(raise_on_error=False)
    same((replies[0], replies[2]), (True, b"1"), "around an error")
    same(isinstance(replies[1], redis.ResponseError), True, "the error in its place")


def scripts(r):
    add = r.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    same([add(keys=[f"{n}-added"], args=[n]) for n in range(20)], list(range(20)), "register_script")
    with r.pipeline(transaction=False) as pipe:
        for n in range(20):
            add(keys=[f"{n}-added"], args=[1], client=pipe)
        same(pipe.execute(), [n + 1 for n in range(20)], "scripts of a pipeline")
    for n in range(10):
        with r.lock(f"lock-{n}", timeout=10, blocking_timeout=5) as lock:
            same((lock.owned(), lock.extend(5), lock.reacquire()), (True, True, True), "lock")
            other = r.lock(f"lock-{n}", timeout=10)
            same(other.acquire(blocking=False), False, "a lock that is taken")
        same(r.exists(f"lock-{n}"), 0, "unlocked")
    refused(lambda: r.evalsha("0" * 40, 1, "a"), redis.exceptions.NoScriptError, "evalsha")


def main():
    r = redis.StrictRedis(host="127.0.0.1", port=PORT)
    same(redis.__version__.split(".")[0], "3", "the version of redis-py")
    for part in [strings, hashes_and_others, whole_pool, pipelines, scripts]:
        part(r)
    same((r.flushall(), r.dbsize()), (True, 0), "flushall")
    r.close()
    print(f"redis-py {redis.__version__}: done")


main()
