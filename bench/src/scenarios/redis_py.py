"""Clients that follow the Sentinels by themselves, with redis-py; started by writers.rs.

    python redis_py.py '{"name": "shard-0", "sentinels": [26379], "clients": 8, "every_ms": 20, "retries": 0}'

Each client is a thread with a connection of its own. A write is due every `every_ms`, whether the one before was
answered or not. Makes a file named `ready` when every client has had an answer, works until SIGTERM, does what was due
by then, and writes result.json: for each write when it was due, when it ended (nanoseconds of the monotonic clock), and
its error or null.
"""

import json
import signal
import sys
import threading
import time

from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

# The time between two tries, where there is more than one.
PAUSE_S = 0.05
TIMEOUT_S = 0.5


class Writer:
    def __init__(self, number, told):
        self.number, self.every = number, told["every_ms"] * 1_000_000
        self.offset = self.every * number // told["clients"]
        sentinels = [("127.0.0.1", port) for port in told["sentinels"]]
        more = {}
        if told["retries"]:
            more["retry"] = Retry(ConstantBackoff(PAUSE_S), told["retries"])
        sentinel = Sentinel(sentinels, socket_timeout=TIMEOUT_S)
        self.client = sentinel.master_for(told["name"], socket_timeout=TIMEOUT_S, **more)
        self.client.set(f"python:{number}", "first")
        self.writes, self.stop_at = [], None

    def run(self):
        due = time.monotonic_ns() + self.offset
        while self.stop_at is None or due < self.stop_at:
            time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            error = None
            try:
                self.client.set(f"python:{self.number}", due)
            except RedisError as failed:
                error = f"{type(failed).__name__}: {failed}"
            self.writes.append({"due": due, "ended": time.monotonic_ns(), "error": error})
            due += self.every


def main():
    told = json.loads(sys.argv[1])
    # Before there are threads: they all inherit it, and only sigwait takes the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    writers = [Writer(number, told) for number in range(told["clients"])]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    open("ready", "w").close()
    signal.sigwait([signal.SIGTERM])
    stop_at = time.monotonic_ns()
    for writer in writers:
        writer.stop_at = stop_at
    for thread in threads:
        thread.join()
    with open("result.json", "w") as file:
        json.dump([write for writer in writers for write in writer.writes], file)


main()
