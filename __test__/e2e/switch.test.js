// The switch judges as the edge does. What it lets pass and what it refuses is what all other end-to-end tests stand on.

const { createSocket } = require('node:dgram');
const { startPair, startSwitch, Phone, signal } = require('./support/harness.js');
const { answeredCall, expectAudio, hangUp } = require('./support/scenarios.js');
const { parse } = require('../../examples/switch/sdp.js');
const codecs = require('../../examples/switch/media/codecs.js');
const stun = require('../../examples/switch/media/stun.js');
const red = require('../../examples/switch/media/red.js');

jest.setTimeout(60_000);

test('mocks answer without an m= line: BYE and voicemail, and the SDK only sees a call that was hung up', async () => {
  const pair = await startPair({ implementation: 'mocks' });
  const { call, session } = await pair.ring({ autoAnswer: true });
  await session.waitFor('answered');
  await session.waitFor('disposed');
  expect(parse(call.events.find((e) => e.type === 'answered').description)).toBeNull();
  expect(call).toMatchObject({ verdict: 'voicemail', reason: 'the answer has no m=audio line' });
  await pair.close();
});

test('a wrong password is refused', async () => {
  const sw = await startSwitch();
  const phone = new Phone(sw, { implementation: 'mocks' });
  await phone.ready;
  await expect(phone.ask('start', { sipInfo: { ...sw.sipInfo, password: 'wrong' } })).rejects.toThrow('403');
  expect(sw.registered).toBe(false);
  phone.child.kill();
  await phone.exited;
  await sw.stop();
});

test('the WebSocket drops in mid-call: the audio goes on, and the call follows the phone to its next connection', async () => {
  const pair = await startPair();
  const { call, session } = await answeredCall(pair);
  await expectAudio(call, session);
  pair.sw.dropWebSockets();
  await expectAudio(call, session);
  await pair.phone.ask('reconnect');
  await session.do('hold');
  await call.waitFor('held');
  await session.do('unhold');
  await expectAudio(call, session);
  await hangUp(call, session);
  await pair.close();
});

test('the tone meter reads a known mixture of tone and noise within half a decibel', () => {
  const rate = 16000,
    tone = signal.tone(1000, 10000)(rate, rate);
  let seed = 1;
  const noise = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return (seed / 2 ** 31 - 0.5) * 2;
  };
  const wanted = 30,
    noiseRms = 10000 / Math.SQRT2 / 10 ** (wanted / 20);
  const noisy = tone.map((s) => Math.round(s + noise() * noiseRms * Math.sqrt(3)));
  expect(Math.abs(signal.measureTone(noisy, 1000, rate).snrDb - wanted)).toBeLessThan(0.5);
  expect(signal.measureTone(tone, 1000, rate).snrDb).toBeGreaterThan(60);
  expect(signal.measureTone(tone, 700, rate).snrDb).toBeLessThan(0);
});

test.each([
  ['pcmu', 35],
  ['pcma', 35],
  ['opus', 30],
])('%s carries a tone through encoder and decoder', (name, least) => {
  const codec = codecs.create({ name, clockRate: name === 'opus' ? 48000 : 8000 });
  const tone = signal.tone(1000);
  const heard = [];
  for (let i = 0; i < 50; i++) heard.push(...codec.decode(codec.encode(tone(codec.frame, codec.sampleRate))));
  expect(
    signal.measureTone(Int16Array.from(heard.slice(heard.length / 2)), 1000, codec.sampleRate).snrDb,
  ).toBeGreaterThan(least);
});

test('G.711 codes are those of ITU-T G.711', () => {
  const pcmu = codecs.create({ name: 'pcmu', clockRate: 8000 }),
    pcma = codecs.create({ name: 'pcma', clockRate: 8000 });
  expect([...pcmu.decode(Buffer.from([0x00, 0x80, 0xff, 0x7f]))].map(Math.abs)).toEqual([32124, 32124, 0, 0]);
  expect([...pcma.decode(Buffer.from([0x2a, 0xaa, 0xd5, 0x55]))]).toEqual([-32256, 32256, 8, -8]);
  expect(pcmu.encode(Int16Array.of(32767, -32768))).toEqual(Buffer.from([0x80, 0x00]));
  expect(pcma.encode(Int16Array.of(32767, -32768))).toEqual(Buffer.from([0xaa, 0x2a]));
});

test('redundant audio packs and unpacks its newest block', () => {
  const packed = red.pack(111, Buffer.from('new'), Buffer.from('old!'), 960);
  expect(packed.length).toBe(4 + 1 + 4 + 3);
  expect(red.primary(packed)).toEqual({ payloadType: 111, payload: Buffer.from('new') });
  expect(red.primary(packed.subarray(0, 6))).toBeNull();
});

test('STUN matches the sample request of RFC 5769', () => {
  const sample = Buffer.from(
    '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e740024000' +
      '46e0001ff80290008932ff9b151263b36000600096576746a3a6836765920202000080014' +
      '9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2' +
      '80280004e57a3bcf',
    'hex',
  );
  const message = stun.parse(sample);
  expect(stun.verify(message, 'VOkJxbRl1RmTxUk/WvJxBt')).toBe(true);
  expect(stun.verify(message, 'wrong')).toBe(false);
  expect(message.attributes.get(stun.ATTRIBUTE.username).toString()).toBe('evtj:h6vY');
});

test('a stranger without the password gets no answer from the media port', async () => {
  const pair = await startPair();
  const { call, session } = await answeredCall(pair);
  const stranger = createSocket('udp4');
  const heard = [];
  stranger.on('message', (data) => heard.push(data));
  stranger.send(
    stun.build(
      stun.REQUEST,
      stun.newTransaction(),
      [[stun.ATTRIBUTE.username, Buffer.from(`${call.media.ufrag}:x`)]],
      'guess',
    ),
    call.media.port,
    '127.0.0.1',
  );
  await expectAudio(call, session);
  expect(heard).toEqual([]);
  stranger.close();
  await hangUp(call, session);
  await pair.close();
});
