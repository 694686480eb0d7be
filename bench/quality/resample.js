// Conversion of a whole recording to another rate: a windowed sinc, evaluated at the exact place of each output sample.

const { greatestDivisor } = require('./numbers');

/** Zero crossings on each side. */
const CROSSINGS = 16;
/** Share of the narrower band that passes; the rest is the slope. */
const PASS = 0.92;

/** One kernel for each place that an output sample can have between input samples. */
function kernels(from, to) {
  const phases = to / greatestDivisor(from, to);
  const cutoff = PASS * Math.min(1, to / from);
  const reach = Math.ceil(CROSSINGS / cutoff);
  return Array.from({ length: phases }, (_, phase) => {
    const kernel = new Float64Array(2 * reach);
    for (let j = 0; j < kernel.length; j++) {
      const x = j - reach + 1 - phase / phases;
      const window =
        Math.abs(x) < reach
          ? 0.42 + 0.5 * Math.cos((Math.PI * x) / reach) + 0.08 * Math.cos((2 * Math.PI * x) / reach)
          : 0;
      kernel[j] = cutoff * window * (x === 0 ? 1 : Math.sin(Math.PI * cutoff * x) / (Math.PI * cutoff * x));
    }
    const sum = kernel.reduce((a, b) => a + b);
    return kernel.map((tap) => tap / sum);
  });
}

/** @returns {Int16Array} output sample i lies at the time of input sample i·from/to */
function resample(samples, from, to) {
  if (from === to) return samples;
  const table = kernels(from, to);
  const divisor = greatestDivisor(from, to);
  const step = from / divisor;
  const reach = table[0].length / 2;
  const out = new Int16Array(Math.floor((samples.length * to) / from));
  for (let i = 0; i < out.length; i++) {
    const kernel = table[(i * step) % table.length];
    const first = Math.floor((i * step) / table.length) - reach + 1;
    let sum = 0;
    for (let j = Math.max(0, -first); j < kernel.length && first + j < samples.length; j++)
      sum += kernel[j] * samples[first + j];
    out[i] = Math.max(-32768, Math.min(32767, Math.round(sum)));
  }
  return out;
}

module.exports = { resample };
