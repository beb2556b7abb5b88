"""redis-py: eight writers of one counter, each with WATCH, GET, MULTI, SET, EXEC, and again when EXEC says that
the counter has changed. In RESP2 and RESP3.

    watch_redis_py.py PORT SECONDS

No addition is lost: the counter ends with the number of those that EXEC has confirmed.
"""

import sys
import threading
import time

import redis

PORT, SECONDS = int(sys.argv[1]), float(sys.argv[2])
WRITERS = 8


def write(protocol):
    key = f"counter of redis-py {protocol}"
    done, again = [0] * WRITERS, [0] * WRITERS
    until = time.monotonic() + SECONDS

    def writer(at):
        connection = redis.Redis(port=PORT, protocol=protocol)
        while time.monotonic() < until:
            with connection.pipeline() as pipe:
                pipe.watch(key)
                value = int(pipe.get(key) or 0)
                pipe.multi()
                pipe.set(key, value + 1)
                try:
                    pipe.execute()
                    done[at] += 1
                except redis.WatchError:
                    again[at] += 1

    threads = [threading.Thread(target=writer, args=(at,)) for at in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    value = int(redis.Redis(port=PORT).get(key))
    print(
        f"redis-py, RESP{protocol}: {WRITERS} writers, {SECONDS:g} s: counter {value}, "
        f"additions {sum(done)}, tried again {sum(again)}"
    )
    assert value == sum(done), (value, done)
    # Writers met, and none was left behind.
    assert sum(again) > 0 and min(done) > 0, (again, done)


for version in (2, 3):
    write(version)
print("done")
