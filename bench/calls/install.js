// The peers of the measure, fetched on first use into bench/.cache: @roamhq/wrtc, and node-datachannel with @evan/opus.
// Invariant: nothing of it is a dependency of the package; versions are pinned.

const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { CACHE, ROAMHQ_FOLDER, installNpm, installRoamhq, requireEspeak } = require('../quality/install');

const PEERS = { 'node-datachannel': '0.33.4', '@evan/opus': '1.0.3' };
const PEERS_FOLDER = path.join(CACHE, 'datachannel');

/** Throws a sentence that says what is missing. */
function install(keys) {
  requireEspeak();
  installNpm(
    PEERS_FOLDER,
    Object.entries(PEERS).map(([name, version]) => `${name}@${version}`),
  );
  if (keys.includes('roamhq')) installRoamhq();
}

const folderOf = (name) => (name === '@roamhq/wrtc' ? ROAMHQ_FOLDER : PEERS_FOLDER);
const load = (name) => createRequire(path.join(folderOf(name), 'x.js'))(name);

function versionOf(name) {
  const manifest = path.join(folderOf(name), 'node_modules', name, 'package.json');
  return existsSync(manifest) ? require(manifest).version : null;
}

module.exports = { CACHE, install, load, versionOf };
