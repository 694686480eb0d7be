// `npm run bench`: many calls on this machine, beside @roamhq/wrtc and node-datachannel. What it does is in docs/performance.md.

const { spawnSync } = require('node:child_process');
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { cpus } = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { realTime } = require('../quality/child');
const { floor } = require('./floor');
const { KEYS, NAMES, ownFolder, version } = require('./implementations');
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

const DOCS = path.resolve(__dirname, '../../docs');
const CODECS = ['opus', 'pcmu'];
const CALLS = [1, 10, 25, 50, 100, 200];

class UsageError extends Error {}

function options(args) {
  const typed = (names, type) => Object.fromEntries(names.map((name) => [name, { type }]));
  try {
    const texts = typed(['impl', 'codec', 'calls', 'seconds', 'json', 'report'], 'string');
    const flags = typed(['docs', 'help', 'no-floor'], 'boolean');
    const { values } = parseArgs({ args, options: { ...texts, ...flags } });
    if (values.help) throw new UsageError('');
    return values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

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
  if (!realTime) console.error('Without real-time priority (chrt, as root): nothing else should run on this machine.');
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
  const commit = spawnSync('git', ['-C', ownFolder(), 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout;
  const versions = Object.fromEntries(keys.map((key) => [NAMES[key], version(key)]));
  if (versions[NAMES.own] && commit) versions[NAMES.own] += ` (${commit.trim()})`;
  return {
    made,
    machine: `${cpus().length} × ${cpus()[0].model}${realTime ? ', with real-time priority' : ''}`,
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    versions: { ...versions, Node: process.versions.node },
    seconds,
    rows,
    floors,
  };
}

function writeDocuments(result) {
  const document = path.join(DOCS, 'performance.md');
  writeFileSync(document, fillDocument(readFileSync(document, 'utf8'), result));
  writeFileSync(path.join(DOCS, 'performance.svg'), chart(result));
}

async function main() {
  const values = options(process.argv.slice(2));
  if (values.report !== undefined) return writeDocuments(JSON.parse(readFileSync(values.report, 'utf8')));
  const result = await measureAll(values);
  const file = values.json ?? path.join(CACHE, 'calls.json');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(result, null, 1));
  console.error(`The numbers are in ${file}`);
  if (values.docs) writeDocuments(result);
}

main().catch((error) => {
  console.error(error instanceof UsageError ? `${error.message}\n${USAGE}`.trim() : error);
  process.exitCode = 1;
});
