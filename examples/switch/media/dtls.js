// DTLS-SRTP on werift's parts: handshake, fingerprint check, SRTP and SRTCP contexts.
// Invariant: nothing is decrypted before the certificate matches a fingerprint from the phone's SDP.

const { EventEmitter } = require('node:events');
const { createHash, X509Certificate } = require('node:crypto');
const { DtlsClient, DtlsServer, CipherContext, SrtpSession, SrtcpSession, keyLength, saltLength } = require('werift');

const PROFILE_AES_128_CM_SHA1_80 = 1,
  PROFILE_AEAD_AES_128_GCM = 7;
const SIGNATURE_ECDSA = 3,
  HASH_SHA256 = 4,
  CURVE_P256 = 23;

/** Beyond every flight of a handshake: tells werift's retransmission loop that there is nothing left to repeat. */
const LAST_FLIGHT = 99;

const colonHex = (buffer) => buffer.toString('hex').toUpperCase().match(/../g).join(':');
const digest = (der, algorithm) => colonHex(createHash(algorithm.replace('-', '')).update(der).digest());

class Certificate {
  static async create() {
    const { certPem, keyPem, signatureHash } = await CipherContext.createSelfSignedCertificateWithKey(
      { signature: SIGNATURE_ECDSA, hash: HASH_SHA256 },
      CURVE_P256,
    );
    return Object.assign(new Certificate(), { certPem, keyPem, signatureHash, der: new X509Certificate(certPem).raw });
  }

  /** Value of a=fingerprint. */
  fingerprint(algorithm = 'sha-256') {
    return `${algorithm} ${digest(this.der, algorithm)}`;
  }
}

/** Events: 'connected', 'failed' (Error), 'closed'. */
class DtlsAssociation extends EventEmitter {
  connected = false;
  #socket;
  #transport;

  constructor({ certificate, client, fingerprints, send }) {
    super();
    this.role = client ? 'client' : 'server';
    const transport = {
      type: 'udp',
      closed: false,
      onData: () => {},
      send: async (data) => send(data),
      close: async () => {},
      address: { address: '127.0.0.1', family: 'IPv4', port: 0 },
    };
    this.#transport = transport;
    const options = {
      cert: certificate.certPem,
      key: certificate.keyPem,
      signatureHash: certificate.signatureHash,
      transport,
      srtpProfiles: [PROFILE_AEAD_AES_128_GCM, PROFILE_AES_128_CM_SHA1_80],
      extendedMasterSecret: true,
      certificateRequest: true,
    };
    this.#socket = client ? new DtlsClient(options) : new DtlsServer(options);
    this.#socket.onConnect.once(() => this.#finish(fingerprints));
    this.#socket.onError.subscribe((error) => {
      if (!this.connected) this.#fail(error instanceof Error ? error : new Error(String(error)));
    });
    this.#socket.onClose.subscribe(() => this.emit('closed'));
    if (client) this.#socket.connect().catch((error) => this.#fail(error));
  }

  receive(data) {
    this.#transport.onData(data);
  }

  #fail(error) {
    if (this.failed) return;
    this.failed = error;
    this.emit('failed', error);
  }

  #finish(fingerprints) {
    const der = this.#socket.remoteCertificate;
    const matches = der && fingerprints.some(({ algorithm, value }) => digest(der, algorithm) === value);
    if (!matches) return this.#fail(new Error("the phone's certificate matches no fingerprint of its SDP"));
    const profile = this.#socket.srtp.srtpProfile;
    if (!profile) return this.#fail(new Error('no SRTP profile was agreed'));
    const keys = this.#socket.extractSessionKeys(keyLength(profile), saltLength(profile));
    const config = {
      profile,
      keys: {
        localMasterKey: keys.localKey,
        localMasterSalt: keys.localSalt,
        remoteMasterKey: keys.remoteKey,
        remoteMasterSalt: keys.remoteSalt,
      },
    };
    this.srtp = new SrtpSession(config);
    this.srtcp = new SrtcpSession(config);
    this.profile = profile === PROFILE_AEAD_AES_128_GCM ? 'AEAD_AES_128_GCM' : 'AES_CM_128_HMAC_SHA1_80';
    this.connected = true;
    this.emit('connected');
  }

  close() {
    this.removeAllListeners();
    this.#socket.dtls.flight = LAST_FLIGHT;
    this.#socket.close();
    this.failed ??= new Error('closed');
  }
}

module.exports = { Certificate, DtlsAssociation };
