// The process that speaks: every sender of one implementation.
// Invariant: nothing is pushed before all calls are up, so that packet k of two calls of one cell holds the same audio.

const { readFileSync } = require('node:fs');
const { serve } = require('./child');
const { Punctuality, nowMs, pace } = require('./clock');
const { FRAME_MS, Talker, connected, load, statsOf } = require('./implementation');

/** Cells begin at different moments of a 20 ms packet, or all encoders would work at once. */
const PHASES = 10;
const PHASE_MS = 2;

const talkers = new Map();
let rtc;

async function bytesSent(pc) {
  return (await statsOf(pc, 'outbound-rtp')).bytesSent ?? 0;
}

serve({
  load: ({ implementation }) => {
    rtc = load(implementation);
  },
  offer({ id, cell }) {
    const talker = new Talker(rtc);
    talkers.set(id, { talker, cell });
    return talker.offer();
  },
  async accept({ id, sdp }) {
    const { talker } = talkers.get(id);
    await talker.accept(sdp);
    await connected(talker.pc);
  },
  /** Speaks the script to everybody. @returns when each frame was pushed, per cell, and how many bytes each call took */
  async speak({ file, sampleRate }) {
    const bytes = readFileSync(file);
    const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    const length = (sampleRate * FRAME_MS) / 1000;
    const count = Math.floor(samples.length / length);
    const cells = [...new Set([...talkers.values()].map(({ cell }) => cell))];
    const startMs = nowMs() + 100;
    const punctuality = new Punctuality();
    const pushedMs = await Promise.all(
      cells.map(async (cell, index) => {
        const group = [...talkers.values()].filter((it) => it.cell === cell);
        const times = new Float64Array(count);
        await pace(startMs + (index % PHASES) * PHASE_MS, FRAME_MS, count, (k) => {
          const frame = samples.slice(k * length, (k + 1) * length);
          times[k] = nowMs();
          for (const { talker } of group) talker.push(frame, sampleRate);
        });
        return [cell, times];
      }),
    );
    const sent = [];
    for (const [id, { talker }] of talkers) sent.push([id, await bytesSent(talker.pc)]);
    return { punctuality: punctuality.stop(), pushedMs, sent };
  },
});
