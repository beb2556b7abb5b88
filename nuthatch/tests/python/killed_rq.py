"""RQ, for workers that are killed.

    killed_rq.py PORT LEDGER enqueue COUNT
    killed_rq.py PORT LEDGER work

A job counts itself at the server LEDGER, which is not behind the pool.
"""

import sys

import redis
import rq

ledger = redis.Redis(port=int(sys.argv[2]))


def record(n):
    ledger.hincrby("done", n, 1)


def main():
    connection = redis.Redis(port=int(sys.argv[1]))
    queues = [rq.Queue(name, connection=connection) for name in ("default", "low")]
    if sys.argv[3] == "enqueue":
        # The worker finds the function by the name of this module.
        import killed_rq

        for n in range(int(sys.argv[4])):
            queues[n % 2].enqueue(killed_rq.record, n)
        print("done")
    else:
        rq.SimpleWorker(queues, connection=connection).work(logging_level="ERROR")


if __name__ == "__main__":
    main()
