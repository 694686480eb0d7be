// PcmSource over the engine: what is written is heard once, whole and in order, whatever its rate and length. A PcmSink on the source's own
// track is the listener, so that nothing but the two queues and the clock between them is looked at.

const { PcmSink, PcmSource } = require('webphone-rtc');
const { Tone, measureTone, rms } = require('../support/tone');

const RATES_HZ = [8000, 16000, 24000, 32000, 44100, 48000];
const HZ = 1000;
/** So short that a chunk of a second has to wait, so long that a busy machine does not make it run dry. */
const QUEUE_MS = 600;
const SILENT_RMS = 0.001;

/** A source and everything that its track has said. */
function heardSource(options) {
  const source = new PcmSource(options);
  const sink = new PcmSink(source.createTrack(), { sampleRate: 16000, frameMs: 10 });
  const frames = [];
  sink.on('data', ({ samples }) => frames.push(samples));
  // `heard` takes its time: to be called when nothing is being played any more.
  return {
    source,
    sink,
    heard: () =>
      Float32Array.from(
        frames.flatMap((frame) => [...frame]),
        (x) => x / 32768,
      ),
  };
}

/** From the first sample that is not silent to the last. */
function sounding(samples) {
  const loud = (x) => Math.abs(x) > 0.01;
  return samples.subarray(samples.findIndex(loud), samples.findLastIndex(loud) + 1);
}

const tone = (ms, rate, hz = HZ) => new Tone(hz, rate).next((rate * ms) / 1000);
const frame = (sink) => new Promise((resolve) => sink.once('data', resolve));

/** One second at `sampleRate` through a short queue at the source's own rate. */
async function throughShortQueue(chunk, sampleRate, sourceRate) {
  const { source, sink, heard } = heardSource({ sampleRate: sourceRate, queueMs: QUEUE_MS });
  await source.captureFrame(chunk, { sampleRate });
  // All of it is in the queue, and therefore most of it has been played.
  const { queuedMs } = source;
  await source.waitForPlayout();
  const played = { queuedMs: source.queuedMs, playedMs: source.playedMs };
  await frame(sink);
  sink.close();
  return { queuedMs, played, heard };
}

test('a chunk longer than the queue goes through it whole, at any rate of chunk and source', async () => {
  const pairs = RATES_HZ.flatMap((rate) => [
    [rate, rate],
    [rate, 16000],
    [16000, rate],
  ]);
  const chunks = pairs.map(([rate]) => tone(1000, rate));
  const outcomes = await Promise.all(pairs.map((rates, n) => throughShortQueue(chunks[n], ...rates)));
  outcomes.forEach((outcome, n) => {
    const { queuedMs, played, heard } = outcome;
    const sound = sounding(heard());
    const { longestGapMs, snrDb } = measureTone(sound, HZ, 16000);
    const told = pairs[n].join(' in ');
    expect([told, queuedMs > 0 && queuedMs <= QUEUE_MS + 1, longestGapMs, snrDb > 40]).toEqual([told, true, 0, true]);
    expect(played.queuedMs).toBeLessThan(1);
    expect(Math.abs(played.playedMs - 1000)).toBeLessThan(2);
    expect(Math.abs(sound.length / 16 - 1000)).toBeLessThan(3);
  });
});

test('chunks of any length make one signal, paced by drain', async () => {
  const { source, sink, heard } = heardSource({ queueMs: 100 });
  const signal = tone(1000, 16000);
  const lengths = [1, 3, 160, 441, 7, 5000, 999];
  let at = 0,
    drains = 0;
  for (let n = 0; at < signal.length; n++) {
    const chunk = signal.subarray(at, at + lengths[n % lengths.length]);
    at += chunk.length;
    if (!source.write(chunk)) {
      await new Promise((resolve) => source.once('drain', resolve));
      drains++;
    }
  }
  await source.waitForPlayout();
  await frame(sink);
  sink.close();
  expect(drains).toBeGreaterThan(2);
  const first = signal.findIndex((x) => Math.abs(x / 32768) > 0.01);
  const sound = sounding(heard());
  expect(Math.round(sound[0] * 32768)).toBe(signal[first]);
  expect(sound.every((x, n) => Math.round(x * 32768) === signal[first + n])).toBe(true);
});

test('clear() silences at once, tells what it dropped, and what is written next is heard', async () => {
  const { source, sink, heard } = heardSource({ queueMs: 500 });
  const marks = [];
  source.on('mark', (...mark) => marks.push(mark));
  const capture = source.captureFrame(tone(2000, 16000));
  source.mark('end of the sentence');
  const playout = source.waitForPlayout();
  for (let n = 0; n < 10; n++) await frame(sink);
  const queued = source.queuedMs;
  const dropped = source.clear();
  await Promise.all([capture, playout]);
  expect(marks).toEqual([['end of the sentence', false]]);
  // What was dropped, the short fade that is still played, and what was played, are all that was written.
  expect(Math.abs(queued - dropped)).toBeLessThan(20);
  expect(dropped + source.queuedMs + source.playedMs).toBeCloseTo(2000);
  await source.captureFrame(tone(200, 16000, 500));
  source.mark('answer');
  await source.waitForPlayout();
  await frame(sink);
  sink.close();
  expect(marks.at(-1)).toEqual(['answer', true]);
  const tail = sounding(heard()).subarray(-16 * 150);
  expect(measureTone(tail, 500, 16000)).toMatchObject({ longestGapMs: 0 });
  expect(measureTone(tail, 500, 16000).snrDb).toBeGreaterThan(40);
});

test('a mark is reached, and playout waited for, when the sound has been played and not before', async () => {
  const { source, sink } = heardSource({ queueMs: 100 });
  const reached = new Promise((resolve) =>
    source.once('mark', (name, played) => resolve([name, played, source.playedMs])),
  );
  source.write(tone(300, 16000));
  source.mark('middle');
  source.write(tone(300, 16000));
  const [name, played, playedMs] = await reached;
  expect([name, played]).toEqual(['middle', true]);
  expect(playedMs).toBeGreaterThanOrEqual(300);
  for (const total of [600, 800]) {
    // The second time after a gap: it must not be taken for done already.
    await source.waitForPlayout();
    expect(source.playedMs).toBeGreaterThanOrEqual(total - 1);
    for (let n = 0; n < 5; n++) await frame(sink);
    source.write(tone(200, 16000));
    expect(source.queuedMs).toBeGreaterThan(0);
  }
  sink.close();
});

test('nothing written is silence, and a pause is not made up for', async () => {
  const { source, sink, heard } = heardSource({ queueMs: 1000 });
  for (let n = 0; n < 30; n++) await frame(sink);
  expect(rms(heard())).toBeLessThan(SILENT_RMS);
  const before = heard().length;
  source.write(tone(200, 16000));
  await source.waitForPlayout();
  await frame(sink);
  sink.close();
  expect(sounding(heard().subarray(before)).length / 16).toBeCloseTo(200, -1);
});
