// Speech and levels over a call: told once, at their place in the frames, and to whoever listens.

const path = require('node:path');
const { PcmSink, PcmSource } = require('webphone-rtc');
const { readWav } = require('../../examples/bridge/wav.js');
const { Talker } = require('../support/talker');

jest.setTimeout(60_000);

/** "…and I will say it back to you." */
const { samples, sampleRate } = readWav(path.join(__dirname, '../../examples/bridge/greeting.wav'));
const SENTENCE = samples.subarray(26_000);

let left, right, source, track;
beforeEach(async () => {
  left = new Talker();
  right = new Talker();
  source = new PcmSource({ queueMs: 5000 });
  left.addTrack(source.createTrack());
  const added = new Promise((resolve) => right.pc.addEventListener('track', (event) => resolve(event.track)));
  await left.accept(await right.answer(await left.offer()));
  await Promise.all([left.connected(), right.connected()]);
  track = await added;
});
afterEach(() => {
  left.end();
  right.end();
});

const next = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
async function frames(sink, count) {
  for (let n = 0; n < count; n++) await next(sink, 'data');
}

/** The sample at which it becomes louder than -40 dBFS for 10 ms. */
function onset(heard) {
  for (let at = 0; ; at += 160) {
    const block = heard.slice(at, at + 160);
    if (block.length < 160) return undefined;
    if (Math.hypot(...block) / Math.sqrt(160) > 327) return at;
  }
}

test('a sentence is one start and one end, at its place in the frames, known within 100 ms of the signal', async () => {
  expect(sampleRate).toBe(16000);
  const sink = new PcmSink(track, { speech: true });
  const heard = [];
  const stamps = new Map();
  const told = [];
  sink.on('data', (frame) => {
    expect(frame.position).toBe(heard.length);
    stamps.set(frame.position, frame.timestamp);
    heard.push(...frame.samples);
  });
  for (const name of ['speechstart', 'speechend']) {
    sink.on(name, (event) => told.push({ name, ...event, delivered: heard.length, speaking: sink.speaking }));
  }
  await frames(sink, 50);
  source.write(SENTENCE);
  while (told.length < 2) await frames(sink, 1);
  await frames(sink, 50);
  expect(told.map(({ name, speaking }) => [name, speaking])).toEqual([
    ['speechstart', true],
    ['speechend', false],
  ]);
  const [start, end] = told;
  const first = onset(heard);
  expect(Math.abs(start.position - first)).toBeLessThan(16 * 80);
  expect(start.known - first).toBeLessThanOrEqual(16 * 120);
  // Told before the frame in which it was noticed, or with it.
  expect(start.known - start.delivered).toBeLessThanOrEqual(320 * 25);
  expect(end.position - start.position).toBeGreaterThan(16 * 1000);
  expect(end.known - end.position).toBeGreaterThanOrEqual(16 * 500);
  const frame = start.position - (start.position % 320);
  const ticks = (start.timestamp - stamps.get(frame)) | 0;
  expect(Math.abs(ticks - (start.position % 320) * 3)).toBeLessThan(480);
  sink.close();
});

test('whoever listens only now hears the next sentence, and whoever has left hears none', async () => {
  const sink = new PcmSink(track);
  sink.on('data', () => {});
  source.write(SENTENCE);
  await source.waitForPlayout();
  await frames(sink, 50);
  expect(sink.speaking).toBe(false);
  const started = jest.fn();
  sink.on('speechstart', started);
  await frames(sink, 50);
  expect(started).not.toHaveBeenCalled();
  source.write(SENTENCE);
  await source.waitForPlayout();
  await frames(sink, 50);
  expect(started).toHaveBeenCalledTimes(1);
  sink.off('speechstart', started);
  source.write(SENTENCE);
  await source.waitForPlayout();
  await frames(sink, 50);
  expect(started).toHaveBeenCalledTimes(1);
  sink.close();
});

test('speech is told to a sink that nobody reads', async () => {
  const sink = new PcmSink(track, { sampleRate: 48000, frameMs: 60 });
  const clock = new PcmSink(track);
  clock.on('data', () => {});
  const start = next(sink, 'speechstart');
  await frames(clock, 50);
  source.write(SENTENCE);
  const { position, known } = await start;
  expect(known).toBeGreaterThan(position);
  expect(known % 2880).toBe(0);
  sink.close();
  clock.close();
});

test('a disabled track is nobody, and silent', async () => {
  track.enabled = false;
  const sink = new PcmSink(track);
  const started = jest.fn();
  const levels = [];
  sink.on('speechstart', started);
  sink.on('level', (level) => levels.push(level));
  sink.on('data', () => {});
  await frames(sink, 10);
  source.write(SENTENCE);
  await source.waitForPlayout();
  await frames(sink, 50);
  expect(started).not.toHaveBeenCalled();
  expect(levels.every(({ rmsDbfs, peakDbfs }) => rmsDbfs === -127 && peakDbfs === -127)).toBe(true);
  track.enabled = true;
  source.write(SENTENCE);
  await next(sink, 'speechstart');
  sink.close();
});

test('levels come for each 100 ms of the signal, at both ends', async () => {
  const sink = new PcmSink(track);
  let count = 0;
  const heard = [];
  const played = [];
  sink.on('data', () => count++);
  sink.on('level', (level) => heard.push({ ...level, count }));
  source.on('level', (level) => played.push(level));
  await frames(sink, 60);
  source.write(new Int16Array(16_000).map((_, n) => 16_384 * Math.sin((2 * Math.PI * 500 * n) / 16_000)));
  await source.waitForPlayout();
  await frames(sink, 60);
  expect(Math.abs(heard.length - count / 5)).toBeLessThanOrEqual(2);
  // A sine of half the scale.
  const loud = (levels) =>
    levels.filter(({ rmsDbfs, peak }) => Math.abs(rmsDbfs + 9) < 1 && Math.abs(peak - 0.5) < 0.06);
  for (const levels of [heard, played]) {
    expect(loud(levels).length).toBeGreaterThanOrEqual(8);
    expect(loud(levels).length).toBeLessThanOrEqual(11);
    expect(levels[0]).toMatchObject({ rms: expect.any(Number), peak: expect.any(Number) });
    expect(levels[0].rmsDbfs).toBeLessThan(-80);
  }
  source.removeAllListeners('level');
  const before = played.length;
  await frames(sink, 20);
  expect(played.length).toBe(before);
  sink.close();
});
