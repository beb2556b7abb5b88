"""A program that caches with Django's own Redis backend, without a Django project.

    framework_django.py PORT

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import asyncio
import sys

from checks import refused, same

import django
import redis
from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCache


class EachByItself(RedisCache):
    """set_many as a SET for each key. RedisCache sends one transaction over all keys."""

    set_many = BaseCache.set_many


URL = f"redis://127.0.0.1:{sys.argv[1]}"
BACKEND = "django.core.cache.backends.redis.RedisCache"
settings.configure(
    CACHES={
        "default": {"BACKEND": BACKEND, "LOCATION": URL},
        "each": {"BACKEND": "__main__.EachByItself", "LOCATION": URL, "KEY_PREFIX": "each"},
        "other": {"BACKEND": BACKEND, "LOCATION": f"{URL}/3", "TIMEOUT": None, "VERSION": 2},
    }
)
from django.core.cache import cache, caches  # noqa: E402


def one_key(c):
    page = {"title": "gr\u00fc\u00dfe", "rows": list(range(50))}
    same(c.set("page", page), None, "set")
    same(c.get("page"), page, "get")
    same(c.get("nothing"), None, "get of nothing")
    same(c.get("nothing", "a default"), "a default", "get with a default")
    same((c.add("page", 1), c.add("new", 1), c.add("never", 1, 0)), (False, True, True), "add")
    same((c.has_key("new"), "never" in c), (True, False), "has_key")
    same(c.get_or_set("computed", lambda: 7, 100), 7, "get_or_set")
    same(c.get_or_set("computed", lambda: 8, 100), 7, "get_or_set again")
    same((c.incr("computed"), c.incr("computed", 10), c.decr("computed", 3)), (8, 18, 15), "incr")
    refused(lambda: c.incr("nothing"), ValueError, "incr of nothing")
    same((c.touch("page", 300), c.touch("page", None), c.touch("nothing")), (True, True, False), "touch")
    same((c.set("gone", 1, 0), c.get("gone")), (None, None), "set with timeout 0")
    same((c.delete("page"), c.delete("page")), (True, False), "delete")
    version = c.version
    same(c.incr_version("new"), version + 1, "incr_version")
    same((c.get("new"), c.get("new", version=version + 1)), (None, 1), "get of a version")
    same(c.decr_version("new", version=version + 1), version, "decr_version")


def many_keys(c, set_many):
    many = {f"{n}-of-many": {"n": n} for n in range(60)}
    set_many(many)
    same(c.get_many([*many, "nothing"]), many, "get_many")
    c.delete_many(list(many)[:30])
    same(len(c.get_many(many)), 30, "delete_many")
    set_many({})


def one_by_one(c):
    def set_many(many):
        for key, value in many.items():
            c.set(key, value)

    return set_many


async def asynchronous(c):
    await c.aset("later", 1)
    same(await c.aget("later"), 1, "aget")
    same(await c.aincr("later"), 2, "aincr")
    same(await c.aget_many(["later", "nothing"]), {"later": 2}, "aget_many")
    same(await c.adelete("later"), True, "adelete")


def main():
    for name in ["default", "each", "other"]:
        one_key(caches[name])
        many_keys(caches[name], one_by_one(caches[name]))
    many_keys(caches["each"], caches["each"].set_many)
    # MULTI, MSET of keys of several servers, EXEC.
    many = {f"{n}-of-many": n for n in range(60)}
    if sys.argv[2] == "strict":
        refused(lambda: cache.set_many(many), redis.ResponseError, "set_many in a transaction")
    else:
        many_keys(cache, cache.set_many)
    asyncio.run(asynchronous(cache))
    cache.set("stays", 1)
    same((caches["other"].clear(), cache.get("stays")), (True, 1), "clear of another database")
    same((cache.clear(), cache.get("stays")), (True, None), "clear")
    for name in ["default", "each", "other"]:
        caches[name].close()
    print(f"Django {django.__version__}: done")


main()
