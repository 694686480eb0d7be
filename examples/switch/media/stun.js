// STUN binding messages (RFC 8489), as far as ICE needs them: short-term credentials, fingerprint, IPv4.
// Invariant: parse() returns null for whatever is not an intact STUN message.

const { createHmac, timingSafeEqual, randomBytes } = require('node:crypto');

const COOKIE = 0x2112a442;
const REQUEST = 0x0001,
  SUCCESS = 0x0101,
  ERROR = 0x0111,
  INDICATION = 0x0011;
const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  controlled: 0x8029,
  controlling: 0x802a,
};

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const crc32 = (bytes) => {
  let crc = ~0;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
};

/** True if the datagram is STUN (RFC 7983 demultiplexing). */
const isStun = (data) => data.length >= 20 && data[0] < 4 && data.readUInt32BE(4) === COOKIE;

function parse(data) {
  if (!isStun(data) || data.readUInt16BE(2) + 20 !== data.length) return null;
  const message = { type: data.readUInt16BE(0), transaction: data.subarray(8, 20), attributes: new Map(), raw: data };
  for (let at = 20; at + 4 <= data.length; ) {
    const type = data.readUInt16BE(at),
      length = data.readUInt16BE(at + 2);
    if (at + 4 + length > data.length) return null;
    if (type === ATTRIBUTE.integrity) message.integrityAt = at;
    if (!message.attributes.has(type)) message.attributes.set(type, data.subarray(at + 4, at + 4 + length));
    at += 4 + length + ((4 - (length & 3)) & 3);
  }
  return message;
}

/** Checks MESSAGE-INTEGRITY against a password. */
function verify(message, password) {
  if (message.integrityAt === undefined) return false;
  const covered = Buffer.from(message.raw.subarray(0, message.integrityAt));
  covered.writeUInt16BE(message.integrityAt + 24 - 20, 2);
  const expected = createHmac('sha1', password).update(covered).digest();
  return timingSafeEqual(expected, message.attributes.get(ATTRIBUTE.integrity));
}

function attribute(type, value) {
  const out = Buffer.alloc(4 + value.length + ((4 - (value.length & 3)) & 3));
  out.writeUInt16BE(type, 0);
  out.writeUInt16BE(value.length, 2);
  value.copy(out, 4);
  return out;
}

/** A whole message: attributes as [type, Buffer] pairs, then MESSAGE-INTEGRITY (if there is a password) and FINGERPRINT. */
function build(type, transaction, attributes, password) {
  let message = Buffer.concat([Buffer.alloc(20), ...attributes.map(([t, v]) => attribute(t, v))]);
  message.writeUInt16BE(type, 0);
  message.writeUInt32BE(COOKIE, 4);
  transaction.copy(message, 8);
  if (password !== undefined) {
    message.writeUInt16BE(message.length - 20 + 24, 2);
    message = Buffer.concat([
      message,
      attribute(ATTRIBUTE.integrity, createHmac('sha1', password).update(message).digest()),
    ]);
  }
  message.writeUInt16BE(message.length - 20 + 8, 2);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(message) ^ 0x5354554e) >>> 0);
  return Buffer.concat([message, attribute(ATTRIBUTE.fingerprint, fingerprint)]);
}

function xorAddress({ address, port }) {
  const out = Buffer.alloc(8);
  out[1] = 1;
  out.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  const ip = address.split('.').reduce((n, part) => (n * 256 + Number(part)) >>> 0, 0);
  out.writeUInt32BE((ip ^ COOKIE) >>> 0, 4);
  return out;
}

const u32 = (value) => {
  const b = Buffer.alloc(4);
  b.writeUInt32BE(value >>> 0);
  return b;
};
const newTransaction = () => randomBytes(12);

module.exports = {
  REQUEST,
  SUCCESS,
  ERROR,
  INDICATION,
  ATTRIBUTE,
  isStun,
  parse,
  verify,
  build,
  xorAddress,
  u32,
  newTransaction,
};
