// Runs one scenario in a process of its own and tells how that process ended.

const { spawn } = require('node:child_process');
const path = require('node:path');

/** A small young generation: V8 otherwise grows it for hundreds of calls, which looks like a leak from outside. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1'];
const LIMIT_MS = 250_000;

jest.setTimeout(LIMIT_MS + 10_000);

/**
 * @param {string} scenario a file of scenarios/
 * @returns {Promise<{ code: number | null, signal: string | null, said: any[], stderr: string }>} `said`: what the scenario printed, one JSON value a line
 */
function run(scenario, ...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...FLAGS, path.join(__dirname, 'scenarios', scenario), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].on('data', (chunk) => {
        output[name] += chunk;
      });
    // A process that does not end by itself is ended: signal SIGKILL, code null.
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({
        code,
        signal,
        said: output.stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
        stderr: output.stderr,
      });
    });
  });
}

/** What `run` gives for a scenario that ended by itself, with 0 and without a complaint. */
const ENDED = { code: 0, signal: null, stderr: '' };

module.exports = { ENDED, run };
