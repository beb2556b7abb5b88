// Stores of Express: rate-limit-redis over node-redis and over ioredis, and connect-redis.
//
//     node stores_program.js PORT NODE_MODULES
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

"use strict";

const assert = require("node:assert");
const path = require("node:path");
const [port, modules] = process.argv.slice(2);
const load = (name) => require(path.join(modules, name));
const { createClient } = load("redis");
const Redis = load("ioredis");
const { RedisStore: LimitStore } = load("rate-limit-redis");
const { RedisStore: SessionStore } = load("connect-redis");

async function limit(sendCommand, prefix) {
  const store = new LimitStore({ sendCommand, prefix });
  await store.init({ windowMs: 60000 });
  const addresses = Array.from({ length: 30 }, (_, n) => `10.0.0.${n}`);
  for (const wanted of [1, 2, 3]) {
    const hits = await Promise.all(addresses.map((address) => store.increment(address)));
    assert(hits.every((hit) => hit.totalHits === wanted), JSON.stringify(hits));
  }
  await store.decrement(addresses[0]);
  assert.strictEqual((await store.get(addresses[0])).totalHits, 2);
  await store.resetKey(addresses[0]);
  assert.strictEqual((await store.increment(addresses[0])).totalHits, 1);
}

async function sessions(client) {
  const store = new SessionStore({ client, prefix: "sess:" });
  const names = Array.from({ length: 50 }, (_, n) => `session-${n}`);
  for (const name of names) await store.set(name, { cookie: {}, user: name });
  assert.strictEqual((await store.get("session-7")).user, "session-7");
  assert.strictEqual(await store.length(), 50);
  assert.strictEqual((await store.ids()).length, 50);
  assert.strictEqual((await store.all()).length, 50);
  await store.touch("session-7", { cookie: {}, user: "session-7" });
  await store.destroy("session-7");
  assert.strictEqual(await store.length(), 49);
  await store.clear();
  assert.strictEqual(await store.length(), 0);
}

async function main() {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  await client.flushDb();
  const other = new Redis(Number(port), "127.0.0.1");
  await limit((...args) => client.sendCommand(args), "first:");
  await limit((command, ...args) => other.call(command, ...args), "second:");
  await sessions(client);
  await client.close();
  await other.quit();
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
