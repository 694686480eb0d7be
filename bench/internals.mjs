// What the internals cost a process with fifty connections: CPU without them, with them, and with a page open.
// node bench/internals.mjs [seconds of each part]; the parts take turns, so that the mood of the machine meets all of them.
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Pair } = require('../__test__/support/pair.js');
const { startInternals } = require('../dist/internals/index.js');

const CALLS = 25;
const TURNS = 4;
const seconds = Number(process.argv[2] ?? 5);

/** Percent of a core, this process and all its threads. */
async function cpu(seconds) {
  const [began, before] = [performance.now(), process.cpuUsage()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - began);
}

const PARTS = {
  'without internals': () => () => {},
  'with internals, no page': async () => {
    const internals = await startInternals();
    return () => internals.close();
  },
  'with internals and a page': async () => {
    const internals = await startInternals();
    const request = http.get(`${internals.url}updates`);
    (await once(request, 'response'))[0].resume();
    return () => internals.close();
  },
};

const pairs = Array.from({ length: CALLS }, () => new Pair());
for (const pair of pairs) await pair.connect();
await cpu(2);
const shares = new Map(Object.keys(PARTS).map((name) => [name, []]));
for (let turn = 0; turn < TURNS; turn++) {
  for (const [name, start] of Object.entries(PARTS)) {
    const end = await start();
    shares.get(name).push(await cpu(seconds));
    await end();
  }
}
for (const pair of pairs) pair.end();
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(`${2 * CALLS} connections, ${TURNS} turns of ${seconds} s`);
for (const [name, values] of shares)
  console.log(`${name}: ${median(values).toFixed(1)} % of a core (${values.map((it) => it.toFixed(1)).join(', ')})`);
