// The messages of both profiles, byte by byte and field by field, as jambonz and Twilio document them.

const { Backoff } = require('../../examples/bridge/backoff.js');
const mulaw = require('../../examples/bridge/profiles/mulaw.js');
const { profileOf } = require('../../examples/bridge/profiles');
const { parseWav } = require('../../examples/bridge/wav.js');
const codecs = require('../../examples/switch/media/codecs.js');

const IDS = { sessionId: 's-0a1b', partyId: 'p-0a1b-2' };
const CALL = { callId: 'abc@edge', callSid: '11111111-2222-3333-4444-555555555555', ...IDS, from: '1650', to: '1720' };
const open = (profile, options) => profileOf({ profile, sampleRate: 16000 }).open(CALL, { resumed: false, ...options });

describe('jambonz', () => {
  test('the preamble comes first, alone, and is what a serializer reads the rate from', () => {
    const wire = open('jambonz', { resumed: true });
    const [preamble, ...rest] = wire.hello();
    expect(rest).toEqual([]);
    expect(JSON.parse(preamble)).toEqual({
      sampleRate: 16000,
      mixType: 'mono',
      callSid: CALL.callSid,
      callId: CALL.callId,
      ...IDS,
      from: CALL.from,
      to: CALL.to,
      direction: 'inbound',
      callStatus: 'in-progress',
      resumed: true,
    });
  });

  test('audio is little-endian, and a sample cut in two messages is whole again', () => {
    const wire = open('jambonz');
    expect(wire.audio(Int16Array.of(1, -2, 0x1234))).toEqual(Buffer.from('0100feff3412', 'hex'));
    expect(wire.read(Buffer.from('0100fe', 'hex'), true)).toEqual({ type: 'audio', samples: Int16Array.of(1) });
    expect(wire.read(Buffer.from('ff3412', 'hex'), true)).toEqual({
      type: 'audio',
      samples: Int16Array.of(-2, 0x1234),
    });
    expect(wire.read(Buffer.from('07', 'hex'), true)).toBeNull();
    expect(wire.read('{"type":"killAudio"}', false)).toEqual({ type: 'clear' });
    expect(wire.read(Buffer.from('0500', 'hex'), true)).toEqual({ type: 'audio', samples: Int16Array.of(5) });
  });

  test('digits, marks and the end as jambonz says them', () => {
    const wire = open('jambonz');
    expect(JSON.parse(wire.dtmf('2', 200))).toEqual({ event: 'dtmf', dtmf: '2', duration: '1600' });
    expect(JSON.parse(wire.mark('m', true))).toEqual({ type: 'mark', data: { name: 'm', event: 'playout' } });
    expect(JSON.parse(wire.mark('m', false))).toEqual({ type: 'mark', data: { name: 'm', event: 'cleared' } });
    expect(JSON.parse(wire.speech(true, false))).toEqual({ event: 'speech', speaking: true, interrupted: false });
    expect(JSON.parse(wire.transferred('101'))).toEqual({ event: 'transfer', to: '101', ok: true });
    expect(JSON.parse(wire.transferred('101', 'busy'))).toEqual({
      event: 'transfer',
      to: '101',
      ok: false,
      reason: 'busy',
    });
    expect(wire.stop('over').map(JSON.parse)).toMatchObject([{ event: 'stop', callId: CALL.callId, reason: 'over' }]);
  });

  test.each([
    ['{"type":"killAudio"}', { type: 'clear' }],
    ['{"type":"mark","data":{"name":"a"}}', { type: 'mark', name: 'a' }],
    ['{"type":"clearMarks"}', { type: 'clearMarks' }],
    ['{"type":"disconnect"}', { type: 'hangup' }],
    ['{"type":"dtmf","data":{"dtmf":"12#","duration":120}}', { type: 'dtmf', digits: '12#', durationMs: 120 }],
    ['{"type":"dtmf","data":{"dtmf":"twelve"}}', null],
    ['{"type":"transfer","data":{"to":"+1 (650) 555-0123"}}', { type: 'transfer', to: '+16505550123' }],
    ['{"type":"transfer","data":{"to":"101@elsewhere>\\r\\nVia: me"}}', null],
    ['{"type":"transfer"}', null],
    ['{"type":"mark","data":{}}', null],
    ['{"type":"constructor"}', null],
    ['[1]', null],
    ['null', null],
    ['', null],
    ['{', null],
  ])('%s', (text, command) => {
    expect(open('jambonz').read(text, false)).toEqual(command);
  });
});

describe('twilio', () => {
  test('connected and start come first, with SIDs of the right shape and the caller in the parameters', () => {
    const [connected, start] = open('twilio').hello().map(JSON.parse);
    expect(connected).toEqual({ event: 'connected', protocol: 'Call', version: '1.0.0' });
    expect(start).toEqual({
      event: 'start',
      sequenceNumber: '1',
      streamSid: expect.stringMatching(/^MZ[0-9a-f]{32}$/),
      start: {
        streamSid: start.streamSid,
        accountSid: expect.stringMatching(/^AC[0-9a-f]{32}$/),
        callSid: expect.stringMatching(/^CA[0-9a-f]{32}$/),
        tracks: ['inbound'],
        customParameters: { callId: CALL.callId, ...IDS, from: CALL.from, to: CALL.to, resumed: 'false' },
        mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
      },
    });
  });

  test('media counts chunks and milliseconds, and every message the sequence', () => {
    const wire = open('twilio');
    wire.hello();
    const [first, second] = [wire.audio(new Int16Array(160)), wire.audio(new Int16Array(160))].map(JSON.parse);
    expect(first).toEqual({
      event: 'media',
      sequenceNumber: '2',
      streamSid: wire.streamSid,
      media: { track: 'inbound', chunk: '1', timestamp: '0', payload: Buffer.alloc(160, 0xff).toString('base64') },
    });
    expect(second).toMatchObject({ sequenceNumber: '3', media: { chunk: '2', timestamp: '20' } });
    expect(JSON.parse(wire.dtmf('5'))).toMatchObject({
      event: 'dtmf',
      sequenceNumber: '4',
      dtmf: { track: 'inbound_track', digit: '5' },
    });
    expect(JSON.parse(wire.mark('m'))).toMatchObject({ event: 'mark', sequenceNumber: '5', mark: { name: 'm' } });
    expect(wire.stop().map(JSON.parse)).toMatchObject([
      { event: 'stop', sequenceNumber: '6', stop: { accountSid: wire.accountSid, callSid: wire.callSid } },
    ]);
  });

  test.each([
    ['{"event":"media","media":{"payload":"//8="}}', { type: 'audio', samples: Int16Array.of(0, 0) }],
    ['{"event":"clear","streamSid":"MZ"}', { type: 'clear' }],
    ['{"event":"mark","mark":{"name":"a"}}', { type: 'mark', name: 'a' }],
    ['{"event":"dtmf","dtmf":{"digits":"9*"}}', { type: 'dtmf', digits: '9*', durationMs: undefined }],
    ['{"event":"transfer","transfer":{"to":101}}', { type: 'transfer', to: '101' }],
    ['{"event":"stop"}', { type: 'hangup' }],
    ['{"event":"media","media":{}}', null],
    ['{"event":"mark"}', null],
    ['nothing', null],
  ])('%s', (text, command) => {
    expect(open('twilio').read(text, false)).toEqual(command);
  });

  test('binary is not a message', () => {
    expect(open('twilio').read(Buffer.from('{"event":"clear"}'), true)).toBeNull();
  });
});

test("mu-law decodes as the switch's own G.711 does, encodes back to the same codes, and is never more than half a step off", () => {
  const plain = (samples) => [...samples].map((sample) => sample + 0); // no -0
  const codes = Buffer.from(Array.from({ length: 256 }, (_, code) => code));
  const levels = mulaw.decode(codes);
  expect(plain(levels)).toEqual(plain(codecs.create({ name: 'pcmu', clockRate: 8000 }).decode(codes)));
  const NEGATIVE_ZERO = 0x7f;
  expect([...mulaw.encode(levels)]).toEqual([...codes].map((code) => (code === NEGATIVE_ZERO ? 0xff : code)));
  for (let sample = -32635; sample <= 32635; sample++) {
    const [level] = mulaw.decode(mulaw.encode([sample]));
    const segment = Math.floor(Math.log2(Math.abs(sample) + 132));
    expect(Math.abs(level - sample)).toBeLessThanOrEqual(2 ** (segment - 5));
  }
  expect([...mulaw.encode([32767, -32768])]).toEqual([0x80, 0x00]);
});

describe('a prompt', () => {
  const wav = ({ channels = 1, bits = 16, rate = 8000, junk = false } = {}) => {
    const format = Buffer.alloc(24);
    format.write('fmt ', 0, 'latin1');
    format.writeUInt32LE(16, 4);
    format.writeUInt16LE(1, 8);
    format.writeUInt16LE(channels, 10);
    format.writeUInt32LE(rate, 12);
    format.writeUInt16LE(bits, 22);
    const list = Buffer.from('4c495354' + '03000000' + '61626300', 'hex'); // an odd chunk and its padding
    const data = Buffer.from('64617461' + '04000000' + '0100feff', 'hex');
    return Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'), format, ...(junk ? [list] : []), data]);
  };

  test('is read past chunks that are not audio', () => {
    expect(parseWav(wav({ junk: true }))).toEqual({ samples: Int16Array.of(1, -2), sampleRate: 8000 });
  });

  test.each([[{ channels: 2 }], [{ bits: 8 }], [{ rate: 44100 }]])(
    'of another kind says how to convert it: %j',
    (kind) => {
      expect(() => parseWav(wav(kind))).toThrow(/ffmpeg/);
    },
  );

  test.each(['', 'RIFF', 'RIFF\0\0\0\0WAVE', 'not a sound at all'])('that is none is refused: %j', (text) => {
    expect(() => parseWav(Buffer.from(text, 'latin1'))).toThrow(/WAV/);
  });
});

test('waiting times double up to the most, between half and all of it', () => {
  const full = new Backoff({ firstMs: 100, mostMs: 1000, random: () => 1 });
  expect([1, 2, 3, 4, 5, 6].map(() => full.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
  full.reset();
  expect(full.next()).toBe(100);
  expect(new Backoff({ firstMs: 100, mostMs: 1000, random: () => 0 }).next()).toBe(50);
});
