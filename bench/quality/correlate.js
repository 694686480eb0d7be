// Where a piece of a signal lies in another signal: the place of the highest normalised cross-correlation, by FFT.

/** In place, radix 2. `inverse` without the division by the length. */
function fft(re, im, inverse = false) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let length = 2; length <= n; length <<= 1) {
    const angle = ((inverse ? 2 : -2) * Math.PI) / length;
    for (let k = 0; k < length / 2; k++) {
      const c = Math.cos(angle * k);
      const s = Math.sin(angle * k);
      for (let i = k; i < n; i += length) {
        const j = i + length / 2;
        const x = re[j] * c - im[j] * s;
        const y = re[j] * s + im[j] * c;
        re[j] = re[i] - x;
        im[j] = im[i] - y;
        re[i] += x;
        im[i] += y;
      }
    }
  }
}

/**
 * @param {Int16Array} piece
 * @param {Int16Array} signal at least as long
 * @returns {{ at: number, correlation: number }} the sample of `signal` at which `piece` begins
 */
function locate(piece, signal) {
  // Circular, but no place at which the whole piece lies in the signal reaches beyond its end.
  const n = 2 ** Math.ceil(Math.log2(signal.length));
  const [aRe, aIm, bRe, bIm] = Array.from({ length: 4 }, () => new Float64Array(n));
  aRe.set(signal);
  bRe.set(piece);
  fft(aRe, aIm);
  fft(bRe, bIm);
  for (let i = 0; i < n; i++) {
    const re = aRe[i] * bRe[i] + aIm[i] * bIm[i];
    aIm[i] = aIm[i] * bRe[i] - aRe[i] * bIm[i];
    aRe[i] = re;
  }
  fft(aRe, aIm, true);
  const energyOf = (samples) => samples.reduce((sum, x) => sum + x * x, 0);
  const pieceEnergy = energyOf(piece);
  let energy = energyOf(signal.subarray(0, piece.length));
  let best = { at: 0, correlation: 0 };
  for (let at = 0; at + piece.length <= signal.length; at++) {
    const correlation = aRe[at] / n / Math.sqrt(Math.max(1, pieceEnergy * energy));
    if (correlation > best.correlation) best = { at, correlation };
    energy += (signal[at + piece.length] ?? 0) ** 2 - signal[at] ** 2;
  }
  return best;
}

module.exports = { locate };
