// PcmSource over a call: what the application is told of its speech, against what the far end hears.

const { PcmSink, PcmSource } = require('webphone-rtc');
const { BUFFER_MS, longBuffer, longPackets } = require('../support/patience');
const { Talker } = require('../support/talker');
const { Tone, measureTone } = require('../support/tone');

jest.setTimeout(60_000);

const HZ = 600;
const FRAME_MS = 20;
/** What the codec smears, and the fade of a clear. */
const EDGE_MS = 30;
/** What was played has been heard by then. */
const AFTER_MS = BUFFER_MS + 200;

const tone = (ms, rate = 16000) => new Tone(HZ, rate).next(Math.round((rate * ms) / 1000));

// A machine that stands still for longer than a patient call bridges (support/patience) leaves a hole in whatever is played, and does
// so once. What fails twice is ours.
jest.retryTimes(1, { logErrorsBeforeRetry: true });

let left, right, source, sink, frames;
beforeEach(async () => {
  left = new Talker();
  right = new Talker();
  source = new PcmSource();
  left.addTrack(source.createTrack());
  const track = new Promise((resolve) => right.pc.addEventListener('track', (event) => resolve(event.track)));
  const answer = await right.answer(await left.offer());
  longBuffer(right);
  await left.accept(longPackets(answer));
  await Promise.all([left.connected(), right.connected()]);
  frames = [];
  sink = new PcmSink(await track);
  sink.on('data', (frame) => frames.push(frame));
  // The jitter buffer learns that the path is clean.
  await hear(1000);
});
afterEach(() => {
  sink.close();
  left.end();
  right.end();
});

/** Resolves when the far end has heard so much more. */
async function hear(ms) {
  const wanted = frames.length + ms / FRAME_MS;
  while (frames.length < wanted) await new Promise((resolve) => sink.once('data', resolve));
}

/** What the far end has heard since its frame number `from`, from the first sample that is not silent to the last. */
function sound(from = 0) {
  const samples = Float32Array.from(
    frames.slice(from).flatMap((frame) => [...frame.samples]),
    (x) => x / 32768,
  );
  const loud = (x) => Math.abs(x) > 0.02;
  return samples.subarray(samples.findIndex(loud), samples.findLastIndex(loud) + 1);
}

test('a chunk of a second, pushed at once, is heard whole', async () => {
  source.write(tone(1000));
  await source.waitForPlayout();
  expect(source.playedMs).toBe(1000);
  await hear(AFTER_MS);
  const heard = sound();
  expect(Math.abs(heard.length / 16 - 1000)).toBeLessThan(EDGE_MS);
  expect(measureTone(heard, HZ, 16000)).toMatchObject({ longestGapMs: 0 });
});

test('chunks of one sample to seconds, at any rate, are heard as one tone each, and counted to the sample', async () => {
  const lengths = [1, 2, 7, 160, 441, 3, 5000, 999];
  let totalMs = 0;
  for (const rate of [8000, 16000, 24000, 44100, 48000]) {
    const from = frames.length;
    const signal = tone(1500, rate);
    for (let n = 0, at = 0; at < signal.length; n++) {
      const chunk = signal.subarray(at, at + lengths[n % lengths.length]);
      at += chunk.length;
      if (!source.write(chunk, { sampleRate: rate })) await new Promise((resolve) => source.once('drain', resolve));
    }
    await source.waitForPlayout();
    totalMs += 1500;
    expect(Math.abs(source.playedMs - totalMs)).toBeLessThan(1);
    expect(source.queuedMs).toBe(0);
    await hear(AFTER_MS);
    const heard = sound(from);
    expect([rate, Math.abs(heard.length / 16 - 1500) < EDGE_MS]).toEqual([rate, true]);
    const { longestGapMs, snrDb } = measureTone(heard, HZ, 16000);
    expect([rate, longestGapMs, snrDb > 20]).toEqual([rate, 0, true]);
  }
});

test('of a minute that is cleared the far end hears what was played, and nothing more', async () => {
  expect(source.write(tone(60_000, 48000), { sampleRate: 48000 })).toBe(false);
  while (source.playedMs < 1000) await hear(FRAME_MS);
  const playout = source.waitForPlayout();
  const dropped = source.clear();
  await playout;
  expect(dropped + source.playedMs + source.queuedMs).toBeCloseTo(60_000, 0);
  await hear(AFTER_MS);
  expect(source.queuedMs).toBe(0);
  const heard = sound();
  expect(heard.length / 16).toBeGreaterThan(600);
  expect(Math.abs(heard.length / 16 - source.playedMs)).toBeLessThan(EDGE_MS);
  expect(measureTone(heard, HZ, 16000)).toMatchObject({ longestGapMs: 0 });
});

test('waitForPlayout() waits for what was written last, also after a gap, a clear and an earlier wait', async () => {
  const before = [() => {}, () => hear(200), () => source.clear(), () => source.waitForPlayout()];
  let totalMs = 0;
  for (const pause of [...before, ...before]) {
    source.write(tone(100, 24000), { sampleRate: 24000 });
    totalMs += 100;
    const dropped = await pause();
    totalMs -= typeof dropped === 'number' ? dropped : 0;
    const from = frames.length;
    source.write(tone(300, 24000), { sampleRate: 24000 });
    totalMs += 300;
    await source.waitForPlayout();
    expect(Math.abs(source.playedMs - totalMs)).toBeLessThan(1);
    expect(source.queuedMs).toBe(0);
    await hear(AFTER_MS);
    expect(sound(from).length / 16).toBeGreaterThan(300 - EDGE_MS);
  }
});

test('marks are reached in order, each when what was before it has been played, and a clear says which were not', async () => {
  const told = [];
  source.on('mark', (name, reached) => told.push([name, reached, source.playedMs]));
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    source.write(tone(200));
    source.mark(name);
  }
  while (!told.some(([name]) => name === 'c')) await hear(FRAME_MS);
  source.clear();
  await hear(200);
  expect(told.map(([name]) => name)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  told.forEach(([, reached, playedMs], n) => {
    if (reached) expect(playedMs).toBeGreaterThanOrEqual(200 * (n + 1));
    else expect(source.playedMs).toBeLessThan(200 * (n + 1) + 5);
  });
  expect(told.slice(0, 3).every(([, reached]) => reached)).toBe(true);
  expect(told.at(-1)[1]).toBe(false);
});

test('a stream of the far end can be sent on through a stream into another source', async () => {
  const echo = new PcmSource();
  const heard = new PcmSink(echo.createTrack());
  const copy = new PcmSink(sink.track);
  copy.toNodeStream().pipe(echo.toNodeStream());
  source.write(tone(1000));
  const samples = [];
  for await (const frame of heard) {
    samples.push(...frame.samples);
    if (samples.length > 16 * 2500) break;
  }
  const loud = samples.map((x) => x / 32768);
  const first = loud.findIndex((x) => Math.abs(x) > 0.1);
  const piece = Float32Array.from(loud.slice(first + 16 * 100, first + 16 * 900));
  // Two clocks that are not the same: a seam is possible, a hole is not.
  expect(measureTone(piece, HZ, 16000).gapShare).toBeLessThan(0.1);
  copy.close();
});
