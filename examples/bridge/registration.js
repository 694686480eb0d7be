// Keeps the SDK's SIP client registered: the SDK renews its registration, but does nothing when its WebSocket is lost.
// Invariant: one attempt at a time, and none after stop(); one that fails is repeated, but for the first one that says the credentials
// are wrong. Calls are not touched: their media does not pass this socket.

const { EventEmitter } = require('node:events');
const WebSocket = require('ws');
const { Backoff } = require('./backoff.js');

const ATTEMPT_LIMIT_MS = 10_000;
const CLOSE_LIMIT_MS = 2000;
/** What the SDK says of a password, or a user, that is not known. Before the first success only: later the edge itself is in trouble. */
const WRONG_CREDENTIALS = /^Registration failed: SIP\/2\.0 40[134] /;

/**
 * What the SDK takes for its WebSocket: it makes one from the global of that name, which Node 20 lacks.
 * A dead peer is found by the SDK: a REGISTER without a reply within 5 s closes the socket; the close then may not wait.
 */
function edgeSocket({ secure }) {
  return class EdgeSocket extends WebSocket {
    constructor(url, protocols) {
      super(secure ? url : String(url).replace(/^wss:/, 'ws:'), protocols, {
        handshakeTimeout: ATTEMPT_LIMIT_MS,
        closeTimeout: CLOSE_LIMIT_MS,
        perMessageDeflate: false,
      });
      // The SDK listens to the first error only; 'close' follows every one.
      this.on('error', (error) => {
        this.reason = error.message || error.code;
      });
    }
  };
}

/** Events: 'registered', 'lost'. */
class Registration extends EventEmitter {
  registered = false;
  /** How often the edge was lost. */
  losses = 0;
  #phone;
  #log;
  #backoff = new Backoff({ firstMs: 500, mostMs: 30_000 });
  #timer;
  #stopped = false;
  #attempts = 0;
  /** Until the first success. */
  #refused = null;

  constructor(phone, { log }) {
    super();
    this.#phone = phone;
    this.#log = log;
  }

  /** Resolves when registered, at whichever attempt. Rejects if the server says that the credentials are wrong: they stay so. */
  start() {
    return new Promise((resolve, reject) => {
      this.once('registered', resolve);
      this.#refused = reject;
      this.#try();
    });
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #try() {
    try {
      await this.#attempt();
    } catch (error) {
      if (this.#refused && WRONG_CREDENTIALS.test(error.message)) this.#refused(error);
      else this.#retry(error);
    }
  }

  async #attempt() {
    const client = this.#phone.sipClient;
    // Every second attempt goes to the backup proxy.
    client.toggleBackupOutboundProxy(this.#attempts++ % 2 === 1);
    const started = client.start();
    const socket = client.wsc;
    const limit = deadline(ATTEMPT_LIMIT_MS);
    try {
      await Promise.race([started, closed(socket), limit.promise]);
    } catch (error) {
      socket.terminate();
      throw error instanceof Error ? error : new Error(error?.message || 'the edge cannot be reached');
    } finally {
      limit.cancel();
    }
    this.#backoff.reset();
    this.#attempts = 0;
    this.#refused = null;
    this.registered = true;
    this.#log('info', 'registered', { as: this.#phone.sipInfo.username });
    this.emit('registered');
    closed(socket).catch((error) => this.#lost(error));
  }

  #lost(error) {
    this.registered = false;
    if (this.#stopped) return;
    this.losses++;
    this.emit('lost');
    this.#retry(error);
  }

  #retry(error) {
    if (this.#stopped) return;
    const delayMs = this.#backoff.next();
    this.#log('warn', 'not registered, trying again', { reason: error.message, inMs: delayMs });
    this.#timer = setTimeout(() => this.#try(), delayMs);
  }
}

/** Rejects when the socket closes. */
function closed(socket) {
  const rejects = new Promise((_, reject) => {
    const gone = () => reject(new Error(socket.reason ?? 'the WebSocket to the edge closed'));
    if (socket.readyState === WebSocket.CLOSED) gone();
    else socket.once('close', gone);
  });
  rejects.catch(() => {});
  return rejects;
}

function deadline(ms) {
  let timer;
  const promise = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no registration within ${ms / 1000} s`)), ms);
  });
  promise.catch(() => {});
  return { promise, cancel: () => clearTimeout(timer) };
}

module.exports = { Registration, edgeSocket };
