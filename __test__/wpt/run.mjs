// Runs the web-platform-tests of expectations.json over the package and compares.
//   npm run wpt [-- FILTER] [--subset] [--update]
// FILTER is a regular expression on file names; --subset runs the files that are kept here; --update writes new
// expectations: failures that are new get the reason '?', which must be replaced by a real one before it is committed.
// The tests are fetched by fetch.sh. They open sockets on this machine's addresses only, and name servers that do not
// exist; without a name server the few tests that wait for one are slow.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const EXPECTATIONS = path.join(HERE, 'expectations.json');
// A subtest, a file; each also for tests that say they are long.
const DEADLINES_MS = { subtest: 8000, subtestLong: 20000, file: 60000, fileLong: 150000 };
const JOBS = 3;

const args = process.argv.slice(2);
const update = args.includes('--update');
const subset = args.includes('--subset');
// Where the tests are is read when this is loaded, here and in the process of each file.
if (subset) process.env.WPT_SUITE = path.join(HERE, 'subset');
const { pageOf, SUITE } = await import('./suite.mjs');
const filter = new RegExp(args.find((arg) => !arg.startsWith('--')) ?? '.');
const { reasons, files } = JSON.parse(fs.readFileSync(EXPECTATIONS, 'utf8'));
if (!fs.existsSync(SUITE)) {
  console.error('The tests are not here: run __test__/wpt/fetch.sh first.');
  process.exit(2);
}
const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'webphone-rtc-wpt-'));

/** Runs a file in a process of its own; resolves with { subtest: status } and how it ended. */
function runFile(file) {
  const out = path.join(tmp, `${file.replaceAll('/', '_')}.jsonl`);
  const log = fs.openSync(`${out}.log`, 'w');
  fs.writeFileSync(out, '');
  const long = /<meta[^>]*name=["']?timeout["']?[^>]*content=["']?long/.test(pageOf(file));
  const limit = (long ? DEADLINES_MS.fileLong : DEADLINES_MS.file) + 20000;
  const child = spawn(
    process.execPath,
    ['--expose-gc', path.join(HERE, 'child.mjs'), file, out, JSON.stringify(DEADLINES_MS)],
    { stdio: ['ignore', log, log] },
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      fs.closeSync(log);
      resolve(read(fs.readFileSync(out, 'utf8'), code === 0 ? null : (signal ?? `exit code ${code}`)));
    });
  });
}

function read(text, crash) {
  const subtests = {};
  for (const line of text.split('\n').filter(Boolean)) {
    const report = JSON.parse(line);
    if (report.k === 'test') subtests[report.n] ??= 'NOTRUN';
    else if (report.k === 'result') subtests[report.n] = report.s;
    else if (report.k === 'done') for (const [name, status] of report.tests) subtests[name] = status;
  }
  return { subtests, crash };
}

const results = {};
const kept = (file) => !subset || fs.existsSync(path.join(SUITE, file));
const queue = Object.keys(files).filter((file) => filter.test(file) && kept(file));
await Promise.all(
  Array.from({ length: JOBS }, async () => {
    for (let file = queue.shift(); file; file = queue.shift()) results[file] = await runFile(file);
  }),
);
fs.rmSync(tmp, { recursive: true, force: true });

let passed = 0;
let total = 0;
let failing = 0;
const surprises = [];
for (const [file, { subtests, crash }] of Object.entries(results).sort(([a], [b]) => (a < b ? -1 : 1))) {
  const expected = files[file];
  if (crash) surprises.push(`CRASH       ${file}: ${crash}`);
  for (const [name, status] of Object.entries(subtests)) {
    total += 1;
    passed += status === 'PASS' ? 1 : 0;
    const reason = expected[name];
    failing += status !== 'PASS' && reason ? 1 : 0;
    if (status === 'PASS' && reason && !reasons[reason]?.sometimes) surprises.push(`NOW PASSES  ${file}: ${name}`);
    if (status !== 'PASS' && !reason) surprises.push(`${status.padEnd(11)} ${file}: ${name}`);
  }
  for (const name of Object.keys(expected)) {
    if (!(name in subtests) && !reasons[expected[name]]?.sometimes) surprises.push(`GONE        ${file}: ${name}`);
  }
  if (update) {
    const failing = Object.entries(subtests).filter(([name, status]) => status !== 'PASS' || sometimes(expected[name]));
    files[file] = Object.fromEntries(failing.map(([name]) => [name, expected[name] ?? '?']));
  }
}

function sometimes(reason) {
  return reasons[reason]?.sometimes ?? false;
}

if (update) fs.writeFileSync(EXPECTATIONS, `${JSON.stringify({ reasons, files }, null, 2)}\n`);
for (const line of surprises) console.log(line);
const share = total === 0 ? 0 : (100 * passed) / total;
console.log(`${passed} of ${total} subtests pass (${share.toFixed(1)} %)`);
console.log(`${passed} passed, ${surprises.length} failed, ${failing} expected to fail`);
process.exit(total > 0 && (surprises.length === 0 || update) ? 0 : 1);
