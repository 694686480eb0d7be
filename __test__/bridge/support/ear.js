// The caller's ear and mouth at the switch. All times are counted in samples of that ear: a slow machine does not change them.

const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { readWav } = require('../../../examples/bridge/wav.js');
const { signal } = require('../../../examples/switch');

const WINDOW_MS = 20;

/** The caller says a sentence, once, at whatever rate the switch asks for. */
function sentence() {
  const { samples, sampleRate } = readWav(path.join(__dirname, '../../../examples/bridge/greeting.wav'));
  let at = 26_000; // "…and I will say it back to you."
  return (count, rate) =>
    Int16Array.from({ length: count }, () => {
      const sample = samples[Math.floor(at)] ?? 0;
      at += sampleRate / rate;
      return sample;
    });
}

class Ear {
  /** The level (RMS 0…1) of every frame heard. */
  levels = [];
  #media;
  #waiting = [];

  constructor(call) {
    this.#media = call.media;
    this.#media.on('audio', (pcm, sampleRate) => {
      this.sampleRate = sampleRate;
      this.levels.push(signal.level(pcm));
      for (const look of [...this.#waiting]) look();
    });
  }

  /** Milliseconds heard so far. */
  get ms() {
    return this.levels.length * WINDOW_MS;
  }

  say(source) {
    this.#media.source = source;
  }

  measure(hz, options) {
    return this.#media.measureTone(hz, options);
  }

  /** Resolves when `runMs` of sound (or of quiet) have been heard without a break; with the time it began, from `fromMs` on. */
  hears(what, { threshold = 0.02, runMs = 300, fromMs = this.ms, limitMs = 20_000 } = {}) {
    const wanted = (level) => (what === 'sound' ? level > threshold : level <= threshold);
    const begin = fromMs / WINDOW_MS;
    const find = () => {
      let run = 0;
      for (let i = begin; i < this.levels.length; i++) {
        run = wanted(this.levels[i]) ? run + 1 : 0;
        if (run * WINDOW_MS >= runMs) return (i + 1 - run) * WINDOW_MS;
      }
      return undefined;
    };
    return new Promise((resolve, reject) => {
      const look = () => {
        const at = find();
        if (at === undefined) return;
        finish();
        resolve(at);
      };
      const finish = () => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((other) => other !== look);
      };
      const timer = setTimeout(() => {
        finish();
        const levels = this.levels.slice(-50).map((level) => level.toFixed(2));
        reject(new Error(`the caller heard no ${what} in ${limitMs} ms; lately: ${levels.join(' ')}`));
      }, limitMs);
      this.#waiting.push(look);
      look();
    });
  }
}

/** A WAV of one tone: 16-bit mono. */
function writeTone(file, { hz, seconds, sampleRate = 16000, amplitude = 10000 }) {
  const pcm = signal.tone(hz, amplitude)(seconds * sampleRate, sampleRate);
  const data = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(data.length, 40);
  writeFileSync(file, Buffer.concat([header, data]));
}

module.exports = { Ear, sentence, writeTone };
