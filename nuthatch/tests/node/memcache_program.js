// A small program as users write them, with memcache-client, which speaks text.
//
//     node memcache_program.js PORT NODE_MODULES
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

"use strict";

const assert = require("node:assert");
const path = require("node:path");
const [port, modules] = process.argv.slice(2);
const { MemcacheClient } = require(path.join(modules, "memcache-client"));

const BIG = "big value ".repeat(50000); // 500 kB

async function main() {
  const server = { server: `127.0.0.1:${port}`, maxConnections: 3 };
  const c = new MemcacheClient({ server, cmdTimeout: 10000 });
  const value = async (key) => (await c.get(key))?.value;
  const refused = async (call, what) => {
    const got = await call.then((got) => ({ got }), (error) => error);
    assert(got instanceof Error, `${what}: not refused, but ${JSON.stringify(got)}`);
    return got.message;
  };

  assert.deepStrictEqual(await c.set("key", "grüße"), ["STORED"]);
  assert.strictEqual(await value("key"), "grüße");
  assert.strictEqual(await value("nothing"), undefined);
  const keys = Array.from({ length: 200 }, (_, n) => `${n}-of-many-keys`);
  await Promise.all(keys.map((key, n) => c.set(key, { n })));
  const many = await c.get([...keys, "nothing"]);
  assert.deepStrictEqual(Object.keys(many), keys, "in their order");
  keys.forEach((key, n) => assert.deepStrictEqual(many[key].value, { n }));
  assert.match(await refused(c.add("key", "x"), "add"), /NOT_STORED/);
  assert.match(await refused(c.replace("nothing", "x"), "replace"), /NOT_STORED/);
  const { casUniq } = await c.gets("key");
  assert.deepStrictEqual(await c.cas("key", "changed", { casUniq }), ["STORED"]);
  assert.match(await refused(c.cas("key", "again", { casUniq }), "an old unique"), /EXISTS/);
  await c.set("counter", "10");
  assert.strictEqual(await c.incr("counter", 5), "15");
  assert.strictEqual(await c.decr("counter", 20), "0");
  await c.set("text", "b");
  await c.append("text", "c");
  await c.prepend("text", "a");
  assert.strictEqual(await value("text"), "abc");
  assert.deepStrictEqual(await c.touch("key", 100), ["TOUCHED"]);
  await c.set("big", BIG);
  assert.strictEqual(await value("big"), BIG);
  await Promise.all(keys.map((key) => c.set(key, "quiet", { noreply: true })));
  for (const key of keys.slice(0, 20)) {
    // Three connections: what was sent on another may not have been done yet.
    for (let n = 0; n < 500 && (await value(key)) !== "quiet"; n++);
    assert.strictEqual(await value(key), "quiet");
  }
  assert.deepStrictEqual(await c.delete("key"), ["DELETED"]);
  assert.strictEqual(await value("key"), undefined);
  assert.match((await c.version())[1], /^1\.6/);
  c.shutdown();
  console.log("memcache-client: done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
