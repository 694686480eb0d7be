// `webphone-rtc call` on the local switch, as a user types it.

const fs = require('node:fs');
const path = require('node:path');
const { folder, removeScratch, root, run } = require('../package/shell');
const { writeTone } = require('../bridge/support/ear');

jest.setTimeout(60_000);
afterAll(removeScratch);

const CLI = path.join(root, 'dist/cli/index.js');
const call = (...args) => run(root, process.execPath, [CLI, 'call', ...args], {}, 50_000);

test('a number is called: the file is said, digits are pressed, both ends are recorded', async () => {
  const scratch = folder('call');
  const [said, recorded] = ['said.wav', 'recorded.wav'].map((name) => path.join(scratch, name));
  writeTone(said, { hz: 440, seconds: 2 });
  const { status, output } = await call('100', '--switch', '--in', said, '--out', recorded, '--dtmf', '12');
  expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining(`played ${said}`) });
  expect(output).toMatch(/calling 100\n[\s\S]*the call is up[\s\S]*pressed 12\n[\s\S]*hung up\nthe call is over\n/);
  expect(output).toMatch(/heard ▮+▯* -\d+ dB {3}said ▮+▯* -\d+ dB/);
  expect(fs.statSync(recorded).size).toBeGreaterThan(16_000 * 2 * 2 * 1.5);
});

test('the next call is answered, and hung up in time', async () => {
  const { status, output } = await call('--switch', '--seconds', '2');
  expect({ status, output }).toEqual({ status: 0, output: expect.stringMatching(/the call is up, with 16505550123/) });
  expect(output).toContain('hung up after 2 s');
});

test('a number that is busy is told: 1', async () => {
  const { status, output } = await call('busy', '--switch');
  expect({ status, output }).toEqual({ status: 1, output: expect.stringContaining('the call was not answered') });
});

test('without credentials it is said which are missing: 2', async () => {
  const { status, stderr } = await call('100');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^Not set: SIP_INFO_AUTHORIZATION_ID, .*--switch\n$/);
});

test('a file that is not there, and one that is no WAV, are told before anybody is called: 2', async () => {
  const notes = path.join(folder('notes'), 'notes.wav');
  fs.writeFileSync(notes, 'nothing to hear here');
  expect(await call('100', '--switch', '--in', '/nowhere.wav')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'There is no file /nowhere.wav\n',
  });
  expect(await call('100', '--switch', '--in', notes)).toMatchObject({
    status: 2,
    stderr: `${notes}: this is not a WAV file\n`,
  });
});
