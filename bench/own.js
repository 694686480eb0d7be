// The build of the package that is measured.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');

/** Its folder. */
const ownFolder = () => path.resolve(process.env.BENCH_ADDON ?? ROOT);

/** Its version, with the commit where it is a checkout. */
function ownVersion() {
  const { version } = require(path.join(ownFolder(), 'package.json'));
  const { stdout } = spawnSync('git', ['-C', ownFolder(), 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
  return stdout ? `${version} (${stdout.trim()})` : version;
}

module.exports = { ownFolder, ownVersion };
