// The bridge between the switch and a scripted AI: limits, lost ends, prompts, webhooks, and every way a call can end.

const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { startSwitch, signal } = require('../../examples/switch');
const { Ear, sentence, writeTone } = require('./support/ear.js');
const { BridgeProcess } = require('./support/processes.js');
const { ScriptedAi } = require('./support/scripted-ai.js');
const { running, setUp, answered, ended, tone } = require('./support/stage.js');

jest.setTimeout(90_000);

const BOT_HZ = 600;
const PROMPT_HZ = 350;
let folder, prompt;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'webphone-bridge-'));
  prompt = path.join(folder, 'prompt.wav');
  writeTone(prompt, { hz: PROMPT_HZ, seconds: 3, sampleRate: 8000 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('one connection for each call at /audio/{callId}, with a preamble, 20 ms frames, notices before and after, and no secret in the log', async () => {
  const { sw, ai, bridge } = await setUp({ env: { PYTHON_TOKEN: 'for-this-test' } });
  ai.refuseNotices = 1; // tried again
  const call = await answered(sw);
  const connection = await ai.connection();
  expect(connection.url).toBe(`/audio/${encodeURIComponent(call.callId)}`);
  expect(connection.headers).toMatchObject({
    'sec-websocket-protocol': 'audio.jambonz.org',
    authorization: 'Bearer for-this-test',
  });
  const [, partyId, sessionId] = /party-id=([^;]+);session-id=(\S+)/.exec(call.apiIds);
  expect(connection.texts[0]).toMatchObject({
    sampleRate: 16000,
    mixType: 'mono',
    sessionId,
    partyId,
    callId: call.callId,
    callSid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    from: '16505550123',
    to: '17205550100*101',
    direction: 'inbound',
    resumed: false,
  });
  await ai.when(() => connection.audio.length > 50);
  expect(new Set(connection.audio)).toEqual(new Set([640]));
  await call.hangup();
  await ai.when(() => connection.closed === 1000);
  expect(connection.texts.at(-1)).toMatchObject({ event: 'stop', callId: call.callId });
  await ai.when(() => ai.notices.length === 2);
  expect(ai.notices).toMatchObject([
    { event: 'start', callId: call.callId, sessionId, partyId, from: '16505550123' },
    { event: 'end', callId: call.callId, sessionId, partyId, reason: 'hung up by the caller' },
  ]);
  expect(await bridge.stop()).toEqual({ code: 0, signal: null });
  for (const secret of [sw.sipInfo.password, '16505550123', 'for-this-test'])
    expect(bridge.output).not.toContain(secret);
});

test('a call that is not marked for auto-answer is answered too', async () => {
  const { sw, ai } = await setUp();
  const call = await sw.call();
  await call.waitFor('dtls');
  await ai.connection();
  await call.hangup();
});

test('an AI that names no subprotocol is taken', async () => {
  const { sw, ai } = await setUp({ ai: { subprotocol: false } });
  const call = await answered(sw);
  expect((await ai.connection()).texts[0].callId).toBe(call.callId);
  await call.hangup();
});

test('marks come back when played or cleared, those of clearMarks never, and clear silences the caller', async () => {
  const { sw, ai } = await setUp();
  const call = await answered(sw, { source: signal.silence() });
  const ear = new Ear(call);
  const { socket, texts } = await ai.connection();
  const say = (message) => socket.send(JSON.stringify(message));
  const mark = (name) => say({ type: 'mark', data: { name } });
  const answer = (name) => ai.when(() => texts.find((text) => text.type === 'mark' && text.data.name === name));

  socket.send(tone(BOT_HZ, 300));
  mark('first');
  expect((await answer('first')).data.event).toBe('playout');

  socket.send(tone(BOT_HZ, 10_000)); // in one message: far more than the queue takes at once
  mark('forgotten');
  say({ type: 'clearMarks' });
  mark('second');
  await ear.hears('sound');
  expect((await ear.measure(BOT_HZ)).snrDb).toBeGreaterThan(25);
  const at = ear.ms;
  say({ type: 'killAudio' });
  expect((await answer('second')).data.event).toBe('cleared');
  expect((await ear.hears('quiet', { fromMs: at, runMs: 1000 })) - at).toBeLessThan(500);

  say({ type: 'nonsense' });
  socket.send('not JSON');
  socket.send(Buffer.from([1]));
  mark('third');
  expect((await answer('third')).data.event).toBe('playout');
  expect(texts.some((text) => text.data?.name === 'forgotten')).toBe(false);
  await call.hangup();
});

test('a caller without a number is answered', async () => {
  const { sw, ai } = await setUp();
  const call = await answered(sw, { from: null });
  const { texts } = await ai.connection();
  expect(texts[0]).toMatchObject({ callId: call.callId, to: expect.any(String) });
  expect(texts[0]).not.toHaveProperty('from');
  await call.hangup();
});

test.each(['ai', 'bridge'])('BARGE_IN=%s: a caller who cuts in', async (bargeIn) => {
  const { sw, ai } = await setUp({ env: { BARGE_IN: bargeIn } });
  const call = await answered(sw, { source: signal.silence() });
  const ear = new Ear(call);
  const { socket, texts } = await ai.connection();
  const mark = (name) => socket.send(JSON.stringify({ type: 'mark', data: { name } }));
  const answer = (name) => texts.find((text) => text.type === 'mark' && text.data.name === name)?.data.event;
  const speech = (speaking) => texts.find((text) => text.event === 'speech' && text.speaking === speaking);

  socket.send(tone(BOT_HZ, 6000));
  mark('said');
  await ear.hears('sound');
  const at = ear.ms;
  ear.say(sentence());
  if (bargeIn === 'ai') {
    // It is the AI's to cut itself short: it goes on.
    await ear.hears('sound', { fromMs: at, runMs: 3000 });
    expect(texts.some((text) => text.event === 'speech')).toBe(false);
    await call.hangup();
    return;
  }
  await ai.when(() => speech(true));
  expect(speech(true)).toEqual({ event: 'speech', speaking: true, interrupted: true });
  await ai.when(() => answer('said') === 'cleared');
  // What an AI that has not noticed goes on to say is not heard.
  socket.send(tone(BOT_HZ, 300));
  mark('went on');
  await ai.when(() => answer('went on') === 'cleared');
  expect((await ear.hears('quiet', { fromMs: at, runMs: 800 })) - at).toBeLessThan(1000);
  // Once he has finished, and after its own clear at any time, it is heard again.
  await ai.when(() => speech(false));
  expect(speech(false)).toEqual({ event: 'speech', speaking: false, interrupted: false });
  const after = ear.ms;
  socket.send(tone(BOT_HZ, 500));
  mark('answer');
  await ear.hears('sound', { fromMs: after });
  await ai.when(() => answer('answer') === 'playout');
  await call.hangup();
});

test('digits that the AI sends in a row all reach the caller, and his reach the AI', async () => {
  const { sw, ai } = await setUp();
  const call = await answered(sw);
  const { socket, texts } = await ai.connection();
  for (const dtmf of ['12', '34', '*#']) socket.send(JSON.stringify({ type: 'dtmf', data: { dtmf } }));
  call.sendDtmf('79');
  await ai.when(() => texts.filter((text) => text.event === 'dtmf').length === 2);
  expect(texts.filter((text) => text.event === 'dtmf').map(({ dtmf }) => dtmf)).toEqual(['7', '9']);
  while (call.media.digits.length < 6) await call.waitFor('digit', { since: call.events.length });
  expect(call.media.digits.map(({ digit }) => digit).join('')).toBe('1234*#');
  await call.hangup();
});

test('a hold breaks digits off: afterwards the rest is pressed, then what was ordered meanwhile, then what is ordered next', async () => {
  const { sw, ai } = await setUp();
  const call = await answered(sw);
  const { socket } = await ai.connection();
  const press = (dtmf) => socket.send(JSON.stringify({ type: 'dtmf', data: { dtmf } }));
  const pressed = async (count) => {
    while (call.media.digits.length < count) await call.waitFor('digit', { since: call.events.length });
  };
  press('123456');
  await pressed(2);
  await call.hold();
  press('78');
  await call.resume();
  await pressed(8);
  press('9');
  await pressed(9);
  expect(call.media.digits.map(({ digit }) => digit).join('')).toBe('123456789');
  await call.hangup();
});

test('what the AI says during a hold is lost, its mark says played; what it says afterwards is heard', async () => {
  const { sw, ai } = await setUp();
  const call = await answered(sw, { source: signal.silence() });
  const ear = new Ear(call);
  const { socket, texts } = await ai.connection();
  const say = (hz, ms, name) => {
    socket.send(tone(hz, ms));
    socket.send(JSON.stringify({ type: 'mark', data: { name } }));
    return ai.when(() => texts.find(({ type, data }) => type === 'mark' && data.name === name)?.data.event);
  };
  await call.hold();
  const from = ear.ms;
  expect(await say(BOT_HZ, 2000, 'during')).toBe('playout');
  await call.resume();
  const after = ear.ms;
  expect(await say(BOT_HZ, 1000, 'after')).toBe('playout');
  expect(await ear.hears('sound', { fromMs: from })).toBeGreaterThanOrEqual(after);
  await call.hangup();
});

test('without an AI the caller hears the prompt again and again; with it no other begins, and what it says is heard alone', async () => {
  const { sw, ai, bridge } = await setUp({
    env: { PROMPT_WAV: prompt, PROMPT_AFTER_MS: '200', PROMPT_PAUSE_MS: '500' },
  });
  const { port } = ai;
  await ai.stop();
  const call = await answered(sw, { source: signal.silence() });
  const ear = new Ear(call);
  const first = await ear.hears('sound', { fromMs: 0 });
  expect((await ear.measure(PROMPT_HZ)).snrDb).toBeGreaterThan(25);
  const pause = await ear.hears('quiet', { fromMs: first });
  await ear.hears('sound', { fromMs: pause });
  expect((await bridge.status()).calls).toMatchObject([{ state: 'answered', ai: 'away' }]);

  const late = await ScriptedAi.start({ port });
  running.push(() => late.stop());
  const { socket } = await late.connection();
  const from = ear.ms;
  await ear.hears('quiet', { fromMs: from, runMs: 4000 }); // longer than the prompt and its pause
  socket.send(tone(BOT_HZ, 3000));
  await ear.hears('sound');
  expect((await ear.measure(BOT_HZ)).snrDb).toBeGreaterThan(25);
  await call.hangup();
});

test('an AI that accepts and fails does not put the prompt off, nor cut it short; once it speaks it is heard at once', async () => {
  const long = path.join(folder, 'long.wav');
  writeTone(long, { hz: PROMPT_HZ, seconds: 20 });
  // It is tried again every 5 s at most.
  const { sw, ai } = await setUp({ env: { PROMPT_WAV: long, PROMPT_AFTER_MS: '6000' } });
  const fail = (socket) => socket.close(1011);
  ai.sockets.on('connection', fail);
  const call = await answered(sw, { source: signal.silence() });
  const ear = new Ear(call);
  await ear.hears('sound', { runMs: 6000 });
  ai.sockets.off('connection', fail);
  const tried = ai.connections.length;
  await ai.when(() => ai.connections.length > tried);
  const { socket, texts } = await ai.connection();
  socket.send(tone(BOT_HZ, 300));
  socket.send(JSON.stringify({ type: 'mark', data: { name: 'said' } }));
  socket.send(tone(BOT_HZ, 3000));
  await ai.when(() => texts.find(({ type }) => type === 'mark')?.data.event === 'playout');
  expect((await ear.measure(BOT_HZ)).snrDb).toBeGreaterThan(25);
  await call.hangup();
});

test('what the AI had said is heard to its end though it goes, and comes back while the prompt is due', async () => {
  const { sw, ai } = await setUp({ env: { PROMPT_WAV: prompt, PROMPT_AFTER_MS: '200' } });
  const call = await answered(sw, { source: signal.silence() });
  const ear = new Ear(call);
  const { socket } = await ai.connection();
  socket.send(tone(BOT_HZ, 5000));
  const from = await ear.hears('sound');
  await ai.stop();
  await ear.hears('sound', { runMs: 1000 });
  const late = await ScriptedAi.start({ port: ai.port });
  running.push(() => late.stop());
  await late.connection();
  await ear.hears('sound', { fromMs: from, runMs: 4500 });
  await call.hangup();
});

test('an AI that answers no ping is connected anew, and its call stays up', async () => {
  const { sw, ai, bridge } = await setUp();
  const call = await answered(sw);
  const connection = await ai.connection();
  connection.socket.pause();
  await ai.when(() => ai.connections.length === 2, 40_000);
  expect((await ai.connection(1)).texts[0]).toMatchObject({ callId: call.callId, resumed: true });
  expect((await bridge.status()).calls).toMatchObject([{ ai: 'connected', aiConnections: 2 }]);
  expect(call.verdict).toBeNull();
  await call.hangup();
});

test.each(['decline', 'voicemail'])(
  'a call beyond the limit is refused (%s), and the one that is up goes on',
  async (whenFull) => {
    const { sw, ai, bridge } = await setUp({ env: { MAX_CALLS: '1', WHEN_FULL: whenFull } });
    const first = await answered(sw);
    const second = await sw.call({ autoAnswer: true });
    await ended(second);
    expect(second.verdict).toBe(whenFull === 'decline' ? 'declined' : 'voicemail');
    expect(second.events.some(({ type }) => type === 'answered')).toBe(false);
    expect(await bridge.status()).toMatchObject({ refused: 1, calls: [{ callId: first.callId, state: 'answered' }] });
    expect(ai.connections.length).toBe(1);
    const { audio } = await ai.connection();
    const heard = audio.length;
    await ai.when(() => audio.length > heard + 50);
    await first.hangup();
    await ai.when(() => ai.notices.some(({ event }) => event === 'end'));
    const third = await answered(sw);
    await third.hangup();
  },
);

test('the caller gives up before the answer: nothing stays behind', async () => {
  const { sw, ai, bridge } = await setUp({ env: { ANSWER_DELAY_MS: '20000' } });
  const call = await sw.call();
  await call.waitFor('ringing');
  await call.cancel();
  await bridge.says(/call over .*reason=cancelled/);
  expect((await bridge.status()).calls).toEqual([]);
  expect([ai.connections, ai.notices]).toEqual([[], []]);
});

test.each([
  ['by the bridge', false],
  ['by the SDK, whose rejection nobody awaits', true],
])('a call that cannot be answered (%s) is refused, and nothing stays behind', async (_, autoAnswer) => {
  const { sw, ai, bridge } = await setUp();
  const call = await sw.call({ autoAnswer, sdp: { setup: 'actpass\r\nthis is no line of SDP' } });
  await ended(call);
  expect(call.verdict).toBe('declined');
  await bridge.says(/call over .*reason="could not be answered"/);
  expect((await bridge.status()).calls).toEqual([]);
  expect([ai.connections, ai.notices]).toEqual([[], []]);
  const next = await answered(sw);
  await next.hangup();
});

test('the time limit hangs up', async () => {
  const { sw, ai } = await setUp({ env: { CALL_TIMEOUT_S: '1' } });
  const call = await answered(sw);
  await ended(call);
  expect(call).toMatchObject({ verdict: 'completed', reason: 'hung up by the phone' });
  await ai.when(() => ai.notices.find(({ event, reason }) => event === 'end' && reason === 'time limit'));
});

test('the AI hangs up', async () => {
  const { sw, ai } = await setUp();
  const call = await answered(sw);
  (await ai.connection()).socket.send(JSON.stringify({ type: 'disconnect' }));
  await ended(call);
  expect(call.reason).toBe('hung up by the phone');
  await ai.when(() => ai.notices.find(({ reason }) => reason === 'hung up by the AI'));
});

test('SIGTERM ends the calls with BYE, tells the AI, unregisters, and the process ends with 0', async () => {
  const { sw, ai, bridge } = await setUp();
  const calls = [await answered(sw), await answered(sw)];
  await ai.when(() => ai.connections.length === 2);
  expect(await bridge.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  await Promise.all(calls.map(ended));
  expect(calls.map(({ reason }) => reason)).toEqual(['hung up by the phone', 'hung up by the phone']);
  expect(sw.registered).toBe(false);
  expect(sw.sip.some(({ direction, message }) => direction === 'in' && /expires=0/.test(message.toString()))).toBe(
    true,
  );
  expect(ai.connections.map(({ texts }) => texts.at(-1))).toMatchObject([
    { event: 'stop', reason: 'shutdown' },
    { event: 'stop', reason: 'shutdown' },
  ]);
  await ai.when(() => ai.notices.filter(({ event, reason }) => event === 'end' && reason === 'shutdown').length === 2);
});

test('SIGTERM while the server of the notices hangs unregisters and ends with 0 all the same', async () => {
  const { sw, ai, bridge } = await setUp();
  ai.hangNotices = true;
  const call = await answered(sw);
  await ai.connection();
  expect(await bridge.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  await ended(call);
  expect(call.reason).toBe('hung up by the phone');
  expect(sw.registered).toBe(false);
});

test('SIGTERM while the edge is gone ends the process too', async () => {
  const { sw, ai, bridge } = await setUp();
  await answered(sw);
  await ai.connection();
  await sw.stop();
  await bridge.says(/not registered/);
  expect(await bridge.stop('SIGTERM')).toEqual({ code: 0, signal: null });
});

test('the edge stays away for a while: attempts grow rarer, then the bridge registers and takes calls', async () => {
  const { sw, ai, bridge } = await setUp();
  const { port, options } = sw;
  await sw.stop();
  await bridge.says(/(trying again[\s\S]*){3}/);
  expect(await bridge.status()).toMatchObject({ code: 503, registered: false });
  const waits = [...bridge.output.matchAll(/trying again .*inMs=(\d+)/g)].map(([, ms]) => Number(ms));
  expect(waits[2]).toBeGreaterThanOrEqual(waits[0]);
  const again = await startSwitch({ port, password: options.password });
  running.push(() => again.stop());
  await again.waitForPhone();
  const call = await answered(again);
  await ai.connection();
  await call.hangup();
});

/** Resolves once the AI has been sent `ms` of the caller's voice without a break, from now on. */
async function hearsTheCaller(ai, { socket }, ms = 1000) {
  let run = 0;
  const take = (data, isBinary) => {
    if (!isBinary) return;
    const pcm = new Int16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
    run = signal.level(pcm) > 0.02 ? run + 1 : 0;
  };
  socket.on('message', take);
  await ai.when(() => run >= ms / 20);
  socket.off('message', take);
}

test('signaling is lost in mid-call and refused for a while: both sides go on hearing each other, then the call can be ended and the next one is answered', async () => {
  const { sw, ai, bridge } = await setUp();
  const call = await answered(sw);
  const ear = new Ear(call);
  const connection = await ai.connection();
  await hearsTheCaller(ai, connection);

  sw.options.faults = { registerStatus: 503 };
  connection.socket.send(tone(BOT_HZ, 5000));
  await ear.hears('sound');
  const lost = ear.ms;
  sw.dropWebSockets();
  await bridge.says(/(trying again[\s\S]*){3}/);
  expect(await bridge.status()).toMatchObject({ code: 503, registered: false, edgeLosses: 1 });
  await ear.hears('sound', { fromMs: lost, runMs: 1000 });
  await hearsTheCaller(ai, connection);
  expect([call.verdict, ai.connections.length]).toEqual([null, 1]);

  sw.options.faults = undefined;
  await sw.waitForPhone();
  await hearsTheCaller(ai, connection);
  await call.hangup();
  expect(call.verdict).toBe('completed');
  const next = await answered(sw);
  await hearsTheCaller(ai, await ai.connection(1));
  await next.hangup();
});

test.each([403, 503])(
  'a registration that is not renewed (%i) is made anew, without a word to the call that is up',
  async (registerStatus) => {
    // Renewed every two seconds: the SDK does that three seconds before the end.
    const { sw, ai, bridge } = await setUp({ longestRegistrationS: 5 });
    const call = await answered(sw);
    const connection = await ai.connection();
    sw.options.faults = { registerStatus };
    await bridge.says(/a promise was rejected .*Registration failed/);
    await bridge.says(/(trying again[\s\S]*){2}/);
    sw.options.faults = undefined;
    await sw.waitForPhone();
    await hearsTheCaller(ai, connection);
    expect([call.verdict, ai.connections.length]).toEqual([null, 1]);
    const next = await answered(sw);
    await next.hangup();
    await call.hangup();
    expect(call.verdict).toBe('completed');
  },
);

test('where the first proxy is away, the bridge registers at the backup proxy', async () => {
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const gone = await startSwitch();
  const away = gone.sipInfo.outboundProxy;
  await gone.stop();
  const bridge = new BridgeProcess(sw, {
    SIP_INFO_OUTBOUND_PROXY: away,
    SIP_INFO_OUTBOUND_PROXY_BACKUP: sw.sipInfo.outboundProxy,
  });
  running.push(() => bridge.stop());
  await bridge.ready();
  expect(bridge.output.match(/trying again reason="connect ECONNREFUSED/g)).toHaveLength(1);
});

test('media that is lost for good ends the call', async () => {
  const { sw, ai, bridge } = await setUp();
  const call = await answered(sw);
  await ai.connection();
  call.media.faults = { deaf: true };
  await bridge.says(/call over .*reason="media lost"/, { limitMs: 80_000 });
  await ai.when(() => ai.notices.find(({ reason }) => reason === 'media lost'));
}, 120_000);

test('a webhook repeats its validation token, and ends a call only with the agreed token', async () => {
  const { sw, bridge } = await setUp({ env: { WEBHOOK_VERIFICATION_TOKEN: 'agreed' } });
  const validation = await bridge.webhook('', { 'Validation-Token': 'echo-me' });
  expect([validation.status, validation.headers.get('Validation-Token')]).toEqual([200, 'echo-me']);
  expect((await bridge.webhook('{', { 'Verification-Token': 'agreed' })).status).toBe(400);

  const call = await answered(sw);
  const [, partyId, telephonySessionId] = /party-id=([^;]+);session-id=(\S+)/.exec(call.apiIds);
  const notice = (code, id = partyId) => ({
    event: '/restapi/v1.0/account/~/extension/~/telephony/sessions',
    body: { telephonySessionId, parties: [{ id, status: { code } }] },
  });
  const token = { 'Verification-Token': 'agreed' };
  expect((await bridge.webhook(notice('Disconnected'), { 'Verification-Token': 'guessed' })).status).toBe(401);
  expect((await bridge.webhook(notice('Answered'), token)).status).toBe(200);
  expect((await bridge.webhook(notice('Disconnected', 'p-of-somebody-else'), token)).status).toBe(200);
  expect((await bridge.status()).calls).toHaveLength(1);
  expect((await bridge.webhook(notice('Disconnected'), token)).status).toBe(200);
  await ended(call);
  expect((await bridge.status()).calls).toEqual([]);
});

test('a wrong password ends the start with 1', async () => {
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const bridge = new BridgeProcess(sw, { SIP_INFO_PASSWORD: 'wrong' });
  expect(await bridge.exited).toEqual({ code: 1, signal: null });
  expect(bridge.output).toMatch(/refuses the registration.*403/);
});

test('and so does one that is found out at a later attempt', async () => {
  const sw = await startSwitch();
  running.push(() => sw.stop());
  sw.options.faults = { registerStatus: 503 };
  const bridge = new BridgeProcess(sw, { SIP_INFO_PASSWORD: 'wrong' });
  await bridge.says(/trying again reason="Registration failed: SIP\/2.0 503/);
  sw.options.faults = undefined;
  expect(await bridge.exited).toEqual({ code: 1, signal: null });
  expect(bridge.output).toMatch(/refuses the registration.*403/);
});

test.each([500, 503, 603])(
  'an edge that cannot register anybody at the start (%i) is asked again',
  async (registerStatus) => {
    const sw = await startSwitch();
    running.push(() => sw.stop());
    const other = await startSwitch({ port: 0, password: sw.options.password });
    running.push(() => other.stop());
    for (const each of [sw, other]) each.options.faults = { registerStatus };
    const bridge = new BridgeProcess(sw, { SIP_INFO_OUTBOUND_PROXY_BACKUP: other.sipInfo.outboundProxy });
    running.push(() => bridge.stop());
    await bridge.says(/(trying again[\s\S]*){2}/);
    other.options.faults = undefined;
    await bridge.ready();
    expect([sw.registered, other.registered]).toEqual([false, true]);
  },
);

test('a port that is taken ends the start with one sentence', async () => {
  const { sw, bridge } = await setUp();
  const { port } = new URL(bridge.url);
  const second = new BridgeProcess(sw, { PORT: port, LOG_LEVEL: '' });
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.output).toBe(`The configuration is not usable:\n  - port ${port} is taken: set PORT\n`);
});

test('every mistake in the settings is told at once, and no secret is shown', async () => {
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const bridge = new BridgeProcess(sw, {
    SIP_INFO_USERNAME: '',
    SIP_INFO_PASSWORD: 'do-not-show',
    SIP_INFO_OUTBOUND_PROXY: 'sip.example.com:8083',
    MAX_CALLS: 'many',
    AUDIO_PROFILE: 'morse',
    PYTHON_WS_URL: 'http://127.0.0.1',
    PROMPT_WAV: __filename,
  });
  expect((await bridge.exited).code).toBe(1);
  for (const wrong of [
    'SIP_INFO_USERNAME',
    'SIP_TRANSPORT=ws',
    'MAX_CALLS',
    'AUDIO_PROFILE',
    'PYTHON_WS_URL',
    'PROMPT_WAV',
  ])
    expect(bridge.output).toContain(wrong);
  expect(bridge.output).not.toContain('do-not-show');
});
