// The process that hears: every receiver of one implementation.
// Invariant: frames are only stored while a call lasts; what they say is found out afterwards.

const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { serve } = require('./child');
const { Punctuality, nowMs } = require('./clock');
const { Ear, connected, load, statsOf } = require('./implementation');
const { encodeWav } = require('./wav');

const MAX_RATE_HZ = 48_000;

const ears = new Map();
let rtc;
let punctuality;

/** What one ear hears. A sink may begin at another rate: then all that was heard before is dropped. */
class Recording {
  constructor(seconds) {
    // Written once, or the pages would be mapped during the call.
    this.samples = new Int16Array(seconds * MAX_RATE_HZ).fill(1);
    this.clear();
  }

  clear() {
    this.length = 0;
    this.frames = [];
  }

  add(samples, sampleRate) {
    if (sampleRate !== this.sampleRate) {
      this.clear();
      this.sampleRate = sampleRate;
    }
    if (this.length + samples.length > this.samples.length) return;
    this.samples.set(samples, this.length);
    this.frames.push({ at: this.length, heardMs: nowMs() });
    this.length += samples.length;
  }
}

serve({
  load: ({ implementation }) => {
    rtc = load(implementation);
  },
  answer({ id, offer, seconds }) {
    const recording = new Recording(seconds);
    const ear = new Ear(rtc, (samples, sampleRate) => recording.add(samples, sampleRate));
    ears.set(id, { ear, recording });
    return ear.answer(offer);
  },
  connected: ({ id }) => connected(ears.get(id).ear.pc),
  begin() {
    punctuality = new Punctuality();
    for (const { recording } of ears.values()) recording.clear();
  },
  async stats() {
    const all = [];
    for (const [id, { ear }] of ears) all.push([id, await statsOf(ear.pc, 'inbound-rtp')]);
    return all;
  },
  end() {
    for (const { ear } of ears.values()) ear.sink?.stop();
    return { punctuality: punctuality.stop() };
  },
  /** Writes ID.wav for each call. @returns for each call its rate, and for each frame where it begins and when it was heard */
  write({ folder }) {
    return [...ears].map(([id, { recording }]) => {
      const { samples, length, sampleRate, frames } = recording;
      const file = path.join(folder, `${id}.wav`);
      writeFileSync(file, encodeWav(samples.subarray(0, length), sampleRate ?? MAX_RATE_HZ));
      return [id, { file, sampleRate, frames }];
    });
  },
});
