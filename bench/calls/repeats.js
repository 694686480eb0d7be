// One cell of the tables from its repeats.
// Invariant: it is sound if most of them were, as the machine may stall any, and one that failed is told in place of all numbers.

const { median } = require('../quality/numbers');

/** Medians, number by number; of quantiles too, so that p95 is the median of each repeat's p95. */
function middle(values) {
  if (values.every((value) => typeof value === 'number')) return median(values);
  if (values.some((value) => value === null || typeof value !== 'object')) return values[0];
  return Object.fromEntries(Object.keys(values[0]).map((key) => [key, middle(values.map((value) => value[key]))]));
}

function sum(counts) {
  const total = {};
  for (const [key, n] of counts.flatMap(Object.entries)) total[key] = (total[key] ?? 0) + n;
  return total;
}

/** @param {object[]} rows of `measure`, of one implementation, codec and number of calls */
function combine(rows) {
  const failed = rows.find(({ error }) => error !== undefined);
  if (failed) return failed;
  return {
    ...middle(rows),
    configurations: sum(rows.map(({ configurations }) => configurations ?? {})),
    sound: 2 * rows.filter(({ sound }) => sound).length > rows.length,
    /** Of each repeat, for whoever wants to know how far they are apart. */
    cpuPercents: rows.map(({ cpuPercent }) => cpuPercent),
  };
}

module.exports = { combine };
