// Recordings one after the other, all stopped. Says what the process holds after the first few and at the end.

const fs = require('node:fs');
const path = require('node:path');
const { CallRecorder, PcmSource } = require('webphone-rtc');

const [, , folder, count] = process.argv;
let alive = 0;
const registry = new FinalizationRegistry(() => alive--);

async function record(name) {
  const one = new CallRecorder({ left: new PcmSource(), path: path.join(folder, name) });
  registry.register(one);
  alive++;
  return one.stop();
}

async function several(times) {
  for (let i = 0; i < times; i++) {
    await Promise.all(['a.wav', 'b.opus', 'missing/c.wav'].map(record));
  }
}

/** Once collection has taken what it can; what is still there after a hundred turns stays. */
async function held(goal) {
  let now;
  for (let i = 0; i < 100; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
    now = {
      descriptors: fs.readdirSync('/proc/self/fd').length,
      threads: fs.readdirSync('/proc/self/task').length,
      alive,
    };
    if (alive === 0 && goal && now.threads <= goal.threads && now.descriptors <= goal.descriptors) break;
  }
  return now;
}

(async () => {
  process.on('warning', () => {});
  await several(3);
  const before = await held();
  await several(Number(count));
  console.log(JSON.stringify({ before, after: await held(before) }));
})();
