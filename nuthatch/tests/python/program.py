"""A small program as users write them, with redis-py and its defaults.

    program.py PORT (2|3|default) [PASSWORD]

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import sys
import threading

from checks import refused, same

import redis

PORT, PROTOCOL = int(sys.argv[1]), sys.argv[2]
PASSWORD = sys.argv[3] if len(sys.argv) > 3 else None
OPTIONS = {"host": "127.0.0.1", "port": PORT, "socket_timeout": 10}
if PROTOCOL != "default":
    OPTIONS |= {"protocol": int(PROTOCOL)}
if PASSWORD:
    OPTIONS |= {"username": "default", "password": PASSWORD}


def connection(r):
    same(r.ping(), True, "ping")
    same(r.echo("hello"), "hello", "echo")
    same(r.client_getname(), "nuthatch-test", "client_name")
    same(r.select(0), True, "select")
    same(r.client_id() > 0, True, "client id")
    same(r.client_setname("again"), True, "client setname")
    refused(lambda: r.execute_command("NOSUCH", "x"), redis.ResponseError, "unknown command")
    same(r.info("server")["redis_mode"], "standalone", "info")


def strings(r):
    same(r.set("text", "gr\u00fc\u00dfe"), True, "set")
    same(r.get("text"), "gr\u00fc\u00dfe", "get")
    same(r.get("nothing"), None, "get of nothing")
    same(r.set("text", "x", nx=True), None, "set nx")
    same(r.set("text", "x", get=True), "gr\u00fc\u00dfe", "set get")
    same(r.set("passing", "soon over", ex=100), True, "set ex")
    same(0 < r.ttl("passing") <= 100, True, "ttl")
    same(r.incr("counter", 5), 5, "incr")
    same(r.incrbyfloat("counter", 0.5), 5.5, "incrbyfloat")
    same(r.append("text", "yz"), 3, "append")
    many = {f"{n}-of-many-keys": f"value {n}" for n in range(100)}
    same(r.mset(many), True, "mset")
    same(r.mget(*many, "nothing"), [*many.values(), None], "mget")
    same(r.exists(*many), 100, "exists")
    same(r.touch(*many), 100, "touch")
    same(r.delete(*many, "nothing"), 100, "delete")
    same(r.unlink("text", "counter"), 2, "unlink")
    refused(lambda: r.lpush("passing", 1), redis.ResponseError, "wrong type")


def lists_and_sets(r):
    same(r.rpush("list", *range(10)), 10, "rpush")
    same(r.lrange("list", 2, 4), ["2", "3", "4"], "lrange")
    same(r.lpop("list", 2), ["0", "1"], "lpop")
    same(r.lindex("list", -1), "9", "lindex")
    same(r.lmove("list", "list", "LEFT", "RIGHT"), "2", "lmove")
    same(r.sadd("set", "a", "b", "c"), 3, "sadd")
    same(r.smembers("set"), {"a", "b", "c"}, "smembers")
    same(bool(r.sismember("set", "a")), True, "sismember")
    same(r.sadd("{t}one", 1, 2, 3) + r.sadd("{t}two", 2, 3, 4), 6, "sadd of two")
    same(r.sinter("{t}one", "{t}two"), {"2", "3"}, "sinter")
    same(r.sunionstore("{t}all", "{t}one", "{t}two"), 4, "sunionstore")
    keys = [f"{n}-of-many-keys" for n in range(20)]
    refused(lambda: r.sunion(*keys), redis.ResponseError, "keys of several owners")


def hashes_and_sorted_sets(r):
    same(r.hset("hash", mapping={"a": 1, "b": "two"}), 2, "hset")
    same(r.hgetall("hash"), {"a": "1", "b": "two"}, "hgetall")
    same(r.hmget("hash", "a", "z"), ["1", None], "hmget")
    same(r.hincrby("hash", "a", 41), 42, "hincrby")
    same(dict(r.hscan_iter("hash")), {"a": "42", "b": "two"}, "hscan_iter")
    same(r.zadd("zset", {"one": 1, "two": 2, "three": 3.5}), 3, "zadd")
    same(r.zscore("zset", "three"), 3.5, "zscore")
    same(r.zrange("zset", 0, 1), ["one", "two"], "zrange")
    scored = [tuple(pair) for pair in r.zrange("zset", 0, -1, withscores=True)]
    same(scored, [("one", 1.0), ("two", 2.0), ("three", 3.5)], "zrange withscores")
    same(r.zrank("zset", "two"), 1, "zrank")
    same(r.zincrby("zset", 10, "one"), 11.0, "zincrby")
    popped = r.zpopmax("zset")
    same(popped in ([("one", 11.0)], [["one", 11.0]], ["one", 11.0]), True, f"zpopmax {popped}")


def streams(r):
    first = r.xadd("stream", {"field": "first"})
    r.xadd("stream", {"field": "second"})
    same(r.xlen("stream"), 2, "xlen")
    same(r.xrange("stream", count=1), [(first, {"field": "first"})], "xrange")
    same(r.xgroup_create("stream", "group", id="0"), True, "xgroup create")
    heard = r.xreadgroup("group", "me", {"stream": ">"}, count=1)
    same("second" not in str(heard) and first in str(heard), True, f"xreadgroup {heard}")
    same(r.xpending("stream", "group")["pending"], 1, "xpending")
    same(r.xack("stream", "group", first), 1, "xack")
    same(r.xinfo_stream("stream")["length"], 2, "xinfo")
    same(bool(r.xread({"stream": "$"}, block=10)), False, "xread block")


def scripts(r):
    same(r.eval("return {KEYS[1], ARGV[1]}", 1, "key", "x"), ["key", "x"], "eval")
    text = "return redis.call('incrby', KEYS[1], ARGV[1])"
    sha = r.eval("return redis.sha1hex(ARGV[1])", 1, "key", text)
    refused(lambda: r.evalsha(sha, 1, "key", 1), redis.exceptions.NoScriptError, "evalsha")
    # The library's own Script, and so its Lock, load what is not known with SCRIPT LOAD.
    script = r.register_script("return 1")
    same([script(keys=[f"{n}-of-many-keys"]) for n in range(10)], [1] * 10, "register_script")
    with r.lock("a-lock", timeout=10) as lock:
        same(lock.owned(), True, "lock")
    loaded = r.script_load("return KEYS[1]")
    same(r.script_exists(loaded, sha), [True, False], "script exists")
    for n in range(10):
        same(r.evalsha(loaded, 1, f"{n}-of-many-keys"), f"{n}-of-many-keys", "evalsha of all")
    # A script that ran once is known everywhere.
    same(r.eval(text, 1, "0-of-many-keys", 0), 0, "eval once")
    same(r.evalsha(sha, 1, "7-of-many-keys", 0), 0, "evalsha elsewhere")
    for n in range(10):
        same(r.eval(text, 1, f"{n}-of-many-keys", n), n, "eval incrby")
        same(r.evalsha(sha, 1, f"{n}-of-many-keys", 1), n + 1, "evalsha incrby")


def whole_pool(r):
    r.mset({f"{n}-to-be-found": n for n in range(300)})
    found = sorted(r.scan_iter(match="*-to-be-found", count=10))
    same(len(found) >= 300 and len(set(found)), 300, "scan_iter")
    same(len(r.keys("*-to-be-found")), 300, "keys")
    same(r.dbsize() >= 300, True, "dbsize")
    same(r.randomkey() is not None, True, "randomkey")
    same(r.info("keyspace")["db0"]["keys"], r.dbsize(), "info keyspace")
    same(len(r.time()), 2, "time")
    same(r.config_get("maxmemory"), {"maxmemory": "0"}, "config get")
    refused(lambda: r.config_set("maxmemory", 0), redis.ResponseError, "config set")
    same("nuthatch-test" in str(r.client_list()) or "again" in str(r.client_list()), True, "client list")
    other = redis.Redis(**OPTIONS, db=5, decode_responses=True)
    same(other.set("there", "1"), True, "another database")
    same((other.dbsize(), r.get("there")), (1, None), "databases are apart")
    same(other.flushdb(), True, "flushdb")
    same((other.dbsize(), r.dbsize() >= 300), (0, True), "flushdb of one database")
    other.close()
    same(r.flushall(), True, "flushall")
    same(r.dbsize(), 0, "dbsize of nothing")


def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for n in range(500):
            pipe.set(f"{n}-of-the-pipeline", n).get(f"{n}-of-the-pipeline")
        replies = pipe.execute()
    same(replies[0::2], [True] * 500, "pipeline set")
    same(replies[1::2], [str(n) for n in range(500)], "pipeline get")
    with r.pipeline(transaction=False) as pipe:
        pipe.set("a", 1).lpush("a", 2).get("a")
        replies = pipe.execute(raise_on_error=False)
    same((replies[0], replies[2]), (True, "1"), "around an error")
    same(isinstance(replies[1], redis.ResponseError), True, "the error in its place")
    with r.pipeline() as pipe:  # MULTI ... EXEC, with keys of one server
        pipe.set("{t}a", 1)
        pipe.incr("{t}a")
        pipe.get("{t}a")
        same(pipe.execute(), [True, 2, "2"], "a transaction")
    with r.pipeline() as pipe:
        pipe.watch("{t}a")
        r.set("{t}a", 5)
        pipe.multi()
        pipe.set("{t}a", 6)
        refused(pipe.execute, redis.WatchError, "a watched key has changed")


def waiting_and_listening(r):
    r.rpush("{t}list", "x")
    same(list(r.blpop(["{t}none", "{t}list"], timeout=1)), ["{t}list", "x"], "blpop")
    same(r.blpop("{t}none", timeout=0.05), None, "blpop of nothing")
    with r.pubsub() as listener:
        listener.subscribe("a channel")
        same(listener.get_message(timeout=5)["type"], "subscribe", "subscribe")
        same(r.publish("a channel", "a message"), 1, "publish")
        same(listener.get_message(timeout=5)["data"], "a message", "a message")


def threads(r):
    """Twenty threads share a pool; each must read what it wrote."""
    wrong = []

    def work(me):
        try:
            for n in range(100):
                key, value = f"{me}-{n % 10}-of-a-thread", f"{me} {n}"
                r.set(key, value)
                if (got := r.get(key)) != value:
                    wrong.append((key, got, value))
                keys = [f"{me}-{i}-of-a-thread" for i in range(10)]
                for i, got in enumerate(r.mget(keys)):
                    last = n - (n - i) % 10
                    if got != (f"{me} {last}" if last >= 0 else None):
                        wrong.append((keys[i], got, last))
        except Exception as error:
            wrong.append(repr(error))

    all = [threading.Thread(target=work, args=(me,)) for me in range(20)]
    for one in all:
        one.start()
    for one in all:
        one.join()
    same(wrong[:5], [], "threads")


def bytes_as_they_are():
    r = redis.Redis(**OPTIONS)
    value = bytes(range(256)) * 1000
    same(r.set(b"\x00\xff\r\n", value), True, "set of bytes")
    same(r.get(b"\x00\xff\r\n"), value, "get of bytes")
    r.close()


def wrong_password():
    stranger = redis.Redis(**(OPTIONS | {"password": "wrong"}))
    refused(stranger.ping, redis.AuthenticationError, "a wrong password")
    nobody = redis.Redis(**(OPTIONS | {"username": None, "password": None}))
    refused(lambda: nobody.get("x"), redis.AuthenticationError, "no password")


def main():
    pool = redis.ConnectionPool(
        **OPTIONS,
        decode_responses=True,
        client_name="nuthatch-test",
        health_check_interval=1,
        max_connections=20,
    )
    r = redis.Redis(connection_pool=pool)
    for part in [
        connection,
        strings,
        lists_and_sets,
        hashes_and_sorted_sets,
        streams,
        scripts,
        whole_pool,
        pipelines,
        threads,
    ]:
        part(r)
    bytes_as_they_are()
    if PASSWORD:
        wrong_password()
    print(f"redis-py {redis.__version__}, protocol {PROTOCOL}: done")


main()
