// Packages that a document uses and nothing else does: installed for its test, with what they bring.

const { createRequire } = require('node:module');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const shell = require('../package/shell');

/** The versions that are tested. */
const VERSIONS = { '@livekit/rtc-node': '1.1.0', pino: '10.4.0', winston: '3.19.0' };

/** { load(name), test(name, check) }; where it cannot be had, tests are skipped with the reason, but in CI they fail. */
function installed(name) {
  const project = shell.emptyProject('on-demand');
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', `${name}@${VERSIONS[name]}`];
  const { status, error, stderr } = spawnSync('npm', args, { cwd: project, encoding: 'utf8' });
  const load = createRequire(path.join(project, 'package.json'));
  if (status === 0 || process.env.CI) return { load, test };
  const reason = error?.message ?? stderr.trim().split('\n')[0];
  return { load, test: (title, ...rest) => test.skip(`${title} (no ${name}: ${reason})`, ...rest) };
}

module.exports = { VERSIONS, installed };
