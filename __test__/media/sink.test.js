// PcmSink over the engine: each way of reading gives the same frames, of the rate and length that were asked for.

const { PcmSink, PcmSource } = require('webphone-rtc');
const { Tone, measureTone } = require('../support/tone');

const HZ = 1000;
const SPAN_MS = 400;
/** Neither the writer nor a reader comes too late on a machine that has other things to do. */
const AHEAD_MS = 10_000;
const AMPLE = { queueFrames: 1000 };

let source, track, tone;
beforeEach(() => {
  source = new PcmSource({ sampleRate: 48000, queueMs: AHEAD_MS });
  track = source.createTrack();
  tone = new Tone(HZ, 48000);
  const speak = () => {
    while (track.readyState === 'live' && source.write(tone.next(480)));
  };
  source.on('drain', speak);
  speak();
});
afterEach(() => track.stop());

function expectTone(samples, sampleRate) {
  // A filter between two rates begins from silence.
  const sound = Float32Array.from(samples.slice(-Math.round((sampleRate * SPAN_MS * 3) / 4000)), (x) => x / 32768);
  const measured = measureTone(sound, HZ, sampleRate);
  expect(measured.snrDb).toBeGreaterThan(40);
  expect(measured).toMatchObject({ longestGapMs: 0 });
}

test.each([
  [8000, 20],
  [16000, 10],
  [24000, 30],
  [32000, 40],
  [44100, 10],
  [44100, 60],
  [48000, 60],
])('for await at %i Hz gives frames of %i ms without a gap', async (sampleRate, frameMs) => {
  const samples = [];
  const sink = new PcmSink(track, { sampleRate, frameMs, ...AMPLE });
  for await (const frame of sink) {
    expect(frame).toMatchObject({ sampleRate, channels: 1 });
    expect(frame.samples).toHaveLength((sampleRate * frameMs) / 1000);
    samples.push(...frame.samples);
    if (samples.length >= (sampleRate * SPAN_MS) / 1000) break;
  }
  expect(sink.closed).toBe(true);
  expect(track.readyState).toBe('live');
  expectTone(samples, sampleRate);
});

test('iteration ends when the track stops', async () => {
  let frames = 0;
  for await (const _ of new PcmSink(track)) if (++frames === 3) track.stop();
  // More where the reader came late: they are read as well.
  expect(frames).toBeGreaterThanOrEqual(3);
});

test('a Node stream gives the same as bytes', async () => {
  const bytes = [];
  for await (const chunk of new PcmSink(track, AMPLE).toNodeStream()) {
    bytes.push(...chunk);
    if (bytes.length >= 2 * 16 * SPAN_MS) break;
  }
  const pcm = Buffer.from(bytes);
  expectTone(
    Array.from({ length: pcm.length / 2 }, (_, n) => pcm.readInt16LE(2 * n)),
    16000,
  );
});

test('a Web stream gives the same as frames', async () => {
  const sink = new PcmSink(track, AMPLE);
  const samples = [];
  for await (const frame of sink.toWebStream()) {
    samples.push(...frame.samples);
    if (samples.length >= 16 * SPAN_MS) break;
  }
  expectTone(samples, 16000);
  expect(sink.closed).toBe(true);
});

test('a reader that is late loses the oldest frames, and the sum of them is told', async () => {
  const late = new PcmSink(track, { queueFrames: 3 });
  const clock = new PcmSink(track);
  let frames = 0;
  /** The next frame. Its timestamp counts all samples, those of dropped frames too; more may be dropped meanwhile. */
  const read = async () => {
    const before = late.dropped;
    const { timestamp, samples } = await late.read();
    expect(timestamp).toBeGreaterThanOrEqual((before + frames) * samples.length);
    expect(timestamp).toBeLessThanOrEqual((late.dropped + frames) * samples.length);
    frames++;
  };
  for (const round of [1, 2]) {
    const before = late.dropped;
    for (let n = 0; n < 50; n++) await clock.read();
    await read();
    // Of so many three were kept, and the first to be read is none of the oldest.
    expect([round, late.dropped > before]).toEqual([round, true]);
    await read();
    await read();
  }
  late.close();
  clock.close();
});

test('two sinks of one track hear all of it, each at its own rate', async () => {
  const read = async (sampleRate) => {
    const samples = [];
    for await (const frame of new PcmSink(track, { sampleRate, ...AMPLE })) {
      samples.push(...frame.samples);
      if (samples.length >= (sampleRate * SPAN_MS) / 1000) return samples;
    }
  };
  const [low, high] = await Promise.all([read(8000), read(48000)]);
  expectTone(low, 8000);
  expectTone(high, 48000);
});

test('a listener that comes after the last one has gone hears the track again', async () => {
  const sink = new PcmSink(track, { queueFrames: 2 });
  const once = () => new Promise((resolve) => sink.once('data', resolve));
  await once();
  // Longer than the queue: the engine has stopped ringing.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await once();
  await once();
  sink.close();
});
