// Installs and builds what is missing on a fresh clone, saying in plain words what it does and what it needs.
// Uses nothing but Node itself: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const OLDEST_NODE = 20;

const has = (name) => existsSync(path.join(root, name));
const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const nativeBinary = () => readdirSync(root).some((name) => /^webphone-rtc\..*\.node$/.test(name)) && has('binding.js');

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

function requireTools() {
  const missing = [];
  if (!works('cargo'))
    missing.push(
      'cargo, the Rust build tool: install Rust from https://rustup.rs (or your distribution) and open a new shell',
    );
  if (!['cc', 'gcc', 'clang'].some(works))
    missing.push(
      "cc, a C compiler: on Debian and Ubuntu 'apt install gcc libc6-dev', on macOS 'xcode-select --install'",
    );
  if (missing.length > 0)
    throw new Unprepared(
      `The native part has to be compiled once, and this machine lacks\n${missing.map((line) => `  - ${line}`).join('\n')}\nThen run the same command again.`,
    );
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
    if (!nativeBinary()) {
      requireTools();
      npm('Compiling the native part with cargo. The first time this takes a few minutes …', [
        'run',
        '--silent',
        'build:native',
      ]);
    }
    if (!has('dist/index.js')) npm('Compiling the TypeScript part …', ['run', '--silent', 'build:ts']);
  } catch (error) {
    if (!(error instanceof Unprepared)) throw error;
    console.error(`\n${error.message}`);
    process.exit(1);
  }
}
