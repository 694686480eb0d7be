// Random numbers that a seed fixes: the same text gives the same sequence on every machine and in every process.

/** FNV-1a, 32 bits. */
function hash(text) {
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** @returns {() => number} uniform in [0, 1), of a text */
const random = (seed) => mulberry32(hash(seed));

/** @returns {() => number} uniform in [0, 1), of a whole number */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

module.exports = { mulberry32, random };
