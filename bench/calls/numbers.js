/** Of numbers in ascending order. */
const quantile = (sorted, share) =>
  sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

const ascending = (numbers) => [...numbers].sort((a, b) => a - b);

module.exports = { ascending, quantile };
