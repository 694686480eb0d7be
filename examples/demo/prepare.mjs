// Installs and builds what is missing on a fresh clone, saying in plain words what it does and what it needs.
// Uses nothing but Node itself: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const OLDEST_NODE = 20;

const has = (name) => existsSync(path.join(root, name));

class Unprepared extends Error {}

function npm(what, args) {
  console.log(what);
  const { status } = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Unprepared(`"npm ${args.join(' ')}" failed; its output above says why.`);
}

/** npm's install hook: it compiles the native part where there is none that loads, or says what that takes. */
function buildNative() {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts/install.js')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) process.exit(1); // it has said why
}

/** Synchronous. `native: false` leaves the Rust part and the TypeScript alone (the mocks need neither). Ends the process with 1 if it cannot be done. */
export function prepare({ native = true } = {}) {
  try {
    if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE)
      throw new Unprepared(`Node ${OLDEST_NODE} or newer is needed; this is ${process.version}.`);
    if (!has('node_modules/.package-lock.json'))
      // What npm would build on the way is built below, if it is wanted.
      npm('Installing the development packages from npm …', ['install', '--ignore-scripts', '--no-audit', '--no-fund']);
    if (!native) return;
    buildNative();
    if (!has('dist/index.js')) npm('Compiling the TypeScript part …', ['run', '--silent', 'build:ts']);
  } catch (error) {
    if (!(error instanceof Unprepared)) throw error;
    console.error(`\n${error.message}`);
    process.exit(1);
  }
}
