// Does a quantity grow with the number of calls? The slope of a straight line through what was seen, against its own error.

/** Standard errors that separate a slope from chance: one in a thousand or so. */
const CONFIDENCE = 3;

/**
 * Least squares.
 * @param {[number, number][]} points calls, and the quantity after so many
 * @returns {{ slope: number, error: number, least: number }} per call; `least`: what the slope is at the very least
 */
function trend(points) {
  const n = points.length;
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / n;
  const [x0, y0] = [mean(([x]) => x), mean(([, y]) => y)];
  const sum = (of) => points.reduce((total, point) => total + of(point), 0);
  const spread = sum(([x]) => (x - x0) ** 2);
  const slope = sum(([x, y]) => (x - x0) * (y - y0)) / spread;
  const rest = sum(([x, y]) => (y - y0 - slope * (x - x0)) ** 2);
  const error = Math.sqrt(rest / (n - 2) / spread);
  return { slope, error, least: slope - CONFIDENCE * error };
}

module.exports = { trend };
