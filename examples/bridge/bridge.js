// The bridge: the web phone SDK on one side, the voice AI on the other, and the calls between them.
// Invariant: `calls` holds exactly the calls that are not over, never more than maxCalls.

require('webphone-rtc/register'); // this line stands where the mocks were
const { EventEmitter, once } = require('node:events');
const { Call } = require('./call.js');
const { masked } = require('./log.js');
const { Notices } = require('./notices.js');
const { numbersOf } = require('./numbers.js');
const { profileOf } = require('./profiles');
const { Registration, edgeSocket } = require('./registration.js');

const LEAVE_LIMIT_MS = 3000;
/** How long the last notices may take: a server that hangs must not keep the phone registered, nor the process. */
const NOTICES_LIMIT_MS = 5000;

/** Events: 'call' (Call), 'refused'. */
class Bridge extends EventEmitter {
  calls = new Map();
  refused = 0;
  #startedAt = Date.now();
  #stopping = null;

  /** admit(session, gone): whether a call is for this process; `gone` resolves when it is over. Without it every one is. */
  constructor(config, { log, admit = null }) {
    super();
    this.config = config;
    this.log = log;
    this.profile = profileOf(config);
    this.notices = new Notices(config, { log });
    globalThis.WebSocket = edgeSocket({ secure: config.secure });
    const WebPhone = require('ringcentral-web-phone');
    this.phone = new (WebPhone.default ?? WebPhone)({
      sipInfo: config.sipInfo,
      instanceId: config.instanceId,
      autoAnswer: true,
    });
    this.phone.on('inboundCall', (session) => (admit ? this.#ask(session, admit) : this.#ring(session)));
    this.registration = new Registration(this.phone, { log });
  }

  start() {
    return this.registration.start();
  }

  /** Refuses new calls, ends the running ones politely, unregisters. Resolves within a few seconds in any case. */
  stop(reason = 'shutdown') {
    this.#stopping ??= this.#leave(reason);
    return this.#stopping;
  }

  async #leave(reason) {
    this.registration.stop();
    const calls = [...this.calls.values()];
    const over = Promise.all(calls.map((call) => once(call, 'ended')));
    const told = Promise.all(calls.map((call) => call.end(reason)));
    await over;
    await Promise.all([limited(told, NOTICES_LIMIT_MS), this.#unregister()]);
  }

  async #unregister() {
    // With the edge away there is nobody to unregister from, and no reply to wait for.
    await limited(this.phone.dispose(), this.registration.registered ? LEAVE_LIMIT_MS : 0);
    this.phone.sipClient.wsc?.terminate();
  }

  async #ask(session, admit) {
    const gone = new Promise((resolve) => session.once('disposed', resolve));
    session.answer = async () => {}; // the SDK would auto-answer it meanwhile
    if (!(await admit(session, gone))) return;
    delete session.answer;
    this.#ring(session, { byTheSdk: false });
  }

  #ring(session, options) {
    if (this.#stopping || this.calls.size >= this.config.maxCalls) return this.#refuse(session);
    const { config, profile, notices, log } = this;
    const call = new Call(session, { config, profile, notices, log });
    this.calls.set(call.callId, call);
    call.once('ended', () => this.calls.delete(call.callId));
    this.emit('call', call);
    call.ring(options);
  }

  #refuse(session) {
    this.refused++;
    const from = masked(numbersOf(session).from);
    this.log('warn', 'call refused: all lines are taken', { call: session.callId, from });
    session.answer = async () => {}; // the SDK would auto-answer it even so
    const refused = this.config.whenFull === 'voicemail' ? session.toVoicemail() : session.decline();
    refused.catch((error) => this.log('warn', 'the refusal failed', { call: session.callId, reason: error.message }));
    this.emit('refused', session);
  }

  /** RingCentral's notice that a party left: it ends calls whose BYE was missed while the edge's WebSocket was away. */
  partyDisconnected({ sessionId, partyId }) {
    for (const call of this.calls.values())
      if (call.sessionId === sessionId && call.partyId === partyId) call.end('ended, says the webhook');
  }

  /** A promise of the SDK that nobody awaits was rejected, such as a periodic REGISTER. */
  rejected(error) {
    this.log('warn', 'a promise was rejected', { reason: error?.message ?? String(error) });
    if (/^Registration failed/.test(error?.message)) this.phone.sipClient.wsc?.terminate(); // begins anew
  }

  status() {
    const { profile, sampleRate, maxCalls } = this.config;
    return {
      registered: this.registration.registered,
      edgeLosses: this.registration.losses,
      stopping: this.#stopping !== null,
      uptimeSeconds: Math.round((Date.now() - this.#startedAt) / 1000),
      profile,
      sampleRate,
      maxCalls,
      refused: this.refused,
      calls: [...this.calls.values()].map((call) => call.status()),
    };
  }
}

async function limited(promise, ms) {
  let timer;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise.catch(() => {}), limit]);
  clearTimeout(timer);
}

module.exports = { Bridge };
