// The build of the package that is measured.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');

/** Its folder. */
const ownFolder = () => path.resolve(process.env.BENCH_ADDON ?? ROOT);

/** One to compare it with. */
function beforeFolder() {
  if (!process.env.BENCH_BEFORE) throw new Error('BENCH_BEFORE does not name the folder of another build');
  return path.resolve(process.env.BENCH_BEFORE);
}

/** The version of a build, with the commit where it is a checkout. */
function buildVersion(folder) {
  const { version } = require(path.join(folder, 'package.json'));
  const { stdout } = spawnSync('git', ['-C', folder, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
  return stdout ? `${version} (${stdout.trim()})` : version;
}

const ownVersion = () => buildVersion(ownFolder());

module.exports = { beforeFolder, buildVersion, ownFolder, ownVersion };
