// `npm test`: installs and builds what is missing, then runs the Rust tests, Jest, a part of the web-platform-tests, and
// the tests of libraries, and says in the last lines what ran. With arguments, which are Jest's, it runs Jest alone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from '../examples/demo/prepare.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(path.join(tmpdir(), 'webphone-rtc-test-'));
const report = path.join(scratch, 'jest.json');

function run(command, args) {
  console.log(`\n> ${command} ${args.join(' ')}`);
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (stdout) process.stdout.write(stdout);
  return { ok: status === 0, output: stdout ?? '' };
}

/** What a runner of ours says in its last line; one that did not get that far has failed. */
function lastCounts({ output }) {
  const last = /(\d+) passed, (\d+) failed, (\d+) (?:skipped|expected to fail)\s*$/.exec(output);
  if (!last) return { passed: 0, failed: 1, skipped: 0 };
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3]) };
}

/** Sums cargo's "test result:" lines. */
function cargoCounts(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(
    /test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/g,
  )) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(ignored);
  }
  return counts;
}

function jestCounts() {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0, skippedNames: [] };
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const tests = result.testResults.flatMap((file) => file.assertionResults);
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    skipped: result.numPendingTests + result.numTodoTests,
    skippedNames: tests
      .filter((test) => test.status === 'pending' || test.status === 'todo')
      .map((test) => test.fullName),
  };
}

prepare();
const filters = process.argv.slice(2);
const cargo =
  filters.length > 0 ? { ok: true, output: '' } : run('cargo', ['test', '--release', '--no-default-features']);
const jest = run(
  process.execPath,
  [
    path.join(root, 'node_modules/jest/bin/jest.js'),
    ...(filters.length > 0 ? filters : ['--ci']),
    // Most suites wait: for packages, servers, the SDK's timers; those that compile give way to the calls of the others. Three at a
    // time save three minutes on two cores, and had a call late in two runs of three.
    `--maxWorkers=${Math.min(2, availableParallelism())}`,
    '--json',
    `--outputFile=${report}`,
    '--silent=false',
  ].filter(Boolean),
);

const wpt = filters.length > 0 ? null : run(process.execPath, [path.join(root, '__test__/wpt/run.mjs'), '--subset']);
const libraries = filters.length > 0 ? null : run(process.execPath, [path.join(root, '__test__/libraries/run.mjs')]);

const rust = cargoCounts(cargo.output);
const js = jestCounts();
rmSync(scratch, { recursive: true, force: true });

console.log(`\nRust: ${said(rust)}`);
console.log(`Jest: ${said(js)}`);
for (const name of js.skippedNames) console.log(`  skipped: ${name}`);
const all = [rust, js];
if (wpt) {
  const { skipped: expected, ...counts } = lastCounts(wpt);
  console.log(`Web-platform-tests: ${counts.passed} passed, ${counts.failed} failed, ${expected} expected to fail`);
  all.push({ ...counts, skipped: 0 });
}
if (libraries) {
  const counts = lastCounts(libraries);
  console.log(`Libraries: ${said(counts)}`);
  all.push(counts);
}
const total = { passed: 0, failed: 0, skipped: 0 };
for (const counts of all) for (const key of Object.keys(total)) total[key] += counts[key];
// A run may also fail without a test that did.
if (total.failed === 0 && ![cargo, jest, wpt, libraries].every((it) => it === null || it.ok)) total.failed = 1;
console.log(said(total));
process.exitCode = total.failed === 0 ? 0 : 1;

function said({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
