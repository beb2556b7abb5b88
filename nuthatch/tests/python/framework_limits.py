"""A program that limits rates with the library `limits`: its three strategies, and their scripts.

    framework_limits.py PORT (together|apart)

together: the pool has `colocate: ["LIMITS:"]`.

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import sys

from checks import same

import limits
from limits import strategies
from limits.storage import storage_from_string

ARE_TOGETHER = sys.argv[2] == "together"


def one_strategy(limiter, name):
    five = limits.parse("5/hour")
    for n in range(10):
        who = (name, f"user-{n}")
        same(limiter.test(five, *who), True, f"{name} test")
        same([limiter.hit(five, *who) for _ in range(7)], [True] * 5 + [False] * 2, f"{name} hit")
        same(limiter.test(five, *who), False, f"{name} test of too many")
        same(limiter.get_window_stats(five, *who).remaining, 0, f"{name} window")
    same(limiter.hit(five, name, "too much", cost=6), False, f"{name} cost above the limit")
    same(limiter.hit(five, name, "at once", cost=5), True, f"{name} cost")
    limiter.clear(five, name, "user-0")
    same(limiter.hit(five, name, "user-0"), True, f"{name} after clear")


def main():
    storage = storage_from_string(f"redis://127.0.0.1:{sys.argv[1]}")
    same(storage.check(), True, "check")
    one_strategy(strategies.FixedWindowRateLimiter(storage), "fixed")
    one_strategy(strategies.MovingWindowRateLimiter(storage), "moving")
    one_strategy(strategies.SlidingWindowCounterRateLimiter(storage), "sliding")
    count = storage.storage.dbsize()
    same(count >= 33, True, f"keys: {count}")
    # A script with the one key `LIMITS:*`. It deletes what is on the server of that key.
    deleted, left = storage.reset(), storage.storage.dbsize()
    same(deleted + left, count, "reset")
    same(left == 0, ARE_TOGETHER, f"all is deleted, {left} left")
    storage.storage.flushdb()
    storage.storage.close()
    print(f"limits {limits.__version__}: done")


main()
