// Keyv with its store for Redis, @keyv/redis. Its calls with many keys are transactions, which needs
// all keys on one server.
//
//     node keyv_program.js PORT NODE_MODULES
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

"use strict";

const assert = require("node:assert");
const path = require("node:path");
const [port, modules] = process.argv.slice(2);
const { createKeyv } = require(path.join(modules, "@keyv/redis"));

async function main() {
  const keyv = createKeyv(`redis://127.0.0.1:${port}`, { namespace: "cache" });
  const errors = [];
  keyv.on("error", (error) => errors.push(error.message));
  const keys = Array.from({ length: 50 }, (_, n) => `key-${n}`);
  const names = async () => {
    const names = [];
    for await (const [name] of keyv.iterator()) names.push(name);
    return names;
  };

  await keyv.clear();
  for (const [n, key] of keys.entries()) assert.strictEqual(await keyv.set(key, { n }, 60000), true);
  assert.deepStrictEqual(await keyv.get("key-7"), { n: 7 });
  assert.strictEqual(await keyv.get("nothing"), undefined);
  assert.deepStrictEqual(await keyv.getMany(["key-1", "nothing", "key-3"]), [{ n: 1 }, undefined, { n: 3 }]);
  assert.strictEqual(await keyv.has("key-7"), true);
  assert.strictEqual(await keyv.has("nothing"), false);
  assert.deepStrictEqual((await names()).sort(), [...keys].sort());
  assert.strictEqual(await keyv.delete("key-7"), true);
  assert.strictEqual(await keyv.has("key-7"), false);
  assert.strictEqual((await names()).length, 49);
  assert.deepStrictEqual(errors, []);

  await keyv.setMany(keys.map((key) => ({ key, value: 1 })));
  // A transaction with keys of several servers.
  assert.match(errors.join(), /CROSSSLOT|EXECABORT/);

  await keyv.clear();
  assert.deepStrictEqual(await names(), []);
  await keyv.disconnect();
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
