// `npm run bench`: many calls on this machine, beside @roamhq/wrtc and node-datachannel. What it does is in docs/performance.md.

const path = require('node:path');
const { UsageError, describeMachine, main, parseOptions, warnUnlessRealTime, writeDocuments } = require('../program');
const { floor } = require('./floor');
const { KEYS, NAMES, version } = require('./implementations');
const { CACHE, install } = require('./install');
const { chart, fillDocument, line } = require('./report');
const { measure } = require('./run');

const USAGE = `npm run bench -- [options]
  --impl=own,ndc,roamhq  --codec=opus,pcmu  --calls=1,10,25,50,100,200   lists of what is measured
  --seconds=N    of each measure (4)
  --no-floor     without codec, SRTP and sockets alone
  --json=FILE    where the numbers go (bench/.cache/calls.json)
  --docs         and into docs/performance.md and docs/performance.svg
  --report=FILE  only that, from numbers of an earlier run
BENCH_ADDON=FOLDER measures another build of the package.`;

const CODECS = ['opus', 'pcmu'];
const CALLS = [1, 10, 25, 50, 100, 200];

function chosen(text, known, name) {
  const list = text === undefined ? known : text.split(',');
  for (const item of list) if (!known.includes(item)) throw new UsageError(`--${name} knows ${known.join(', ')}`);
  return list;
}

function counts(text, name, otherwise) {
  if (text === undefined) return otherwise;
  const list = text.split(',').map(Number);
  if (!list.every((n) => Number.isInteger(n) && n > 0))
    throw new UsageError(`--${name} is not of positive whole numbers`);
  return list;
}

async function measureAll(values) {
  const keys = chosen(values.impl, KEYS, 'impl');
  const codecs = chosen(values.codec, CODECS, 'codec');
  const calls = counts(values.calls, 'calls', CALLS);
  const [seconds] = counts(values.seconds, 'seconds', [4]);
  install(keys);
  warnUnlessRealTime();
  const made = new Date().toISOString();
  const rows = [];
  const failed = new Set();
  for (const codec of codecs) {
    for (const n of calls) {
      for (const key of keys.filter((it) => !failed.has(`${it} ${codec}`))) {
        const row = await measure({ key, codec, calls: n, seconds });
        rows.push(row);
        console.log(line(row));
        // More calls than it can carry tell nothing new, and hold up the others.
        if (!row.sound) failed.add(`${key} ${codec}`);
      }
    }
  }
  const floors = values['no-floor'] ? [] : codecs.map(floor);
  for (const { codec, cpuPercent } of floors) console.log(`${codec}: floor ${cpuPercent.toFixed(3)} % of a core`);
  const versions = Object.fromEntries(keys.map((key) => [NAMES[key], version(key)]));
  return {
    made,
    machine: describeMachine(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    versions: { ...versions, Node: process.versions.node },
    seconds,
    rows,
    floors,
  };
}

main({
  usage: USAGE,
  options: (args) => parseOptions(args, ['impl', 'codec', 'calls', 'seconds'], ['no-floor']),
  measure: measureAll,
  fileOf: () => path.join(CACHE, 'calls.json'),
  document: (result) => writeDocuments('performance', (text) => fillDocument(text, result), chart(result)),
});
