// How the AI parts from a call: its goodbye is heard, then it hangs up, closes, or hands the caller over.

const mulaw = require('../../examples/bridge/profiles/mulaw.js');
const { signal } = require('../../examples/switch');
const { Ear } = require('./support/ear.js');
const { answered, ended, setUp, tone } = require('./support/stage.js');

jest.setTimeout(60_000);

const BOT_HZ = 600;

/** A call whose caller listens, and the AI's end of it. */
async function conversation({ call: callOptions, ...options } = {}) {
  const stage = await setUp(options);
  const call = await answered(stage.sw, { source: signal.silence(), ...callOptions });
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

describe('a WebSocket that the AI closes', () => {
  test.each([
    ['jambonz', 1000],
    ['jambonz', undefined],
    ['twilio', 1000],
  ])('on purpose (%s, code %s) hangs up when the caller has heard what was sent', async (profile, code) => {
    const { ai, call, ear, connection, say } = await conversation({ env: { AUDIO_PROFILE: profile } });
    const payload = mulaw.encode(signal.tone(BOT_HZ)(16_000, 8000)).toString('base64');
    if (profile === 'twilio') say({ event: 'media', media: { payload } });
    else connection.socket.send(tone(BOT_HZ, 2000));
    connection.socket.close(code);
    await ended(call);
    expect(call.reason).toBe('hung up by the phone');
    expect(loud(ear)).toBeGreaterThanOrEqual(1900);
    expect(ai.connections).toHaveLength(1);
    await ai.when(() => ai.notices.find(({ reason }) => reason === 'hung up by the AI'));
  });

  test.each([
    [1001, {}],
    [1011, {}],
    [1012, {}],
    [1000, { WHEN_AI_CLOSES: 'reconnect' }],
  ])('for another reason (%i, %j) is opened again', async (code, env) => {
    const { ai, call, connection } = await conversation({ env });
    connection.socket.close(code);
    await ai.when(() => ai.connections.length === 2);
    expect((await ai.connection(1)).texts[0]).toMatchObject({ callId: call.callId, resumed: true });
    expect(call.verdict).toBeNull();
    await call.hangup();
  });
});

describe('transfer', () => {
  const TO_101 = {
    jambonz: { type: 'transfer', data: { to: '101' } },
    twilio: { event: 'transfer', transfer: { to: '101' } },
  };
  const outcome = ({ ai, connection }) => ai.when(() => connection.texts.find(({ event }) => event === 'transfer'));

  test.each(['jambonz', 'twilio'])(
    'hands the caller over when he has heard what was sent (%s), and says so',
    async (profile) => {
      const stage = await conversation({ env: { AUDIO_PROFILE: profile } });
      const { ai, call, ear, connection, say } = stage;
      const payload = mulaw.encode(signal.tone(BOT_HZ)(16_000, 8000)).toString('base64');
      if (profile === 'twilio') say({ event: 'media', media: { payload } });
      else connection.socket.send(tone(BOT_HZ, 2000));
      say(TO_101[profile]);
      await ended(call);
      expect(call.verdict).toBe('transferred');
      expect(call.events.find(({ type }) => type === 'refer').target).toBe('sip:101@sip.ringcentral.com');
      expect(loud(ear)).toBeGreaterThanOrEqual(1900);
      const told = await outcome(stage);
      expect(told.transfer ?? told).toMatchObject({ to: '101', ok: true });
      await ai.when(() => ai.notices.find(({ reason }) => reason === 'transferred by the AI'));
    },
  );

  test.each([
    ['at once', { referStatus: 603 }, /^603/],
    ['later', { transferStatus: '486 Busy Here' }, /^486 Busy Here$/],
    ['by silence', { silentRefer: true }, /10 s|timed out/],
  ])('that is refused %s is told, the call goes on, and another one may follow', async (_, faults, reason) => {
    const stage = await conversation({ call: { faults } });
    const { ai, call, connection, say } = stage;
    say(TO_101.jambonz);
    say({ type: 'transfer', data: { to: '102' } });
    const first = await outcome(stage);
    expect(first).toEqual({ event: 'transfer', to: '102', ok: false, reason: 'another transfer is under way' });
    const refused = await ai.when(() => connection.texts.find(({ event, to }) => event === 'transfer' && to === '101'));
    expect(refused).toEqual({ event: 'transfer', to: '101', ok: false, reason: expect.stringMatching(reason) });
    expect(call.verdict).toBeNull();
    call.options.faults = undefined;
    say({ type: 'transfer', data: { to: '103' } });
    await ended(call);
    expect(call.verdict).toBe('transferred');
  });

  test.each([
    ['that is done', undefined, 'transferred', 'transferred by the AI'],
    ['that is refused', { transferStatus: '486 Busy Here' }, 'completed', 'hung up by the AI'],
  ])('%s ends the call where the AI has closed right behind it', async (_, faults, verdict, reason) => {
    const { ai, call, connection, say } = await conversation({ call: { faults } });
    connection.socket.send(tone(BOT_HZ, 500));
    say(TO_101.jambonz);
    connection.socket.close(1000);
    await ended(call);
    expect(call.verdict).toBe(verdict);
    await ai.when(() => ai.notices.find((notice) => notice.reason === reason));
  });

  test('leaves a caller who hangs up before it alone', async () => {
    const { ai, call, ear, connection, say } = await conversation();
    connection.socket.send(tone(BOT_HZ, 30_000));
    say(TO_101.jambonz);
    await ear.hears('sound');
    await call.hangup();
    await ai.when(() => ai.notices.find(({ reason }) => reason === 'hung up by the caller'));
  });
});
