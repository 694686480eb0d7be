// What one end of a call hears: audio is pushed in as it arrives, tests wait for what it must sound like.
// Loaded by Node and by the far end's page. Invariant: a wait looks only at audio that arrived after the wait began.

const { decodeKeys, measureTone, rms } = typeof require === 'function' ? require('./tone') : globalThis;

const SPAN_MS = 1000;
const SILENT_SPAN_MS = 500;
/** About -54 dBFS: far below any test tone, far above dither and comfort noise. */
const SILENT_RMS = 0.002;
/** Opus at its default rates keeps a clean sine above this; a wrong rate, clipping or lost frames do not. */
const MIN_SNR_DB = 30;

class Ear {
  constructor(sampleRate) {
    this.sampleRate = sampleRate;
    this.takes = new Set();
  }

  /** @param {Float32Array | Int16Array} block mono */
  push(block) {
    if (this.takes.size === 0) return;
    const samples =
      block instanceof Int16Array || block.BYTES_PER_ELEMENT === 2 ? Float32Array.from(block, (x) => x / 32768) : block;
    for (const take of this.takes) take(samples);
  }

  /** Records until `stop()`, which returns the samples. */
  record() {
    const blocks = [];
    const take = (samples) => blocks.push(samples);
    this.takes.add(take);
    return {
      blocks,
      stop: () => {
        this.takes.delete(take);
        return join(blocks);
      },
    };
  }

  /** Resolves with the measurement once a whole second of the tone is clean and at the level it was sent with. */
  hears(hz, { minSnrDb = MIN_SNR_DB, amplitude = 0.5, limitMs = 30_000 } = {}) {
    const frames = (this.sampleRate * SPAN_MS) / 1000;
    return new Promise((resolve, reject) => {
      let samples = new Float32Array(0),
        fresh = 0,
        last = null;
      const end = (settle, value) => {
        this.takes.delete(take);
        clearTimeout(limit);
        settle(value);
      };
      const take = (block) => {
        samples = join([samples, block]).subarray(-frames);
        fresh += block.length;
        if (samples.length < frames || fresh < frames / 10) return;
        fresh = 0;
        last = measureTone(samples, hz, this.sampleRate);
        const levelDb = 20 * Math.log10(last.amplitude / amplitude);
        if (last.snrDb >= minSnrDb && Math.abs(levelDb) < 3 && last.gapShare <= 0.05) end(resolve, last);
      };
      const limit = setTimeout(() => {
        end(
          reject,
          new Error(`${hz} Hz was not heard: ${last ? JSON.stringify(last) : `${samples.length} samples arrived`}`),
        );
      }, limitMs);
      this.takes.add(take);
    });
  }

  /**
   * Resolves once the keys have sounded, no others among them, and half a second of something else has followed. A key that is
   * interrupted for less than `pauseMs` is heard once.
   */
  async hearsKeys(keys, { limitMs = 30_000, pauseMs } = {}) {
    const deadline = Date.now() + limitMs;
    const recording = this.record();
    try {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, SILENT_SPAN_MS));
        const samples = join(recording.blocks);
        const heard = decodeKeys(samples, this.sampleRate, { pauseMs });
        const over = decodeKeys(samples.subarray(-(this.sampleRate * SILENT_SPAN_MS) / 1000), this.sampleRate) === '';
        if (heard === keys && over) return;
        if (Date.now() > deadline) throw new Error(`keys '${keys}' were not heard, but '${heard}'`);
      }
    } finally {
      recording.stop();
    }
  }

  /** Resolves once half a second brings nothing audible (no audio at all counts as silence). */
  async hearsNothing({ limitMs = 30_000 } = {}) {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const recording = this.record();
      await new Promise((resolve) => setTimeout(resolve, SILENT_SPAN_MS));
      const level = rms(recording.stop());
      if (level < SILENT_RMS) return;
      if (Date.now() > deadline) throw new Error(`not silent: rms ${level.toFixed(4)}`);
    }
  }
}

function join(blocks) {
  const all = new Float32Array(blocks.reduce((n, b) => n + b.length, 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

module.exports = { Ear };
