// Reads the one kind of WAV a prompt may be: PCM, 16 bits, mono, at a rate the package takes.
// Invariant: returns {samples, sampleRate} or throws a sentence that says what to convert.

const { readFileSync } = require('node:fs');

const RATES = [8000, 16000, 24000, 48000];
const PCM = 1;

function readWav(path) {
  return parseWav(readFileSync(path));
}

function parseWav(file) {
  if (file.length < 12 || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE')
    throw new Error('this is not a WAV file');
  let format;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.toString('latin1', at, at + 4);
    const body = file.subarray(at + 8, at + 8 + file.readUInt32LE(at + 4));
    if (id === 'fmt ' && body.length >= 16)
      format = {
        kind: body.readUInt16LE(0),
        channels: body.readUInt16LE(2),
        sampleRate: body.readUInt32LE(4),
        bits: body.readUInt16LE(14),
      };
    if (id === 'data' && format) return { samples: samplesOf(format, body), sampleRate: format.sampleRate };
    at += 8 + body.length + (body.length & 1); // chunks are padded to even lengths
  }
  throw new Error('the WAV file has no audio');
}

function samplesOf({ kind, channels, sampleRate, bits }, body) {
  if (kind !== PCM || bits !== 16 || channels !== 1 || !RATES.includes(sampleRate))
    throw new Error(
      `16-bit mono PCM at ${RATES.join(', ')} Hz is needed (ffmpeg -i in.wav -ac 1 -ar 16000 -c:a pcm_s16le out.wav)`,
    );
  const samples = new Int16Array(body.length >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = body.readInt16LE(2 * i);
  return samples;
}

module.exports = { readWav, parseWav };
