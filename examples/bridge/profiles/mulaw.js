// mu-law (ITU-T G.711), by table, with the decision values of the recommendation.
// Invariant: encode(decode(code)) is the code again, but for the second zero.

const BIAS = 0x84;
const CLIP = 32635;

const DECODED = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 0xff;
  const magnitude = (((bits & 0x0f) << 3) + BIAS) << ((bits >> 4) & 7);
  return bits & 0x80 ? BIAS - magnitude : magnitude - BIAS;
});

const ENCODED = Uint8Array.from({ length: 65536 }, (_, index) => {
  const sample = (index << 16) >> 16;
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = 31 - Math.clz32(magnitude) - 7;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
});

const encode = (samples) => Buffer.from(Uint8Array.from(samples, (sample) => ENCODED[sample & 0xffff]));
const decode = (bytes) => Int16Array.from(bytes, (byte) => DECODED[byte]);

module.exports = { encode, decode };
