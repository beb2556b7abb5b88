// Eight writers of one counter, each with WATCH, GET, MULTI, SET, EXEC, and again when EXEC says that the counter
// has changed. With ioredis, and with node-redis in RESP2 and RESP3.
//
//     node watch_program.js PORT NODE_MODULES SECONDS
//
// No addition is lost: the counter ends with the number of those that EXEC has confirmed. Ends with exit code 0 and
// the line "done".

"use strict";

const assert = require("node:assert");
const path = require("node:path");
const [port, modules, seconds] = process.argv.slice(2);
const WRITERS = 8;

async function ioredis() {
  const Redis = require(path.join(modules, "ioredis"));
  const connect = async () => new Redis(Number(port), "127.0.0.1");
  await write("ioredis", connect, async (writer, key) => {
    await writer.watch(key);
    const value = Number(await writer.get(key));
    return (await writer.multi().set(key, value + 1).exec()) !== null;
  });
}

async function nodeRedis(RESP) {
  const { createClient, WatchError } = require(path.join(modules, "redis"));
  const connect = () => createClient({ url: `redis://127.0.0.1:${port}`, RESP }).connect();
  await write(`node-redis, RESP${RESP}`, connect, async (writer, key) => {
    await writer.watch(key);
    const value = Number(await writer.get(key));
    try {
      await writer.multi().set(key, String(value + 1)).exec();
      return true;
    } catch (error) {
      if (error instanceof WatchError) return false;
      throw error;
    }
  });
}

async function write(library, connect, add) {
  const key = `counter of ${library}`;
  const writers = await Promise.all(Array.from({ length: WRITERS }, connect));
  const done = new Array(WRITERS).fill(0);
  let again = 0;
  const until = Date.now() + 1000 * Number(seconds);
  await Promise.all(
    writers.map(async (writer, at) => {
      while (Date.now() < until) {
        if (await add(writer, key)) done[at]++;
        else again++;
      }
    }),
  );
  const sum = done.reduce((one, other) => one + other, 0);
  const value = Number(await writers[0].get(key));
  console.log(`${library}: ${WRITERS} writers, ${seconds} s: counter ${value}, additions ${sum}, tried again ${again}`);
  assert.strictEqual(value, sum);
  // Writers met, and none was left behind.
  assert(again > 0 && Math.min(...done) > 0, `${again} ${done}`);
  await Promise.all(writers.map((writer) => writer.quit()));
}

async function main() {
  await ioredis();
  await nodeRedis(2);
  await nodeRedis(3);
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
