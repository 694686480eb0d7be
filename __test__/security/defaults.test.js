// What is safe without being asked for: docs/security.md.

const { X509Certificate } = require('node:crypto');
const fs = require('node:fs');
const { Pair } = require('../support/pair');
const { RTCPeerConnection } = require('webphone-rtc');

const configuration = { loopback: true };

async function described(pc) {
  pc.addTransceiver('audio');
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== 'complete')
    await new Promise((resolve) =>
      pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve()),
    );
  return pc.localDescription.sdp;
}

test('each connection has a certificate of its own, ECDSA on P-256, and its description says SHA-256 of it', async () => {
  const pair = new Pair();
  await pair.connect();
  const shown = [pair.left, pair.right].map(
    ({ pc }) => new X509Certificate(Buffer.from(pc.getSenders()[0].transport.getRemoteCertificates()[0])),
  );
  for (const { publicKey } of shown) {
    expect(publicKey.asymmetricKeyType).toBe('ec');
    expect(publicKey.asymmetricKeyDetails.namedCurve).toBe('prime256v1');
  }
  expect(shown[0].fingerprint256).not.toBe(shown[1].fingerprint256);
  // What left sees is right's, and the reverse.
  for (const [certificate, { pc }] of [
    [shown[0], pair.right],
    [shown[1], pair.left],
  ]) {
    const fingerprints = Array.from(
      pc.localDescription.sdp.matchAll(/^a=fingerprint:(\S+) (\S+)/gm),
      ([, ...it]) => it,
    );
    expect(fingerprints.map(([algorithm, value]) => [algorithm, value.toUpperCase()])).toEqual([
      ['sha-256', certificate.fingerprint256],
    ]);
  }
  pair.end();
});

const onLinux = process.platform === 'linux' ? test : test.skip;

/** Inodes of the sockets that this process has. */
function sockets() {
  const links = fs.readdirSync('/proc/self/fd').map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter(Boolean));
}

/** Local address, as the kernel writes it, and port of the sockets in one of its tables that are among `own`. */
const bound = (table, own) =>
  fs
    .readFileSync(`/proc/net/${table}`, 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => own.has(fields[9]))
    .map((fields) => fields[1].split(':'))
    .map(([address, port]) => ({ address, port: Number.parseInt(port, 16) }));

/** The sockets of a connection that has gathered, by table, and its description. */
async function socketsOf(options) {
  const before = sockets();
  const pc = new RTCPeerConnection({ ...configuration, ...options });
  const sdp = await described(pc);
  const own = new Set([...sockets()].filter((inode) => !before.has(inode)));
  const tables = Object.fromEntries(['udp', 'udp6', 'tcp', 'tcp6'].map((table) => [table, bound(table, own)]));
  pc.close();
  return { sdp, ...tables };
}

onLinux('no mDNS: neither names in candidates nor a socket for it, and nothing listens on TCP', async () => {
  const { sdp, udp, udp6, tcp, tcp6 } = await socketsOf({});
  const ports = [...udp, ...udp6].map(({ port }) => port);
  expect(ports.length).toBeGreaterThan(0);
  expect(ports).not.toContain(5353);
  expect([...tcp, ...tcp6]).toEqual([]);
  expect(sdp).toMatch(/^a=candidate:/m);
  expect(sdp).not.toMatch(/\.local\b/);
});

onLinux('each socket is bound to the address of its candidate, and none to all addresses', async () => {
  const { sdp, udp, udp6 } = await socketsOf({});
  const ANY = /^0+$/;
  expect([...udp, ...udp6].filter(({ address }) => ANY.test(address))).toEqual([]);
  const candidates = Array.from(sdp.matchAll(/^a=candidate:.* (\d+) typ host/gm), ([, port]) => Number(port));
  expect(new Set([...udp, ...udp6].map(({ port }) => port))).toEqual(new Set(candidates));
});

onLinux('`addresses` chooses what sockets are bound to, whatever else the machine has', async () => {
  const { udp, udp6 } = await socketsOf({ addresses: ['127.0.0.1'], portRange: [42_000, 42_999] });
  const LOOPBACK = '0100007F'; // in the order of this machine's bytes
  expect(udp).toEqual([{ address: LOOPBACK, port: expect.any(Number) }]);
  expect(udp[0].port).toBeGreaterThanOrEqual(42_000);
  expect(udp[0].port).toBeLessThanOrEqual(42_999);
  expect(udp6).toEqual([]);
});
