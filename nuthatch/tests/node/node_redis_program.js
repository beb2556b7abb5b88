// A program as users write them, with node-redis and its defaults, in RESP2 and RESP3.
//
//     node node_redis_program.js PORT NODE_MODULES
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

"use strict";

const assert = require("node:assert");
const path = require("node:path");
const [port, modules] = process.argv.slice(2);
const { createClient, createClientPool, defineScript } = require(path.join(modules, "redis"));

const double = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: "return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))",
  parseCommand: (parser, key) => parser.pushKey(key),
  transformReply: (reply) => reply,
});

async function use(RESP) {
  const r = createClient({ url: `redis://127.0.0.1:${port}`, RESP, scripts: { double } });
  r.on("error", (error) => assert.fail(error));
  await r.connect();
  const plain = (map) => Object.fromEntries(Object.entries(map));
  await r.flushDb();

  assert.strictEqual(await r.set("greeting", "grüße"), "OK");
  assert.strictEqual(await r.get("greeting"), "grüße");
  assert.strictEqual(await r.set("greeting", "x", { condition: "NX" }), null);
  assert.strictEqual(await r.incrBy("n", 5), 5);
  const keys = Array.from({ length: 100 }, (_, n) => `many:${n}`);
  assert.strictEqual(await r.mSet(keys.map((key, n) => [key, String(n)])), "OK");
  assert.deepStrictEqual(await r.mGet(keys), keys.map((_, n) => String(n)));
  assert.strictEqual(await r.exists(keys), 100);
  assert.strictEqual(await r.dbSize(), 102);
  assert.strictEqual((await r.keys("many:*")).length, 100);
  assert.strictEqual(await r.del(keys.slice(0, 10)), 10);

  assert.strictEqual(await r.hSet("h", { a: "1", b: "2" }), 2);
  assert.deepStrictEqual(plain(await r.hGetAll("h")), { a: "1", b: "2" });
  assert.strictEqual(await r.rPush("l", ["1", "2", "3"]), 3);
  assert.deepStrictEqual(await r.lRange("l", 0, -1), ["1", "2", "3"]);
  assert.strictEqual(await r.zAdd("z", [{ score: 1, value: "one" }, { score: 2.5, value: "two" }]), 2);
  assert.deepStrictEqual((await r.zRangeWithScores("z", 0, -1)).map((m) => m.score), [1, 2.5]);
  assert.match(await r.xAdd("x", "*", { field: "value" }), /^\d+-\d+$/);

  assert.strictEqual(await r.sAdd("s", ["a", "b"]), 2);
  assert.deepStrictEqual((await r.sMembers("s")).sort(), ["a", "b"]);
  assert.strictEqual(await r.xGroupCreate("x", "group", "0"), "OK");
  const [heard] = await r.xReadGroup("group", "me", { key: "x", id: ">" }, { COUNT: 1 });
  assert.strictEqual(heard.messages[0].message.field, "value");
  assert.strictEqual(await r.xAck("x", "group", heard.messages[0].id), 1);

  // What is asked in one tick leaves in one write.
  await Promise.all(keys.map((key) => r.set(key, "auto")));
  assert((await Promise.all(keys.map((key) => r.get(key)))).every((v) => v === "auto"));
  const answers = await r.multi().set("p", "1").incr("p").get("p").execAsPipeline();
  assert.deepStrictEqual(answers, ["OK", 2, "2"]);

  const seen = new Set();
  for await (const page of r.scanIterator({ MATCH: "many:*", COUNT: 10 })) page.forEach((key) => seen.add(key));
  assert.strictEqual(seen.size, 100);
  let fields = 0;
  for await (const page of r.hScanIterator("h")) fields += page.length;
  assert.strictEqual(fields, 2);

  for (let n = 0; n < 20; n++) await r.set(`d:${n}`, "4");
  for (let n = 0; n < 20; n++) assert.strictEqual(await r.double(`d:${n}`), 8);
  await r.scriptFlush();
  assert.strictEqual(await r.double("d:0"), 16);

  const other = createClient({ url: `redis://127.0.0.1:${port}/3`, RESP, name: "reader" });
  await other.connect();
  assert.strictEqual(await other.get("greeting"), null);
  assert.strictEqual(await other.clientGetName(), "reader");
  assert((await r.clientList()).some((client) => client.name === "reader"));
  assert.strictEqual((await other.clientInfo()).db, 3);
  const twin = other.duplicate();
  await twin.connect();
  assert.strictEqual(await twin.set("twin", "1"), "OK");
  assert.strictEqual(await other.get("twin"), "1");
  const second = createClient({ socket: { port: Number(port) }, RESP, database: 2 });
  await second.connect();
  assert.strictEqual(await second.get("twin"), null);
  assert.strictEqual((await second.clientInfo()).db, 2);
  second.destroy();
  twin.destroy();
  other.destroy();

  assert.deepStrictEqual(await r.multi().set("t", "1").incr("t").exec(), ["OK", 2]);
  assert.strictEqual(await r.publish("a channel", "x"), 0);
  await r.close();

  const pool = createClientPool({ url: `redis://127.0.0.1:${port}`, RESP });
  await pool.connect();
  await Promise.all(keys.map((key) => pool.set(key, "pooled")));
  assert.strictEqual(await pool.get(keys[7]), "pooled");
  pool.destroy();
}

use(2)
  .then(() => use(3))
  .then(() => console.log("done"))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
