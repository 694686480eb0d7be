// One clock for all processes of a run: CLOCK_MONOTONIC, in milliseconds.

const { monitorEventLoopDelay } = require('node:perf_hooks');

const RESOLUTION_MS = 5;

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Calls `tick(k)` at start + k·period for k = 0 to count - 1, none left out, whatever a single timer is late. */
function pace(startMs, periodMs, count, tick) {
  return new Promise((resolve, reject) => {
    let k = 0;
    const run = () => {
      try {
        // A timer may fire a fraction of a millisecond before its time.
        for (; k < count && startMs + k * periodMs <= nowMs() + 0.3; k++) tick(k);
      } catch (error) {
        return reject(error);
      }
      if (k === count) resolve();
      else setTimeout(run, Math.max(0, Math.round(startMs + k * periodMs - nowMs())));
    };
    run();
  });
}

/** How late timers of this process fire: what they measure is worth nothing if the processor was busy elsewhere. */
class Punctuality {
  #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #usage = process.cpuUsage();
  #sinceMs = nowMs();

  constructor() {
    this.#delay.enable();
  }

  /** @returns {{ lateP99Ms: number, lateMaxMs: number, cpuShare: number }} `cpuShare` of one core, all threads of the process */
  stop() {
    this.#delay.disable();
    const { user, system } = process.cpuUsage(this.#usage);
    const late = (ns) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
    return {
      lateP99Ms: late(this.#delay.percentile(99)),
      lateMaxMs: late(this.#delay.max),
      cpuShare: (user + system) / 1000 / (nowMs() - this.#sinceMs),
    };
  }
}

module.exports = { Punctuality, nowMs, pace };
