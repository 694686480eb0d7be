// One phone's WebSocket: SIP in and out, transactions of our own requests.
// Invariant: our CSeq numbers start far above the phone's, because the SDK matches replies by the number alone.

const { EventEmitter } = require('node:events');
const { randomUUID } = require('node:crypto');
const { SipMessage, responseTo } = require('./sip.js');

const FIRST_CSEQ = 218_000_000;
let cseq = FIRST_CSEQ;

/** Events: 'request' (SipMessage), 'close'. */
class Connection extends EventEmitter {
  #pending = new Map();
  #socket;
  #log;

  constructor(socket, { address, log }) {
    super();
    this.#socket = socket;
    this.#log = log;
    this.address = address;
    socket.on('message', (data) => this.#receive(data.toString()));
    socket.on('close', () => this.emit('close'));
    socket.on('error', () => {});
  }

  #receive(text) {
    if (/^[\r\n]*$/.test(text)) return;
    const message = SipMessage.parse(text);
    this.#log('in', message);
    if (!message.isResponse) return void this.emit('request', message);
    const transaction = this.#pending.get(message.cseq);
    if (!transaction) return;
    if (message.status < 200) return transaction.onProvisional(message);
    this.#pending.delete(message.cseq);
    transaction.resolve(message);
  }

  send(message) {
    if (this.#socket.readyState !== 1) return false;
    this.#log('out', message);
    this.#socket.send(message.toString());
    return true;
  }

  reply(request, status, headers, body) {
    this.send(responseTo(request, status, headers, body));
  }

  get via() {
    return `SIP/2.0/WSS ${this.address};branch=z9hG4bK-${randomUUID()}`;
  }

  /** Sends a request; resolves with the final response. `sent` is called with the request's CSeq number. */
  request(method, uri, headers, body = '', { onProvisional = () => {}, sent = () => {} } = {}) {
    const number = ++cseq;
    sent(number);
    const message = new SipMessage(
      `${method} ${uri} SIP/2.0`,
      { Via: this.via, 'Max-Forwards': '69', ...headers, CSeq: `${number} ${method}`, 'User-Agent': 'local-switch' },
      body,
    );
    return new Promise((resolve) => {
      this.#pending.set(number, { resolve, onProvisional });
      this.send(message);
    });
  }

  /** A request that belongs to an earlier one (ACK, CANCEL) and repeats its number. Only CANCEL has a response. */
  followUp(method, number, uri, headers, body = '') {
    const message = new SipMessage(
      `${method} ${uri} SIP/2.0`,
      { Via: this.via, 'Max-Forwards': '69', ...headers, CSeq: `${number} ${method}` },
      body,
    );
    if (method === 'ACK') {
      this.send(message);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#pending.set(number, { resolve, onProvisional: () => {} });
      this.send(message);
    });
  }

  drop() {
    this.#socket.terminate();
  }
}

module.exports = { Connection };
