// A panic in any part of the engine costs the call that it worked for, which fails with a clear error; the others go on. The
// addon under test is one with the feature `faults`, which panics on demand; nothing that is published has it.

const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const binding = require('../../binding.js');
const { gently } = require('../support/gently');

const root = path.join(__dirname, '../..');
const folder = path.join(root, 'target/faults');
const BUILD_LIMIT_MS = 15 * 60_000;

jest.setTimeout(60_000);

let addon;
beforeAll(async () => {
  const napi = path.join(root, 'node_modules/@napi-rs/cli/dist/cli.js');
  const args = ['build', '--platform', '--release', '--features', 'faults', '--output-dir', folder, '--no-js'];
  await promisify(execFile)(...gently(process.execPath, [napi, ...args, '--dts', 'faults.d.ts']), { cwd: root });
  addon = path.join(
    folder,
    fs.readdirSync(folder).find((name) => name.endsWith('.node')),
  );
}, BUILD_LIMIT_MS);

function run(part) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(__dirname, 'scenario.js'), part], {
      env: { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: addon },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].on('data', (chunk) => {
        output[name] += chunk;
      });
    child.on('close', (code, signal) =>
      resolve({ code, signal, said: JSON.parse(output.stdout || 'null') ?? output.stderr, stderr: output.stderr }),
    );
  });
}

test('the addon that users get cannot be made to panic', () => {
  expect(binding).not.toHaveProperty('injectFault');
});

const UP = ['connected', 'connected'];
const ASKED_FOR = (place) => `a fault that was asked for (${place})`;
const failed = (place) => `WEBPHONE_RTC_CRASHED: A connection has failed: ${ASKED_FOR(place)}`;

test.each([
  ['where datagrams are taken', 'Datagram', undefined],
  ['where candidates are gathered', 'Gathering', undefined],
  ['where sound is encoded and sent', 'Send', undefined],
  ['where sound is decoded and played', 'Play', undefined],
  ['where frames are cut for a reader', 'Outlet', undefined],
  ['where commands are taken: what was asked is answered', 'Command', { answered: true }],
  [
    'where JavaScript calls in: the call is refused',
    'Border',
    { refused: { name: 'OperationError', message: `a fault of the engine: ${ASKED_FOR('Border')}` } },
  ],
  ['where reports are made ready for JavaScript', 'Drain', undefined],
])('a panic %s', async (_, place, more) => {
  const { said, ...end } = await run(place);
  expect(said).toMatchObject({ hit: 'failed', other: UP, warnings: [failed(place)], ...(more && { more }) });
  expect(end).toMatchObject({ code: 0, signal: null });
});

test('a panic while a closed connection says goodbye', async () => {
  const { said, ...end } = await run('Close');
  expect(said).toMatchObject({ hit: 'closed', other: UP, warnings: [] });
  expect(end).toMatchObject({ code: 0, signal: null });
});

test('a panic where a local track is read: its sink ends, and no call does', async () => {
  const { said, ...end } = await run('Outlet of a local track');
  const warnings = [`WEBPHONE_RTC_CRASHED: A sink has failed: ${ASKED_FOR('Outlet')}`];
  expect(said).toEqual({ hit: 'connected', other: UP, warnings, more: { frames: true } });
  expect(end).toMatchObject({ code: 0, signal: null });
});

test('a panic in the thread of a recording: the recorder has an error, and no call ends', async () => {
  const { said, ...end } = await run('Recording');
  expect(said).toEqual({ hit: 'connected', other: UP, warnings: [], more: { refused: 'OperationError' } });
  expect(end).toMatchObject({ code: 0, signal: null });
});

test('a panic where a name is looked up: the server did not help, and gathering ends', async () => {
  const { said, ...end } = await run('LookUp');
  expect(said).toEqual({ hit: 'connected', other: UP, warnings: [], more: { codes: [701] } });
  expect(end).toMatchObject({ code: 0, signal: null });
});
