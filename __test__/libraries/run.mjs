// Runs libraries that were written for browsers over the package: the tests that some publish, calls with others. README.md
// says which.
//   npm run test:libraries [-- NAME]
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from '../../examples/demo/prepare.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const inPackages = (...names) => path.join(here, 'node_modules', ...names);
// A run that hangs is ended; the longest takes little more than a minute.
const DEADLINE_MS = 300_000;

/** What to give to Node, by library; each reports in TAP. */
const LIBRARIES = {
  'simple-peer': () => {
    const tests = readdirSync(inPackages('simple-peer/test')).filter((name) => name.endsWith('.js'));
    const files = tests.sort().map((name) => inPackages('simple-peer/test', name));
    return ['-r', path.join(here, 'simple-peer.cjs'), inPackages('tape/bin/tape'), ...files];
  },
  'rtc-quickconnect': () => [path.join(here, 'rtc-quickconnect.cjs')],
  sip: () => [path.join(here, 'sip.mjs')],
  peerjs: () => [path.join(here, 'peerjs.mjs')],
};

const writtenAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY;

/** Again when the lock file has changed since. */
function install() {
  if (writtenAt(inPackages('.package-lock.json')) > writtenAt(path.join(here, 'package-lock.json'))) return;
  console.log('Installing the libraries from npm …');
  const { status } = spawnSync('npm', ['ci'], {
    cwd: here,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error('"npm ci" in __test__/libraries failed; its output above says why.');
    process.exit(1);
  }
}

/** Resolves with how many assertions passed and failed, and what is to be said of those that failed. */
function runTests(name) {
  const child = spawn(process.execPath, LIBRARIES[name](), {
    // 127.0.0.1 may be all that the machine has.
    env: { ...process.env, WEBPHONE_RTC_LOOPBACK: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let tap = '';
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    tap += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log = (log + text).slice(-4000);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const counts = read(tap);
      const planned = Number(/^1\.\.(\d+)$/m.exec(tap)?.[1] ?? 0);
      const complete = planned > 0 && planned === counts.passed + counts.failed;
      if (counts.failed === 0 && (code !== 0 || !complete)) {
        const last = tap.match(/^(# |ok ).*$/gm)?.pop();
        counts.failed = 1;
        counts.failures.push(`ended before its time (${signal ?? `exit code ${code}`}) after "${last}"\n${log}`);
      }
      resolve({ name, ...counts });
    });
  });
}

/** TAP: a line for each assertion, and lines that are indented after one that has failed. */
function read(tap) {
  const counts = { passed: 0, failed: 0, failures: [] };
  for (const [, not, name, details] of tap.matchAll(/^(not )?ok \d+ ?(.*)\n((?: .*\n)*)/gm)) {
    if (not) {
      counts.failed += 1;
      counts.failures.push(`${name}\n${details}`);
    } else counts.passed += 1;
  }
  return counts;
}

prepare();
install();
const names = Object.keys(LIBRARIES).filter((name) => process.argv.length < 3 || process.argv.includes(name));
const results = await Promise.all(names.map(runTests));
const total = { passed: 0, failed: 0 };
for (const { name, passed, failed, failures } of results) {
  for (const failure of failures) console.log(`${name}: FAILED ${failure}`);
  console.log(`${name}: ${passed} passed, ${failed} failed`);
  total.passed += passed;
  total.failed += failed;
}
console.log(`Libraries: ${total.passed} passed, ${total.failed} failed, 0 skipped`);
process.exitCode = total.failed === 0 && names.length > 0 ? 0 : 1;
