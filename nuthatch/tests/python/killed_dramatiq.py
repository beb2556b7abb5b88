"""dramatiq, for workers that are killed.

    killed_dramatiq.py PORT LEDGER enqueue COUNT
    killed_dramatiq.py PORT LEDGER work

A message counts itself at the server LEDGER, which is not behind the pool.
"""

import sys
import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

ledger = redis.Redis(port=int(sys.argv[2]))
broker = RedisBroker(
    url=f"redis://127.0.0.1:{sys.argv[1]}",
    # What a killed worker held is given to others after some seconds, and not after a minute.
    heartbeat_timeout=3000,
    maintenance_chance=100_000,
)
dramatiq.set_broker(broker)


@dramatiq.actor
def record(n):
    ledger.hincrby("done", n, 1)


if sys.argv[3] == "enqueue":
    for n in range(int(sys.argv[4])):
        record.send(n)
    print("done")
else:
    dramatiq.Worker(broker, worker_threads=2).start()
    while True:
        time.sleep(1)
