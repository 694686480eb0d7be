// Loaded before simple-peer's tests, which stay as they were published.
const Module = require('node:module');
const path = require('node:path');
const { RTCPeerConnection } = require('../../dist/index.js');
require('./browser.cjs');

const TESTS = path.join(path.dirname(require.resolve('simple-peer/package.json')), 'test');
const CONFIG_URL = 'https://instant.io/_rtcConfig';

/**
 * One test counts on what takes a browser longer: that getStats() knows of a candidate that was given just before (else the
 * far end's address is withheld), and that it answers in the order of the calls, whichever the connection.
 */
let answered = Promise.resolve();
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  #given = Promise.resolve();
  #close;
  #closed = new Promise((resolve) => {
    this.#close = resolve;
  });

  addIceCandidate(candidate) {
    const given = super.addIceCandidate(candidate);
    this.#given = Promise.allSettled([this.#given, given]);
    return given;
  }

  getStats() {
    // What is under way when a connection is closed never settles.
    const given = Promise.race([this.#given, this.#closed]);
    const stats = Promise.all([answered, given]).then(() => super.getStats());
    answered = stats.catch(() => {});
    return stats;
  }

  close() {
    this.#close();
    super.close();
  }
};

/** Fetches the ICE servers for them, from a service that its author has closed; there are none. */
const simpleGet = {
  concat(url, callback) {
    if (url !== CONFIG_URL) return callback(new Error(`The tests fetch ${url}, which is not foreseen`));
    setImmediate(callback, null, {}, Buffer.from(JSON.stringify({ iceServers: [] })));
  },
};

const load = Module._load;
Module._load = (request, parent, isMain) =>
  request === 'simple-get' && path.dirname(parent?.filename ?? '') === TESTS
    ? simpleGet
    : load(request, parent, isMain);
