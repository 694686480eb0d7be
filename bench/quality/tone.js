// The signal that shows gaps and delay: a steady tone with marker bursts, and what is found of it in a recording.
// Invariant: all of it lies below 3.4 kHz, so that G.711 carries it too. Samples are 16-bit.

const TONE_HZ = 440;
const TONE_AMPLITUDE = 8000;
const MARK_AMPLITUDE = 16000;
const MARK_MS = 60;
/** An odd number of 10 ms frames: bursts begin as often in the first as in the second half of a 20 ms packet. */
const MARK_PERIOD_MS = 710;
/** In turn; a burst is unambiguous as long as the delay is below four periods. */
const MARK_HZ = [1320, 1760, 2200, 2640];

const HOP_MS = 1;
const DETECT_MS = 5;
const WINDOW_MS = 20;
const MIN_SNR_DB = 10;
const MIN_AMPLITUDE = 0.1 * TONE_AMPLITUDE;
/** Windows nearer to a burst than this are not judged: a jitter buffer may rightly stretch or blend there. */
const GUARD_MS = 40;

const sine = (amplitude, hz, i, sampleRate) => Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / sampleRate));

/** @returns {Int16Array} */
function toneWithMarks(ms, sampleRate) {
  const samples = new Int16Array((ms * sampleRate) / 1000);
  for (let i = 0; i < samples.length; i++) {
    const at = (i * 1000) / sampleRate;
    const mark = Math.floor(at / MARK_PERIOD_MS);
    samples[i] =
      at - mark * MARK_PERIOD_MS < MARK_MS
        ? sine(MARK_AMPLITUDE, MARK_HZ[mark % MARK_HZ.length], i, sampleRate)
        : sine(TONE_AMPLITUDE, TONE_HZ, i, sampleRate);
  }
  return samples;
}

/** The frame of 10 ms, counted from the beginning of the signal, at which each burst begins. */
function markFrames(ms) {
  return Array.from({ length: Math.ceil(ms / MARK_PERIOD_MS) }, (_, i) => (i * MARK_PERIOD_MS) / 10);
}

/** Amplitude of one frequency (Goertzel). */
function amplitudeAt(samples, hz, sampleRate) {
  const twice = 2 * Math.cos((2 * Math.PI * hz) / sampleRate);
  let s1 = 0;
  let s2 = 0;
  for (let i = 0; i < samples.length; i++) {
    const s0 = samples[i] + twice * s1 - s2;
    s2 = s1;
    s1 = s0;
  }
  return (2 * Math.sqrt(Math.max(0, s1 * s1 + s2 * s2 - twice * s1 * s2))) / samples.length;
}

/** The burst frequency that is loudest, as an index of MARK_HZ. */
function loudestMark(samples, sampleRate) {
  const amplitudes = MARK_HZ.map((hz) => amplitudeAt(samples, hz, sampleRate));
  const amplitude = Math.max(...amplitudes);
  return { mark: amplitudes.indexOf(amplitude), amplitude };
}

/** Least-squares fit of the tone, whatever its phase. */
function fitTone(samples, sampleRate) {
  const w = (2 * Math.PI * TONE_HZ) / sampleRate;
  let [ss, cc, sc, xs, xc, energy] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < samples.length; i++) {
    const s = Math.sin(w * i);
    const c = Math.cos(w * i);
    const x = samples[i];
    ss += s * s;
    cc += c * c;
    sc += s * c;
    xs += x * s;
    xc += x * c;
    energy += x * x;
  }
  const det = ss * cc - sc * sc;
  const a = (xs * cc - xc * sc) / det;
  const b = (xc * ss - xs * sc) / det;
  const signal = a * xs + b * xc;
  return {
    amplitude: Math.hypot(a, b),
    snrDb: 10 * Math.log10(Math.max(signal, 1e-3) / Math.max(energy - signal, 1e-3)),
  };
}

/** One byte per millisecond: whether a burst sounds there. */
function markedHops(samples, sampleRate) {
  const hop = (sampleRate * HOP_MS) / 1000;
  const span = (sampleRate * DETECT_MS) / 1000;
  const marked = new Uint8Array(Math.max(0, Math.floor((samples.length - span) / hop) + 1));
  for (let h = 0; h < marked.length; h++) {
    const piece = samples.subarray(Math.round(h * hop), Math.round(h * hop) + span);
    const { amplitude } = loudestMark(piece, sampleRate);
    marked[h] = amplitude > 0.3 * MARK_AMPLITUDE && amplitude > amplitudeAt(piece, TONE_HZ, sampleRate) ? 1 : 0;
  }
  return marked;
}

/** @returns {{ at: number, mark: number }[]} the sample at which each burst begins, and which of MARK_HZ it is */
function onsetsIn(samples, sampleRate, marked) {
  const hop = (sampleRate * HOP_MS) / 1000;
  const onsets = [];
  let last = 0; // a burst that already sounds when the recording begins has no onset
  for (let h = 0; h < marked.length; h++) {
    if (!marked[h]) continue;
    if (h - last > MARK_PERIOD_MS / 2) {
      // Which burst it is shows a little later, when the window is filled with it.
      const inside = samples.subarray(Math.round((h + 15) * hop), Math.round((h + 25) * hop));
      // The detector fires with a third to a half of its window inside the burst. Rather late than early: what begins with a
      // frame is not to be found in the frame before.
      const at = Math.round((h + 0.7 * DETECT_MS) * hop);
      if (inside.length > 0) onsets.push({ at, mark: loudestMark(inside, sampleRate).mark });
    }
    last = h;
  }
  return onsets;
}

/** Windows of 20 ms away from bursts, and how many of them are bad: silent, or anything but the tone. */
function badWindows(samples, sampleRate, marked) {
  const length = (sampleRate * WINDOW_MS) / 1000;
  let windows = 0;
  let bad = 0;
  for (let at = 0; at + length <= samples.length; at += length) {
    const ms = Math.round((at * 1000) / sampleRate);
    if (marked.subarray(Math.max(0, ms - GUARD_MS), ms + WINDOW_MS + GUARD_MS).includes(1)) continue;
    const { amplitude, snrDb } = fitTone(samples.subarray(at, at + length), sampleRate);
    windows++;
    if (amplitude < MIN_AMPLITUDE || snrDb < MIN_SNR_DB) bad++;
  }
  return { windows, bad };
}

/** What a recording of the signal says, the recording beginning and ending anywhere in it. */
function analyseTone(samples, sampleRate) {
  const marked = markedHops(samples, sampleRate);
  return { ...badWindows(samples, sampleRate, marked), onsets: onsetsIn(samples, sampleRate, marked) };
}

/**
 * The delay of each burst heard: since the latest burst of that frequency that was sent before.
 * @param {number[]} sentMs when each burst was sent, the first being MARK_HZ[0]
 * @param {{ heardMs: number, mark: number }[]} heard
 */
function markDelays(sentMs, heard) {
  return heard.flatMap(({ heardMs, mark }) => {
    const sent = sentMs.findLast((ms, i) => i % MARK_HZ.length === mark && ms <= heardMs);
    return sent === undefined ? [] : [heardMs - sent];
  });
}

module.exports = { MARK_HZ, MARK_PERIOD_MS, analyseTone, fitTone, markDelays, markFrames, toneWithMarks };
