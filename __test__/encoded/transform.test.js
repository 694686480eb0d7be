// Encoded transforms of audio over real connections: in workers, on this thread, and without a codec.

const path = require('node:path');
const { MessageChannel, Worker } = require('node:worker_threads');
const {
  nonstandard,
  PcmSink,
  RTCPeerConnection,
  RTCRtpScriptTransform,
  RTCEncodedAudioFrame,
} = require('webphone-rtc');
const { LEFT_HZ, Pair, RIGHT_HZ } = require('../support/pair');

const REGISTER = require.resolve('webphone-rtc/register');
const XOR = { name: 'xor' };

// Tones are waited for, and waited for in vain.
jest.setTimeout(60_000);

let worker;
let pair;

beforeEach(() => {
  worker = new Worker(path.join(__dirname, 'worker.js'), { execArgv: ['-r', REGISTER] });
  pair = new Pair();
});
afterEach(async () => {
  pair.end();
  await worker.terminate();
});

const next = (port) => new Promise((resolve) => port.once('message', resolve));

/** A transform that has begun in the worker, with a port to it. */
async function transformOf(name) {
  const { port1, port2 } = new MessageChannel();
  const transform = new RTCRtpScriptTransform(worker, { name, port: port2 }, [port2]);
  expect(await next(port1)).toBe('started');
  return { transform, port: port1 };
}

function stats(connection, type) {
  return connection.getStats().then((report) => [...report.values()].find((entry) => entry.type === type));
}

test('frames that are encrypted in a worker are heard where they are decrypted, and nowhere else', async () => {
  pair.left.sender.transform = new RTCRtpScriptTransform(worker, XOR);
  await pair.connect();
  await pair.left.hears(RIGHT_HZ);
  await expect(pair.right.hears(LEFT_HZ, { limitMs: 3000 })).rejects.toThrow('was not heard');
  const [receiver] = pair.right.pc.getReceivers();
  receiver.transform = new RTCRtpScriptTransform(worker, XOR);
  await pair.right.hears(LEFT_HZ);
  expect(pair.left.sender.transform).toBeInstanceOf(RTCRtpScriptTransform);
  receiver.transform = null;
  await expect(pair.right.hears(LEFT_HZ, { limitMs: 3000 })).rejects.toThrow('was not heard');
});

test('a transform that is taken away lets frames through as they are', async () => {
  pair.left.sender.transform = new RTCRtpScriptTransform(worker, XOR);
  await pair.connect();
  pair.left.sender.transform = null;
  await pair.talks();
});

test('both ends know the same of a frame, and the far end its sequence number', async () => {
  const [sent, received] = [await transformOf('telling'), await transformOf('telling')];
  pair.left.sender.transform = sent.transform;
  await pair.negotiate();
  pair.right.pc.getReceivers()[0].transform = received.transform;
  const out = [];
  sent.port.on('message', (frame) => out.push(frame));
  const [first, second] = [await next(received.port), await next(received.port)];
  const same = out.find(({ metadata }) => metadata.rtpTimestamp === first.metadata.rtpTimestamp);
  expect(first).toEqual({
    kind: 'RTCEncodedAudioFrame',
    byteLength: same.byteLength,
    metadata: {
      ...same.metadata,
      sequenceNumber: expect.any(Number),
      receiveTime: expect.any(Number),
    },
  });
  expect(same.metadata).toEqual({
    synchronizationSource: expect.any(Number),
    payloadType: expect.any(Number),
    contributingSources: [],
    rtpTimestamp: expect.any(Number),
    mimeType: 'audio/opus',
    audioLevel: expect.any(Number),
  });
  expect(second.metadata.sequenceNumber - first.metadata.sequenceNumber).toBe(1);
  // What was written twice is heard once.
  await pair.talks();
});

test('a transform whose worker is terminated in mid-call sends nothing more, and the call goes on', async () => {
  pair.left.sender.transform = new RTCRtpScriptTransform(worker, XOR);
  await pair.connect();
  pair.right.pc.getReceivers()[0].transform = new RTCRtpScriptTransform(worker, XOR);
  await pair.talks();
  await worker.terminate();
  await pair.right.hearsNothing();
  await pair.left.hears(RIGHT_HZ);
  expect(pair.left.pc.connectionState).toBe('connected');
  pair.left.sender.transform = null;
  pair.right.pc.getReceivers()[0].transform = null;
  await pair.talks();
});

test('a transform that throws ends its own stream and nothing else, and is let go', async () => {
  const { transform, port } = await transformOf('failing');
  pair.left.sender.transform = transform;
  await pair.connect();
  await pair.talks();
  port.postMessage('fail');
  expect(await next(port)).toBe('transform');
  expect(await next(port)).toBe('collected');
  await pair.right.hearsNothing();
  await pair.left.hears(RIGHT_HZ);
});

test('a transform that stalls costs the oldest frames, of which no more than 25 are kept', async () => {
  const { transform, port } = await transformOf('slow');
  await pair.negotiate();
  pair.right.pc.getReceivers()[0].transform = transform;
  const arrived = async () => (await stats(pair.right.pc, 'inbound-rtp'))?.packetsReceived ?? 0;
  while ((await arrived()) < 100) await new Promise((resolve) => setTimeout(resolve, 50));
  port.postMessage(30);
  const sequences = await next(port);
  const steps = sequences.slice(1).map((sequence, n) => (sequence - sequences[n]) & 0xffff);
  expect(steps).toEqual(Array(29).fill(1));
  // Streams of ours begin with the low bits of their SSRC; 25 of 100 packets and more were kept.
  const { ssrc } = await stats(pair.right.pc, 'inbound-rtp');
  expect((sequences[0] - (ssrc & 0x7fff)) & 0xffff).toBeGreaterThanOrEqual(75);
  await pair.left.hears(RIGHT_HZ);
});

test('the streams of a closed connection end', async () => {
  const { transform, port } = await transformOf('telling');
  pair.left.sender.transform = transform;
  await pair.connect();
  const ended = new Promise((resolve) => port.on('message', (message) => message === 'end' && resolve()));
  pair.left.close();
  await ended;
});

test('the streams of a transceiver end once its stop was negotiated', async () => {
  const { transform, port } = await transformOf('telling');
  pair.left.sender.transform = transform;
  await pair.connect();
  const ended = new Promise((resolve) => port.on('message', (message) => message === 'end' && resolve()));
  pair.left.pc.getTransceivers()[0].stop();
  await pair.negotiate();
  await ended;
});

test('a transform belongs to one sender or receiver', async () => {
  const { transform } = await transformOf('telling');
  const { sender } = pair.left;
  const other = pair.left.pc.addTransceiver('audio');
  sender.transform = transform;
  expect(() => {
    other.sender.transform = transform;
  }).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
  sender.transform = transform;
  sender.transform = null;
  expect(() => {
    other.receiver.transform = {};
  }).toThrow(TypeError);
  expect(() => new RTCRtpScriptTransform({})).toThrow(TypeError);
  expect(() => sender.createEncodedStreams() && sender.createEncodedStreams()).toThrow(
    expect.objectContaining({ name: 'InvalidStateError' }),
  );
});

describe('createEncodedStreams()', () => {
  const configuration = { loopback: true, encodedInsertableStreams: true };
  const ends = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  async function connect(left, right) {
    const gathered = (pc) =>
      new Promise((resolve) => {
        if (pc.iceGatheringState === 'complete') resolve();
        pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve());
      });
    ends.push(
      () => left.close(),
      () => right.close(),
    );
    await left.setLocalDescription();
    await gathered(left);
    await right.setRemoteDescription(left.localDescription);
    await right.setLocalDescription();
    await gathered(right);
    await left.setRemoteDescription(right.localDescription);
  }

  test('frames that were announced wait for it, pass unseen by nobody, and are heard', async () => {
    const { openEar, openVoice } = require('../support/implementation');
    const [left, right] = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)];
    const voice = openVoice(LEFT_HZ);
    ends.push(() => voice.stop());
    const sender = left.addTrack(voice.track);
    await connect(left, right);
    const [receiver] = right.getReceivers();
    const ear = openEar(receiver.track);
    ends.push(() => ear.stop());
    await ear.hearsNothing();
    const seen = [];
    for (const [name, end] of Object.entries({ sender, receiver })) {
      const { readable, writable } = end.createEncodedStreams();
      const transform = (frame, controller) => {
        seen.push([name, frame instanceof RTCEncodedAudioFrame]);
        controller.enqueue(frame);
      };
      readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable);
    }
    await ear.hears(LEFT_HZ);
    expect(new Set(seen.map(String))).toEqual(new Set(['sender,true', 'receiver,true']));
  });

  test('frames of a track that nobody reads are not decoded', async () => {
    const { openVoice } = require('../support/implementation');
    const [left, right] = [new RTCPeerConnection({ loopback: true }), new RTCPeerConnection(configuration)];
    const voice = openVoice(LEFT_HZ);
    ends.push(() => voice.stop());
    left.addTrack(voice.track);
    await connect(left, right);
    const reader = right.getReceivers()[0].createEncodedStreams().readable.getReader();
    for (let n = 0; n < 50; n++) expect((await reader.read()).value.data.byteLength).toBeGreaterThan(0);
    expect(await stats(right, 'inbound-rtp')).toMatchObject({ totalSamplesReceived: 0, jitterBufferEmittedCount: 0 });
  });

  test('frames that an application has encoded itself are sent at their pace, with no codec in between', async () => {
    const { Ear } = require('../support/ear');
    const { Tone } = require('../support/tone');
    const [left, right] = [new RTCPeerConnection({ loopback: true }), new RTCPeerConnection({ loopback: true })];
    const source = new nonstandard.RTCEncodedAudioSource({ mimeType: 'audio/PCMU', queueMs: 500 });
    const transceiver = left.addTransceiver(source.createTrack());
    const { codecs } = RTCRtpSenderCapabilities();
    transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === 'audio/PCMU'));
    const tone = new Tone(500, 8000);
    const frame = () => Uint8Array.from(tone.next(160), muLaw);
    const write = () => {
      let pending = frame();
      while (source.write(pending)) pending = frame();
      source.once('drain', write);
    };
    write();
    expect(source.queuedMs).toBe(500);
    expect(() => source.write(new Uint8Array(0))).toThrow(TypeError);
    await connect(left, right);
    const ear = new Ear(16_000);
    const sink = new PcmSink(right.getReceivers()[0].track, { sampleRate: 16_000 });
    sink.on('data', ({ samples }) => ear.push(samples));
    ends.push(() => sink.close());
    await ear.hears(500, { minSnrDb: 25 });
    const { packetsSent, bytesSent } = await stats(left, 'outbound-rtp');
    expect(bytesSent).toBe(packetsSent * 160);
    source.removeAllListeners();
  });

  test('nobody waits for a source of frames whose tracks have ended, and it begins anew with another track', async () => {
    const { once } = require('node:events');
    const source = new nonstandard.RTCEncodedAudioSource({ mimeType: 'audio/PCMU', queueMs: 100 });
    const fill = () => {
      let taken = 0;
      while (source.write(new Uint8Array(160))) taken++;
      return taken;
    };
    const [one, other] = [source.createTrack(), source.createTrack()];
    expect(fill()).toBe(5);
    let drained = 0;
    source.on('drain', () => drained++);
    one.stop();
    await new Promise(setImmediate);
    expect([drained, source.queuedMs]).toEqual([0, 100]);
    other.stop();
    await once(source, 'drain');
    expect(source.queuedMs).toBe(0);
    // Written on and on after the call: some room each time, and none of it kept.
    for (let round = 0; round < 3; round++) {
      expect(fill()).toBe(5);
      await once(source, 'drain');
    }
    expect(drained).toBe(4);
    source.write(new Uint8Array(160));
    await new Promise((resolve) => setTimeout(resolve, 60));
    source.createTrack();
    expect([source.queuedMs, fill()]).toEqual([0, 5]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([drained, source.queuedMs]).toEqual([4, 100]);
  });

  test('streams cannot be transferred, because frames cannot be cloned', () => {
    const pc = new RTCPeerConnection(configuration);
    ends.push(() => pc.close());
    const { readable } = pc.addTransceiver('audio').sender.createEncodedStreams();
    const { port1 } = new MessageChannel();
    expect(() => port1.postMessage(readable, [readable])).toThrow(/transfer|clone/);
    port1.close();
  });
});

function RTCRtpSenderCapabilities() {
  return require('webphone-rtc').RTCRtpSender.getCapabilities('audio');
}

/** G.711 mu-law of a 16-bit sample. */
function muLaw(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), 32635) + 132;
  const exponent = 24 - Math.clz32(magnitude);
  const segment = Math.max(exponent, 0);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}
