"""A program with dramatiq's Redis broker and a worker.

    framework_dramatiq.py PORT

Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.
"""

import logging
import sys
import threading
from importlib.metadata import version

from checks import same

import dramatiq
from dramatiq.brokers.redis import RedisBroker

logging.getLogger("dramatiq").setLevel(logging.CRITICAL)
broker = RedisBroker(url=f"redis://127.0.0.1:{sys.argv[1]}")
dramatiq.set_broker(broker)
seen, tries, lock = [], [], threading.Lock()


@dramatiq.actor
def add(a, b):
    with lock:
        seen.append(a + b)


@dramatiq.actor(queue_name="other", max_retries=3, min_backoff=10, max_backoff=50)
def fails_once():
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("the first time")


def main():
    for n in range(50):
        add.send(n, 1)
    add.send_with_options(args=(1000, 1), delay=300)
    same(broker.do_qsize("default"), 51, "a queue, and what it will hold later")
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=4)
    worker.start()
    fails_once.send()
    for queue in ["default", "other"]:
        broker.join(queue, timeout=15000)
    worker.join()
    worker.stop()
    same(sorted(seen), [*range(1, 51), 1001], "all tasks ran")
    same(len(tries), 2, "a task that is tried again")
    # Keys that the script names itself: with `colocate` they are found by their names.
    same(broker.client.exists("dramatiq:__heartbeats__"), 1, "a key of the script")
    broker.flush_all()
    broker.close()
    print(f"dramatiq {version('dramatiq')}: done")


main()
