// What the measure needs beside this package, fetched on first use into bench/.cache: @roamhq/wrtc, and a Python with PESQ.
// Invariant: nothing of it is a dependency of the package; versions are pinned here and in requirements.txt.

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const ROAMHQ = '@roamhq/wrtc@0.10.0';
const CACHE = path.resolve(__dirname, '../.cache');
const ROAMHQ_FOLDER = path.join(CACHE, 'roamhq');
const PYTHON_FOLDER = path.join(CACHE, 'pesq');
const PYTHON = path.join(PYTHON_FOLDER, 'bin', 'python');
const REQUIREMENTS = path.join(__dirname, 'requirements.txt');

/** Runs `make` unless the folder was completed with the same `wanted` before. */
function once(folder, wanted, make) {
  const stamp = path.join(folder, 'installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  make();
  writeFileSync(stamp, wanted);
}

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `${stderr || stdout}`.trim()}`);
}

/** Installs packages, each `name@version`, into a folder of their own. */
function installNpm(folder, packages) {
  once(folder, packages.join(), () => {
    console.error(`Installing ${packages.join(', ')} …`);
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
    run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--save-exact', ...packages]);
  });
}

const installRoamhq = () => installNpm(ROAMHQ_FOLDER, [ROAMHQ]);

function installPesq() {
  once(PYTHON_FOLDER, readFileSync(REQUIREMENTS, 'utf8'), () => {
    console.error('Installing PESQ into a Python environment of its own (it is compiled: a C compiler is needed) …');
    run('python3', ['-m', 'venv', PYTHON_FOLDER]);
    run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]);
  });
}

function requireEspeak() {
  if (spawnSync('espeak-ng', ['--version']).status !== 0)
    throw new Error(
      'espeak-ng, the voice of the talkers, is missing: on Debian and Ubuntu "apt-get install espeak-ng"',
    );
}

/** Throws a sentence that says what is missing. */
function install() {
  requireEspeak();
  installRoamhq();
  installPesq();
}

module.exports = { CACHE, PYTHON, ROAMHQ_FOLDER, install, installNpm, installRoamhq, requireEspeak };
