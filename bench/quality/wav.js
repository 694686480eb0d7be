// WAV files of the one kind used here: PCM, 16 bits, mono.

function encodeWav(samples, sampleRate) {
  const bytes = samples.length * 2;
  const file = Buffer.alloc(44 + bytes);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(36 + bytes, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(sampleRate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(bytes, 40);
  Buffer.from(samples.buffer, samples.byteOffset, bytes).copy(file, 44);
  return file;
}

function decodeWav(file) {
  let sampleRate;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.toString('latin1', at, at + 4);
    const body = file.subarray(at + 8, Math.min(file.length, at + 8 + file.readUInt32LE(at + 4)));
    if (id === 'fmt ') {
      if (body.readUInt16LE(0) !== 1 || body.readUInt16LE(2) !== 1 || body.readUInt16LE(14) !== 16)
        throw new Error('not a WAV file of 16-bit mono PCM');
      sampleRate = body.readUInt32LE(4);
    }
    if (id === 'data' && sampleRate) {
      // Copied: samples have to begin at an even address.
      const samples = new Int16Array(body.length >> 1);
      Buffer.from(samples.buffer).set(body.subarray(0, samples.byteLength));
      return { samples, sampleRate };
    }
    at += 8 + body.length + (body.length & 1);
  }
  throw new Error('a WAV file without audio');
}

module.exports = { decodeWav, encodeWav };
