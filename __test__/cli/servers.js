// STUN and TURN servers as one meets them: true ones, and such as are silent, lie or refuse.

const { createHash } = require('node:crypto');
const { createSocket } = require('node:dgram');
const stun = require('../../examples/switch/media/stun.js');

const ALLOCATE = 0x0003;
const ALLOCATE_SUCCESS = 0x0103;
const ALLOCATE_ERROR = 0x0113;
const XOR_RELAYED_ADDRESS = 0x0016;
const LIFETIME = 0x000d;
const REALM = 0x0014;
const NONCE = 0x0015;
const ERROR_CODE = 0x0009;

/** A socket on 127.0.0.1 that answers each datagram with what `reply(data, from)` makes of it, or not at all. */
async function serve(reply) {
  const socket = createSocket('udp4');
  socket.on('message', (data, from) => {
    const answer = reply(data, from);
    if (answer) socket.send(answer, from.port, from.address, () => {});
  });
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  return { port, address: `127.0.0.1:${port}`, stop: () => new Promise((resolve) => socket.close(resolve)) };
}

const mapped = (to) => [[stun.ATTRIBUTE.xorMappedAddress, stun.xorAddress(to)]];
const binding = (change = (from) => from) =>
  serve((data, from) => {
    const message = stun.parse(data);
    return message && stun.build(stun.SUCCESS, message.transaction, mapped(change(from)));
  });

const servers = {
  honest: () => binding(),
  /** As behind a NAT at 203.0.113.7 that gives `port`. */
  behindNat: (port) => binding(() => ({ address: '203.0.113.7', port })),
  seenAs: (address) => binding(({ port }) => ({ address, port })),
  silent: () => serve(() => null),
  wrongTransaction: () => serve((_, from) => stun.build(stun.SUCCESS, stun.newTransaction(), mapped(from))),
  noise: () => serve(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
  impossible: () => binding(() => ({ address: '0.0.0.0', port: 9 })),
};

function errorCode(code, text) {
  return [ERROR_CODE, Buffer.concat([Buffer.from([0, 0, Math.floor(code / 100), code % 100]), Buffer.from(text)])];
}

/** Allocates for one user, by long-term credentials (RFC 8489 §9.2). `refuses`: a code for the one who has them. */
function turn({ username, password, refuses = null }) {
  const realm = 'example.org';
  const key = createHash('md5').update(`${username}:${realm}:${password}`).digest();
  const challenge = [
    [REALM, Buffer.from(realm)],
    [NONCE, Buffer.from('0123456789')],
  ];
  return serve((data, from) => {
    const message = stun.parse(data);
    if (message?.type !== ALLOCATE) return null;
    const reply = (type, attributes, secret) => stun.build(type, message.transaction, attributes, secret);
    const user = message.attributes.get(stun.ATTRIBUTE.username)?.toString();
    if (user !== username || !stun.verify(message, key))
      return reply(ALLOCATE_ERROR, [errorCode(401, 'Unauthorized'), ...challenge]);
    if (refuses) return reply(ALLOCATE_ERROR, [errorCode(refuses, 'Allocation Quota Reached')], key);
    const relayed = [XOR_RELAYED_ADDRESS, stun.xorAddress({ address: '127.0.0.1', port: 50_000 })];
    return reply(ALLOCATE_SUCCESS, [relayed, ...mapped(from), [LIFETIME, stun.u32(600)]], key);
  });
}

module.exports = { servers, turn };
