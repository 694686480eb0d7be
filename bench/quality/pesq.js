// PESQ scores of segments, by Python's `pesq`.

const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { PYTHON } = require('./install');

/**
 * @param {{ reference: Int16Array, heard: Int16Array, sampleRate: 8000 | 16000 }[]} segments wide-band at 16000 Hz, else narrow-band
 * @returns {Promise<number[]>}
 */
async function pesqScores(segments) {
  const folder = mkdtempSync(path.join(tmpdir(), 'pesq-'));
  try {
    const jobs = segments.map(({ reference, heard, sampleRate }, i) => {
      const write = (name, samples) => {
        const file = path.join(folder, `${i}.${name}`);
        writeFileSync(file, samples);
        return file;
      };
      return { reference: write('reference', reference), heard: write('heard', heard), rate: sampleRate };
    });
    return JSON.parse(await python(path.join(__dirname, 'scores.py'), JSON.stringify(jobs)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function python(script, input) {
  return new Promise((resolve, reject) => {
    const child = execFile(PYTHON, [script], { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`PESQ failed: ${stderr || error.message}`));
      else resolve(stdout);
    });
    child.stdin.end(input);
  });
}

module.exports = { pesqScores };
