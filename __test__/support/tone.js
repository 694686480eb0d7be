// Test signals and their measurement, the same code at both ends of a call: Node requires it, the far end's page loads it.
// Invariant: samples are mono and linear, full scale is ±1.

const WINDOW_MS = 20;

/** One sine; `next(frames)` continues where the last block ended. */
class Tone {
  constructor(hz, sampleRate, amplitude = 0.5) {
    this.step = (2 * Math.PI * hz) / sampleRate;
    this.amplitude = amplitude;
    this.phase = 0;
  }

  /** @returns {Int16Array} */
  next(frames) {
    const block = new Int16Array(frames);
    for (let i = 0; i < frames; i++) {
      block[i] = Math.round(32767 * this.amplitude * Math.sin(this.phase));
      this.phase = (this.phase + this.step) % (2 * Math.PI);
    }
    return block;
  }
}

/** Least-squares fit of a sine of known frequency: its amplitude, and the ratio of its power to all the rest. */
function fitSine(samples, hz, sampleRate) {
  const w = (2 * Math.PI * hz) / sampleRate;
  let ss = 0,
    cc = 0,
    sc = 0,
    xs = 0,
    xc = 0,
    energy = 0;
  for (let i = 0; i < samples.length; i++) {
    const s = Math.sin(w * i),
      c = Math.cos(w * i),
      x = samples[i];
    ss += s * s;
    cc += c * c;
    sc += s * c;
    xs += x * s;
    xc += x * c;
    energy += x * x;
  }
  const det = ss * cc - sc * sc;
  const a = (xs * cc - xc * sc) / det,
    b = (xc * ss - xs * sc) / det;
  const signal = a * xs + b * xc;
  const noise = Math.max(energy - signal, 1e-12 * samples.length);
  return { amplitude: Math.hypot(a, b), snrDb: 10 * Math.log10(Math.max(signal, 1e-12) / noise) };
}

function rms(samples) {
  let energy = 0;
  for (const x of samples) energy += x * x;
  return samples.length ? Math.sqrt(energy / samples.length) : 0;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * What a stretch of audio says about one tone, in windows of 20 ms: a jitter buffer may stretch time, which shifts the phase but spoils only
 * the windows in which it happens. A window counts as a gap when less than half of the usual amplitude is left.
 */
function measureTone(samples, hz, sampleRate) {
  const frames = Math.round((sampleRate * WINDOW_MS) / 1000);
  const fits = [];
  for (let at = 0; at + frames <= samples.length; at += frames)
    fits.push(fitSine(samples.subarray(at, at + frames), hz, sampleRate));
  const amplitude = median(fits.map((f) => f.amplitude));
  let gap = 0,
    longestGap = 0,
    gaps = 0;
  for (const fit of fits) {
    gap = fit.amplitude < amplitude / 2 ? gap + 1 : 0;
    if (gap) gaps++;
    longestGap = Math.max(longestGap, gap);
  }
  return {
    windows: fits.length,
    amplitude,
    snrDb: median(fits.map((f) => f.snrDb)),
    gapShare: fits.length ? gaps / fits.length : 1,
    longestGapMs: longestGap * WINDOW_MS,
  };
}

const ROWS_HZ = [697, 770, 852, 941];
const COLUMNS_HZ = [1209, 1336, 1477, 1633];
const KEYS = ['123A', '456B', '789C', '*0#D'];

/** The key that two tones of a window spell (ITU-T Q.23), or null when they are not most of what is there. */
function keyOf(samples, sampleRate) {
  const level = (hz) => fitSine(samples, hz, sampleRate).amplitude;
  const loudest = (group) =>
    group.map(level).reduce((best, a, i) => (a > best.amplitude ? { amplitude: a, i } : best), { amplitude: 0, i: 0 });
  const row = loudest(ROWS_HZ),
    column = loudest(COLUMNS_HZ);
  const share = (row.amplitude ** 2 + column.amplitude ** 2) / 2 / (rms(samples) ** 2 + 1e-9);
  const balanced = Math.min(row.amplitude, column.amplitude) > 0.4 * Math.max(row.amplitude, column.amplitude);
  return row.amplitude > 0.03 && balanced && share > 0.6 ? KEYS[row.i][column.i] : null;
}

/**
 * The keys that are heard in turn; one that sounds for less than three windows is noise, and what interrupts a key for less than
 * `pauseMs` does not make two of it (ITU-T Q.24, 4.5: 10 ms never may, 40 ms always does).
 */
function decodeKeys(samples, sampleRate, { pauseMs = 40 } = {}) {
  const frames = Math.round((sampleRate * WINDOW_MS) / 1000);
  let keys = '',
    last = null, // until it has paused
    candidate = null,
    run = 0,
    pause = 0;
  for (let at = 0; at + frames <= samples.length; at += frames) {
    const key = keyOf(samples.subarray(at, at + frames), sampleRate);
    run = key === candidate ? run + 1 : 1;
    candidate = key;
    pause = key === last ? 0 : pause + WINDOW_MS;
    if (pause >= pauseMs) last = null;
    if (key !== null && key !== last && run === 3) {
      keys += key;
      last = key;
      pause = 0;
    }
  }
  return keys;
}

module.exports = { Tone, WINDOW_MS, decodeKeys, fitSine, measureTone, rms };
