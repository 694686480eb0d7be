// One call: the SDK's session, the AI's WebSocket and the two audio directions between them.
// Invariant: however it ends (caller, AI, time limit, lost media, webhook, shutdown, before or after the answer), end() runs
// to its last line exactly once and leaves no timer, socket or sink behind.

const { randomUUID } = require('node:crypto');
const { EventEmitter } = require('node:events');
const { callAudio } = require('webphone-rtc/webphone');
const { Absence } = require('./absence.js');
const { AiLink } = require('./ai-link.js');
const { Keypad } = require('./keypad.js');
const { masked } = require('./log.js');
const { numbersOf } = require('./numbers.js');
const { Speaker } = require('./speaker.js');
const { Transfer } = require('./transfer.js');

const FRAME_MS = 20;
/** A call that is not answered this long after it should have been is given up. */
const ANSWER_LIMIT_MS = 10_000;
/** How long a connection may be 'failed' before the call is given up: an ICE restart may still save it. */
const MEDIA_GRACE_MS = 10_000;
/** How long the edge may take to answer a BYE or a refusal. */
const HANGUP_LIMIT_MS = 3000;
/** Sound that was sent is still on its way to the caller's ear: the network and the buffers there. */
const TAIL_MS = 200;
/** Speech that waits this much longer than it lasts is not being played: there is no media. */
const STALLED_MS = 2000;

/** Events: 'answered', 'connected', 'ended' (reason); 'airoundtrip' and 'aianswer', in seconds. */
class Call extends EventEmitter {
  state = 'ringing';
  reason = null;
  #session;
  #config;
  #notices;
  #log;
  #link = null;
  #absence = null;
  #speaker = null;
  #audio = null;
  #keypad = null;
  #timers = new Map();
  #ended = null;
  #answeredAt = null;
  #connection = null;
  /** The one that is ordered or under way. */
  #transfer = null;
  /** When the caller fell silent, until the AI answers. */
  #silentSince = null;

  constructor(session, { config, profile, notices, log }) {
    super();
    this.#session = session;
    this.#config = config;
    this.#notices = notices;
    this.#log = (level, text, fields) => log(level, text, { call: this.callId, ...fields });
    this.profile = profile;
    this.callId = session.callId;
    this.sessionId = session.sessionId;
    this.partyId = session.partyId;
    const { callId, sessionId, partyId } = this;
    this.details = { callId, callSid: randomUUID(), sessionId, partyId, ...numbersOf(session) };
    session.once('answered', () => this.#answered());
    session.once('disposed', () => this.#gone());
    this.#log('info', 'call in', { from: masked(this.details.from) });
  }

  /** Calls marked for auto-answer are answered by the SDK itself (autoAnswer: true), all others here. */
  ring({ byTheSdk = this.#session.sipMessage.getHeader('Alert-Info') === 'Auto Answer' } = {}) {
    if (!byTheSdk) this.#after('answer', this.#config.answerDelayMs, () => this.#answer());
    const delayMs = byTheSdk ? Number(/Answer-After=(\d+)/.exec(this.#callInfo)?.[1] ?? 0) : this.#config.answerDelayMs;
    this.#after('unanswered', delayMs + ANSWER_LIMIT_MS, () => this.end('could not be answered'));
  }

  get #callInfo() {
    return this.#session.sipMessage.getHeader('Call-Info') ?? '';
  }

  status() {
    return {
      callId: this.callId,
      state: this.state,
      seconds: this.#answeredAt ? Math.round((Date.now() - this.#answeredAt) / 1000) : 0,
      media: this.#connection?.connectionState ?? 'new',
      ai: this.#link?.connected ? 'connected' : 'away',
      aiConnections: this.#link?.connections ?? 0,
      aiFailures: this.#link?.failures ?? 0,
      framesToAi: this.#link?.framesSent ?? 0,
      framesDropped: (this.#link?.framesDropped ?? 0) + (this.#audio?.sink.dropped ?? 0),
      speechDroppedMs: Math.round(this.#speaker?.droppedMs ?? 0),
      queuedMs: Math.round(this.#speaker?.queuedMs ?? 0),
    };
  }

  /** What getStats() tells of its connection. */
  async stats() {
    return this.#connection?.getStats();
  }

  /** Ends the call, whatever state it is in. Resolves when nothing of it is left. */
  end(reason) {
    this.#ended ??= this.#finish(reason);
    return this.#ended;
  }

  async #answer() {
    try {
      await this.#session.answer();
    } catch (error) {
      this.#log('warn', 'the call cannot be answered', { reason: error.message });
      this.end('could not be answered');
    }
  }

  #answered() {
    if (this.#ended) return;
    this.#cancel('unanswered');
    this.state = 'answered';
    this.#answeredAt = Date.now();
    this.#log('info', 'answered');
    this.#notices.send({ event: 'start', ...this.details, at: new Date().toISOString() });
    try {
      this.#connect();
    } catch (error) {
      this.#log('warn', 'the call has no audio', { reason: error.message });
      this.end('no audio');
      return;
    }
    this.#after('timeout', this.#config.callTimeoutMs, () => this.end('time limit'));
    this.emit('answered');
  }

  /** The far end has left, or another has the caller now. */
  #gone() {
    if (this.#transfer?.begun) {
      this.#link.transferred(this.#transfer.to);
      this.end(this.#transfer.success);
    } else this.end(this.state === 'ringing' ? 'cancelled' : 'hung up by the caller');
  }

  #connect() {
    const { aiUrl: url, aiToken: token, whenAiCloses: whenClosed, prompt, promptAfterMs, promptPauseMs } = this.#config;
    const { profile, details: call } = this;
    const { sampleRate } = profile;
    this.#audio = callAudio(this.#session, { sampleRate, frameMs: FRAME_MS });
    this.#watchMedia(this.#session.rtcPeerConnection);
    this.#keypad = new Keypad(this.#connection, { log: this.#log });

    const link = new AiLink({ url, token, profile, call, log: this.#log, whenClosed });
    const speaker = new Speaker(this.#audio.source, {
      sampleRate,
      prompt: prompt && { ...prompt, afterMs: promptAfterMs, pauseMs: promptPauseMs },
      tell: (name, played) => link.mark(name, played),
      warn: () => this.#log('warn', 'the AI is two minutes ahead: what it says now is dropped'),
    });
    const absence = new Absence(this.#config.aiTimeoutMs, () => this.#withoutAi());
    this.#link = link;
    this.#speaker = speaker;
    this.#absence = absence;

    this.#audio.sink.on('data', ({ samples }) => link.hear(samples));
    if (this.#config.bargeIn === 'bridge') this.#listenForBargeIn();
    this.#audio.dtmf.on('digit', ({ tone, duration }) => {
      this.#log('debug', 'digit from the caller');
      link.digit(tone, duration);
    });
    for (const missed of [speaker, absence]) {
      link.on('up', () => missed.back());
      link.on('down', () => missed.away());
      missed.away(); // until the AI is there
    }
    link.on('done', () => this.#hangUp());
    link.on('command', (command) => this.#obey(command));
    link.on('roundtrip', (seconds) => this.emit('airoundtrip', seconds));
    link.start();
  }

  /** The caller cuts the AI short here, one way to the AI and back sooner than it could itself. */
  #listenForBargeIn() {
    this.#audio.sink.on('speechstart', () => {
      const interrupted = this.#speaker.speaking;
      // Before the marks of what is dropped: an AI whose profile cannot tell these from played ones knows by it.
      this.#link.speech(true, interrupted);
      if (interrupted) {
        this.#log('debug', 'the caller cuts in');
        this.#speaker.hold();
      }
      this.#silentSince = null;
    });
    this.#audio.sink.on('speechend', () => {
      this.#speaker.release();
      this.#silentSince = performance.now();
      this.#link.speech(false, false);
    });
  }

  #obey(command) {
    switch (command.type) {
      case 'audio':
        if (this.#silentSince !== null) this.emit('aianswer', (performance.now() - this.#silentSince) / 1000);
        this.#silentSince = null;
        return this.#speaker.write(command.samples);
      case 'clear':
        return this.#speaker.clear();
      case 'mark':
        return this.#speaker.mark(command.name);
      case 'clearMarks':
        return this.#speaker.forgetMarks();
      case 'dtmf':
        return this.#keypad.press(command.digits, command.durationMs);
      case 'transfer':
        return this.#transferTo(command.to);
      case 'hangup':
        return this.#hangUp();
    }
  }

  /** An AI that has ordered a transfer leaves the caller to that. */
  #hangUp() {
    if (this.#transfer) this.#transfer.failure = 'hung up by the AI';
    else this.#afterSpeech(() => this.end('hung up by the AI'));
  }

  /** The AI has been away for too long. */
  #withoutAi() {
    const { transferWithoutAi } = this.#config;
    this.#log('warn', 'the call has had no AI for too long');
    if (this.#transfer) this.#transfer.failure = 'no AI';
    else if (!transferWithoutAi) this.end('no AI');
    else this.#handOver(new Transfer(transferWithoutAi, { success: 'transferred without an AI', failure: 'no AI' }));
  }

  #transferTo(to) {
    if (this.#transfer) return this.#link.transferred(to, 'another transfer is under way');
    const transfer = new Transfer(to, { success: 'transferred by the AI' });
    this.#transfer = transfer;
    this.#afterSpeech(() => this.#handOver(transfer));
  }

  #handOver(transfer) {
    this.#transfer = transfer;
    this.#log('info', 'the caller is transferred', { to: masked(transfer.to) });
    transfer.begin(this.#session).catch(({ message: reason }) => {
      if (this.#ended) return;
      this.#transfer = null;
      this.#log('warn', 'the transfer failed', { reason });
      this.#link.transferred(transfer.to, reason);
      if (transfer.failure) this.end(transfer.failure);
    });
  }

  /** Acts when the caller has heard what the AI has said so far, or it was dropped; of two actions the later one is taken. */
  #afterSpeech(action) {
    if (!this.#speaker.speaking) {
      this.#cancel('speech');
      return action();
    }
    const timer = this.#after('speech', this.#speaker.queuedMs + STALLED_MS, action);
    this.#speaker.saidAll().then(() => {
      if (this.#timers.get('speech') === timer) this.#after('speech', TAIL_MS, action);
    });
  }

  #watchMedia(connection) {
    this.#connection = connection;
    const changed = () => {
      const { connectionState } = connection;
      this.#log('debug', 'media', { state: connectionState });
      if (connectionState === 'connected') {
        this.#cancel('media');
        this.emit('connected');
      } else if (connectionState === 'failed') this.#after('media', MEDIA_GRACE_MS, () => this.end('media lost'));
    };
    connection.addEventListener('connectionstatechange', changed);
    changed();
  }

  async #finish(reason) {
    const answered = this.state === 'answered';
    this.reason = reason;
    this.state = 'ending';
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    this.#link?.stop(reason);
    this.#absence?.close();
    this.#speaker?.close();
    this.#keypad?.close();
    this.#audio?.sink.close();
    if (this.#session.state !== 'disposed') await this.#leave(answered);
    this.state = 'ended';
    const seconds = answered ? Math.round((Date.now() - this.#answeredAt) / 1000) : 0;
    this.#log('info', 'call over', { reason, seconds });
    const told = answered
      ? this.#notices.send({ event: 'end', ...this.details, reason, seconds, at: new Date().toISOString() })
      : undefined;
    this.emit('ended', reason);
    await told;
  }

  /** BYE or refusal; with the edge away there is no reply, then only our side is closed. */
  async #leave(answered) {
    const session = this.#session;
    const disposed = new Promise((resolve) => session.once('disposed', resolve));
    const said = answered ? session.hangup() : session.decline();
    said.catch((error) => this.#log('debug', 'hanging up failed', { reason: error.message }));
    let timer;
    const limit = new Promise((resolve) => {
      timer = setTimeout(resolve, HANGUP_LIMIT_MS);
    });
    await Promise.race([disposed, limit]);
    clearTimeout(timer);
    if (session.state === 'disposed') return;
    const { callSessions } = session.webPhone;
    if (callSessions.includes(session)) callSessions.splice(callSessions.indexOf(session), 1);
    session.dispose();
  }

  #after(name, ms, action) {
    this.#cancel(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      action();
    }, ms);
    this.#timers.set(name, timer);
    return timer;
  }

  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

module.exports = { Call };
