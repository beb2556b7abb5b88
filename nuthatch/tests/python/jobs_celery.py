"""Celery with broker and results on the pool: a worker of its own, tasks, a group, a chord, inspect."""

import sys

from celery import Celery, chord, group
from celery.contrib.testing.worker import start_worker

URL = f"redis://127.0.0.1:{sys.argv[1]}/0"
app = Celery("jobs", broker=URL, backend=URL)
app.conf.broker_transport_options = {"global_keyprefix": "jobs:"}


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


def check():
    assert [add.delay(n, n).get(timeout=15) for n in range(20)] == [2 * n for n in range(20)]
    many = group(add.s(n, 1) for n in range(50))()
    assert many.get(timeout=15) == list(range(1, 51))
    assert chord([add.s(n, n) for n in range(10)])(total.s()).get(timeout=15) == 90
    assert list(app.control.inspect(timeout=2).ping().values()) == [{"ok": "pong"}]


# In a thread of this process. A ping of its own needs a task that this program does not have.
with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False):
    check()
print("done")
