// The quick start of the README, followed as it stands: its commands are run, its diffs applied to a bridge with mocks, in a
// folder of a new user, until the caller hears the bot.

const fs = require('node:fs');
const path = require('node:path');
const shell = require('./shell');
const { NewUser } = require('./new-user');
const { blocks, patched } = require('./readme');
const { writeTone } = require('../bridge/support/ear');
const { freePort, pythonTest } = require('../bridge/support/python');
const { parseWav } = require('../../examples/bridge/wav');
const { signal } = require('../../examples/switch');

jest.setTimeout(3 * 60_000);

const GREETING_HZ = 440;
const GREETING_S = 3;
const CALL_MS = 90_000;
const INSTALL_MS = 60_000;

const quickStart = blocks('Quick start');
const commands = quickStart.filter(({ language }) => language === 'sh').map(({ text }) => text);
const diffs = quickStart.filter(({ language }) => language === 'diff').map(({ text }) => text);
const [sample] = quickStart.filter(({ language }) => language === '');
const [install, voiceAi, ownBridge, noBridge] = commands;

let user;

/** The user's bridge after the first `count` diffs of the quick start. */
function follow(count = diffs.length) {
  const before = fs.readFileSync(path.join(__dirname, 'quickstart/bridge.js'), 'utf8');
  fs.writeFileSync(path.join(user.project, 'bridge.js'), diffs.slice(0, count).reduce(patched, before));
}

/** Milliseconds of the greeting's tone in what the caller heard. */
function greetingHeardMs() {
  const { samples, sampleRate } = parseWav(fs.readFileSync(path.join(user.project, 'heard.wav')));
  const window = sampleRate / 50;
  let ms = 0;
  for (let at = 0; at + window <= samples.length; at += window) {
    const { snrDb, amplitude } = signal.fitTone(samples.subarray(at, at + window), GREETING_HZ, sampleRate);
    if (snrDb > 20 && amplitude > 5000) ms += 20;
  }
  return ms;
}

/** The voice AI of this README in one terminal, `text` in the other until it ends. */
async function hearTheBot(text) {
  const ports = { VOICE_AI_PORT: String(await freePort()), VOICE_AI_HTTP_PORT: String(await freePort()) };
  const ai = user.starts(voiceAi, { env: { ...ports, VOICE_AI_GREETING: path.join(user.project, 'greeting.wav') } });
  await ai.says(/listening/, { limitMs: INSTALL_MS });
  const env = {
    PYTHON_WS_URL: `ws://127.0.0.1:${ports.VOICE_AI_PORT}`,
    PYTHON_HTTP_URL: `http://127.0.0.1:${ports.VOICE_AI_HTTP_PORT}/calls`,
  };
  const bridge = user.starts(text, { env });
  const { code } = await bridge.exited;
  await ai.stop();
  return { code, output: bridge.output, ai: ai.output };
}

beforeAll(async () => {
  user = await NewUser.arrive(['ringcentral-web-phone', 'express', 'ws']);
  follow(0);
  writeTone(path.join(user.project, 'greeting.wav'), { hz: GREETING_HZ, seconds: GREETING_S });
});

afterEach(() => user.closeTerminals());

afterAll(async () => {
  await user?.leave();
  shell.removeScratch();
});

test('it has the blocks that are followed here', () => {
  expect([commands.length, diffs.length]).toEqual([4, 3]);
});

test('step 1 installs, and leaves the packages of the bridge where they were', async () => {
  await user.types(install);
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(user.project, 'package.json'), 'utf8'));
  expect(Object.keys(dependencies)).toEqual(['express', 'ringcentral-web-phone', 'webphone-rtc', 'ws']);
});

test('before steps 2 and 3 the bridge answers, and it is said why the call went to voicemail', async () => {
  const bridge = user.starts(ownBridge);
  expect(await bridge.exited).toEqual({ code: 1, signal: null });
  expect(bridge.output).toMatch(/✘ the call went to voicemail: the answer has no m=audio line/);
});

test('before step 4 the bridge answers the marked call only, and it is said that it never called answer()', async () => {
  follow(2);
  const bridge = user.starts(ownBridge, { env: { PYTHON_WS_URL: `ws://127.0.0.1:${await freePort()}` } });
  expect(await bridge.exited).toEqual({ code: 1, signal: null });
  expect(bridge.output).toMatch(/✔ a call marked for auto-answer is up/);
  expect(bridge.output).toMatch(/✘ the call went to voicemail: nobody answered\. The bridge never called answer\(\)/);
});

pythonTest(
  'after steps 2 to 4 the caller hears the bot, and the bot hears him and his digits',
  async () => {
    follow();
    const { code, output, ai } = await hearTheBot(ownBridge);
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('went to voicemail: no') });
    const told = [...sample.text.matchAll(/[✔·] (.*)/g)].map(([, said]) => said);
    expect(told.length).toBeGreaterThan(3);
    for (const said of told) expect(output).toContain(said);
    expect(greetingHeardMs()).toBeGreaterThan(GREETING_S * 1000 * 0.9);
    expect(ai).toMatch(/the caller speaks[\s\S]*digit 1[\s\S]*digit 2[\s\S]*digit 3/);
  },
  CALL_MS,
);

pythonTest(
  'without a bridge of his own the user hears the bot through the one in the package',
  async () => {
    fs.rmSync(path.join(user.project, 'heard.wav'), { force: true });
    const { code, output } = await hearTheBot(noBridge);
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('the bot pressed 123') });
    expect(greetingHeardMs()).toBeGreaterThan(GREETING_S * 1000 * 0.9);
  },
  CALL_MS,
);

test('where packages are missing, the command that installs them is told', async () => {
  const empty = shell.emptyProject('empty');
  await user.types('npm install webphone-rtc', { cwd: empty });
  const { status, output } = await user.tries(noBridge.trimEnd().split('\n').at(-1), { cwd: empty });
  expect(status).toBe(1);
  const wanted = ['ws', install.match(/werift@\S+/)[0], '@evan/opus', 'ringcentral-web-phone', 'express'];
  expect(output).toContain(`npm install --save-dev ${wanted.join(' ')}\n`);
});
