// The audio codecs the switch speaks: Opus (libopus through @evan/opus), PCMU and PCMA (ITU-T G.711, here in JS).
// Every codec works on 20 ms mono frames at its own sample rate.

function muLawDecode(code) {
  const u = ~code & 0xff;
  const magnitude = ((((u & 15) << 3) + 0x84) << ((u >> 4) & 7)) - 0x84;
  return u & 0x80 ? -magnitude : magnitude;
}
function aLawDecode(code) {
  const a = code ^ 0x55;
  const exponent = (a >> 4) & 7;
  const magnitude = exponent === 0 ? ((a & 15) << 4) + 8 : (((a & 15) << 4) + 0x108) << (exponent - 1);
  return a & 0x80 ? magnitude : -magnitude;
}
/** The encoder is the nearest entry of the decoder's table, so both halves agree by construction. */
function g711(decode) {
  const table = Int16Array.from({ length: 256 }, (_, code) => decode(code));
  const sorted = [...table.keys()].sort((a, b) => table[a] - table[b]);
  const encode = new Uint8Array(65536);
  for (let sample = -32768, k = 0; sample < 32768; sample++) {
    while (k + 1 < 256 && Math.abs(table[sorted[k + 1]] - sample) <= Math.abs(table[sorted[k]] - sample)) k++;
    encode[sample & 0xffff] = sorted[k];
  }
  return () => ({
    sampleRate: 8000,
    frame: 160,
    rtpStep: 160,
    encode: (pcm) => Buffer.from(Uint8Array.from(pcm, (s) => encode[s & 0xffff])),
    decode: (payload) => Int16Array.from(payload, (code) => table[code]),
  });
}

function opus() {
  // The WebAssembly build: the native one keeps its buffers in the process and breaks when it is loaded twice, as Jest does.
  const { Encoder, Decoder } = require('@evan/opus/wasm/index.js');
  const encoder = new Encoder({ channels: 1, sample_rate: 48000, application: 'audio' });
  encoder.bitrate = 64000;
  const decoder = new Decoder({ channels: 1, sample_rate: 48000 });
  return {
    sampleRate: 48000,
    frame: 960,
    rtpStep: 960,
    encode: (pcm) => Buffer.from(encoder.encode(pcm)),
    decode: (payload) => {
      const bytes = decoder.decode(payload);
      return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    },
  };
}

const CODECS = { opus, pcmu: g711(muLawDecode), pcma: g711(aLawDecode) };

/** A fresh codec for an entry of a parsed SDP ({name, clockRate, channels}); null if the switch does not speak it. */
function create({ name, clockRate }) {
  if (name === 'opus' && clockRate !== 48000) return null;
  return CODECS[name]?.() ?? null;
}

module.exports = { create };
