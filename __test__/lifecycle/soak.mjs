// `npm run soak`: 10,000 calls one after the other, then 6,000 200 at a time, each leaving at a moment that dice
// choose; what the process holds after each part, as a table, and whether any of it grows. Arguments: how many of each.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { trend } from './trend.js';

const [sequential = 10_000, concurrent = 6000] = process.argv.slice(2).map(Number);
const LOOKS = 20;
/** The first quarter still fills pools. */
const WARM = LOOKS / 4;
/** No leak of ours is smaller: a connection is a hundred times as large. Allocators and V8 breathe by less. */
const LEAST_LEAK_BYTES = 1024;

async function soak(calls, atATime, seed) {
  console.log(
    `\n### ${calls} calls, ${atATime === 1 ? 'one after the other' : `${atATime} at a time`} (seed ${seed})\n`,
  );
  const began = Date.now();
  const scenario = fileURLToPath(new URL('scenarios/soak.js', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--max-semi-space-size=1', scenario, ...[calls, atATime, LOOKS, seed].map(String)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => child.on('close', (...end) => resolve(end)));
  console.log(
    '| calls | descriptors | threads | native objects | facades | RSS, MB |\n| --- | --- | --- | --- | --- | --- |',
  );
  const seen = [];
  let reached = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line);
    if (said.reached) reached = said.reached;
    if (said.calls === undefined) continue;
    const { engines, ...objects } = said.objects;
    const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);
    const row = { ...said, natives: total(objects), facades: total(said.facades) };
    seen.push(row);
    console.log(
      `| ${row.calls} | ${row.descriptors} | ${row.threads} | ${row.natives} | ${row.facades} | ${(row.rssKb / 1024).toFixed(1)} |`,
    );
  }
  const [code, signal] = await ended;
  const verdicts = { 'exit code 0': code === 0 && signal === null && seen.length === LOOKS + 1 };
  console.log(
    `\nLeft: ${Object.entries(reached)
      .map(([moment, count]) => `${count} ${moment}`)
      .join('; ')}.`,
  );
  for (const what of ['descriptors', 'threads', 'natives', 'facades']) {
    const { slope } = trend(seen.map((row) => [row.calls, row[what]]));
    verdicts[`${what} per call: ${slope.toFixed(5)}`] = seen.at(-1)[what] <= seen[0][what];
  }
  const { slope, error, least } = trend(seen.slice(WARM).map((row) => [row.calls, row.rssKb * 1024]));
  verdicts[`RSS per call: ${slope.toFixed(0)} ± ${error.toFixed(0)} bytes`] = least < LEAST_LEAK_BYTES;
  for (const [what, good] of Object.entries(verdicts)) console.log(`- ${good ? 'ok' : 'NOT OK'}: ${what}`);
  console.log(`- ${((Date.now() - began) / 60_000).toFixed(1)} minutes`);
  return Object.values(verdicts).every(Boolean);
}

console.log(`Node ${process.version}, ${process.platform}-${process.arch}`);
const good = [await soak(sequential, 1, 1), await soak(concurrent, 200, 2)];
process.exitCode = good.every(Boolean) ? 0 : 1;
