// The first step after which two observations of a program differ, and how.

const { makeAlike, reasonOf } = require('./known');

/** @returns {string[]} "where: ours | Chromium's" */
function differences(ours, theirs, where = '') {
  if (Object.is(ours, theirs)) return [];
  const both = [ours, theirs];
  if (both.every(Array.isArray) || both.every((it) => it !== null && typeof it === 'object' && !Array.isArray(it))) {
    const keys = [...new Set(both.flatMap((it) => Object.keys(it)))];
    return keys.flatMap((key) => differences(ours[key], theirs[key], `${where}.${key}`));
  }
  return [`${where}: ${JSON.stringify(ours)} | ${JSON.stringify(theirs)}`];
}

/**
 * @param {(why: string) => void} used is told of each known reason
 * @returns {{ at: number, found: string[], why?: string } | null} why: the known reason
 */
function compare(program, ours, theirs, used = () => {}) {
  const memory = { a: {}, b: {} };
  let from = 0;
  for (let at = 0; at < ours.length; at++) {
    if (!ours[at]) continue;
    const steps = program.steps.slice(from, at + 1);
    for (const side of ['a', 'b'])
      makeAlike(ours[at][side], theirs[at][side], { memory: memory[side], steps, side }, used);
    const found = differences(ours[at], theirs[at]);
    if (found.length === 0) {
      from = at + 1;
      continue;
    }
    const why = reasonOf({ found, program, steps });
    if (why) used(why);
    return { at, found, why };
  }
  return null;
}

module.exports = { compare };
