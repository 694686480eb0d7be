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

onLinux('no mDNS: neither names in candidates nor a socket for it, and nothing listens on TCP', async () => {
  const inodes = () => {
    const links = fs.readdirSync('/proc/self/fd').map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    return new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter(Boolean));
  };
  /** Local ports of the sockets in one of the kernel's tables that are among `own`. */
  const ports = (table, own) =>
    fs
      .readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => own.has(fields[9]))
      .map((fields) => Number.parseInt(fields[1].split(':').at(-1), 16));
  const before = inodes();
  const pc = new RTCPeerConnection(configuration);
  const sdp = await described(pc);
  const own = new Set([...inodes()].filter((inode) => !before.has(inode)));
  const udp = [...ports('udp', own), ...ports('udp6', own)];
  expect(udp.length).toBeGreaterThan(0);
  expect(udp).not.toContain(5353);
  expect([...ports('tcp', own), ...ports('tcp6', own)]).toEqual([]);
  expect(sdp).toMatch(/^a=candidate:/m);
  expect(sdp).not.toMatch(/\.local\b/);
  pc.close();
});
