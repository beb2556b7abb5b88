"""redis-py under load while servers fail; run by tests/python_faults.rs.

Started in a private folder that holds keys.json, a list of groups of keys (what one server owns).
Makes a file named ready once every group has been served, works until one named stop appears,
then writes result.json:

    {"version": "8.1.0", "groups": [{"good": 123, "failed": {"text": 4}, "lost": [], "strangers": [],
                                     "broken": []}, ...]}

    failed     an error reply: its text and how often it came
    lost       an acknowledged write that was not there
    strangers  a value of another key, or of another shape than asked for
    broken     the client's own connection broke, or it waited in vain

A thread a group, so that a group that waits slows no other; all share one client and its pool of
connections, as applications do.
"""

import json
import os
import sys
import threading
import time

import redis


class Group:
    def __init__(self, client, keys):
        self.client = client
        self.keys = keys
        self.next = 0
        self.acknowledged = {}
        self.perhaps = {key: set() for key in keys}
        self.result = {"good": 0, "failed": {}, "lost": [], "strangers": [], "broken": []}

    def run(self):
        ways = [self.one_by_one, self.pipelined, self.all_at_once]
        turn = 0
        while not os.path.exists("stop"):
            ways[turn % len(ways)]()
            turn += 1
            time.sleep(0.002)

    def value(self, key):
        self.next += 1
        return f"{key}={self.next}"

    def attempt(self, what):
        """What a call returned, or None if it failed, which is noted."""
        try:
            return what()
        except redis.ResponseError as error:
            self.fail(error)
        except redis.RedisError as error:
            self.result["broken"].append(f"{type(error).__name__}: {error}")
        return None

    def fail(self, error):
        text = str(error)
        self.result["failed"][text] = self.result["failed"].get(text, 0) + 1

    def written(self, key, value, ok):
        if ok:
            self.acknowledged[key] = value
            self.result["good"] += 1
        else:
            self.perhaps[key].add(value)

    def read(self, key, value):
        if value is None:
            if key in self.acknowledged:
                self.result["lost"].append(f"{key}: nothing, not {self.acknowledged[key]}")
        elif not isinstance(value, str) or value.split("=")[0] != key:
            self.result["strangers"].append(f"{key}: {value!r}")
        elif value != self.acknowledged.get(key) and value not in self.perhaps[key]:
            self.result["lost"].append(f"{key}: {value}, not {self.acknowledged.get(key)}")
        else:
            self.result["good"] += 1

    def one_by_one(self):
        for key in self.keys:
            value = self.value(key)
            self.written(key, value, self.attempt(lambda: self.client.set(key, value)))
            # None is an answer here and a failure there: a list tells them apart.
            answer = self.attempt(lambda: [self.client.get(key)])
            if answer is not None:
                self.read(key, answer[0])

    def pipelined(self):
        values = {key: self.value(key) for key in self.keys}
        pipe = self.client.pipeline(transaction=False)
        for key, value in values.items():
            pipe.set(key, value)
            pipe.get(key)
        replies = self.attempt(lambda: pipe.execute(raise_on_error=False))
        if replies is None:
            for key, value in values.items():
                self.written(key, value, False)
            return
        for at, (key, value) in enumerate(values.items()):
            wrote, found = replies[2 * at], replies[2 * at + 1]
            for reply in (wrote, found):
                if isinstance(reply, redis.ResponseError):
                    self.fail(reply)
            self.written(key, value, wrote is True)
            if not isinstance(found, Exception):
                self.read(key, found)

    def all_at_once(self):
        values = {key: self.value(key) for key in self.keys}
        ok = self.attempt(lambda: self.client.mset(values))
        for key, value in values.items():
            self.written(key, value, ok)
        found = self.attempt(lambda: self.client.mget(self.keys))
        if found is not None:
            for key, value in zip(self.keys, found):
                self.read(key, value)


def main():
    with open("keys.json", encoding="utf-8") as file:
        groups = json.load(file)
    client = redis.Redis(port=int(sys.argv[1]), decode_responses=True, socket_timeout=5)
    groups = [Group(client, keys) for keys in groups]
    threads = [threading.Thread(target=group.run) for group in groups]
    for thread in threads:
        thread.start()
    while any(group.result["good"] < 20 for group in groups):
        time.sleep(0.01)
    with open("ready", "w", encoding="utf-8"):
        pass
    for thread in threads:
        thread.join()
    result = {"version": redis.__version__, "groups": [group.result for group in groups]}
    with open("result.tmp", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.rename("result.tmp", "result.json")


main()
