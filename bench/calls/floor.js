// What no implementation goes below: codec, SRTP and sockets alone, with the speech and the settings of the measure. At the
// pace of calls (src/bin/floor_in_time.rs of bench/media), and its parts without a clock and in the caches (src/bin/floor.rs).

const { spawnSync } = require('node:child_process');
const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { CACHE } = require('./install');
const { CODECS, COMPLEXITY } = require('./rtp');
const { speechFrames } = require('./signal');

const ROOT = path.resolve(__dirname, '../..');
const MANIFEST = path.join(ROOT, 'bench/media/Cargo.toml');
const files = new Map();

function speechFile(rateHz) {
  if (!files.has(rateHz)) {
    mkdirSync(CACHE, { recursive: true });
    const file = path.join(CACHE, `speech-${rateHz}.pcm`);
    writeFileSync(file, Buffer.concat(speechFrames(rateHz).map(({ buffer }) => Buffer.from(buffer))));
    files.set(rateHz, file);
  }
  return files.get(rateHz);
}

function cargo(command, program, args = []) {
  const options = ['--release', '--quiet', '--manifest-path', MANIFEST, '--bin', program];
  const { status, stdout, stderr } = spawnSync('cargo', [command, ...options, ...args], {
    encoding: 'utf8',
    // What it depends on was compiled there for the tests.
    env: { ...process.env, CARGO_TARGET_DIR: path.join(ROOT, 'target') },
  });
  if (status !== 0) throw new Error(`the floor cannot be measured: ${stderr}`);
  return stdout;
}

/** The numbers that a program of bench/media prints. */
function run(program, codec, ...rest) {
  const args = [codec, speechFile(CODECS[codec].rateHz), COMPLEXITY, ...rest].map(String);
  return cargo('run', program, ['--', ...args])
    .trim()
    .split(' ')
    .map(Number);
}

/** Before anything is measured. */
function compile() {
  for (const program of ['floor', 'floor_in_time']) cargo('build', program);
}

/** Percent of a core for each of so many calls. */
function floor({ codec, calls, seconds }) {
  const [cpuPercent] = run('floor_in_time', codec, calls, seconds);
  return cpuPercent;
}

/** @returns {{ codec: string, codecUs: number, transportUs: number, socketUs: number, kbps: number }} for 20 ms of one call */
function parts(codec) {
  const [codecUs, transportUs, socketUs, kbps] = run('floor', codec);
  return { codec, codecUs, transportUs, socketUs, kbps };
}

module.exports = { compile, floor, parts };
