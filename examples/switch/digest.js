// HTTP digest as the edge checks it: RFC 2069 (no qop), realm = the SIP domain.

const { createHash, randomBytes } = require('node:crypto');

const md5 = (text) => createHash('md5').update(text).digest('hex');

class Digest {
  #nonces = new Set();

  constructor({ domain, authorizationId, password }) {
    Object.assign(this, { domain, authorizationId, password });
  }

  /** Value for Www-Authenticate or Proxy-Authenticate; the SDK looks for `, nonce="` literally. */
  challenge() {
    const nonce = randomBytes(12).toString('hex');
    this.#nonces.add(nonce);
    return `Digest realm="${this.domain}", nonce="${nonce}"`;
  }

  /** True if `authorization` proves the password for `method`. Each nonce is good once. */
  verify(authorization, method) {
    const field = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(authorization)?.[1];
    const nonce = field('nonce');
    if (!this.#nonces.delete(nonce)) return false;
    const ha1 = md5(`${this.authorizationId}:${this.domain}:${this.password}`);
    const ha2 = md5(`${method}:sip:${this.domain}`);
    return field('username') === this.authorizationId && field('response') === md5(`${ha1}:${nonce}:${ha2}`);
  }
}

module.exports = { Digest };
