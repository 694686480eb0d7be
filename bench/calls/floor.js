// What no implementation goes below: codec, SRTP and sockets alone, in one thread without a clock (src/bin/floor.rs of
// bench/media), with the speech and the settings of the measure.

const { spawnSync } = require('node:child_process');
const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { CACHE } = require('./install');
const { CODECS } = require('./rtp');
const { speechFrames } = require('./signal');

const ROOT = path.resolve(__dirname, '../..');
const MANIFEST = path.join(ROOT, 'bench/media/Cargo.toml');
const PERIOD_US = 20_000;

function speechFile(rateHz) {
  mkdirSync(CACHE, { recursive: true });
  const file = path.join(CACHE, `speech-${rateHz}.pcm`);
  writeFileSync(file, Buffer.concat(speechFrames(rateHz).map(({ buffer }) => Buffer.from(buffer))));
  return file;
}

/** @returns {{ codec: string, codecUs: number, transportUs: number, socketUs: number, kbps: number, cpuPercent: number }} */
function floor(codec) {
  const args = ['run', '--release', '--quiet', '--manifest-path', MANIFEST, '--bin', 'floor', '--'];
  const { status, stdout, stderr } = spawnSync('cargo', [...args, codec, speechFile(CODECS[codec].rateHz)], {
    encoding: 'utf8',
    // What it depends on was compiled there for the tests.
    env: { ...process.env, CARGO_TARGET_DIR: path.join(ROOT, 'target') },
  });
  if (status !== 0) throw new Error(`the floor cannot be measured: ${stderr}`);
  const [codecUs, transportUs, socketUs, kbps] = stdout.trim().split(' ').map(Number);
  return {
    codec,
    codecUs,
    transportUs,
    socketUs,
    kbps,
    cpuPercent: (100 * (codecUs + transportUs + socketUs)) / PERIOD_US,
  };
}

module.exports = { floor, speechFile };
