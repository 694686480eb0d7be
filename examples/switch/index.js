// A local switch that behaves like RingCentral's edge: a SIP B2BUA over WebSocket with real media behind it.
// Test and demo equipment. It binds to 127.0.0.1 only and shares no code with the stack under test.

const dgram = require('node:dgram');
const { EventEmitter, once } = require('node:events');
const ws = require('ws');
const { Connection } = require('./connection.js');
const { Digest } = require('./digest.js');
const { InboundCall } = require('./inbound.js');
const { OutboundCall } = require('./outbound.js');
const { GENERATIONS } = require('./sdp.js');
const stun = require('./media/stun.js');
const { signal } = require('./media/leg.js');

const DEFAULTS = {
  port: 0,
  domain: 'sip.ringcentral.com',
  username: '17205550100*101',
  authorizationId: '800600100',
  password: 'not-a-secret',
  /** SDP generation of the switch's offers and answers; see GENERATIONS. */
  generation: '2022',
  /** Pause between a final response or ACK and what follows it: the SDK subscribes late. */
  gapMs: 60,
  mediaTimeoutMs: 5000,
  ringTimeoutMs: 30_000,
  /** Seconds until a phone must have registered again. */
  longestRegistrationS: 47,
  /** (number, INVITE) → call options for a call the phone makes: {status, answerDelayMs, neverAnswer, prefer, offer, faults, source}. */
  outbound: undefined,
};

/** Events: 'registered', 'unregistered', 'call' (OutboundCall), 'event' (all call events), 'sip' ({at, direction, message}). */
class Switch extends EventEmitter {
  calls = new Map();
  /** Everything that was said: {at, direction: 'in' | 'out', message}. */
  sip = [];
  events = [];
  #connections = new Set();
  #server;
  #stun;

  constructor(options) {
    super();
    this.options = { ...DEFAULTS, ...options };
    this.digest = new Digest(this.options);
  }

  async start() {
    this.#server = new ws.WebSocketServer({
      host: '127.0.0.1',
      port: this.options.port,
      handleProtocols: (protocols) => (protocols.has('sip') ? 'sip' : false),
    });
    await once(this.#server, 'listening');
    this.port = this.#server.address().port;
    this.#server.on('connection', (socket) => this.#connected(socket));
    this.#stun = await startStun();
    return this;
  }

  /** What the SDK wants as sipInfo. Use it with localWebSocket(): the SDK always says wss. */
  get sipInfo() {
    const { authorizationId, domain, username, password } = this.options;
    const outboundProxy = `127.0.0.1:${this.port}`;
    return {
      authorizationId,
      domain,
      outboundProxy,
      outboundProxyBackup: outboundProxy,
      username,
      password,
      stunServers: [`127.0.0.1:${this.#stun.address().port}`],
    };
  }

  note(event) {
    this.events.push(event);
    this.emit('event', event);
  }

  #connected(socket) {
    const connection = new Connection(socket, {
      address: `127.0.0.1:${this.port}`,
      log: (direction, message) => this.#log(direction, message),
    });
    this.#connections.add(connection);
    connection.on('request', (request) =>
      this.#route(connection, request).catch((error) => {
        this.note({ at: Date.now(), type: 'switch-error', message: error.stack });
      }),
    );
    connection.on('close', () => {
      this.#connections.delete(connection);
      connection.registered = false;
      this.emit('unregistered');
    });
  }

  #log(direction, message) {
    const entry = { at: Date.now(), direction, message };
    this.sip.push(entry);
    this.emit('sip', entry);
  }

  async #route(connection, request) {
    if (request.method === 'REGISTER') return this.#register(connection, request);
    const call = this.calls.get(request.callId);
    if (call) return call.receive(request);
    if (request.method === 'INVITE' && !/;tag=/.test(request.get('To')))
      return OutboundCall.receive(this, connection, request);
    if (request.method === 'ACK') return;
    connection.reply(request, ['BYE', 'CANCEL', 'MESSAGE'].includes(request.method) ? 200 : 481);
  }

  #register(connection, request) {
    const authorization = request.get('Authorization');
    const contact = request.get('Contact') ?? '';
    connection.reply(request, 100);
    if (this.options.faults?.registerStatus) return connection.reply(request, this.options.faults.registerStatus);
    if (!authorization) return connection.reply(request, 401, { 'Www-Authenticate': this.digest.challenge() });
    if (!this.digest.verify(authorization, 'REGISTER')) return connection.reply(request, 403);
    const asked = Number(/;expires=(\d+)/.exec(contact)?.[1] ?? 60);
    const expires = Math.min(asked, this.options.longestRegistrationS);
    connection.contact = /<([^>]+)>/.exec(contact)?.[1] ?? `sip:phone@${connection.address}`;
    connection.registered = expires > 0;
    connection.instance = /\+sip\.instance="([^"]+)"/.exec(contact)?.[1];
    // Running dialogs follow the phone to its next connection.
    if (connection.registered)
      for (const call of this.calls.values())
        if (call.connection.instance === connection.instance) call.connection = connection;
    connection.reply(request, 200, { Contact: `<${connection.contact}>;expires=${expires}` });
    this.emit(expires > 0 ? 'registered' : 'unregistered', connection);
  }

  get registered() {
    return [...this.#connections].some((connection) => connection.registered);
  }

  /** Resolves when a phone is registered. */
  async waitForPhone() {
    if (!this.registered) await once(this, 'registered');
    return [...this.#connections].findLast((connection) => connection.registered);
  }

  callDefaults() {
    return {
      from: '16505550123',
      callerName: 'Ada Caller',
      mediaTimeoutMs: this.options.mediaTimeoutMs,
      ringTimeoutMs: this.options.ringTimeoutMs,
      source: signal.tone(1000),
    };
  }

  /**
   * Calls the registered phone. Options:
   * from (null: a URI without a user, RFC 3323), callerName; offer: SDP generation; offerless: INVITE without SDP; autoAnswer, answerAfter (ms);
   * prefer: codec for answers; source: (frames, sampleRate) → Int16Array, what the caller says (default: 1 kHz);
   * mediaTimeoutMs, ringTimeoutMs; sdp: overrides for the writer;
   * faults: {wrongFingerprint, deaf, lateByeMs, silentRefer, referStatus, transferStatus: '486 Busy Here'}. Stream faults are methods of call.media: jumpSsrc(), jumpTimestamp(), skipSequence().
   */
  async call(options = {}) {
    const connection = await this.waitForPhone();
    return InboundCall.place(this, connection, { ...this.callDefaults(), ...options });
  }

  /**
   * Calls all registered phones at once, as an extension with several instances is; the first that answers has the call, the
   * others are cancelled. Resolves with what was placed: { legs, answered }, answered being a promise of the one.
   */
  async ringAll(options = {}) {
    await this.waitForPhone();
    const session = `s-${Date.now().toString(16)}z${Math.floor(Math.random() * 1e9).toString(16)}`;
    const phones = [...this.#connections].filter((connection) => connection.registered);
    const place = (phone) => InboundCall.place(this, phone, { ...this.callDefaults(), ...options, session });
    const legs = await Promise.all(phones.map(place));
    const answered = Promise.any(legs.map((leg) => leg.waitFor('answered', { limitMs: 20_000 }).then(() => leg)));
    answered.then(
      (winner) => {
        for (const leg of legs)
          if (leg !== winner) leg.cancelWith('elsewhere', 'answered by another phone').catch(() => {});
      },
      () => {},
    );
    return { legs, answered };
  }

  /** Resolves with the next call the phone makes. */
  async nextCall() {
    return (await once(this, 'call'))[0];
  }

  /** Cuts every WebSocket without a closing handshake. */
  dropWebSockets() {
    for (const connection of this.#connections) connection.drop();
  }

  async stop() {
    for (const call of this.calls.values()) call.end('failed', 'the switch stopped');
    this.dropWebSockets();
    this.#stun.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A STUN server as RingCentral announces one: binding requests only, no credentials. */
async function startStun() {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (data, from) => {
    const message = stun.parse(data);
    if (message?.type === stun.REQUEST)
      socket.send(
        stun.build(stun.SUCCESS, message.transaction, [[stun.ATTRIBUTE.xorMappedAddress, stun.xorAddress(from)]]),
        from.port,
        from.address,
        () => {},
      );
  });
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

const startSwitch = (options) => new Switch(options).start();

/** A WebSocket class for the SDK, which only speaks wss: the same address without TLS. */
function localWebSocket() {
  return class LocalWebSocket extends ws.WebSocket {
    constructor(url, protocols) {
      super(String(url).replace(/^wss:/, 'ws:'), protocols);
    }
  };
}

module.exports = { startSwitch, localWebSocket, signal, GENERATIONS };
