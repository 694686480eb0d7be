// What a recording is to its process: it survives its death, does not keep it alive, and leaves nothing behind.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { measureTone, WINDOW_MS } = require('../support/tone');
const { folder } = require('./support/folder');
const { readRecording } = require('./support/read');

jest.setTimeout(90_000);

const file = folder();

function start(scenario, ...args) {
  const script = path.join(__dirname, 'scenarios', scenario);
  return spawn(process.execPath, ['--expose-gc', '--no-warnings', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** All that it says until it ends by itself, and its code. */
async function run(scenario, ...args) {
  const child = start(scenario, ...args);
  const said = [];
  for await (const line of createInterface({ input: child.stdout })) said.push(JSON.parse(line));
  if (child.exitCode === null) await once(child, 'exit');
  return { code: child.exitCode, said };
}

test.each(['killed.wav', 'killed.opus'])('a process that is killed loses at most a second: %s', async (name) => {
  const child = start('until-killed.js', file(name));
  let last;
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line);
    if (last.heardMs >= 4000) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  const heard = readRecording(file(name));
  const lengthMs = (heard.left.length / heard.sampleRate) * 1000;
  expect(lengthMs).toBeGreaterThanOrEqual(last.heardMs - 1000);
  // An Opus file is behind by a packet and by the delay of the encoder.
  expect(lengthMs).toBeGreaterThanOrEqual(last.writtenMs - 30);
  // A recording is as long as the call: where the machine stood still nobody spoke. Two windows of a gap may be silent by half.
  const { stoodStillMs } = last;
  const mostMs = stoodStillMs < WINDOW_MS / 2 ? 0 : stoodStillMs + WINDOW_MS;
  for (const side of [heard.left, heard.right]) {
    const { longestGapMs, snrDb } = measureTone(side.subarray(heard.sampleRate / 2), 1000, heard.sampleRate);
    expect([Math.max(longestGapMs, mostMs), snrDb > 25]).toEqual([mostMs, true]);
  }
});

describe('a recording that nobody stops does not keep its process alive, and its file is whole', () => {
  test.each([
    ['of a call that has ended', 'call'],
    ['of a source', 'source'],
    ['of a source, when the process is told to exit', 'exit'],
  ])('%s', async (_, what) => {
    expect(await run('left-open.js', what, file(`${what}.opus`))).toEqual({ code: 0, said: ['recorded'] });
    const heard = readRecording(file(`${what}.opus`));
    expect(heard.complete).toBe(true);
    expect(heard.left.length / heard.sampleRate).toBeGreaterThanOrEqual(1);
  });
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('recordings leave no thread, descriptor or object behind', async () => {
  const { code, said } = await run('many.js', file(''), '20');
  expect(code).toBe(0);
  const [{ before, after }] = said;
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.alive).toBe(0);
});
