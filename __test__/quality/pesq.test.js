// The PESQ scores of the quality measure; only where a run of it has installed PESQ.

const { existsSync } = require('node:fs');
const { PYTHON } = require('../../bench/quality/install');
const { pesqScores } = require('../../bench/quality/pesq');
const { random } = require('../../bench/quality/random');

const RATE_HZ = 16_000;

/** A buzz with the spectrum and the rhythm of a voice. */
function voice() {
  return Int16Array.from({ length: 6 * RATE_HZ }, (_, i) => {
    const t = i / RATE_HZ;
    if (t < 0.3 || t % 1.5 > 1.2) return 0;
    let x = 0;
    for (let n = 1; n < 25; n++) x += Math.sin(2 * Math.PI * 120 * n * t + n * n) / n;
    return Math.round(2500 * x * Math.abs(Math.sin(2 * Math.PI * 2.3 * t)));
  });
}

const installed = existsSync(PYTHON);
const name = 'PESQ falls from the best score with noise and gaps to the lowest for silence';
(installed ? test : test.skip)(
  installed ? name : `${name} [npm run bench:quality has not installed PESQ]`,
  async () => {
    const reference = voice();
    const next = random('noise');
    const noisy = reference.map((x) => x + 3000 * (next() - 0.5));
    const gaps = reference.map((x, i) => (i % 4000 < 1500 ? 0 : x));
    const silent = new Int16Array(reference.length);
    const [same, withNoise, withGaps, none] = await pesqScores(
      [reference, noisy, gaps, silent].map((heard) => ({ reference, heard, sampleRate: RATE_HZ })),
    );
    expect(same).toBeGreaterThan(4.6);
    expect(withNoise).toBeLessThan(3.5);
    expect(withGaps).toBeLessThan(3.5);
    expect(none).toBe(1);
  },
);
