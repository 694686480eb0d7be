// Measures cells: as many at a time as the machine carries, again where the machine was too busy, scored when the calls are over.

const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const path = require('node:path');
const { runBatch } = require('./batch');
const { CACHE } = require('./install');
const { pesqScores } = require('./pesq');
const { summarise } = require('./summary');
const { encodeWav } = require('./wav');

/** A cell, that is two calls, takes 0.07 of a core. With many more at a time, calls disturb one another: their delay grows. */
const CELLS_PER_CORE = 5;
const MAX_ATTEMPTS = 3;

const log = (...words) => console.error(...words);

async function addScores(results) {
  const calls = results.flatMap(({ receivers }) => Object.values(receivers));
  const scores = await pesqScores(calls.flatMap(({ segments }) => segments));
  for (const call of calls) {
    call.scores = scores.splice(0, call.segments.length);
    delete call.segments;
  }
}

/** A batch; again if something else kept the processors, or a call failed. */
async function runUnstarved(jobs, material) {
  for (let attempt = 1; ; attempt++) {
    try {
      const batch = await runBatch(jobs, material);
      const late = `timers late by ${batch.lateP99Ms.toFixed(1)} ms (p99), ${batch.lateMaxMs.toFixed(0)} ms at most`;
      log(`  ${batch.cores.toFixed(2)} cores used, ${late}${batch.starved ? ': starved' : ''}`);
      if (!batch.starved || attempt === MAX_ATTEMPTS) return batch;
    } catch (error) {
      if (attempt === MAX_ATTEMPTS) throw error;
      log(`  ${error.message}`);
    }
  }
}

/**
 * @param {import('./cells').Cell[]} cells
 * @param {{ runs: number, script: import('./script').Script, atOnce?: number, dump?: string }} options
 * @returns {Promise<object[]>} a summary for each cell
 */
async function measureCells(cells, { runs, script, atOnce, dump }) {
  const jobs = cells.flatMap((cell) => Array.from({ length: runs }, (_, i) => ({ cell, run: i })));
  const size = atOnce ?? CELLS_PER_CORE * availableParallelism();
  const batches = Math.ceil(jobs.length / size);
  mkdirSync(CACHE, { recursive: true });
  const folder = dump ? path.resolve(dump) : mkdtempSync(path.join(CACHE, 'recordings-'));
  mkdirSync(folder, { recursive: true });
  const scriptFile = path.join(folder, 'script.raw');
  writeFileSync(scriptFile, script.samples);
  if (dump) writeFileSync(path.join(folder, 'script.wav'), encodeWav(script.samples, script.sampleRate));
  const results = [];
  try {
    for (let i = 0; i < batches; i++) {
      // Batches of equal size: a last one with a single cell would run on an idle machine.
      const batchJobs = jobs.slice(
        Math.round((i * jobs.length) / batches),
        Math.round(((i + 1) * jobs.length) / batches),
      );
      log(`batch ${i + 1} of ${batches}: ${batchJobs.length} cells for ${(script.lengthMs / 1000).toFixed(0)} s`);
      const batch = await runUnstarved(batchJobs, { script, scriptFile, folder });
      await addScores(batch.results);
      results.push(...batch.results.map((result) => ({ ...result, starved: batch.starved })));
    }
  } finally {
    rmSync(dump ? scriptFile : folder, { recursive: true, force: true });
  }
  return cells.map((cell) => summarise(results.filter((result) => result.cell === cell)));
}

module.exports = { measureCells };
