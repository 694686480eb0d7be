// An AI that says more at once than can be said: what is taken, what is dropped, and how it is told.

const { AiLink } = require('../../examples/bridge/ai-link.js');
const { profileOf } = require('../../examples/bridge/profiles');
const mulaw = require('../../examples/bridge/profiles/mulaw.js');
const { signal } = require('../../examples/switch');
const { Ear } = require('./support/ear.js');
const { ScriptedAi } = require('./support/scripted-ai.js');
const { answered, setUp, tone } = require('./support/stage.js');

jest.setTimeout(60_000);

const BOT_HZ = 600;
const TWO_MINUTES = 120;

/** A second again and again: the caller lives in this process, and has no time for long sums. */
const repeated = (second, times) => Buffer.concat(Array(times).fill(second));

test.each([
  ['jambonz', 16000],
  ['jambonz', 48000],
  ['twilio', 8000],
])('two minutes in one message are taken (%s, %i Hz)', async (profile, rate) => {
  const { sw, ai } = await setUp({ env: { AUDIO_PROFILE: profile, SAMPLE_RATE: String(rate) } });
  const call = await answered(sw, { source: signal.silence() });
  const ear = new Ear(call);
  const { socket, closed } = await ai.connection();
  if (profile === 'jambonz') socket.send(repeated(tone(BOT_HZ, 1000, rate), TWO_MINUTES));
  else {
    const second = mulaw.encode(signal.tone(BOT_HZ)(rate, rate));
    const payload = repeated(second, TWO_MINUTES).toString('base64');
    socket.send(JSON.stringify({ event: 'media', streamSid: 'MZ', media: { payload } }));
  }
  await ear.hears('sound');
  expect((await ear.measure(BOT_HZ)).snrDb).toBeGreaterThan(25);
  expect([ai.connections.length, closed]).toEqual([1, undefined]);
  await call.hangup();
});

test.each(['jambonz', 'twilio'])('one of three minutes closes the connection (%s)', async (profile) => {
  const ai = await ScriptedAi.start();
  const url = ai.env.PYTHON_WS_URL;
  const known = profileOf({ profile, sampleRate: 24000 });
  const link = new AiLink({ url, profile: known, call: { callId: 'one' }, log: () => {} });
  link.start();
  const connection = await ai.connection();
  connection.socket.send(Buffer.alloc(180 * known.bytesPerSecond));
  await ai.when(() => connection.closed === 1009);
  link.stop('over');
  await ai.stop();
});

test('what an AI says more than two minutes ahead is dropped, with one warning for each connection, and counted', async () => {
  const { sw, ai, bridge } = await setUp();
  const call = await answered(sw, { source: signal.silence() });
  const minute = repeated(tone(BOT_HZ, 1000), 60);
  const WARNING = /warn {2}the AI is two minutes ahead/g;
  const flood = async (connection) => {
    for (let i = 0; i < 5; i++) connection.socket.send(minute);
    connection.socket.send(JSON.stringify({ type: 'killAudio' }));
    connection.socket.send(JSON.stringify({ type: 'mark', data: { name: 'end' } }));
    await ai.when(() => connection.texts.some(({ type }) => type === 'mark'));
  };
  await flood(await ai.connection());
  // The third minute is taken where the first has begun to be played.
  const [{ speechDroppedMs }] = (await bridge.status()).calls;
  expect([120_000, 180_000]).toContain(speechDroppedMs);
  expect(bridge.output.match(WARNING)).toHaveLength(1);
  ai.connections[0].socket.close(1011);
  await flood(await ai.connection(1));
  expect(bridge.output.match(WARNING)).toHaveLength(2);
  await call.hangup();
  await bridge.says(/call over/);
  const metrics = await (await fetch(`${bridge.url}/metrics`)).text();
  expect(Number(/^webphone_bridge_speech_dropped_seconds_total (\S+)$/m.exec(metrics)[1])).toBeGreaterThanOrEqual(240);
});
