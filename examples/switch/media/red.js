// Redundant audio (RFC 2198). The edge offers it first, and a phone that accepts it gets it and sends it.

/** One packet: the previous payload (if it fits the 14-bit offset) and the present one. */
function pack(payloadType, present, previous, offset) {
  const primary = Buffer.from([payloadType]);
  if (!previous || previous.length > 1023 || offset > 16383) return Buffer.concat([primary, present]);
  const block = Buffer.alloc(4);
  block.writeUInt32BE((0x80000000 + payloadType * 2 ** 24 + offset * 2 ** 10 + previous.length) >>> 0);
  return Buffer.concat([block, primary, previous, present]);
}

/** The primary block {payloadType, payload}; null if malformed. */
function primary(payload) {
  let at = 0,
    skip = 0;
  while (at < payload.length && payload[at] & 0x80) {
    if (at + 4 > payload.length) return null;
    skip += payload.readUInt16BE(at + 2) & 0x3ff;
    at += 4;
  }
  if (at + 1 + skip > payload.length) return null;
  return { payloadType: payload[at] & 0x7f, payload: payload.subarray(at + 1 + skip) };
}

module.exports = { pack, primary };
