// An ICE agent for one component on one public address, as RingCentral's media servers are.
// It learns the phone from its checks (peer-reflexive); full mode sends checks too, lite mode only answers.
// Invariant: a datagram's source becomes the peer only after a binding request with our password.

const { EventEmitter } = require('node:events');
const { randomBytes } = require('node:crypto');
const stun = require('./stun.js');

const CHECK_MS = 50,
  CONSENT_MS = 2500;
const A = stun.ATTRIBUTE;
const PRFLX_PRIORITY = 1_862_270_975;
const token = (bytes) => randomBytes(bytes).toString('hex');

/** Events: 'connected' (once per restart), 'restarted'. `peer` is {address, port} or null. */
class IceAgent extends EventEmitter {
  peer = null;
  connected = false;
  /** Checks the phone sent with our credentials. */
  checksReceived = 0;
  #remotes = new Map();
  #pending = new Map();
  #tieBreaker = randomBytes(8);
  #timer = null;
  #send;

  constructor({ lite = false, controlling = true, send }) {
    super();
    this.lite = lite;
    this.controlling = controlling && !lite;
    this.#send = send;
    this.#newCredentials();
  }

  #newCredentials() {
    this.ufrag = token(4);
    this.pwd = token(12);
  }

  /** New local credentials; the running pair goes on until the new checks have an answer. */
  restart() {
    this.#newCredentials();
    this.#stopChecks();
    this.#remotes.clear();
    this.remote = null;
    this.connected = false;
    this.emit('restarted');
  }

  /** The phone's credentials and candidates. Safe to call again with the same ones. */
  setRemote({ ufrag, pwd, candidates = [] }) {
    if (!ufrag || !pwd) return;
    this.remote = { ufrag, pwd };
    if (this.lite) return;
    for (const candidate of candidates) this.#addRemote(candidate);
    this.#startChecks();
  }

  #addRemote({ address, port }) {
    if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) return;
    this.#remotes.set(`${address}:${port}`, { address, port });
  }

  #startChecks() {
    if (this.#timer || this.lite || !this.remote) return;
    const tick = () => {
      for (const remote of this.connected ? [this.peer] : this.#remotes.values())
        this.#check(remote, this.connected && this.controlling);
      this.#timer = setTimeout(tick, this.connected ? CONSENT_MS : CHECK_MS);
    };
    this.#timer = setTimeout(tick, 0);
  }

  #stopChecks() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#pending.clear();
  }

  #check(remote, nominate) {
    const transaction = stun.newTransaction();
    this.#pending.set(transaction.toString('hex'), { remote, nominate, pwd: this.remote.pwd });
    if (this.#pending.size > 200) this.#pending.delete(this.#pending.keys().next().value);
    this.#send(
      stun.build(
        stun.REQUEST,
        transaction,
        [
          [A.username, Buffer.from(`${this.remote.ufrag}:${this.ufrag}`)],
          [A.priority, stun.u32(PRFLX_PRIORITY)],
          [this.controlling ? A.controlling : A.controlled, this.#tieBreaker],
          ...(nominate && this.controlling ? [[A.useCandidate, Buffer.alloc(0)]] : []),
        ],
        this.remote.pwd,
      ),
      remote,
    );
  }

  /** A STUN datagram from the socket. */
  receive(data, from) {
    const message = stun.parse(data);
    if (!message) return;
    if (message.type === stun.REQUEST) this.#request(message, from);
    else if (message.type === stun.SUCCESS || message.type === stun.ERROR) this.#response(message, from);
  }

  #request(message, from) {
    const [local] = (message.attributes.get(A.username)?.toString() ?? '').split(':');
    if (local !== this.ufrag || !stun.verify(message, this.pwd)) return;
    if (this.#conflict(message, from)) return;
    this.checksReceived++;
    this.#send(
      stun.build(stun.SUCCESS, message.transaction, [[A.xorMappedAddress, stun.xorAddress(from)]], this.pwd),
      from,
    );
    this.#addRemote(from);
    this.peer ??= { address: from.address, port: from.port }; // the phone's DTLS may come before our own check is answered
    const nominated = message.attributes.has(A.useCandidate);
    if (this.lite || !this.controlling) {
      if (nominated || !this.connected) this.#use(from);
    } else if (!this.connected && this.remote) this.#check(from, false);
  }

  /** RFC 8445 7.3.1.1: both ends in one role; true if the phone was told to change (487), false if there was none or we changed. */
  #conflict(message, from) {
    const theirs = message.attributes.get(this.controlling ? A.controlling : A.controlled);
    if (!theirs) return false;
    const oursIsLarger = Buffer.compare(this.#tieBreaker, theirs) >= 0;
    if (oursIsLarger !== this.controlling) {
      this.controlling = !this.controlling;
      return false;
    }
    this.#send(
      stun.build(stun.ERROR, message.transaction, [[A.errorCode, Buffer.from([0, 0, 4, 87])]], this.pwd),
      from,
    );
    return true;
  }

  #response(message, from) {
    const id = message.transaction.toString('hex');
    const check = this.#pending.get(id);
    if (!check || !stun.verify(message, check.pwd)) return;
    this.#pending.delete(id);
    if (message.type === stun.ERROR) {
      // 487: the phone has our role
      if (message.attributes.get(A.errorCode)?.readUInt16BE(2) === 0x0457) this.controlling = !this.controlling;
      return;
    }
    if (!this.controlling) return;
    if (!this.connected) {
      this.#use(from);
      this.#check(from, true);
    }
  }

  #use(peer) {
    this.peer = { address: peer.address, port: peer.port };
    if (this.connected) return;
    this.connected = true;
    this.emit('connected');
  }

  close() {
    this.#stopChecks();
  }
}

module.exports = { IceAgent };
