// Runs programs here and in Chromium and finds what differs for no known reason.
// Invariant: what is reported differs each time, in the least program that still does.

const { compare } = require('./compare');
const { generate } = require('./generator');
const { shrink } = require('./shrink');
const { Chromiums, Ours } = require('./sides');

/** Programs that run beside each other: a program waits for other threads most of the time. */
const AT_A_TIME = 8;

class Hunt {
  static async start() {
    const hunt = new Hunt();
    hunt.ours = await Ours.start();
    hunt.chromium = await Chromiums.start();
    return hunt;
  }

  /** @returns {Promise<[object[], object[]][]>} what was seen here and there, for each program */
  async observe(programs) {
    const ours = await this.ours.run(programs);
    const theirs = await this.chromium.run(programs);
    return programs.map((_, n) => [ours[n], theirs[n]]);
  }

  /** A difference without a known reason, or null. */
  async differs(program) {
    const [[ours, theirs]] = await this.observe([program]);
    const difference = compare(program, ours, theirs);
    return difference?.why ? null : difference;
  }

  /**
   * @param {number[]} seeds
   * @returns counts of programs, of those compared to their end, of steps compared; how many programs each known reason was
   *   met in; and the least programs that differ without one
   */
  async run(seeds, progress = () => {}) {
    const result = { programs: 0, toTheEnd: 0, steps: 0, reasons: new Map(), unexplained: [] };
    for (let n = 0; n < seeds.length; n += AT_A_TIME) {
      const programs = seeds.slice(n, n + AT_A_TIME).map(generate);
      const observed = await this.observe(programs);
      for (const [index, program] of programs.entries()) await this.#judge(program, observed[index], result);
      progress(result);
    }
    return result;
  }

  async #judge(program, [ours, theirs], result) {
    const reasons = new Set();
    const difference = compare(program, ours, theirs, (why) => reasons.add(why));
    for (const why of reasons) result.reasons.set(why, (result.reasons.get(why) ?? 0) + 1);
    result.programs++;
    result.steps += Math.min(difference?.at ?? program.steps.length, program.steps.length);
    if (!difference) result.toTheEnd++;
    if (!difference || difference.why) return;
    // What does not come again was a race between Chromium's threads.
    const again = await this.differs(program);
    if (again) result.unexplained.push(await shrink(program, again, (smaller) => this.differs(smaller)));
  }

  stop() {
    return this.chromium.stop();
  }
}

/** For people. */
function tell({ program, difference }) {
  const steps = program.steps.map((step) => `  ${JSON.stringify(step)}`);
  const found = difference.found.map((it) => `    ${it}`);
  const head = `seed ${program.seed}, ${JSON.stringify(program.configuration)}; where: ours | Chromium's`;
  return [head, ...steps, ...found].join('\n');
}

module.exports = { Hunt, tell };
