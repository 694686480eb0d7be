// The tone of the quality measure: what was done to it is what is found.

const {
  MARK_HZ,
  MARK_PERIOD_MS,
  analyseTone,
  fitTone,
  markDelays,
  markFrames,
  toneWithMarks,
} = require('../../bench/quality/tone');
const { random } = require('../../bench/quality/random');

const RATE_HZ = 16_000;
const perMs = RATE_HZ / 1000;
const signal = toneWithMarks(5 * MARK_PERIOD_MS, RATE_HZ);
/** The middle of the steady tone after a burst. */
const steadyMs = (mark) => mark * MARK_PERIOD_MS + 400;

function damaged(change) {
  const samples = signal.slice();
  change(samples);
  return analyseTone(samples, RATE_HZ);
}

test.each([8000, 16_000, 48_000])('an untouched signal at %d Hz has no bad window', (rate) => {
  const { windows, bad } = analyseTone(toneWithMarks(5 * MARK_PERIOD_MS, rate), rate);
  expect(bad).toBe(0);
  // 710 ms less the burst, its guards and a window's rest on each side.
  expect(windows).toBeGreaterThanOrEqual(5 * 26);
  expect(windows).toBeLessThanOrEqual(5 * 29);
});

test('the fit gives amplitude and noise of a tone of any phase', () => {
  const next = random('noise');
  const samples = Int16Array.from({ length: RATE_HZ / 5 }, (_, i) =>
    Math.round(6000 * Math.sin((2 * Math.PI * 440 * i) / RATE_HZ + 1) + 1000 * Math.sqrt(12) * (next() - 0.5)),
  );
  const { amplitude, snrDb } = fitTone(samples, RATE_HZ);
  expect(amplitude).toBeGreaterThan(5850);
  expect(amplitude).toBeLessThan(6150);
  expect(Math.abs(snrDb - 10 * Math.log10(6000 ** 2 / 2 / 1000 ** 2))).toBeLessThan(0.5);
});

test('a gap is as many bad windows as it is long', () => {
  const { bad } = damaged((samples) => samples.fill(0, steadyMs(1) * perMs, (steadyMs(1) + 100) * perMs));
  expect(bad).toBeGreaterThanOrEqual(4);
  expect(bad).toBeLessThanOrEqual(6);
});

test('noise 5 dB below the tone is bad, noise 15 dB below it is not', () => {
  const noisy = (snrDb) =>
    damaged((samples) => {
      const next = random('noise');
      const rms = (8000 / Math.SQRT2) * 10 ** (-snrDb / 20);
      for (let i = steadyMs(1) * perMs; i < (steadyMs(1) + 200) * perMs; i++)
        samples[i] += rms * Math.sqrt(12) * (next() - 0.5);
    }).bad;
  expect(noisy(5)).toBeGreaterThanOrEqual(8);
  expect(noisy(15)).toBe(0);
});

test('a shift of the phase between windows spoils one window at most', () => {
  const { bad } = damaged((samples) => {
    const at = (steadyMs(2) + 7) * perMs;
    samples.copyWithin(at, at + 18); // half a period
  });
  expect(bad).toBeLessThanOrEqual(1);
});

test('each burst is found where it begins, but for one that sounds already', () => {
  for (const rate of [8000, 16_000, 48_000]) {
    const { onsets } = analyseTone(toneWithMarks(5 * MARK_PERIOD_MS, rate), rate);
    expect(onsets.map(({ mark }) => MARK_HZ[mark])).toEqual([1760, 2200, 2640, 1320]);
    for (const [i, { at }] of onsets.entries())
      expect(Math.abs((at * 1000) / rate - (i + 1) * MARK_PERIOD_MS)).toBeLessThan(1.5);
  }
});

test('bursts begin in either half of a 20 ms packet', () => {
  expect(markFrames(3 * MARK_PERIOD_MS).map((frame) => frame % 2)).toEqual([0, 1, 0]);
});

describe('the delay of a burst', () => {
  const sentMs = Array.from({ length: 10 }, (_, i) => 1000 + i * MARK_PERIOD_MS);

  test('is since it was sent, also when others were sent in between', () => {
    for (const delayMs of [0, 87, 1500, 2800]) {
      const heard = sentMs.map((ms, mark) => ({ heardMs: ms + delayMs, mark: mark % MARK_HZ.length }));
      expect(markDelays(sentMs, heard)).toEqual(sentMs.map(() => delayMs));
    }
  });

  test('is told of those that were heard only', () => {
    const heard = [
      { heardMs: sentMs[1] + 60, mark: 1 },
      { heardMs: sentMs[6] + 90, mark: 2 },
    ];
    expect(markDelays(sentMs, heard)).toEqual([60, 90]);
  });

  test('is nothing for what was never sent', () => {
    expect(markDelays(sentMs, [{ heardMs: 900, mark: 0 }])).toEqual([]);
  });
});
