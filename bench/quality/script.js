// What is said in a call: a lead-in of speech in which jitter buffers and forward error correction settle, the tone, and segments
// of speech that are scored.
// Invariant: a segment begins and ends in silence, so that it can be cut out at a few tens of milliseconds' notice.

const { resample } = require('./resample');
const { sentences, VOICES } = require('./speech');
const { toneWithMarks } = require('./tone');

const SAMPLE_RATE_HZ = 48_000;
const SEGMENT_MS = 8000;
const MARGIN_MS = 300;
const MIN_PAUSE_MS = 350;
/** Of those that are not scored, or the length of the lead-in would change what is. */
const LEAD_SENTENCE = 11;
/** Silence after the tone and at the very end. */
const REST_MS = 1000;

const frames = (ms) => (ms * SAMPLE_RATE_HZ) / 1000;

/** As many of the coming sentences as fit, the pauses between them equal. */
function segment(voice) {
  const room = frames(SEGMENT_MS - 2 * MARGIN_MS);
  const said = [];
  let used = 0;
  for (;;) {
    const { value } = voice.next();
    if (used + value.length + frames(MIN_PAUSE_MS) * said.length > room) break;
    said.push(value);
    used += value.length;
  }
  const pause = said.length > 1 ? Math.floor((room - used) / (said.length - 1)) : 0;
  const samples = new Int16Array(frames(SEGMENT_MS));
  let at = frames(MARGIN_MS);
  for (const sentence of said) {
    samples.set(sentence, at);
    at += sentence.length + pause;
  }
  return samples;
}

/** @typedef {{ kind: 'lead' | 'tone' | 'speech' | 'rest', fromMs: number, toMs: number }} Part */

class Script {
  sampleRate = SAMPLE_RATE_HZ;
  #resampled = new Map();

  /** @param {Int16Array} samples @param {Part[]} parts */
  constructor(samples, parts) {
    this.samples = samples;
    this.parts = parts;
  }

  get lengthMs() {
    return this.parts.at(-1).toMs;
  }

  /** The samples at another rate. */
  at(sampleRate) {
    if (!this.#resampled.has(sampleRate))
      this.#resampled.set(sampleRate, resample(this.samples, this.sampleRate, sampleRate));
    return this.#resampled.get(sampleRate);
  }
}

/** @param {{ leadMs: number, toneMs: number, segments: number }} lengths */
function writeScript({ leadMs, toneMs, segments }) {
  const voices = VOICES.map((voice, i) => sentences(voice, 5 * i, SAMPLE_RATE_HZ));
  const pieces = [];
  const first = sentences(VOICES[0], LEAD_SENTENCE, SAMPLE_RATE_HZ);
  for (let ms = 0; ms < leadMs; ms += SEGMENT_MS)
    pieces.push(['lead', segment(first).subarray(0, frames(Math.min(SEGMENT_MS, leadMs - ms)))]);
  pieces.push(['tone', toneWithMarks(toneMs, SAMPLE_RATE_HZ)], ['rest', new Int16Array(frames(REST_MS))]);
  for (let i = 0; i < segments; i++) pieces.push(['speech', segment(voices[i % voices.length])]);
  pieces.push(['rest', new Int16Array(frames(REST_MS))]);

  const samples = new Int16Array(pieces.reduce((sum, [, piece]) => sum + piece.length, 0));
  const parts = [];
  let at = 0;
  for (const [kind, piece] of pieces) {
    samples.set(piece, at);
    const fromMs = (at * 1000) / SAMPLE_RATE_HZ;
    at += piece.length;
    parts.push({ kind, fromMs, toMs: (at * 1000) / SAMPLE_RATE_HZ });
  }
  return new Script(samples, parts);
}

module.exports = { SEGMENT_MS, Script, writeScript };
