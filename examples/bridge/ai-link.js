// A call's WebSocket to the voice AI: connects, speaks the profile, and comes back as often as it is lost, until either end is done.
// Invariants: at most one connection; nothing is queued for an AI that is away, and here at most MOST_BEHIND_MS for a slow one:
// the sockets of the system hold some seconds more, until a pong is missing; after 'done' nothing connects, and after stop()
// nothing is emitted.

const { EventEmitter } = require('node:events');
const WebSocket = require('ws');
const { Backoff } = require('./backoff.js');
const { MOST_AHEAD_MS, profileNameOf } = require('./profiles');
const { kindOf } = require('./profiles/json.js');
const { refusal } = require('./refusal.js');

const CONNECT_LIMIT_MS = 5000;
const CLOSE_LIMIT_MS = 1000;
const MOST_BEHIND_MS = 1000;
/** A connection that ends sooner is one more failure: an AI that accepts and fails is not asked again and again at once. */
const STEADY_MS = 5000;
/** A process that is frozen keeps its connections: only a missing pong tells. */
const PING_EVERY_MS = 5000;
/** As long as it cannot be reached. */
const WARN_EVERY_MS = 60_000;
/** What a message may have besides its sound. */
const ENVELOPE_BYTES = 64 * 1024;
/**
 * Whoever closes so is done with the call: 1005 is a close without a code, such as close() of JavaScript. Servers that end or fail
 * use others (1001, 1011, 1012), and so does a connection that broke (1006).
 */
const DONE = new Set([1000, 1005]);
/** An AI may send nonsense of ever other kinds. */
const MOST_KINDS = 16;

/**
 * Events: 'up' ({ resumed }), 'down' (reason), 'done' (it has closed on purpose), 'command' (what profile.read() gives), 'roundtrip'
 * (seconds).
 */
class AiLink extends EventEmitter {
  framesSent = 0;
  framesDropped = 0;
  connections = 0;
  /** Attempts that came to no connection. */
  failures = 0;
  #options;
  #socket = null;
  #wire = null;
  #timer;
  #backoff = new Backoff({ firstMs: 200, mostMs: 5000 });
  #openedAt;
  /** When the last warning was that it cannot be reached. */
  #warnedAt = null;
  /** Kinds of messages of this connection that have been warned of. */
  #unknown = new Set();
  #stopped = false;

  /**
   * call: { callId, callSid, sessionId, partyId, from, to }; whenClosed: 'hangup', or 'reconnect': a close on purpose is a loss as
   * others are.
   */
  constructor({ url, token, profile, call, log, whenClosed = 'hangup' }) {
    super();
    this.#options = { url: addressOf(url, call.callId), token, profile, call, log, whenClosed };
  }

  get connected() {
    return this.#wire !== null;
  }

  start() {
    const { url, token, profile } = this.#options;
    const socket = new WebSocket(url, profile.subprotocol ? [profile.subprotocol] : [], {
      handshakeTimeout: CONNECT_LIMIT_MS,
      closeTimeout: CLOSE_LIMIT_MS,
      perMessageDeflate: false,
      maxPayload: Math.ceil((profile.bytesPerSecond * MOST_AHEAD_MS) / 1000) + ENVELOPE_BYTES,
      headers: token ? { Authorization: `Bearer ${token}` } : {},
    });
    this.#socket = socket;
    // Many servers accept without naming a subprotocol. jambonz takes that, ws would refuse.
    if (profile.subprotocol)
      socket.on('upgrade', (response) => {
        response.headers['sec-websocket-protocol'] ??= profile.subprotocol;
      });
    let reason;
    socket.on('error', (error) => {
      reason ??= error.message || error.code;
    });
    socket.on('unexpected-response', async (_request, response) => {
      reason = await refusal(response);
      socket.terminate();
    });
    socket.on('open', () => this.#opened(socket));
    socket.on('message', (data, isBinary) => {
      if (!this.#wire) return;
      const command = this.#wire.read(data, isBinary);
      if (command) this.emit('command', command);
      else if (!(isBinary && profile.binary)) this.#ignore(data, isBinary); // less than a sample is no mistake
    });
    socket.on('close', (code) => {
      if (this.#stopped || socket !== this.#socket) return;
      if (this.connected && DONE.has(code) && this.#options.whenClosed === 'hangup') this.#done(code);
      else this.#lost(reason ?? `closed with code ${code}`);
    });
  }

  /** A frame of the caller. */
  hear(samples) {
    if (!this.#wire) return;
    const message = this.#wire.audio(samples);
    const behind = this.#socket.bufferedAmount / message.length; // in frames
    if ((behind * samples.length * 1000) / this.#options.profile.sampleRate > MOST_BEHIND_MS) this.framesDropped++;
    else {
      this.framesSent++;
      this.#socket.send(message);
    }
  }

  digit(tone, durationMs) {
    if (this.#wire) this.#socket.send(this.#wire.dtmf(tone, durationMs));
  }

  /** The caller begins or ends to speak; `interrupted`: what was queued for him has been dropped. */
  speech(speaking, interrupted) {
    if (this.#wire) this.#socket.send(this.#wire.speech(speaking, interrupted));
  }

  mark(name, played) {
    if (this.#wire) this.#socket.send(this.#wire.mark(name, played));
  }

  /** What has become of a transfer; `failure`: why the call is still here. */
  transferred(to, failure) {
    if (this.#wire) this.#socket.send(this.#wire.transferred(to, failure));
  }

  /** Says goodbye and closes; an AI that does not answer the close is cut off after CLOSE_LIMIT_MS. */
  stop(reason) {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.removeAllListeners();
    if (this.#wire) for (const message of this.#wire.stop(reason)) this.#socket.send(message);
    this.#wire = null;
    if (this.#socket?.readyState === WebSocket.CONNECTING) this.#socket.terminate();
    else this.#socket?.close(1000, 'call ended');
  }

  #opened(socket) {
    const { profile, call, log } = this.#options;
    const resumed = this.connections > 0;
    this.connections++;
    this.#openedAt = performance.now();
    this.#warnedAt = null;
    this.#unknown.clear();
    this.#wire = profile.open(call, { resumed });
    for (const message of this.#wire.hello()) socket.send(message);
    watch(socket, (seconds) => this.emit('roundtrip', seconds));
    log('info', resumed ? 'the AI is back' : 'the AI is connected');
    this.emit('up', { resumed });
  }

  #ignore(data, isBinary) {
    const kind = kindOf(data, isBinary);
    if (this.#unknown.has(kind) || this.#unknown.size === MOST_KINDS) return;
    this.#unknown.add(kind);
    const other = profileNameOf(data, isBinary);
    const hint = other && `AUDIO_PROFILE=${other} would take it`;
    this.#options.log('warn', 'the AI sent something that cannot be used', { kind, hint });
  }

  #done(code) {
    this.#wire = null;
    this.#options.log('info', 'the AI has closed', { code });
    this.emit('done');
  }

  #lost(reason) {
    const { log } = this.#options;
    const wasUp = this.#wire !== null;
    if (wasUp && performance.now() - this.#openedAt > STEADY_MS) this.#backoff.reset();
    const inMs = this.#backoff.next();
    this.#timer = setTimeout(() => this.start(), inMs);
    if (!wasUp) return this.#failed(reason, inMs);
    this.#wire = null;
    log('warn', 'the AI is gone', { reason, inMs });
    this.emit('down', reason);
  }

  #failed(reason, inMs) {
    this.failures++;
    const now = performance.now();
    const due = this.#warnedAt === null || now - this.#warnedAt >= WARN_EVERY_MS;
    if (due) this.#warnedAt = now;
    this.#options.log(due ? 'warn' : 'debug', 'the AI cannot be reached', { reason, inMs });
  }
}

/** A query, such as a key, stays behind the path. */
function addressOf(base, callId) {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/audio/${encodeURIComponent(callId)}`;
  return url.href;
}

/** Cuts a connection whose other end does not answer pings; tells how long each answer took. */
function watch(socket, tell) {
  let asked = null;
  const ask = () => {
    if (asked !== null) return socket.terminate();
    asked = performance.now();
    socket.ping();
  };
  const timer = setInterval(ask, PING_EVERY_MS);
  ask();
  socket.on('pong', () => {
    if (asked !== null) tell((performance.now() - asked) / 1000);
    asked = null;
  });
  socket.on('close', () => clearInterval(timer));
}

module.exports = { AiLink, STEADY_MS };
