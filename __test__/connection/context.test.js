// The async context in which events run: that in which their object was made, whoever uses it, and whoever came to the engine first.

const { AsyncLocalStorage } = require('node:async_hooks');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const rtc = require('webphone-rtc');
const { configuration } = require('../support/implementation');
const { Tone } = require('../support/tone');

const store = new AsyncLocalStorage();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'webphone-rtc-context-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const opened = [];
afterEach(() => {
  for (const pc of opened.splice(0)) pc.close();
});

/** The contexts in which each event came, with who made its object. */
class Notes {
  constructor() {
    this.seen = {};
    this.waiting = new Set();
  }

  of(name, object, types) {
    for (const type of types)
      object[object.on ? 'on' : 'addEventListener'](type, () => this.note(`${name}: ${type}`, store.getStore()));
  }

  note(what, context) {
    this.seen[what] ??= new Set();
    this.seen[what].add(context);
    for (const check of this.waiting) check();
  }

  /** Resolves once each of them has come. */
  async until(...wanted) {
    await new Promise((resolve) => {
      const check = () => wanted.every((what) => what in this.seen) && resolve();
      this.waiting.add(check);
      check();
    });
  }
}

const CONNECTION = [
  'negotiationneeded',
  'signalingstatechange',
  'icegatheringstatechange',
  'icecandidate',
  'iceconnectionstatechange',
  'connectionstatechange',
  'track',
  'addstream',
  'datachannel',
  'dtmf',
];
const CHANNEL = ['open', 'message', 'bufferedamountlow', 'closing', 'close'];
const OF_CALL = [
  ...['caller', 'callee'].flatMap((end) =>
    CONNECTION.filter((type) => type !== 'dtmf' && type !== 'datachannel').map((type) => `${end}: ${type}`),
  ),
  'callee: datachannel',
  'callee: dtmf',
  'keys: tonechange',
  'caller channel: open',
  'caller channel: bufferedamountlow',
  'callee channel: message',
  'ICE: statechange',
  'DTLS: statechange',
  'SCTP: statechange',
  'remote track: unmute',
  'sink: data',
  'sink: level',
];
const OF_END = ['remote track: ended', 'caller channel: close', 'sink: end', 'recorder: end'];

/** What is made here belongs to whoever calls. */
function make(name, notes) {
  const [caller, callee] = [0, 1].map(() => new rtc.RTCPeerConnection(configuration));
  opened.push(caller, callee);
  const source = new rtc.PcmSource({ queueMs: 100 });
  notes.of('caller', caller, CONNECTION);
  notes.of('callee', callee, CONNECTION);
  notes.of('source', source, ['drain', 'mark']);
  const recorder = new rtc.CallRecorder({ left: source, path: path.join(folder, `${name}.wav`) });
  notes.of('recorder', recorder, ['end']);
  return { caller, callee, source, recorder };
}

/** A whole call, by somebody who has made nothing of it but what is heard at the end. */
async function use({ caller, callee, source, recorder }, sinkOf, notes) {
  const stream = new rtc.MediaStream([source.createTrack()]);
  caller.addTrack(stream.getTracks()[0], stream);
  callee.addTrack(new rtc.PcmSource().createTrack(), stream);
  const channel = caller.createDataChannel('chat');
  channel.addEventListener('open', () => channel.send('hello'));
  notes.of('caller channel', channel, CHANNEL);
  callee.addEventListener('datachannel', (event) => notes.of('callee channel', event.channel, CHANNEL));
  const describe = async (from, to) => {
    await from.setLocalDescription();
    await to.setRemoteDescription(from.localDescription);
  };
  for (const [from, to] of [
    [caller, callee],
    [callee, caller],
  ])
    from.addEventListener('icecandidate', ({ candidate }) => to.addIceCandidate(candidate));
  await notes.until('caller: negotiationneeded');
  await describe(caller, callee);
  await describe(callee, caller);
  const [{ transport }] = caller.getSenders();
  notes.of('DTLS', transport, ['statechange']);
  notes.of('ICE', transport.iceTransport, ['statechange']);
  notes.of('SCTP', caller.sctp, ['statechange']);
  const { track } = callee.getReceivers()[0];
  notes.of('remote track', track, ['unmute', 'ended']);
  const sink = sinkOf(track);
  const tone = new Tone(1000, 16000);
  const speak = () => {
    while (source.write(tone.next(160)));
  };
  source.on('drain', speak);
  speak();
  await notes.until('caller: connectionstatechange', 'callee channel: message', 'source: drain');
  const [{ dtmf }] = caller.getSenders();
  notes.of('keys', dtmf, ['tonechange']);
  while (!dtmf.canInsertDTMF)
    await new Promise((resolve) => caller.addEventListener('connectionstatechange', resolve, { once: true }));
  dtmf.insertDTMF('1');
  await notes.until(...OF_CALL);
  source.off('drain', speak);
  source.mark('end');
  await notes.until('source: mark');
  recorder.stop();
  caller.close();
  callee.close();
  await notes.until(...OF_END);
  expect(sink.closed).toBe(true);
}

/** Every event of `what` came in the context of `maker`, and in no other. */
function expectAll(notes, what, maker) {
  const expected = Object.fromEntries(what.map((name) => [name, new Set([maker])]));
  expect(Object.fromEntries(what.map((name) => [name, notes.seen[name]]))).toEqual(expected);
}

const listened = (notes) => (track) => {
  const sink = new rtc.PcmSink(track);
  notes.of('sink', sink, ['data', 'level', 'end']);
  return sink;
};

// The engine is made for somebody who has nothing to do with what follows.
beforeAll(() => store.run('the first', () => new rtc.RTCPeerConnection().close()));

test.each([['one call'], ['another call']])('events of %s run in the context of that call', async (call) => {
  const notes = new Notes();
  const made = store.run(call, () => make(call, notes));
  const sinkOf = (track) => store.run(`sink of ${call}`, listened(notes), track);
  await store.run(`user of ${call}`, () => use(made, sinkOf, notes));
  const ofSink = Object.keys(notes.seen).filter((name) => name.startsWith('sink'));
  expectAll(notes, ofSink, `sink of ${call}`);
  expectAll(
    notes,
    Object.keys(notes.seen).filter((name) => !ofSink.includes(name)),
    call,
  );
});

test('outside of any context there is none', async () => {
  const notes = new Notes();
  await use(make('nobody', notes), listened(notes), notes);
  expectAll(notes, Object.keys(notes.seen), undefined);
});

test('a promise goes on in the context of whoever awaits it', async () => {
  const pc = store.run('maker', () => new rtc.RTCPeerConnection());
  pc.addTransceiver('audio');
  const seen = (name) =>
    store.run(name, async () => {
      await pc.createOffer();
      return store.getStore();
    });
  expect(await Promise.all([seen('one'), seen('another')])).toEqual(['one', 'another']);
  pc.close();
});

test('frames that are already there come in the context of the sink, not of who begins to listen', async () => {
  const source = new rtc.PcmSource();
  const track = source.createTrack();
  const sink = store.run('maker', () => new rtc.PcmSink(track));
  const notes = new Notes();
  await sink.read();
  await store.run('listener', async () => {
    // Both wait for another frame: the first who is told is the reader.
    await sink.read();
    notes.of('sink', sink, ['data', 'end']);
    await notes.until('sink: data');
    track.stop();
    await notes.until('sink: end');
  });
  expectAll(notes, ['sink: data', 'sink: end'], 'maker');
});

test('a source that nobody hears any more drains in its own context', async () => {
  const source = store.run('maker', () => new rtc.PcmSource({ queueMs: 20 }));
  const encoded = store.run('maker', () => new rtc.nonstandard.RTCEncodedAudioSource({ queueMs: 20 }));
  const notes = new Notes();
  notes.of('source', source, ['drain']);
  notes.of('encoded', encoded, ['drain']);
  await store.run('writer', async () => {
    for (const each of [source, encoded]) each.createTrack().stop();
    // What the tracks' end has left to do comes first.
    await new Promise((resolve) => setImmediate(resolve));
    while (source.write(new Int16Array(320)));
    while (encoded.write(new Uint8Array([0x78, 1, 2, 3])));
    await notes.until('source: drain', 'encoded: drain');
  });
  expectAll(notes, ['source: drain', 'encoded: drain'], 'maker');
});
