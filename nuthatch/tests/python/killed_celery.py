"""Celery, for workers that are killed: tasks are acknowledged when they are done.

    killed_celery.py PORT LEDGER enqueue COUNT
    killed_celery.py PORT LEDGER work

A task counts itself at the server LEDGER, which is not behind the pool.
"""

import os
import sys

import redis
from celery import Celery

URL = f"redis://127.0.0.1:{sys.argv[1]}/0"
ledger = redis.Redis(port=int(sys.argv[2]))
app = Celery("killed", broker=URL, backend=URL)
app.conf.task_acks_late = True
app.conf.broker_transport_options = {
    "global_keyprefix": "jobs:",
    # What a killed worker held is given to others after some seconds, and not after an hour.
    "visibility_timeout": 5,
    "unacked_mutex_expire": 2,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


@app.task(name="record")
def record(n):
    ledger.hincrby("done", n, 1)


if sys.argv[3] == "enqueue":
    for n in range(int(sys.argv[4])):
        record.delay(n)
    print("done")
else:
    # One process, so that nothing of a killed worker stays.
    name = f"killed{os.getpid()}@localhost"
    app.worker_main(["worker", "--pool", "solo", "--loglevel", "ERROR", "--hostname", name])
