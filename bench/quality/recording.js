// One call as it was heard, against the script as it was said: delay, bad windows, and the segments of speech cut out for PESQ.
// Invariant: all times are of one clock; a delay is from the push of a frame to the callback with the frame that carries its sound.

const { locate } = require('./correlate');
const { quantile } = require('./numbers');
const { resample } = require('./resample');
const { analyseTone, markDelays, markFrames } = require('./tone');

const FRAME_MS = 10;
/** No delay is longer. */
const MAX_DELAY_MS = 600;
/** What is heard earlier than this after the tone began may be something else. */
const SETTLE_MS = 500;
/** Speech is looked for at this rate, in pieces of this length. */
const SEARCH_RATE_HZ = 8000;
const PIECE_MS = 400;
const STEP_MS = 200;
/** A piece that was damaged more than this says nothing of the delay. */
const MIN_CORRELATION = 0.7;
/** RMS of a piece worth looking for. */
const MIN_LEVEL = 300;

const rms = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);

class Recording {
  /**
   * @param {{ samples: Int16Array, sampleRate: number, frames: { at: number, heardMs: number }[] }} heard
   * @param {import('./script').Script} script
   * @param {Float64Array} pushedMs when each frame of the script was pushed
   */
  constructor(heard, script, pushedMs) {
    Object.assign(this, heard);
    this.script = script;
    this.pushedMs = pushedMs;
    if (!(this.frames[0]?.heardMs < this.saidMs(script.parts.find(({ kind }) => kind === 'tone').fromMs)))
      throw new Error('the recording does not begin before the tone');
  }

  /** When the sample at `ms` of the script was pushed. */
  saidMs(ms) {
    return this.pushedMs[Math.min(this.pushedMs.length - 1, Math.floor(ms / FRAME_MS))];
  }

  /** The frame with that sample. */
  #frameOf(sample) {
    let [low, high] = [0, this.frames.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.frames[middle].at <= sample) low = middle;
      else high = middle - 1;
    }
    return this.frames[low];
  }

  /** The first sample heard at or after that time. */
  #sampleAt(ms) {
    return this.frames.find(({ heardMs }) => heardMs >= ms)?.at ?? this.samples.length;
  }

  tone() {
    const { fromMs, toMs } = this.script.parts.find(({ kind }) => kind === 'tone');
    const from = this.#sampleAt(this.saidMs(fromMs) + SETTLE_MS);
    const to = this.#sampleAt(this.saidMs(toMs));
    const { windows, bad, onsets } = analyseTone(this.samples.subarray(from, to), this.sampleRate);
    const heard = onsets.map(({ at, mark }) => ({ mark, heardMs: this.#frameOf(from + at).heardMs }));
    const sent = markFrames(toMs - fromMs).map((frame) => this.pushedMs[fromMs / FRAME_MS + frame]);
    return { windows, bad, delaysMs: markDelays(sent, heard) };
  }

  /** @returns {{ delaysMs: number[], segments: { reference: Int16Array, heard: Int16Array }[] }} segments at `sampleRate` */
  speech(sampleRate) {
    const parts = this.script.parts.filter(({ kind }) => kind === 'speech');
    // Before it is the tone.
    const from = this.#sampleAt(this.saidMs(parts[0].fromMs));
    const heard = resample(this.samples.subarray(from), this.sampleRate, sampleRate);
    const search = { from, heard: resample(heard, sampleRate, SEARCH_RATE_HZ) };
    const delaysMs = [];
    const segments = [];
    for (const part of parts) {
      const places = this.#places(part, search);
      delaysMs.push(...places.map(({ delayMs }) => delayMs));
      const shiftMs =
        quantile(
          places.map(({ shiftMs }) => shiftMs),
          0.5,
        ) ?? 0;
      const cut = (samples, ms) => {
        const length = ((part.toMs - part.fromMs) * sampleRate) / 1000;
        const at = Math.max(0, Math.round((ms * sampleRate) / 1000));
        return samples.slice(at, at + length);
      };
      segments.push({
        reference: cut(this.script.at(sampleRate), part.fromMs),
        heard: cut(heard, part.fromMs + shiftMs),
      });
    }
    return { delaysMs, segments };
  }

  /** How far pieces of a part of the script are shifted in what is searched, and their delay. `from`: its first sample. */
  #places({ fromMs, toMs }, { from, heard }) {
    const places = [];
    const said = this.script.at(SEARCH_RATE_HZ);
    const perMs = SEARCH_RATE_HZ / 1000;
    const scale = SEARCH_RATE_HZ / this.sampleRate;
    for (let ms = fromMs; ms + PIECE_MS <= toMs; ms += STEP_MS) {
      const piece = said.subarray(ms * perMs, (ms + PIECE_MS) * perMs);
      if (rms(piece) < MIN_LEVEL) continue;
      const begin = Math.floor((this.#sampleAt(this.saidMs(ms)) - from) * scale);
      const range = heard.subarray(begin, begin + (MAX_DELAY_MS + PIECE_MS) * perMs);
      if (range.length < piece.length) continue;
      const { at, correlation } = locate(piece, range);
      if (correlation < MIN_CORRELATION) continue;
      const sample = from + (begin + at) / scale;
      const frame = this.#frameOf(sample);
      // `ms` begins a frame that was pushed; its sound begins somewhere in a frame that was heard.
      const delayMs = frame.heardMs + ((sample - frame.at) * 1000) / this.sampleRate - this.saidMs(ms);
      places.push({ shiftMs: (begin + at) / perMs - ms, delayMs });
    }
    return places;
  }
}

module.exports = { Recording };
