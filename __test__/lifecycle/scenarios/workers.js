// Worker threads that are terminated in mid-call, one after the other, while a call of the main thread goes on. Argument: how
// many. Says how they ended, whether that call is still heard, and what is left of the workers.

const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { LEFT_HZ, Pair, RIGHT_HZ } = require('../../support/pair');
const { settled } = require('./holdings');
const say = require('./say');

/** Of the call in the main thread, both ends. */
const OF_A_CALL = { connections: 2, rings: 4, sinks: 2, tasks: 2, transports: 2, signals: 4, codecs: 4 };

const count = Number(process.argv[2]);

/** A call inside the worker; from its first sound on the worker waits for its end. */
async function inside() {
  const pair = new Pair();
  pair.left.pc.createDataChannel('notes');
  await pair.connect();
  pair.left.ear.takes.add(function take() {
    pair.left.ear.takes.delete(take);
    parentPort.postMessage('heard');
  });
  parentPort.once('message', () => process.exit(7));
  // Busy with the engine at whatever moment the end comes.
  for (;;) await pair.left.pc.getStats();
}

const event = (worker, name) =>
  new Promise((resolve, reject) => {
    worker.once(name, resolve);
    worker.once('error', reject);
  });

/** Every second worker is terminated from outside, the others exit by themselves. Its exit code. */
async function one(number) {
  const worker = new Worker(__filename, { argv: [String(number)] });
  const exited = event(worker, 'exit');
  await event(worker, 'message');
  await new Promise((resolve) => setTimeout(resolve, number % 10));
  if (number % 2) worker.postMessage('exit');
  else await worker.terminate();
  return exited;
}

(async () => {
  if (!isMainThread) return inside();
  const pair = new Pair();
  await pair.connect();
  await pair.talks();
  await one(0);
  // Of the worker nothing is left: what there is is that of the call here.
  const before = await settled({ objects: OF_A_CALL });
  const codes = new Set();
  for (let number = 0; number < count; number++) codes.add(await one(number));
  await Promise.all([pair.left.hears(RIGHT_HZ), pair.right.hears(LEFT_HZ)]);
  const states = [pair.left.pc.connectionState, pair.right.pc.connectionState];
  const after = await settled(before);
  pair.end();
  say({ codes: [...codes], states, before, after });
})();
