"""redis-py: transactions of many writers, commands that wait, messages, each in RESP2 and RESP3."""

import sys
import threading
import time

import redis

PORT = int(sys.argv[1])


def transactions(protocol):
    def client():
        return redis.Redis(port=PORT, protocol=protocol, decode_responses=True)

    counters = [f"counter:{n}" for n in range(3)]
    client().delete(*counters)
    done = [0] * 8
    until = time.monotonic() + 3

    def write(at):
        connection = client()
        key = counters[at % 3]
        while time.monotonic() < until:

            def change(pipe):
                value = int(pipe.get(key) or 0)
                pipe.multi()
                pipe.set(key, value + 1)

            connection.transaction(change, key)
            done[at] += 1

    threads = [threading.Thread(target=write, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for at, key in enumerate(counters):
        assert int(client().get(key)) == sum(done[at::3]), (key, done)
    assert min(done) > 10, done
    pipe = client().pipeline()
    for n in range(16):
        pipe.set("{tag}" + str(n), n).incr("{tag}" + str(n))
    assert pipe.execute() == [x for n in range(16) for x in (True, n + 1)]


def waiting(protocol):
    jobs, results = [], []

    def work():
        connection = redis.Redis(port=PORT, protocol=protocol)
        while (found := connection.blpop(["{q}a", "{q}b"], timeout=5)) and found[1] != b"end":
            results.append(int(found[1]))

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    connection = redis.Redis(port=PORT, protocol=protocol)
    for n in range(500):
        connection.rpush("{q}a" if n % 2 else "{q}b", n)
        jobs.append(n)
    for thread in threads:
        connection.rpush("{q}a", "end")
    for thread in threads:
        thread.join()
    assert sorted(results) == jobs


def listening(protocol):
    connection = redis.Redis(port=PORT, protocol=protocol, decode_responses=True)
    listeners = []
    for _ in range(20):
        listener = connection.pubsub(ignore_subscribe_messages=True)
        listener.subscribe("news", "other")
        listener.psubscribe("n?ws")
        # The confirmations.
        for _ in range(3):
            assert listener.get_message(timeout=5) is None
        listeners.append(listener)
    for n in range(200):
        assert connection.publish("news", n) == 40, n
    for listener in listeners:
        got = [listener.get_message(timeout=5) for _ in range(400)]
        assert [int(m["data"]) for m in got if m["type"] == "message"] == list(range(200))
        assert [int(m["data"]) for m in got if m["type"] == "pmessage"] == list(range(200))
    assert connection.pubsub_numsub("news") == [("news", 20)]
    for listener in listeners:
        listener.close()


for version in (2, 3):
    transactions(version)
    waiting(version)
    listening(version)
print("done")
