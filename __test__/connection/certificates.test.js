// RSA certificates at either end of a DTLS association. The one who answers is the DTLS client.

const { X509Certificate } = require('node:crypto');
const { RTCPeerConnection } = require('webphone-rtc');

const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
};
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };

async function ends(...algorithms) {
  const certificates = await Promise.all(
    algorithms.map((algorithm) => RTCPeerConnection.generateCertificate(algorithm)),
  );
  const connections = certificates.map((certificate) => {
    return new RTCPeerConnection({ loopback: true, certificates: [certificate] });
  });
  const [near, far] = connections;
  near.onicecandidate = ({ candidate }) => far.addIceCandidate(candidate);
  far.onicecandidate = ({ candidate }) => near.addIceCandidate(candidate);
  return { near, far, connections };
}

function connected(pc) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (pc.connectionState === 'connected') resolve();
      if (pc.connectionState === 'failed') reject(new Error('the connection has failed'));
    };
    pc.addEventListener('connectionstatechange', look);
    look();
  });
}

test.each([
  ['the server', RSA, ECDSA],
  ['the client', ECDSA, RSA],
  ['both', RSA, RSA],
])('a connection comes up with an RSA certificate of %s', async (_, ofServer, ofClient) => {
  const { near, far, connections } = await ends(ofServer, ofClient);
  try {
    near.createDataChannel('');
    await near.setLocalDescription();
    await far.setRemoteDescription(near.localDescription);
    await far.setLocalDescription();
    await near.setRemoteDescription(far.localDescription);
    await Promise.all(connections.map(connected));
    const kinds = connections.map((pc) => {
      const [der] = pc.sctp.transport.getRemoteCertificates();
      return new X509Certificate(Buffer.from(der)).publicKey.asymmetricKeyType;
    });
    expect(kinds).toEqual([ofClient, ofServer].map(({ name }) => (name === 'ECDSA' ? 'ec' : 'rsa')));
  } finally {
    for (const pc of connections) pc.close();
  }
});
