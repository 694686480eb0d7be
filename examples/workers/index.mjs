// Calls spread over worker threads, over processes, or all in one thread, and what that costs.
//   node examples/workers/index.mjs [--calls=10] [--workers=2] [--seconds=5] [--rounds=2]
// Each call has two connections, so the numbers are of twice as many. The kinds take turns in each round.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

const FILE = fileURLToPath(new URL('worker.js', import.meta.url));
const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '10' },
    workers: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '2' },
  },
});
const [CALLS, WORKERS, SECONDS, ROUNDS] = ['calls', 'workers', 'seconds', 'rounds'].map((name) => Number(values[name]));

/** A worker of either kind, asked one thing at a time. */
class Hand {
  constructor(kind) {
    this.worker = kind === 'processes' ? fork(FILE) : new Worker(FILE);
  }
  tell(command) {
    if (this.worker.send) this.worker.send({ command });
    else this.worker.postMessage({ command });
  }
  async ask(command) {
    const answer = once(this.worker, 'message');
    this.tell(command);
    return (await answer)[0].result;
  }
  async stop() {
    const gone = once(this.worker, 'exit');
    this.tell('stop'); // which it does not answer
    await gone;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Microseconds of CPU: of processes each has its own, of threads there is one sum. */
const spent = (reports, kind) =>
  (kind === 'processes' ? reports : reports.slice(0, 1)).reduce((sum, { cpu }) => sum + cpu.user + cpu.system, 0);

async function measure(kind, count) {
  const hands = Array.from({ length: count }, () => new Hand(kind));
  // The next call goes to the one with the fewest: here they take turns.
  for (let n = 0; n < CALLS; n++) await hands[n % count].ask('call');
  await pause(1000);
  for (const hand of hands) await hand.ask('reset');
  const before = await Promise.all(hands.map((hand) => hand.ask('report')));
  const began = performance.now();
  await pause(SECONDS * 1000);
  const after = await Promise.all(hands.map((hand) => hand.ask('report')));
  const ms = performance.now() - began;
  for (const hand of hands) await hand.stop();
  const frames = after.reduce((sum, report) => sum + report.frames, 0);
  return {
    cpuPerConnection: (spent(after, kind) - spent(before, kind)) / 10 / ms / (2 * CALLS),
    loopP99Ms: Math.max(...after.map(({ loopP99Ms }) => loopP99Ms)),
    heard: frames / (2 * CALLS * (ms / 20)),
    rssMb: (kind === 'processes' ? after : after.slice(0, 1)).reduce((sum, { rss }) => sum + rss, 0) / 1e6,
  };
}

const KINDS = { 'one thread': ['threads', 1], threads: ['threads', WORKERS], processes: ['processes', WORKERS] };
const results = new Map(Object.keys(KINDS).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++)
  for (const [name, [kind, count]] of Object.entries(KINDS)) results.get(name).push(await measure(kind, count));

const best = (list, member) => Math.min(...list.map((result) => result[member]));
console.log(`${2 * CALLS} connections, ${WORKERS} workers, ${SECONDS} s, the least of ${ROUNDS} rounds\n`);
console.log('| | CPU of one connection | event loop p99 | memory | frames heard |');
console.log('| --- | --- | --- | --- | --- |');
for (const [name, list] of results) {
  const cells = [
    `${best(list, 'cpuPerConnection').toFixed(2)} % of a core`,
    `${best(list, 'loopP99Ms').toFixed(1)} ms`,
    `${best(list, 'rssMb').toFixed(0)} MB`,
    `${(100 * Math.max(...list.map(({ heard }) => heard))).toFixed(1)} %`,
  ];
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
