"""huey, for consumers that are killed.

    killed_huey.py PORT LEDGER enqueue COUNT
    killed_huey.py PORT LEDGER work

A task counts itself at the server LEDGER, which is not behind the pool.
"""

import logging
import sys

import huey
import redis

logging.getLogger("huey").setLevel(logging.ERROR)
ledger = redis.Redis(port=int(sys.argv[2]))
app = huey.RedisHuey("killed", url=f"redis://127.0.0.1:{sys.argv[1]}", results=False)


@app.task(name="record")
def record(n):
    ledger.hincrby("done", n, 1)


if sys.argv[3] == "enqueue":
    for n in range(int(sys.argv[4])):
        record(n)
    print("done")
else:
    app.create_consumer(workers=2).run()
