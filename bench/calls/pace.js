// A clock of 10 ms for many calls, on timers that do not drift.
// Invariant: calls are spread over five phases; what a late timer has missed is made up for at once, as a microphone's
// driver does.

const PERIOD_MS = 10;
const PHASES = 5;
const EARLY_MS = 0.3;

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Calls `tick(phase, n)` for the n-th time at its time. `late` collects by how much it was late. */
function pace(tick) {
  const state = { late: null };
  const origin = nowMs() + 20;
  for (let phase = 0; phase < PHASES; phase++) {
    let n = 0;
    const due = () => origin + (phase * PERIOD_MS) / PHASES + n * PERIOD_MS;
    const run = () => {
      const now = nowMs();
      while (due() <= now + EARLY_MS) {
        state.late?.push(now - due());
        tick(phase, n++);
      }
      setTimeout(run, Math.max(0, Math.round(due() - nowMs())));
    };
    setTimeout(run, PERIOD_MS);
  }
  return state;
}

module.exports = { PHASES, nowMs, pace };
