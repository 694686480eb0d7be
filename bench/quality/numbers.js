// Arithmetic shared by the measure.

const greatestDivisor = (a, b) => (b === 0 ? a : greatestDivisor(b, a % b));

const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** The value below which the share `q` of the values lies; null of none. */
function quantile(values, q) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/** Of an even number, the mean of the two in the middle; null of none. */
function median(values) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** Standard error of the mean; null of fewer than two values. */
function standardError(values) {
  if (values.length < 2) return null;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (values.length - 1) / values.length);
}

module.exports = { greatestDivisor, mean, median, quantile, standardError };
