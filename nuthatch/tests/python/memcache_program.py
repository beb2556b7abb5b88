"""A small program as users write them, with each of three libraries for memcached.

    memcache_program.py PORT (pymemcache|python-memcached|pylibmc)

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import sys
import threading

from checks import refused, same

PORT, LIBRARY = int(sys.argv[1]), sys.argv[2]
BIG = "big value " * 50_000  # 500 kB
MANY = {f"{n}-of-many-keys": f"value {n}" for n in range(200)}


def pymemcache():
    from pymemcache import serde
    from pymemcache.client.base import Client, PooledClient
    from pymemcache.exceptions import MemcacheClientError, MemcacheServerError

    options = {"serde": serde.pickle_serde, "timeout": 10, "connect_timeout": 10}
    c = Client(("127.0.0.1", PORT), default_noreply=False, **options)
    same(c.set("key", "gr\u00fc\u00dfe"), True, "set")
    same(c.get("key"), "gr\u00fc\u00dfe", "get")
    same(c.get("nothing", "else"), "else", "get of nothing")
    same(c.set_many(MANY), [], "set_many")
    same(c.get_many([*MANY, "nothing"]), MANY, "get_many")
    items = c.gets_many([*MANY])
    same({key: value for key, (value, _) in items.items()}, MANY, "gets_many")
    same(c.add("key", "x"), False, "add of what is there")
    same(c.replace("nothing", "x"), False, "replace of nothing")
    value, unique = c.gets("key")
    same(c.cas("key", "changed", unique), True, "cas")
    same(c.cas("key", "again", unique), False, "cas of an old unique")
    same(c.cas("nothing", "x", unique), None, "cas of nothing")
    same(c.set("counter", "10"), True, "set of a number")
    same((c.incr("counter", 5), c.decr("counter", 20)), (15, 0), "incr and decr")
    same(c.incr("nothing", 1), None, "incr of nothing")
    refused(lambda: c.incr("key", 1), MemcacheClientError, "incr of a text")
    same((c.append("text", "x"), c.set("text", b"b")), (False, True), "append to nothing")
    same((c.append("text", b"c"), c.prepend("text", b"a"), c.get("text")), (True, True, b"abc"), "append")
    same((c.touch("key", 100), c.touch("nothing", 100)), (True, False), "touch")
    same(c.set("big", BIG), True, "set of 500 kB")
    same(c.get("big"), BIG, "get of 500 kB")
    refused(lambda: c.set("huge", b"x" * 2_000_000), MemcacheServerError, "2 MB")
    same(c.get("key"), "changed", "get after that")
    same(c.delete_many(list(MANY)), True, "delete_many")
    same((c.delete("key"), c.delete("key")), (True, False), "delete")
    same(c.version().startswith(b"1.6"), True, "version")
    same(c.stats()[b"curr_items"] >= 3, True, "stats")
    # Without answers, which is this library's default.
    quiet = Client(("127.0.0.1", PORT), **options)
    quiet.set_many({f"quiet-{n}": n for n in range(100)})
    quiet.incr("quiet-0", 1, noreply=True)
    quiet.delete("quiet-1")
    quiet.touch("quiet-2", 100)
    wanted = {f"quiet-{n}": n for n in range(100) if n != 1} | {"quiet-0": 1}
    got = quiet.get_many([f"quiet-{n}" for n in range(100)])
    same({key: int(value) for key, value in got.items()}, wanted, "after noreply")
    quiet.incr("text", 1, noreply=True)  # an error that nobody hears of
    same(quiet.get("text"), b"abc", "after an unheard error")
    threads(PooledClient(("127.0.0.1", PORT), max_pool_size=10, default_noreply=False, **options))
    same(c.flush_all(), True, "flush_all")
    same(c.get_many(["text", "big", "counter"]), {}, "after flush_all")
    quiet.quit()
    c.close()


def threads(c):
    """Ten threads share a pool; each must read what it wrote."""
    wrong = []

    def work(me):
        try:
            for n in range(100):
                key, value = f"{me}-{n % 10}-of-a-thread", f"{me} {n}"
                c.set(key, value)
                if (got := c.get(key)) != value:
                    wrong.append((key, got, value))
        except Exception as error:
            wrong.append(repr(error))

    all = [threading.Thread(target=work, args=(me,)) for me in range(10)]
    for one in all:
        one.start()
    for one in all:
        one.join()
    same(wrong[:5], [], "threads")


def python_memcached():
    import memcache

    c = memcache.Client([f"127.0.0.1:{PORT}"], cache_cas=True, socket_timeout=10)
    same(c.set("key", "gr\u00fc\u00dfe"), True, "set")
    same(c.get("key"), "gr\u00fc\u00dfe", "get")
    same(c.get("nothing"), None, "get of nothing")
    same(c.set_multi(MANY), [], "set_multi")
    same(c.get_multi([*MANY, "nothing"]), MANY, "get_multi")
    same(bool(c.add("key", "x")), False, "add of what is there")
    same(bool(c.replace("nothing", "x")), False, "replace of nothing")
    same(c.gets("key"), "gr\u00fc\u00dfe", "gets")
    same(c.cas("key", "changed"), True, "cas")
    same(bool(c.cas("key", "again")), False, "cas of an old unique")
    same(c.set("counter", "10"), True, "set of a number")
    same((c.incr("counter", 5), c.decr("counter", 20)), (15, 0), "incr and decr")
    same(c.incr("nothing"), None, "incr of nothing")
    same(c.set("text", "b"), True, "set")
    same((c.append("text", "c"), c.prepend("text", "a"), c.get("text")), (True, True, "abc"), "append")
    same(bool(c.touch("key", 100)), True, "touch")
    same(c.set("big", BIG), True, "set of 500 kB")
    same(c.get("big"), BIG, "get of 500 kB")
    same(c.set("never", "x", noreply=True), True, "set without an answer")
    same(c.delete("never", noreply=True), 1, "delete without an answer")
    same(c.get("never"), None, "get after that")
    same(c.delete_multi(list(MANY)), 1, "delete_multi")
    same(c.get_multi(list(MANY)), {}, "get_multi of what is gone")
    same((c.delete("key"), c.get("key")), (1, None), "delete")
    stats = c.get_stats()
    same(len(stats) == 1 and int(stats[0][1]["curr_items"]) >= 3, True, "stats")
    c.flush_all()
    same(c.get("big"), None, "after flush_all")
    c.disconnect_all()


def pylibmc():
    import pylibmc

    c = pylibmc.Client([f"127.0.0.1:{PORT}"], binary=False)
    c.behaviors = {"cas": True, "tcp_nodelay": True}
    same(c.set("key", "gr\u00fc\u00dfe"), True, "set")
    same(c.get("key"), "gr\u00fc\u00dfe", "get")
    same(c.get("nothing"), None, "get of nothing")
    same(c.set_multi(MANY), [], "set_multi")
    same(c.get_multi([*MANY, "nothing"]), MANY, "get_multi")
    same(c.add("key", "x"), False, "add of what is there")
    same(c.replace("nothing", "x"), False, "replace of nothing")
    value, unique = c.gets("key")
    same(value, "gr\u00fc\u00dfe", "gets")
    same(c.cas("key", "changed", unique), True, "cas")
    same(c.cas("key", "again", unique), False, "cas of an old unique")
    same(c.set("counter", 10), True, "set of a number")
    same((c.incr("counter", 5), c.decr("counter", 20)), (15, 0), "incr and decr")
    refused(lambda: c.incr("nothing"), pylibmc.NotFound, "incr of nothing")
    same(c.set("text", "b"), True, "set")
    same((c.append("text", "c"), c.prepend("text", "a"), c.get("text")), (True, True, "abc"), "append")
    same((c.touch("key", 100), c.touch("nothing", 100)), (True, False), "touch")
    same(c.set("big", BIG), True, "set of 500 kB")
    same(c.get("big"), BIG, "get of 500 kB")
    same(c.delete_multi(list(MANY)), True, "delete_multi")
    same((c.delete("key"), c.delete("key")), (True, False), "delete")
    stats = c.get_stats()
    same(len(stats) == 1 and int(stats[0][1]["curr_items"]) >= 3, True, "stats")
    same(c.flush_all(), True, "flush_all")
    same(c.get("big"), None, "after flush_all")
    c.disconnect_all()


{"pymemcache": pymemcache, "python-memcached": python_memcached, "pylibmc": pylibmc}[LIBRARY]()
print(f"{LIBRARY}: done")
