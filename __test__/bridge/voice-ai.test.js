// Switch, bridge and Python voice AI together: what the caller hears and what the bot hears, by signals, in both profiles.

const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { WebSocket } = require('ws');
const { startSwitch, signal } = require('../../examples/switch');
const { Ear, writeTone } = require('./support/ear.js');
const { BridgeProcess, EXAMPLE } = require('./support/processes.js');
const { profileOf } = require('../../examples/bridge/profiles');
const { pythonTest, python, VoiceAi } = require('./support/python.js');

jest.setTimeout(120_000);

const GREETING_HZ = 440;
const CALLER_HZ = 700;
const DIGITS_HZ = 560;
/** The README's promise, in samples of the caller's ear. */
const BARGE_IN_MS = 800;
const PROFILES = { jambonz: { AUDIO_PROFILE: 'jambonz' }, twilio: { AUDIO_PROFILE: 'twilio' } };

let folder, greeting, shortGreeting;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'webphone-bridge-'));
  greeting = path.join(folder, 'greeting.wav');
  shortGreeting = path.join(folder, 'short.wav');
  writeTone(greeting, { hz: GREETING_HZ, seconds: 20 });
  writeTone(shortGreeting, { hz: GREETING_HZ, seconds: 1 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder with a program that is called as espeak-ng is, and says a tone for each of the two texts. */
function espeak() {
  const digits = path.join(folder, 'digits.wav');
  writeTone(digits, { hz: DIGITS_HZ, seconds: 1, sampleRate: 22050 });
  const greeting = path.join(folder, 'voice.wav');
  writeTone(greeting, { hz: GREETING_HZ, seconds: 1, sampleRate: 22050 });
  const lines = [
    '#!/bin/sh',
    'while getopts s:w: option; do [ "$option" = w ] && file=$OPTARG; done',
    'shift $((OPTIND - 1))',
    'case "$*" in',
    `  "You pressed 1 2.") cp '${digits}' "$file" ;;`,
    `  Hello*) cp '${greeting}' "$file" ;;`,
    'esac',
  ];
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'espeak-ng'), `${lines.join('\n')}\n`, { mode: 0o755 });
  return bin;
}

const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function setUp({ aiEnv, bridgeEnv } = {}) {
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const ai = await VoiceAi.start({ env: { VOICE_AI_GREETING: greeting, ...aiEnv } });
  running.push(() => ai.stop('SIGKILL'));
  const bridge = new BridgeProcess(sw, { ...ai.env, ...bridgeEnv });
  running.push(() => bridge.stop());
  await bridge.ready();
  return { sw, ai, bridge };
}

async function answeredCall(sw, options) {
  const call = await sw.call({ autoAnswer: true, source: signal.silence(), ...options });
  await call.waitFor('dtls');
  return { call, ear: new Ear(call) };
}

/** The caller says a tone for as long as his ear counts `ms`, then is silent. */
async function speak(ear, hz, ms) {
  ear.say(signal.tone(hz));
  const until = ear.ms + ms;
  while (ear.ms < until) await new Promise((resolve) => setTimeout(resolve, 20));
  ear.say(signal.silence());
}

for (const [name, env] of Object.entries(PROFILES)) {
  pythonTest(`${name}: the caller hears the bot, interrupts it, is echoed, and digits go both ways`, async () => {
    const { sw, ai, bridge } = await setUp({ bridgeEnv: env });
    const { call, ear } = await answeredCall(sw);
    await ai.says(new RegExp(`call ${call.callId}: begun at ${name === 'twilio' ? 8000 : 16000} Hz`));
    await ai.says(new RegExp(`notice: call ${call.callId} start`));

    await ear.hears('sound');
    const bot = await ear.measure(GREETING_HZ);
    expect(bot.snrDb).toBeGreaterThan(25);
    expect(bot.amplitude).toBeGreaterThan(7000);

    // Barge-in: 20 s of greeting are queued, of which the caller hears no more than the documented time.
    const spokeAt = ear.ms;
    ear.say(signal.tone(CALLER_HZ));
    const quietAt = await ear.hears('quiet', { fromMs: spokeAt, runMs: 1000 });
    if (process.env.E2E_VERBOSE) console.log('barge-in ms', quietAt - spokeAt);
    expect(quietAt - spokeAt).toBeLessThan(BARGE_IN_MS);
    await ai.says(/interrupted/);

    // The echo of what he says: the bot heard it.
    const silentAt = ear.ms;
    ear.say(signal.silence());
    await ear.hears('sound', { fromMs: silentAt });
    const echo = await ear.measure(CALLER_HZ, { ms: 600 });
    expect(echo.snrDb).toBeGreaterThan(25);
    expect(echo.amplitude).toBeGreaterThan(5000);

    // Digits: to the bot, and back from it.
    call.sendDtmf('12#');
    await ai.says(/digit 1[\s\S]*digit 2[\s\S]*digit #/);
    while (call.media.digits.length < 2) await call.waitFor('digit', { since: call.events.length });
    expect(call.media.digits.map(({ digit }) => digit).join('')).toBe('12');

    await call.hangup();
    await ai.says(new RegExp(`call ${call.callId}: over`));
    await ai.says(new RegExp(`notice: call ${call.callId} end hung up by the caller`));
    expect(call.verdict).toBe('completed');
    expect((await bridge.status()).calls).toEqual([]);
    expect(await bridge.stop()).toEqual({ code: 0, signal: null });
  });
}

pythonTest(
  'the call outlives a restart of the Python process, and the audio resumes without a new greeting',
  async () => {
    const { sw, ai, bridge } = await setUp({ aiEnv: { VOICE_AI_GREETING: shortGreeting } });
    const { call, ear } = await answeredCall(sw);
    await ear.hears('sound');
    await ai.stop('SIGKILL');
    await bridge.says(/the AI is gone/);
    await ear.hears('quiet', { runMs: 2000 });
    expect((await bridge.status()).calls).toMatchObject([{ callId: call.callId, ai: 'away', media: 'connected' }]);

    const again = await VoiceAi.start({
      port: ai.port,
      httpPort: ai.httpPort,
      env: { VOICE_AI_GREETING: shortGreeting },
    });
    running.push(() => again.stop('SIGKILL'));
    await again.says(new RegExp(`call ${call.callId}: resumed`));
    const before = ear.ms;
    await speak(ear, CALLER_HZ, 1000);
    await ear.hears('sound', { fromMs: before });
    expect((await ear.measure(CALLER_HZ, { ms: 400 })).snrDb).toBeGreaterThan(25);
    expect(call.verdict).toBeNull();
    await call.hangup();
    await again.says(/notice: call \S+ end/);
  },
);

pythonTest('a frozen Python process is noticed, and an unfrozen one goes on', async () => {
  const { sw, ai, bridge } = await setUp({ aiEnv: { VOICE_AI_GREETING: shortGreeting } });
  const { call, ear } = await answeredCall(sw);
  await ear.hears('sound');
  ai.child.kill('SIGSTOP');
  await bridge.says(/the AI is gone/, { limitMs: 30_000 });
  expect(call.verdict).toBeNull();
  ai.child.kill('SIGCONT');
  await ai.says(/resumed/);
  const before = ear.ms;
  await speak(ear, CALLER_HZ, 1000);
  await ear.hears('sound', { fromMs: before });
  await call.hangup();
});

pythonTest(
  'the edge drops the WebSocket: bot and caller go on, the bridge registers again, and the next call comes in',
  async () => {
    const { sw, bridge } = await setUp();
    const { call, ear } = await answeredCall(sw);
    await ear.hears('sound');
    const since = bridge.now;
    sw.dropWebSockets();
    expect((await ear.measure(GREETING_HZ, { ms: 2000 })).snrDb).toBeGreaterThan(25);
    await bridge.says(/not registered, trying again/, { since });
    await bridge.says(/info {2}registered/, { since });
    const quietFrom = ear.ms;
    ear.say(signal.tone(CALLER_HZ));
    await ear.hears('quiet', { fromMs: quietFrom, runMs: 1000 });
    expect(await bridge.status()).toMatchObject({ code: 200, registered: true, edgeLosses: 1 });

    const second = await answeredCall(sw);
    await second.ear.hears('sound');
    await Promise.all([call.hangup(), second.call.hangup()]);
    expect([call.verdict, second.call.verdict]).toEqual(['completed', 'completed']);
  },
);

pythonTest('without its token the voice AI lets nobody in, with it the bot speaks', async () => {
  const token = 'only-for-this-test';
  const { sw, bridge, ai } = await setUp({ aiEnv: { VOICE_AI_TOKEN: token }, bridgeEnv: { PYTHON_TOKEN: token } });
  expect((await fetch(ai.env.PYTHON_HTTP_URL, { method: 'POST', body: '{}' })).status).toBe(401);
  expect((await fetch(`http://127.0.0.1:${ai.port}/audio/x`)).status).toBe(401);
  const { call, ear } = await answeredCall(sw);
  await ear.hears('sound');
  expect((await bridge.status()).calls[0].ai).toBe('connected');
  await call.hangup();
});

pythonTest('a port that is taken is named, with its setting', async () => {
  const first = await VoiceAi.start();
  running.push(() => first.stop('SIGKILL'));
  for (const [name, taken] of [
    ['VOICE_AI_PORT', { port: first.port }],
    ['VOICE_AI_HTTP_PORT', { httpPort: first.httpPort }],
  ])
    await expect(VoiceAi.start(taken)).rejects.toThrow(
      new RegExp(`"code":1.*\nport ${Object.values(taken)[0]} is taken: set ${name}\n$`, 's'),
    );
});

pythonTest('a bridge that says nothing about its audio is greeted with PCM16 at 16 kHz', async () => {
  const ai = await VoiceAi.start({ env: { VOICE_AI_GREETING: shortGreeting } });
  running.push(() => ai.stop('SIGKILL'));
  const socket = new WebSocket(`ws://127.0.0.1:${ai.port}/audio/plain`);
  running.push(() => socket.terminate());
  const heard = [];
  socket.on('message', (data, isBinary) => isBinary && heard.push(data));
  await once(socket, 'open');
  socket.send(Buffer.alloc(640));
  await ai.says(/call plain: begun at 16000 Hz/);
  while (Buffer.concat(heard).length < 32_000) await once(socket, 'message');
  const bytes = Buffer.concat(heard);
  const pcm = new Int16Array(new Uint8Array(bytes).buffer);
  expect(signal.measureTone(pcm, GREETING_HZ, 16_000).snrDb).toBeGreaterThan(25);
});

pythonTest('with espeak-ng the bot greets in its voice and reads the digits out', async () => {
  const { sw } = await setUp({ aiEnv: { VOICE_AI_GREETING: '', PATH: `${espeak()}:${process.env.PATH}` } });
  const { call, ear } = await answeredCall(sw);
  await ear.hears('sound');
  expect((await ear.measure(GREETING_HZ, { ms: 400 })).snrDb).toBeGreaterThan(25);
  const quietAt = await ear.hears('quiet', { runMs: 500 });
  call.sendDtmf('12#');
  await ear.hears('sound', { fromMs: quietAt });
  expect((await ear.measure(DIGITS_HZ, { ms: 400 })).snrDb).toBeGreaterThan(25);
  await call.hangup();
});

pythonTest('without a voice of its own the bot greets with the recording that comes with it', async () => {
  const { sw } = await setUp({ aiEnv: { VOICE_AI_GREETING: '', PATH: '/nonexistent' } });
  const { call, ear } = await answeredCall(sw);
  await ear.hears('sound', { runMs: 100 });
  await call.hangup();
});

pythonTest.each = (rows) => (name, run) => {
  for (const row of rows) pythonTest(`${name} (${row})`, () => run(row));
};

pythonTest.each(['jambonz', 'twilio'])(
  'a wire orders a transfer that the bridge understands, and reads its outcome',
  (profile) => {
    const wire = profileOf({ profile, sampleRate: 16000 }).open({ callId: 'one' }, { resumed: false });
    const script = `
import asyncio, json, sys
from wires import accept
class Socket:
    def __init__(self, messages): self.messages = messages
    async def recv(self): return self.messages.pop(0)
    async def send(self, message): print(message)
async def main():
    *hello, done, failed = json.loads(sys.argv[1])
    wire = await accept(Socket(hello))
    print(json.dumps([wire.read(done), wire.read(failed)]))
    await wire.transfer("101")
asyncio.run(main())`;
    const said = JSON.stringify([...wire.hello(), wire.transferred('101'), wire.transferred('101', 'busy')]);
    const lines = execFileSync(python.path, ['-B', '-c', script, said], { cwd: EXAMPLE, encoding: 'utf8' }).split('\n');
    expect(JSON.parse(lines[0])).toEqual([
      ['transfer', null],
      ['transfer', 'busy'],
    ]);
    expect(wire.read(lines[1], false)).toEqual({ type: 'transfer', to: '101' });
  },
);
