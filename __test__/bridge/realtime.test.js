// The 24 kHz adapter of the voice AI against a scripted speech-to-speech API: rates, barge-in, and what was really played.

const { once } = require('node:events');
const { WebSocketServer } = require('ws');
const { startSwitch, signal } = require('../../examples/switch');
const { Ear, sentence } = require('./support/ear.js');
const { BridgeProcess } = require('./support/processes.js');
const { pythonTest, VoiceAi } = require('./support/python.js');

jest.setTimeout(60_000);

const API_RATE = 24000;
const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

/** Keeps what it is told; `received` emits 'any'. */
async function startApi() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  running.push(() => {
    for (const client of server.clients) client.terminate();
    return new Promise((resolve) => server.close(resolve));
  });
  const api = { url: `ws://127.0.0.1:${server.address().port}`, messages: [] };
  server.on('connection', (socket, request) => {
    api.socket = socket;
    api.authorization = request.headers.authorization;
    socket.on('message', (data) => api.messages.push(JSON.parse(data)));
  });
  api.has = async (type, count = 1) => {
    for (;;) {
      const found = api.messages.filter((message) => message.type === type);
      if (found.length >= count) return found;
      await once(api.socket ?? server, api.socket ? 'message' : 'connection');
    }
  };
  api.say = (message) => api.socket.send(JSON.stringify(message));
  return api;
}

/** Ten seconds of an answer in pieces of half a second. */
function speak(api) {
  const source = signal.tone(500);
  for (let i = 0; i < 20; i++) {
    const piece = source(API_RATE / 2, API_RATE);
    const delta = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('base64');
    api.say({ type: 'response.output_audio.delta', item_id: 'item_1', delta });
  }
}

async function setUp(bridgeEnv, source) {
  const api = await startApi();
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const ai = await VoiceAi.start({
    env: { VOICE_AI_BOT: 'realtime', REALTIME_URL: api.url, OPENAI_API_KEY: 'for-this-test' },
  });
  running.push(() => ai.stop('SIGKILL'));
  const bridge = new BridgeProcess(sw, { ...ai.env, ...bridgeEnv });
  running.push(() => bridge.stop());
  await bridge.ready();
  const call = await sw.call({ autoAnswer: true, source });
  await call.waitFor('dtls');
  return { api, call, ear: new Ear(call) };
}

pythonTest.each = (rows) => (name, run) => {
  for (const row of rows) pythonTest(`${name} (${row})`, () => run(row));
};

pythonTest.each([16000, 24000])(
  'a realtime API hears and speaks at 24 kHz, and is told what the caller heard',
  async (sampleRate) => {
    const { api, call, ear } = await setUp({ SAMPLE_RATE: String(sampleRate) }, signal.tone(1000));

    // It hears.
    const [update] = await api.has('session.update');
    expect(api.authorization).toBe('Bearer for-this-test');
    expect(update.session.audio.input.format).toEqual({ type: 'audio/pcm', rate: API_RATE });
    const appended = await api.has('input_audio_buffer.append', 100);
    const heard = Buffer.concat(appended.slice(50, 100).map(({ audio }) => Buffer.from(audio, 'base64')));
    const pcm = new Int16Array(heard.buffer.slice(heard.byteOffset, heard.byteOffset + heard.length));
    expect(pcm.length).toBe(API_RATE); // 50 frames are one second
    const tone = signal.measureTone(pcm, 1000, API_RATE);
    expect(tone.snrDb).toBeGreaterThan(25);

    speak(api);
    const began = await ear.hears('sound', { fromMs: 0 });
    expect((await ear.measure(500)).snrDb).toBeGreaterThan(25);
    while (ear.ms < began + 1800) await new Promise((resolve) => setTimeout(resolve, 20));

    // It is interrupted.
    const at = ear.ms;
    api.say({ type: 'input_audio_buffer.speech_started' });
    const [truncated] = await api.has('conversation.item.truncate');
    const quiet = await ear.hears('quiet', { fromMs: at, runMs: 1000 });
    // Of the ten seconds; on a machine that has other things to do the three processes take their time.
    expect(quiet - began).toBeLessThan(5000);
    expect(truncated).toMatchObject({ item_id: 'item_1', content_index: 0 });
    expect(truncated.audio_end_ms % 500).toBe(0);
    expect(truncated.audio_end_ms).toBeGreaterThanOrEqual(500);
    expect(truncated.audio_end_ms).toBeLessThanOrEqual(quiet - began + 200);

    // The API leaves: the bot hangs up.
    api.socket.close();
    await call.waitFor('ended').catch(() => {});
    expect(call.reason).toBe('hung up by the phone');
  },
);

pythonTest.each(['jambonz', 'twilio'])(
  'a realtime API is told what the caller heard also where the bridge has cut its answer short',
  async (profile) => {
    const { api, call, ear } = await setUp({ BARGE_IN: 'bridge', AUDIO_PROFILE: profile }, signal.silence());
    await api.has('input_audio_buffer.append');
    speak(api);
    const began = await ear.hears('sound', { fromMs: 0 });
    while (ear.ms < began + 1800) await new Promise((resolve) => setTimeout(resolve, 20));
    const at = ear.ms;
    ear.say(sentence());
    const quiet = await ear.hears('quiet', { fromMs: at, runMs: 500 });
    api.say({ type: 'input_audio_buffer.speech_started' });
    const [truncated] = await api.has('conversation.item.truncate');
    expect(truncated.audio_end_ms).toBeGreaterThanOrEqual(500);
    expect(truncated.audio_end_ms).toBeLessThanOrEqual(quiet - began + 200);
    await call.hangup();
  },
);
