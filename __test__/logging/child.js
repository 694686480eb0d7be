// Runs one scenario in a process of its own, with a DEBUG of its own, and collects what it says and logs.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

/**
 * @param {{ scenario: string, argument?: unknown, debug?: string }} what
 * @returns {Promise<{ said: any, lines: string[] }>} `said`: the JSON that it printed; `lines`: its stderr
 */
async function run({ scenario, argument = null, debug }) {
  const { DEBUG: _, ...env } = process.env;
  const file = path.join(__dirname, 'scenarios', scenario);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, JSON.stringify(argument)], {
    env: { ...env, ...(debug !== undefined && { DEBUG: debug }) },
    timeout: 60_000,
  });
  return { said: JSON.parse(stdout), lines: stderr.split('\n').filter(Boolean) };
}

module.exports = { run };
