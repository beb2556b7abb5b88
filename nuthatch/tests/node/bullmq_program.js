// A producer with BullMQ, which runs a script for each call. A worker needs BZPOPMIN, which is not
// served yet.
//
//     node bullmq_program.js PORT NODE_MODULES
//
// Ends with exit code 0 and the line "done", or with the first thing that is not as it should be.

"use strict";

const assert = require("node:assert");
const path = require("node:path");
const [port, modules] = process.argv.slice(2);
const { Queue } = require(path.join(modules, "bullmq"));

async function main() {
  const connection = { host: "127.0.0.1", port: Number(port) };
  for (const name of ["mail", "reports"]) {
    const queue = new Queue(name, { connection });
    queue.on("error", (error) => assert.fail(error));
    const job = await queue.add("hello", { to: "someone" });
    const later = await queue.add("later", {}, { delay: 60000 });
    await queue.add("first", {}, { priority: 1 });
    assert.strictEqual((await queue.addBulk([{ name: "x", data: {} }, { name: "y", data: {} }])).length, 2);
    assert.deepStrictEqual((await queue.getJob(job.id)).data, { to: "someone" });
    const counts = await queue.getJobCounts("waiting", "delayed", "prioritized");
    assert.deepStrictEqual(counts, { waiting: 3, delayed: 1, prioritized: 1 });
    assert.strictEqual((await queue.getWaiting()).length, 3);
    await queue.pause();
    assert.strictEqual(await queue.isPaused(), true);
    await queue.resume();
    await later.remove();
    assert.strictEqual(await queue.getDelayedCount(), 0);
    await queue.obliterate();
    assert.strictEqual(await queue.count(), 0);
    await queue.close();
  }
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
