// Test signals and their measurement. PCM is Int16, mono.

/** A sine source: call it with (frames, sampleRate) for the next block. Phase goes on over rate changes. */
function tone(hz, amplitude = 10000) {
  let phase = 0;
  return (frames, sampleRate) => {
    const step = (2 * Math.PI * hz) / sampleRate;
    return Int16Array.from({ length: frames }, () => {
      phase = (phase + step) % (2 * Math.PI);
      return Math.round(amplitude * Math.sin(phase));
    });
  };
}

/** Something like speech: syllables of harmonics under an envelope. For people and for level meters, not for measuring. */
function babble(seed = 1) {
  let t = 0;
  return (frames, sampleRate) =>
    Int16Array.from({ length: frames }, () => {
      t += 1 / sampleRate;
      const syllable = Math.sin(2 * Math.PI * 2.3 * t + seed) * Math.sin(2 * Math.PI * 0.31 * t + seed);
      const pitch = 120 + 25 * Math.sin(2 * Math.PI * 0.7 * t + seed);
      const voice =
        Math.sin(2 * Math.PI * pitch * t) +
        0.6 * Math.sin(4 * Math.PI * pitch * t) +
        0.4 * Math.sin(10 * Math.PI * pitch * t);
      return Math.round(7000 * Math.max(0, syllable) * voice);
    });
}

const silence = () => (frames) => new Int16Array(frames);

/** Root mean square of a block, 0…1. */
function level(pcm) {
  let sum = 0;
  for (const sample of pcm) sum += sample * sample;
  return pcm.length ? Math.sqrt(sum / pcm.length) / 32768 : 0;
}

/** Least-squares fit of a sine at a known frequency: {amplitude, snrDb}; everything the sine does not explain is noise. */
function fitTone(pcm, hz, sampleRate) {
  const w = (2 * Math.PI * hz) / sampleRate;
  let ss = 0,
    cc = 0,
    sc = 0,
    xs = 0,
    xc = 0,
    energy = 0;
  for (let i = 0; i < pcm.length; i++) {
    const s = Math.sin(w * i),
      c = Math.cos(w * i),
      x = pcm[i];
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
  return {
    amplitude: Math.hypot(a, b),
    snrDb: 10 * Math.log10(Math.max(1e-3, signal) / Math.max(1e-3, energy - signal)),
  };
}

/**
 * The tone in a longer recording: fitted on 20 ms windows, median SNR and amplitude, and the share of windows worse than 10 dB.
 * Short windows keep clock drift between the two ends out of the figure.
 */
function measureTone(pcm, hz, sampleRate) {
  const window = sampleRate / 50;
  const fits = [];
  for (let at = 0; at + window <= pcm.length; at += window)
    fits.push(fitTone(pcm.subarray(at, at + window), hz, sampleRate));
  if (!fits.length) return { windows: 0, snrDb: -Infinity, amplitude: 0, badShare: 1 };
  const median = (values) => values.sort((p, q) => p - q)[values.length >> 1];
  return {
    windows: fits.length,
    snrDb: median(fits.map((f) => f.snrDb)),
    amplitude: median(fits.map((f) => f.amplitude)),
    badShare: fits.filter((f) => f.snrDb < 10).length / fits.length,
  };
}

module.exports = { tone, babble, silence, level, fitTone, measureTone };
