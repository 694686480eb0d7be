// `npm run bench`: many calls on this machine, beside @roamhq/wrtc and node-datachannel. What it does is in docs/performance.md.

const path = require('node:path');
const { UsageError, describeMachine, main, parseOptions, warnUnlessRealTime, writeDocuments } = require('../program');
const { compile, floor, parts } = require('./floor');
const { KEYS, NAMES, RIVALS, version } = require('./implementations');
const { CACHE, install } = require('./install');
const { combine } = require('./repeats');
const { chart, fillDocument, line } = require('./report');
const { measure } = require('./run');

const USAGE = `npm run bench -- [options]
  --impl=own,dropin,ndc,roamhq  --codec=opus,pcmu  --calls=1,10,25,50,100,200   lists of what is measured
  --seconds=N    of each measure (4)
  --repeats=N    of each measure; the implementations take turns, and the median counts (3 with --docs, otherwise 1)
  --no-floor     without codec, SRTP and sockets alone, which otherwise take turns with the implementations
  --json=FILE    where the numbers go (bench/.cache/calls.json)
  --docs         and into docs/performance.md and docs/performance.svg
  --report=FILE  only that, from numbers of an earlier run
BENCH_ADDON=FOLDER measures another build of the package; BENCH_BEFORE=FOLDER one more beside it, as --impl=own,before.`;

const CODECS = ['opus', 'pcmu'];
const CALLS = [1, 10, 25, 50, 100, 200];

function chosen(text, known, name, otherwise = known) {
  const list = text === undefined ? otherwise : text.split(',');
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

/** One row for each of `keys`; what the machine does meanwhile strikes all of them. */
async function measureRepeatedly(keys, parameters, repeats) {
  const rows = new Map(keys.map((key) => [key, []]));
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [key, of] of rows) {
      const row = key === 'floor' ? floorRow(parameters) : await measure({ key, ...parameters });
      of.push(row);
      console.log(line(row));
    }
  }
  return [...rows.values()].map(combine);
}

const floorRow = ({ codec, calls, seconds }) => ({
  ...{ key: 'floor', codec, calls, sound: true },
  cpuPercent: floor({ codec, calls, seconds }),
});

async function measureAll(values) {
  const keys = chosen(values.impl, KEYS, 'impl', RIVALS);
  const codecs = chosen(values.codec, CODECS, 'codec');
  const calls = counts(values.calls, 'calls', CALLS);
  const [seconds] = counts(values.seconds, 'seconds', [4]);
  const [repeats] = counts(values.repeats, 'repeats', [values.docs ? 3 : 1]);
  install(keys);
  const withFloor = !values['no-floor'];
  if (withFloor) compile();
  warnUnlessRealTime();
  const made = new Date().toISOString();
  const rows = [];
  const failed = new Set();
  for (const codec of codecs) {
    for (const n of calls) {
      const tried = [...keys, ...(withFloor ? ['floor'] : [])].filter((key) => !failed.has(`${key} ${codec}`));
      for (const row of await measureRepeatedly(tried, { codec, calls: n, seconds }, repeats)) {
        rows.push(row);
        // More calls than it can carry tell nothing new, and hold up the others.
        if (!row.sound) failed.add(`${row.key} ${codec}`);
      }
    }
  }
  const versions = Object.fromEntries(keys.map((key) => [NAMES[key], version(key)]));
  return {
    made,
    machine: describeMachine(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    versions: { ...versions, Node: process.versions.node },
    seconds,
    repeats,
    rows,
    parts: withFloor ? codecs.map(parts) : [],
  };
}

main({
  usage: USAGE,
  options: (args) => parseOptions(args, ['impl', 'codec', 'calls', 'seconds', 'repeats'], ['no-floor']),
  measure: measureAll,
  fileOf: () => path.join(CACHE, 'calls.json'),
  document: (result) => writeDocuments('performance', (text) => fillDocument(text, result), chart(result)),
});
