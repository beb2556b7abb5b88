// A program as users write them, with ioredis and its defaults.
//
//     node ioredis_program.js PORT NODE_MODULES
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

"use strict";

const assert = require("node:assert");
const path = require("node:path");
const [port, modules] = process.argv.slice(2);
const Redis = require(path.join(modules, "ioredis"));

async function main() {
  const r = new Redis(Number(port), "127.0.0.1");
  r.on("error", (error) => assert.fail(error));
  await r.flushdb();

  // Strings, and what is cut.
  assert.strictEqual(await r.set("greeting", "grüße"), "OK");
  assert.strictEqual(await r.get("greeting"), "grüße");
  assert.strictEqual(await r.set("greeting", "x", "NX"), null);
  assert.strictEqual(await r.set("soon", "x", "EX", 100), "OK");
  assert((await r.ttl("soon")) > 90);
  assert.strictEqual(await r.incrby("n", 5), 5);
  const keys = Array.from({ length: 100 }, (_, n) => `many:${n}`);
  assert.strictEqual(await r.mset(Object.fromEntries(keys.map((key, n) => [key, n]))), "OK");
  assert.deepStrictEqual(await r.mget(keys), keys.map((_, n) => String(n)));
  assert.strictEqual(await r.exists(keys), 100);
  assert.strictEqual(await r.dbsize(), 103);
  assert.strictEqual((await r.keys("many:*")).length, 100);
  assert.strictEqual(await r.unlink(keys.slice(0, 10)), 10);

  // Structures.
  assert.strictEqual(await r.hset("h", { a: 1, b: 2 }), 2);
  assert.deepStrictEqual(await r.hgetall("h"), { a: "1", b: "2" });
  assert.strictEqual(await r.rpush("l", 1, 2, 3), 3);
  assert.deepStrictEqual(await r.lrange("l", 0, -1), ["1", "2", "3"]);
  assert.strictEqual(await r.sadd("s", "a", "b"), 2);
  assert.strictEqual(await r.zadd("z", 1, "one", 2, "two"), 2);
  assert.deepStrictEqual(await r.zrange("z", 0, -1, "WITHSCORES"), ["one", "1", "two", "2"]);
  assert.match(await r.xadd("x", "*", "field", "value"), /^\d+-\d+$/);
  assert.strictEqual((await r.xrange("x", "-", "+")).length, 1);

  // Pipelines, also one that ioredis makes by itself.
  const answers = await r.pipeline().set("p", 1).incr("p").get("p").lpush("p", 1).exec();
  assert.deepStrictEqual(answers.slice(0, 3), [[null, "OK"], [null, 2], [null, "2"]]);
  assert.match(answers[3][0].message, /^WRONGTYPE/);
  const auto = new Redis(Number(port), "127.0.0.1", { enableAutoPipelining: true });
  await Promise.all(keys.map((key) => auto.set(key, "auto")));
  assert((await Promise.all(keys.map((key) => auto.get(key)))).every((v) => v === "auto"));
  auto.disconnect();

  // Iterators.
  const seen = new Set();
  for await (const page of r.scanStream({ match: "many:*", count: 10 })) page.forEach((key) => seen.add(key));
  assert.strictEqual(seen.size, 100);
  const fields = [];
  for await (const page of r.hscanStream("h")) fields.push(...page);
  assert.deepStrictEqual(fields, ["a", "1", "b", "2"]);

  // Scripts.
  r.defineCommand("double", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))" });
  for (let n = 0; n < 20; n++) await r.set(`d:${n}`, 4);
  for (let n = 0; n < 20; n++) assert.strictEqual(await r.double(`d:${n}`), 8);
  await r.script("FLUSH");
  const doubles = await r.pipeline().double("d:0").double("d:1").exec();
  assert.deepStrictEqual(doubles, [[null, 16], [null, 16]]);

  // Connections.
  const other = new Redis(Number(port), "127.0.0.1", { db: 3, connectionName: "reader" });
  assert.strictEqual(await other.get("greeting"), null);
  assert.strictEqual(await other.client("GETNAME"), "reader");
  assert.match(await r.client("LIST"), /name=reader/);
  assert.match(await r.info(), /redis_mode:standalone/);
  other.disconnect();
  const app = new Redis(Number(port), "127.0.0.1", { keyPrefix: "app:" });
  assert.strictEqual(await app.mset({ a: 1, b: 2, c: 3 }), "OK");
  assert.deepStrictEqual(await app.mget("a", "b", "c", "d"), ["1", "2", "3", null]);
  assert.strictEqual(await r.get("app:b"), "2");
  assert.strictEqual(await app.del("a", "b", "c"), 3);
  app.disconnect();
  assert.strictEqual(await r.getBuffer("greeting").then((bytes) => bytes.length), 7);

  assert.deepStrictEqual(await r.multi().set("t", 1).incr("t").exec(), [[null, "OK"], [null, 2]]);
  assert.strictEqual(await r.blpop("no list", 0.05), null);
  assert.strictEqual(await r.publish("a channel", "x"), 0);

  await r.quit();
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
