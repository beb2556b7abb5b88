"""A program with huey's tasks and its consumer.

    framework_huey.py PORT

RedisExpireHuey keeps each result in a key of its own, and `blocking=False` polls the queue.

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import logging
import sys

from checks import same

import huey
import redis

logging.getLogger("huey").setLevel(logging.CRITICAL)

URL = f"redis://127.0.0.1:{sys.argv[1]}"
app = huey.RedisExpireHuey("app", url=URL, blocking=False)
defaults = huey.RedisHuey("defaults", url=URL, blocking=False)


@app.task()
def add(a, b):
    return a + b


@app.task(retries=1)
def fails_once(key):
    if app.storage.put_if_empty(key, b"1"):
        raise ValueError(key)
    return "at last"


@defaults.task()
def double(a):
    return 2 * a


def tasks():
    results = [add(n, 1) for n in range(40)]
    same([r.get(blocking=True, timeout=10) for r in results], list(range(1, 41)), "results")
    later = add.schedule((3, 4), delay=1)
    same(later.get(), None, "a scheduled task, at once")
    same(later.get(blocking=True, timeout=10), 7, "a scheduled task")
    same(fails_once("fails").get(blocking=True, timeout=10), "at last", "a task that is tried again")
    chain = app.enqueue(add.s(1, 2).then(add, 10))
    same(list(chain.get(blocking=True, timeout=10)), [3, 13], "a chain")
    revoked = add.schedule((1, 1), delay=60)
    revoked.revoke()
    same(revoked.is_revoked(), True, "revoked")


def without_a_consumer():
    with app.lock_task("a-lock"):
        same(app.is_locked("a-lock"), True, "lock")
    app.put("key", {"a": 1})
    same((app.get("key", peek=True), app.get("key")), ({"a": 1}, {"a": 1}), "get")
    # Of a queue without a consumer.
    result = double(4)
    same((defaults.pending_count(), defaults.scheduled_count()), (1, 0), "counts")
    same(defaults.execute(defaults.dequeue()), 8, "dequeue")
    same(result.get(preserve=True), 8, "a result that stays")
    same(len(defaults.all_results()), 1, "all_results")
    defaults.flush()


def main():
    consumer = app.create_consumer(workers=2, initial_delay=0.02, max_delay=0.1)
    consumer.start()
    tasks()
    without_a_consumer()
    consumer.stop(graceful=True)
    app.flush()
    same(redis.Redis.from_url(URL).dbsize(), 0, "flush")
    print(f"huey {huey.__version__}: done")


main()
