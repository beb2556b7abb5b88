"""A program with valkey-glide, the client with a core in Rust.

    framework_valkey_glide.py PORT

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import asyncio
import sys
from importlib.metadata import version

from checks import same

from glide import (
    Batch,
    GlideClient,
    GlideClientConfiguration,
    NodeAddress,
    ProtocolVersion,
    RequestError,
    Script,
)


async def commands(c):
    same(await c.ping(), b"PONG", "ping")
    same((await c.set("text", "value"), await c.get("text")), ("OK", b"value"), "set")
    same((await c.incrby("counter", 5), await c.expire("counter", 100)), (5, True), "incrby")
    many = {f"{n}-of-many": str(n) for n in range(100)}
    same(await c.mset(many), "OK", "mset")
    same(await c.mget([*many, "nothing"]), [b"%d" % n for n in range(100)] + [None], "mget")
    same((await c.exists(list(many)), await c.touch(list(many))), (100, 100), "exists")
    same(await c.hset("hash", {"a": "1", "b": "2"}), 2, "hset")
    same(await c.hgetall("hash"), {b"a": b"1", b"b": b"2"}, "hgetall")
    same((await c.rpush("list", ["a", "b"]), await c.lpop("list")), (2, b"a"), "rpush")
    same((await c.sadd("set", ["a", "b"]), await c.smembers("set")), (2, {b"a", b"b"}), "sadd")
    same((await c.zadd("zset", {"a": 1.5}), await c.zscore("zset", "a")), (1, 1.5), "zadd")
    cursor, found = b"0", set()
    while True:
        cursor, keys = await c.scan(cursor, match="*-of-many", count=10)
        found |= set(keys)
        if cursor == b"0":
            break
    same(len(found), 100, "scan")
    same(await c.dbsize(), 105 + 1, "dbsize")
    same(await c.delete(list(many)), 100, "delete")


async def scripts(c):
    script = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    for n in range(20):
        got = await c.invoke_script(script, keys=[f"{n}-added"], args=[str(n)])
        same(got, n, "invoke_script")


async def batches(c):
    batch = Batch(is_atomic=False)
    for n in range(50):
        batch.set(f"{n}-of-the-batch", str(n)).get(f"{n}-of-the-batch")
    replies = await c.exec(batch, raise_on_error=True)
    same(replies[0::2], ["OK"] * 50, "batch set")
    same(replies[1::2], [b"%d" % n for n in range(50)], "batch get")


async def main():
    address = [NodeAddress("127.0.0.1", int(sys.argv[1]))]
    for options in [{}, {"protocol": ProtocolVersion.RESP2}, {"database_id": 3}]:
        c = await GlideClient.create(
            GlideClientConfiguration(address, client_name="nuthatch-test", request_timeout=5000, **options)
        )
        for part in [commands, scripts, batches]:
            await part(c)
        try:
            same(await c.custom_command(["NOSUCH"]), None, "unknown command")
        except RequestError:
            pass
        same((await c.flushdb(), await c.dbsize()), ("OK", 0), "flushdb")
        await c.close()
    print(f"valkey-glide {version('valkey-glide')}: done")


asyncio.run(main())
