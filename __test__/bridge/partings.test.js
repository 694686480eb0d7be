// How the AI parts from a call: its goodbye is heard, then it hangs up, closes, or hands the caller over.

const { signal } = require('../../examples/switch');
const { Ear } = require('./support/ear.js');
const { answered, ended, setUp, tone } = require('./support/stage.js');

jest.setTimeout(60_000);

const BOT_HZ = 600;

/** A call whose caller listens, and the AI's end of it. */
async function conversation(options) {
  const stage = await setUp(options);
  const call = await answered(stage.sw, { source: signal.silence() });
  const ear = new Ear(call);
  const connection = await stage.ai.connection();
  const say = (message) => connection.socket.send(JSON.stringify(message));
  return { ...stage, call, ear, connection, say };
}

/** Milliseconds of sound that an ear has heard. */
const loud = ({ levels }) => 20 * levels.filter((level) => level > 0.02).length;

describe('disconnect', () => {
  test('behind a goodbye in one burst hangs up when the caller has heard it', async () => {
    const { ai, call, ear, connection, say } = await conversation();
    connection.socket.send(tone(BOT_HZ, 3000));
    say({ type: 'disconnect' });
    await ended(call);
    expect(call.reason).toBe('hung up by the phone');
    expect(loud(ear)).toBeGreaterThanOrEqual(2900);
    await ai.when(() => ai.notices.find(({ reason }) => reason === 'hung up by the AI'));
  });

  test.each(['before', 'after'])('killAudio %s it: nobody waits for what is dropped', async (when) => {
    const { call, ear, connection, say } = await conversation();
    connection.socket.send(tone(BOT_HZ, 30_000));
    await ear.hears('sound');
    if (when === 'before') say({ type: 'killAudio' });
    say({ type: 'disconnect' });
    if (when === 'after') say({ type: 'killAudio' });
    await ended(call);
    expect(loud(ear)).toBeLessThan(15_000);
  });

  test('without media it waits no longer than the goodbye lasts', async () => {
    const { sw, ai } = await setUp();
    const call = await sw.call({ autoAnswer: true, faults: { deaf: true }, mediaTimeoutMs: 60_000 });
    const { socket } = await ai.connection();
    socket.send(tone(BOT_HZ, 1000));
    socket.send(JSON.stringify({ type: 'disconnect' }));
    await ended(call);
    expect(call.reason).toBe('hung up by the phone');
  });
});
