// Delay and segments of a call, from a recording whose history is known.

const { locate } = require('../../bench/quality/correlate');
const { random } = require('../../bench/quality/random');
const { Recording } = require('../../bench/quality/recording');
const { resample } = require('../../bench/quality/resample');
const { Script } = require('../../bench/quality/script');
const { fitTone, toneWithMarks } = require('../../bench/quality/tone');

const RATE_HZ = 48_000;
const perMs = RATE_HZ / 1000;

/** Noise in syllables, band-limited as speech is. */
function babble(ms, seed) {
  const next = random(seed);
  const samples = new Int16Array(ms * perMs);
  let low = 0;
  for (let i = 0; i < samples.length; i++) {
    low += 0.15 * (40_000 * (next() - 0.5) - low);
    samples[i] = Math.round(low * (0.6 + 0.4 * Math.sin((2 * Math.PI * i) / (180 * perMs))));
  }
  return samples;
}

function script() {
  const segment = (seed) => {
    const samples = new Int16Array(3000 * perMs);
    samples.set(babble(2400, seed), 300 * perMs);
    return samples;
  };
  const pieces = [
    ['lead', babble(1000, 'lead')],
    ['tone', toneWithMarks(4000, RATE_HZ)],
    ['rest', new Int16Array(500 * perMs)],
    ['speech', segment('one')],
    ['speech', segment('two')],
    ['rest', new Int16Array(1000 * perMs)],
  ];
  const samples = new Int16Array(pieces.reduce((sum, [, piece]) => sum + piece.length, 0));
  const parts = [];
  let at = 0;
  for (const [kind, piece] of pieces) {
    samples.set(piece, at);
    parts.push({ kind, fromMs: at / perMs, toMs: (at + piece.length) / perMs });
    at += piece.length;
  }
  return new Script(samples, parts);
}

const said = script();

/** Each frame of 10 ms pushed at its time; heard `delayMs` later, from `insertAtMs` on `insertMs` more. */
function heardAfter(delayMs, { insertAtMs = Number.POSITIVE_INFINITY, insertMs = 0 } = {}) {
  const count = said.lengthMs / 10;
  const pushedMs = Float64Array.from({ length: count }, (_, i) => 5000 + 10 * i);
  const total = said.samples.length + (delayMs + insertMs) * perMs;
  const samples = new Int16Array(total);
  const cut = Math.min(said.samples.length, insertAtMs * perMs);
  samples.set(said.samples.subarray(0, cut), delayMs * perMs);
  samples.set(said.samples.subarray(cut), cut + (delayMs + insertMs) * perMs);
  const frames = Array.from({ length: Math.floor(total / perMs / 10) }, (_, i) => ({
    at: 10 * i * perMs,
    heardMs: 5000 + 10 * i,
  }));
  return new Recording({ samples, sampleRate: RATE_HZ, frames }, said, pushedMs);
}

test('bursts and speech have the delay that the call had', () => {
  const recording = heardAfter(90);
  expect(recording.tone().delaysMs.length).toBeGreaterThanOrEqual(4);
  for (const delayMs of recording.tone().delaysMs) expect(delayMs).toBe(90);
  const { delaysMs } = recording.speech(16_000);
  expect(delaysMs.length).toBeGreaterThanOrEqual(16);
  for (const delayMs of delaysMs) expect(Math.abs(delayMs - 90)).toBeLessThan(0.5);
});

test('a delay that grows during the speech is seen there', () => {
  const recording = heardAfter(50, { insertAtMs: 8500, insertMs: 70 });
  const { delaysMs } = recording.speech(16_000);
  const near = (ms) => delaysMs.filter((delayMs) => Math.abs(delayMs - ms) < 0.5).length;
  expect(near(50)).toBeGreaterThanOrEqual(8);
  expect(near(120)).toBeGreaterThanOrEqual(8);
  expect(near(50) + near(120)).toBeGreaterThanOrEqual(delaysMs.length - 2);
});

test('segments are cut where they are heard', () => {
  const { segments } = heardAfter(130).speech(8000);
  expect(segments).toHaveLength(2);
  for (const { reference, heard } of segments) {
    expect(heard).toHaveLength(reference.length);
    const energy = reference.reduce((sum, x) => sum + x * x, 0);
    const error = heard.reduce((sum, x, i) => sum + (x - reference[i]) ** 2, 0);
    expect(10 * Math.log10(energy / error)).toBeGreaterThan(30);
  }
});

test('a recording that begins too late is refused', () => {
  const recording = heardAfter(50);
  const frames = recording.frames.slice(200);
  expect(() => new Recording({ ...recording, frames }, recording.script, recording.pushedMs)).toThrow(
    /before the tone/,
  );
});

test('a piece is located in a signal of ten times its level', () => {
  const signal = babble(500, 'signal').map((x) => x / 2);
  const piece = signal.slice(7000, 12_000).map((x) => x / 10);
  const { at, correlation } = locate(piece, signal);
  expect(at).toBe(7000);
  expect(correlation).toBeGreaterThan(0.99);
});

describe('resampling', () => {
  const sine = (hz, rate) =>
    Int16Array.from({ length: rate }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * hz * i) / rate)));

  test.each([
    [48_000, 16_000],
    [48_000, 8000],
    [8000, 48_000],
    [22_050, 48_000],
    [44_100, 16_000],
  ])('from %d to %d Hz leaves a tone as it is', (from, to) => {
    const samples = resample(sine(440, from), from, to);
    expect(samples).toHaveLength(to);
    const { amplitude, snrDb } = fitTone(samples.subarray(to / 10, to - to / 10), to);
    expect(Math.abs(20 * Math.log10(amplitude / 8000))).toBeLessThan(0.1);
    expect(snrDb).toBeGreaterThan(60);
  });

  test('lets nothing from above the new band through', () => {
    const samples = resample(sine(9000, 48_000), 48_000, 16_000);
    expect(Math.max(...samples.subarray(1000, 15_000).map(Math.abs))).toBeLessThan(8);
  });
});
