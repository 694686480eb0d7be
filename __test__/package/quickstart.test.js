// The quick start of the README, followed as it stands: its commands are run, its diffs applied to a bridge with mocks, in a
// folder of a new user, until the caller hears the bot.

const fs = require('node:fs');
const path = require('node:path');
const shell = require('./shell');
const { NewUser } = require('./new-user');
const { blocks, patched } = require('./readme');
const { Ear, writeTone } = require('../bridge/support/ear');
const { registrationAt } = require('../bridge/support/processes');
const { freePort, pythonTest } = require('../bridge/support/python');
const { ScriptedAi } = require('../bridge/support/scripted-ai');
const { parseWav } = require('../../examples/bridge/wav');
const { signal, startSwitch } = require('../../examples/switch');

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

describe('with an AI that does what it likes, after all steps', () => {
  const WITHOUT_TLS = 'node_modules/webphone-rtc/examples/switch/without-tls.js';
  let sw;
  let ai;
  let bridge;

  beforeEach(async () => {
    follow();
    sw = await startSwitch();
    ai = await ScriptedAi.start({ subprotocol: false });
    bridge = user.starts(`node --require ./${WITHOUT_TLS} bridge.js`, {
      env: {
        ...ai.env,
        PORT: '0',
        ...registrationAt(sw),
        WEBPHONE_RTC_LOOPBACK: '1',
      },
    });
    await bridge.says(/registered/);
  });

  afterEach(async () => {
    await bridge.stop();
    await ai.stop();
    await sw.stop();
  });

  /** One who dials, what he hears, and what the AI says to him. */
  async function dialled() {
    const calls = ai.connections.length;
    const call = await sw.call({ source: signal.silence() });
    const ear = new Ear(call);
    await call.waitFor('dtls');
    const { socket } = await ai.connection(calls);
    return { call, ear, say: (data) => socket.send(data) };
  }

  const spoken = (hz, seconds) => Buffer.from(signal.tone(hz)(16000 * seconds, 16000).buffer);

  /** Says it in messages of so many bytes. */
  function sayInPieces({ say }, bytes, size) {
    for (let at = 0; at < bytes.length; at += size) say(bytes.subarray(at, at + size));
  }

  test('bytes that are cut anywhere are heard whole; what is no JSON, or no object, is told, and no call ends', async () => {
    const [one, other] = [await dialled(), await dialled()];
    for (const text of ['not json', 'null']) one.say(text);
    sayInPieces(one, spoken(500, 10), 641);
    await bridge.says(/not valid JSON/);
    sayInPieces(other, spoken(800, 10), 640);
    await Promise.all([one.ear.hears('sound'), other.ear.hears('sound')]);
    const heard = await Promise.all([one.ear.measure(500), other.ear.measure(800)]);
    for (const { badShare } of heard) expect(badShare).toBeLessThan(0.1);
    for (const { call } of [one, other]) {
      await call.hangup();
      expect(call.verdict).toBe('completed');
    }
  });

  test('killAudio drops all that was not played, and what comes then is heard', async () => {
    const { call, ear, say } = await dialled();
    sayInPieces({ say }, spoken(500, 120), 640);
    await ear.hears('sound');
    say(JSON.stringify({ type: 'killAudio' }));
    await ear.hears('quiet');
    sayInPieces({ say }, spoken(800, 10), 640);
    await ear.hears('sound');
    expect((await ear.measure(800)).badShare).toBeLessThan(0.1);
    await call.hangup();
  });
});

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
