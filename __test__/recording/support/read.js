// Reads back what a CallRecorder wrote, by nothing of ours: RIFF chunks, Ogg pages (RFC 3533), and Opus packets through another libopus.

const { readFileSync } = require('node:fs');
// Not the addon: that decodes for the first test file of a process only.
const { Decoder } = require('@evan/opus/wasm/index.js');

/** @returns {{ sampleRate: number, left: Float32Array, right: Float32Array, complete: boolean }} complete: the file has its proper end */
function readRecording(path) {
  const file = readFileSync(path);
  return path.endsWith('.wav') ? readWav(file) : readOpus(file);
}

function sides(sampleRate, samples, complete) {
  const side = (first) => Float32Array.from({ length: samples.length >> 1 }, (_, n) => samples[2 * n + first] / 32768);
  return { sampleRate, left: side(0), right: side(1), complete };
}

function readWav(file) {
  const name = (at) => file.toString('latin1', at, at + 4);
  if (name(0) !== 'RIFF' || name(8) !== 'WAVE') throw new Error(`'${name(0)}' and '${name(8)}' begin no WAV file`);
  let format;
  for (let at = 12; ; ) {
    const [chunk, size] = [name(at), file.readUInt32LE(at + 4)];
    const body = file.subarray(at + 8, at + 8 + size);
    if (chunk === 'fmt ') {
      const [tag, channels, bits] = [body.readUInt16LE(0), body.readUInt16LE(2), body.readUInt16LE(14)];
      if (tag !== 1 || channels !== 2 || bits !== 16)
        throw new Error(`format ${tag}, ${channels} channels, ${bits} bit`);
      format = body.readUInt32LE(4);
    }
    if (chunk === 'data') {
      if (body.length !== size) throw new Error(`the header promises ${size} bytes, ${body.length} are there`);
      const samples = Array.from({ length: size / 2 }, (_, n) => body.readInt16LE(2 * n));
      return sides(format, samples, file.readUInt32LE(4) === file.length - 8);
    }
    at += 8 + size + (size % 2);
  }
}

/** CRC of RFC 3533, bit by bit. */
function checksum(bytes) {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum < 0 ? 0x04c11db7 : 0);
  }
  return sum >>> 0;
}

/** The whole pages of a file, which may be cut off. */
function* pagesOf(file) {
  for (let at = 0, sequence = 0; at + 27 <= file.length; sequence++) {
    if (file.toString('latin1', at, at + 4) !== 'OggS') throw new Error(`no page begins at ${at}`);
    const lacing = file.subarray(at + 27, at + 27 + file[at + 26]);
    const body = at + 27 + file[at + 26];
    const end = body + lacing.reduce((sum, length) => sum + length, 0);
    if (end > file.length) return;
    const page = Buffer.from(file.subarray(at, end));
    const told = page.readUInt32LE(22);
    page.writeUInt32LE(0, 22);
    if (checksum(page) !== told) throw new Error(`the checksum of page ${sequence} is wrong`);
    if (page.readUInt32LE(18) !== sequence) throw new Error(`page ${sequence} says ${page.readUInt32LE(18)}`);
    const packets = [];
    let start = body;
    let next = body;
    for (const length of lacing) {
      next += length;
      if (length === 255) continue;
      packets.push(file.subarray(start, next));
      start = next;
    }
    yield { last: (file[at + 5] & 4) !== 0, granule: Number(file.readBigUInt64LE(at + 6)), packets };
    at = end;
  }
}

function readOpus(file) {
  const [head, tags, ...pages] = pagesOf(file);
  const [identification] = head.packets;
  if (identification.toString('latin1', 0, 8) !== 'OpusHead') throw new Error('no OpusHead');
  if (tags.packets[0].toString('latin1', 0, 8) !== 'OpusTags') throw new Error('no OpusTags');
  const [channels, preSkip] = [identification[9], identification.readUInt16LE(10)];
  if (channels !== 2) throw new Error(`${channels} channels`);
  const decoder = new Decoder({ channels, sample_rate: 48_000 });
  const decoded = Buffer.concat(
    pages.flatMap(({ packets }) => packets.map((packet) => Buffer.from(decoder.decode(packet)))),
  );
  const end = pages.at(-1)?.granule ?? preSkip;
  if (end * 4 > decoded.length) throw new Error(`the last page ends at ${end}, there are ${decoded.length / 4} frames`);
  const frames = end - preSkip;
  const samples = Array.from({ length: frames * 2 }, (_, n) => decoded.readInt16LE(4 * preSkip + 2 * n));
  return sides(48_000, samples, pages.at(-1)?.last ?? false);
}

module.exports = { readRecording };
