// A binding without an engine: negotiation over descriptions that are JSON, reports that tests send by hand.
// Invariant: it answers to the same calls with the same shapes as the real binding, and absent members stay absent.

const { createPrivateKey } = require('node:crypto');

const error = (kind, message) => ({ error: { kind, message } });
const invalidState = (message) => error('InvalidStateError', message);
const clone = (value) => JSON.parse(JSON.stringify(value));
const receives = (direction) => direction === 'sendrecv' || direction === 'recvonly';
const sends = (direction) => direction === 'sendrecv' || direction === 'sendonly';
const directionOf = (send, recv) => (send ? (recv ? 'sendrecv' : 'sendonly') : recv ? 'recvonly' : 'inactive');
const reversed = (direction) => directionOf(receives(direction), sends(direction));

const OPUS = { payloadType: 111, mimeType: 'audio/opus', clockRate: 48000, channels: 2, sdpFmtpLine: 'minptime=10' };
const EVENTS = { payloadType: 126, mimeType: 'audio/telephone-event', clockRate: 8000, channels: 1 };

/** Everything that was made, for tests to look at and to act through. */
const made = { engines: [], connections: [], rings: [], sinks: [], recorders: [], queues: [] };
let lastId = 0;

class Engine {
  constructor(doorbell) {
    this.doorbell = doorbell;
    this.reports = [];
    this.logLevel = 'off';
    made.engines.push(this);
  }
  report(...reports) {
    if (this.reports.length === 0) setTimeout(this.doorbell, 0).unref();
    this.reports.push(...reports);
  }
  frameDrain() {
    return () => 2 ** 16;
  }
  drain() {
    return this.reports.splice(0);
  }
  setLogLevel(level) {
    this.logLevel = level;
  }
  close() {}
}

class Connection {
  constructor(engine, config) {
    this.engine = engine;
    this.config = config;
    this.id = ++lastId;
    this.calls = [];
    this.closed = false;
    this.state = { signaling: 'stable', transceivers: [], transports: [] };
    this.lastOffer = '';
    this.lastAnswer = '';
    this.ice = 1;
    this.restart = false;
    this.rings = new Map();
    this.candidates = [];
    this.lastChannel = 0;
    made.connections.push(new WeakRef(this));
  }

  descriptions() {
    const s = this.state;
    return {
      ...(s.currentLocal && { currentLocal: this.#gathered(s.currentLocal) }),
      ...(s.pendingLocal && { pendingLocal: this.#gathered(s.pendingLocal) }),
      ...(s.currentRemote && { currentRemote: { ...s.currentRemote } }),
      ...(s.pendingRemote && { pendingRemote: { ...s.pendingRemote } }),
    };
  }

  parameters(id) {
    const { sendCodecs, recvCodecs, cname, reducedSizeRtcp, extensions, stoppedExtensions } = this.#find(id);
    return clone({ sendCodecs, recvCodecs, cname, reducedSizeRtcp, extensions, stoppedExtensions });
  }

  negotiationNeeded() {
    return this.state.signaling === 'stable' && this.#needed();
  }

  snapshot() {
    const s = this.state;
    // Stopped for good and without a line: forgotten.
    const known = s.transceivers.filter((t) => !t.stopped || s.signaling !== 'stable');
    return {
      signalingState: this.closed ? 'closed' : s.signaling,
      answered: Boolean(s.currentRemote || s.pendingLocal?.type === 'pranswer'),
      ...((s.currentRemote || s.pendingRemote) && { canTrickle: true }),
      transceivers: known.map((t) => {
        const { trackId, streamIds, byAddTrack, everSent, mLineIndex, createdByRemote, ssrc, ...told } = t;
        const { sendCodecs, recvCodecs, cname, reducedSizeRtcp, extensions, stoppedExtensions, ...rest } = told;
        return { ...clone(rest), direction: t.stopping ? 'stopped' : t.direction };
      }),
      ...(s.data && { data: { mid: 'data', transport: 1, ...s.data } }),
      transports: s.transports.map((id) => this.#transport(id)),
    };
  }

  addTrack(kind, trackId, streamIds) {
    const free = this.state.transceivers.find((t) => t.kind === kind && !t.trackId && !t.stopping && !t.everSent);
    if (free) {
      Object.assign(free, {
        trackId,
        streamIds,
        direction: directionOf(true, receives(free.direction)),
        everSent: true,
      });
      return { ok: { transceiver: free.id, snapshot: this.snapshot() } };
    }
    const t = this.#transceiver(kind, { direction: 'sendrecv', trackId, streamIds, byAddTrack: true, everSent: true });
    return { ok: { transceiver: t.id, snapshot: this.snapshot() } };
  }
  removeTrack(id) {
    const t = this.#find(id);
    Object.assign(t, { trackId: undefined, direction: directionOf(false, receives(t.direction)) });
    return this.#ok();
  }
  addTransceiver(kind, init) {
    const t = this.#transceiver(kind, { ...init, everSent: sends(init.direction) });
    return { ok: { transceiver: t.id, snapshot: this.snapshot() } };
  }
  setDirection(id, direction) {
    this.#find(id).direction = direction;
    return this.#ok();
  }
  stopTransceiver(id) {
    this.#find(id).stopping = true;
    return this.#ok();
  }
  setTrack(id, trackId) {
    this.#find(id).trackId = trackId;
    return this.#ok();
  }
  setStreams(id, streamIds) {
    this.#find(id).streamIds = streamIds;
    return this.#ok();
  }
  setCodecPreferences(id, codecs) {
    this.calls.push(['setCodecPreferences', id, codecs]);
    return this.#ok();
  }
  setSendCodec(id, codec) {
    this.calls.push(['setSendCodec', id, codec]);
    return this.#ok();
  }
  stopExtensions(id, uris) {
    this.#find(id).stoppedExtensions = uris;
    return this.#ok();
  }
  createDataSection() {
    this.wantsData = true;
    return this.#ok();
  }
  openChannel(stream, init) {
    this.calls.push(['openChannel', stream, init]);
    return this.lastChannel++;
  }
  sendText(channel, text) {
    this.calls.push(['send', channel, text]);
  }
  sendBinary(channel, bytes) {
    this.calls.push(['send', channel, [...bytes]]);
  }
  closeChannel(channel) {
    this.calls.push(['closeChannel', channel]);
  }
  handledMessage(bytes) {
    this.calls.push(['handledMessage', bytes]);
  }
  restartIce() {
    this.restart = true;
    return this.#ok();
  }
  setConfiguration(config) {
    this.config = config;
    return this.#ok();
  }

  createOffer(options = {}) {
    if (options.offerToReceiveAudio && !this.state.transceivers.some((t) => t.kind === 'audio')) {
      this.#transceiver('audio', { direction: 'recvonly' });
    }
    const ice = options.iceRestart || this.restart ? this.ice + 1 : this.ice;
    const media = [];
    const used = new Set();
    for (const t of this.state.transceivers) if (t.mLineIndex !== undefined) media[t.mLineIndex] = this.#section(t);
    for (const t of media) used.add(t?.mid);
    let next = 0;
    for (const t of this.state.transceivers) {
      if (t.mLineIndex !== undefined || t.stopping) continue;
      while (used.has(String(next))) next++;
      used.add(String(next));
      media.push({ ...this.#section(t), mid: String(next), id: t.id });
    }
    for (let i = 0; i < media.length; i++) media[i] ??= { mid: `gone${i}`, kind: 'audio', rejected: true };
    this.lastOffer = this.#text({ ice, media, data: Boolean(this.wantsData || this.state.data) });
    return { ok: this.lastOffer };
  }
  createAnswer() {
    if (!['have-remote-offer', 'have-local-pranswer'].includes(this.state.signaling)) {
      return invalidState('there is no remote offer');
    }
    const offer = parse(this.state.pendingRemote.sdp);
    const media = offer.media.map((section) => {
      const t = this.state.transceivers.find((one) => one.mid === section.mid);
      if (section.rejected || !t || t.stopping) return { mid: section.mid, kind: section.kind, rejected: true };
      const theirs = reversed(section.direction);
      const direction = directionOf(sends(t.direction) && sends(theirs), receives(t.direction) && receives(theirs));
      return { ...this.#section(t), direction };
    });
    this.lastAnswer = this.#text({ ice: this.ice, media, data: offer.data });
    return { ok: this.lastAnswer };
  }

  setLocalDescription(type, sdp) {
    const s = this.state;
    if (type === 'rollback') return this.#rollback('have-local-offer');
    if (type === 'offer') {
      if (!['stable', 'have-local-offer'].includes(s.signaling)) return invalidState('wrong state for an offer');
      const text = sdp || this.createOffer().ok;
      if (text !== this.lastOffer) return error('InvalidModificationError', 'not the last offer');
      this.#save();
      const description = parse(text);
      description.media.forEach((section, index) => {
        const t = s.transceivers.find((one) => one.id === section.id || one.mid === section.mid);
        if (t) Object.assign(t, { mid: section.mid, mLineIndex: index, transport: 1 });
      });
      this.ice = description.ice;
      this.restart = false;
      s.data ??= description.data ? { maxMessageSize: 65536 } : undefined;
      s.pendingLocal = { type, sdp: text };
      s.signaling = 'have-local-offer';
    } else {
      if (!['have-remote-offer', 'have-local-pranswer'].includes(s.signaling))
        return invalidState('no offer to answer');
      const text = sdp || this.createAnswer().ok;
      if (text !== this.lastAnswer) return error('InvalidModificationError', 'not the last answer');
      this.#answered(parse(text), (direction) => direction);
      if (type === 'answer') {
        Object.assign(s, { currentLocal: { type, sdp: text }, currentRemote: s.pendingRemote, signaling: 'stable' });
        s.pendingLocal = s.pendingRemote = undefined;
      } else Object.assign(s, { pendingLocal: { type, sdp: text }, signaling: 'have-local-pranswer' });
    }
    s.transports = [1];
    this.#gather();
    return this.#ok();
  }

  setRemoteDescription(type, sdp) {
    const s = this.state;
    if (type === 'rollback') return this.#rollback('have-remote-offer');
    const description = parse(sdp);
    if (!description) return { error: { kind: 'SdpSyntaxError', message: 'line 1 is not v=0', sdpLine: 1 } };
    if (type === 'offer') {
      if (!['stable', 'have-remote-offer'].includes(s.signaling)) return invalidState('wrong state for an offer');
      this.#save();
      for (const [index, section] of description.media.entries()) this.#offered(section, index);
      s.data ??= description.data ? { maxMessageSize: 262144 } : undefined;
      s.pendingRemote = { type, sdp };
      s.signaling = 'have-remote-offer';
    } else {
      if (!['have-local-offer', 'have-remote-pranswer'].includes(s.signaling)) return invalidState('no offer was made');
      this.#answered(description, reversed);
      for (const section of description.media) this.#remote(section);
      if (type === 'answer') {
        Object.assign(s, { currentRemote: { type, sdp }, currentLocal: s.pendingLocal, signaling: 'stable' });
        s.pendingLocal = s.pendingRemote = undefined;
      } else Object.assign(s, { pendingRemote: { type, sdp }, signaling: 'have-remote-pranswer' });
    }
    return this.#ok();
  }

  addIceCandidate(candidate) {
    this.calls.push(['addIceCandidate', candidate]);
    if (candidate.candidate === 'candidate:bad') return error('OperationError', 'malformed candidate');
    return this.#ok();
  }

  setPicture(id, picture) {
    this.calls.push(['setPicture', id, picture]);
  }
  sources() {
    return [];
  }
  setSource(id, ring, enabled) {
    this.calls.push(['setSource', id, ring, enabled]);
  }
  setEncoding(id, encoding) {
    this.calls.push(['setEncoding', id, encoding]);
  }
  setLeastDelay(id, leastMs) {
    this.calls.push(['setLeastDelay', id, leastMs]);
  }
  receiverRing(id) {
    if (!this.rings.has(id)) this.rings.set(id, new Ring(this.engine, 48000, 1, 1000));
    return this.rings.get(id);
  }
  insertDtmf(id, tones, durationMs, gapMs) {
    this.calls.push(['insertDtmf', id, tones, durationMs, gapMs]);
  }
  requestStats(request) {
    this.engine.report({ type: 'stats', connection: this.id, request, stats: this.stats ?? emptyStats() });
  }
  close() {
    this.closed = true;
  }

  // --- for tests
  report(report) {
    this.engine.report({ connection: this.id, ...report });
  }
  connect() {
    this.report({ type: 'ice', transport: 1, state: 'checking' });
    this.report({ type: 'ice', transport: 1, state: 'connected' });
    this.report({ type: 'dtls', transport: 1, state: 'connecting', remoteCertificates: [] });
    this.report({ type: 'dtls', transport: 1, state: 'connected', remoteCertificates: [new Uint8Array([1])] });
  }
  called(name) {
    return this.calls.filter(([called]) => called === name).map(([, ...args]) => args);
  }

  // --- negotiation
  #ok() {
    return { ok: this.snapshot() };
  }
  #transport(id) {
    const credentials = (end) => ({ usernameFragment: `${end}${this.ice}`, password: `password of ${end}${this.ice}` });
    const remote = this.state.currentRemote || this.state.pendingRemote;
    return { id, local: credentials('us'), ...(remote && { remote: credentials('them') }), controlling: true };
  }
  #find(id) {
    return this.state.transceivers.find((t) => t.id === id);
  }
  #transceiver(kind, init) {
    const t = {
      id: ++lastId,
      kind,
      direction: 'sendrecv',
      stopping: false,
      stopped: false,
      createdByRemote: false,
      receiving: false,
      remoteStreamIds: [],
      sendCodecs: [],
      recvCodecs: [],
      dtmf: false,
      cname: 'cname',
      ssrc: ++lastId,
      reducedSizeRtcp: true,
      extensions: [],
      stoppedExtensions: [],
      ...init,
    };
    this.state.transceivers.push(t);
    return t;
  }
  #section(t) {
    if (t.stopping) return { mid: t.mid, kind: t.kind, rejected: true };
    const streams = sends(t.direction) ? (t.streamIds ?? []) : [];
    return { mid: t.mid, kind: t.kind, direction: t.direction, streams, track: t.trackId };
  }
  #text(description) {
    return `v=0\r\n${JSON.stringify(description)}\r\n`;
  }
  #gathered({ type, sdp }) {
    return { type, sdp: sdp + this.candidates.map((line) => `a=${line}\r\n`).join('') };
  }
  #save() {
    if (this.state.signaling === 'stable') this.saved = clone(this.state);
  }
  #rollback(from) {
    if (this.state.signaling !== from) return invalidState('nothing to roll back');
    const known = new Map(this.saved.transceivers.map((t) => [t.id, t]));
    const kept = this.state.transceivers.filter((t) => known.has(t.id) || !t.createdByRemote || t.trackId);
    const transceivers = kept.map((t) => {
      const { mid, mLineIndex, currentDirection, receiving = false, remoteStreamIds = [] } = known.get(t.id) ?? {};
      return { ...t, mid, mLineIndex, currentDirection, receiving, remoteStreamIds };
    });
    this.state = { ...this.saved, transceivers };
    return this.#ok();
  }
  #offered(section, index) {
    const { transceivers } = this.state;
    let t = transceivers.find((one) => one.mid === section.mid);
    if (!t && section.rejected) return;
    t ??= transceivers.find(
      (one) => one.byAddTrack && one.mid === undefined && one.kind === section.kind && !one.stopping,
    );
    t ??= this.#transceiver(section.kind, {
      direction: 'recvonly',
      createdByRemote: true,
      ...(section.track && { remoteTrackId: section.track }),
    });
    Object.assign(t, { mid: section.mid, mLineIndex: index });
    this.#remote(section);
  }
  #remote(section) {
    const t = this.state.transceivers.find((one) => one.mid === section.mid);
    if (!t) return;
    if (section.rejected) Object.assign(t, { stopping: true, stopped: true, receiving: false });
    else {
      t.receiving = sends(section.direction);
      // No msid at all: one stream of its own.
      t.remoteStreamIds = section.streams ?? [`generated${t.id}`];
    }
  }
  #answered(description, ours) {
    // As with actpass in the offer: who answers is the DTLS client.
    const dtlsRole = ours === reversed ? 'server' : 'client';
    this.state.data = description.data ? { maxMessageSize: 262144, dtlsRole } : undefined;
    for (const section of description.media) {
      const t = this.state.transceivers.find((one) => one.mid === section.mid);
      if (!t) continue;
      if (section.rejected) Object.assign(t, { stopping: true, stopped: true });
      else {
        const codecs = t.kind === 'audio' ? [OPUS, EVENTS] : [];
        Object.assign(t, { currentDirection: ours(section.direction), transport: 1 });
        Object.assign(t, { dtmf: t.kind === 'audio', sendCodecs: codecs, recvCodecs: codecs });
      }
    }
  }
  #needed() {
    if (this.restart || (this.wantsData && !this.state.data)) return true;
    return this.state.transceivers.some((t) => {
      if (t.mid === undefined) return !t.stopping;
      if (t.stopping) return !t.stopped;
      const local = parse(this.state.currentLocal.sdp).media.find((section) => section.mid === t.mid);
      return this.state.currentLocal.type === 'offer'
        ? t.currentDirection !== t.direction && local.direction !== t.direction
        : local.direction !==
            directionOf(
              sends(t.direction) && sends(this.#theirs(t)),
              receives(t.direction) && receives(this.#theirs(t)),
            );
    });
  }
  #theirs(t) {
    return reversed(parse(this.state.currentRemote.sdp).media.find((section) => section.mid === t.mid).direction);
  }
  #gather() {
    if (this.gatheredIce === this.ice) return;
    this.gatheredIce = this.ice;
    this.candidates = [`candidate:1 1 udp 2130706431 192.0.2.${this.id % 250} 5000 typ host`];
    const [candidate] = this.candidates;
    this.report({ type: 'gathering', state: 'gathering' });
    this.report({ type: 'candidate', candidate, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'ufrag' });
    this.report({ type: 'gathering', state: 'complete' });
  }
}

function parse(sdp) {
  if (!sdp.startsWith('v=0\r\n')) return undefined;
  return JSON.parse(sdp.split('\r\n')[1]);
}

function emptyStats() {
  const lists = ['transports', 'candidates', 'pairs', 'certificates', 'codecs'];
  const streams = ['inbound', 'outbound', 'remoteInbound', 'remoteOutbound'];
  return { timestamp: 1, ...Object.fromEntries([...lists, ...streams].map((name) => [name, []])) };
}

class Certificate {
  static generate(lifetimeMs) {
    const certificate = new Certificate();
    certificate.expires = Date.now() + lifetimeMs;
    return { ok: certificate };
  }
  static forRsaKey(pkcs8, lifetimeMs) {
    const made = Certificate.generate(lifetimeMs);
    made.ok.key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    return made;
  }
  fingerprints() {
    return [{ algorithm: 'sha-256', value: 'aa:bb' }];
  }
}

/** Played by hand: play(ms). */
class Ring {
  constructor(engine, sampleRate, channels, queueMs) {
    Object.assign(this, { engine, sampleRate, channels, queueMs, id: ++lastId, queued: 0, played: 0, marks: [] });
    this.full = false;
    this.written = [];
    made.rings.push(this);
  }
  writer() {
    return (pcm, sampleRate, channels) => this.write(pcm, sampleRate, channels);
  }
  write(pcm, sampleRate, channels) {
    const ms = (pcm.length / channels / sampleRate) * 1000;
    if (this.queued + ms > this.queueMs) {
      this.full = true;
      return false;
    }
    this.queued += ms;
    this.written.push(...pcm);
    return true;
  }
  space(sampleRate) {
    return Math.floor(((this.queueMs - this.queued) * sampleRate) / 1000);
  }
  clear() {
    const cleared = { droppedMs: this.queued, marks: this.marks.map(({ name }) => name) };
    this.queued = 0;
    this.marks = [];
    return cleared;
  }
  queuedMs() {
    return this.queued;
  }
  playedMs() {
    return this.played;
  }
  mark(name) {
    if (this.queued === 0) this.engine.report({ type: 'mark', ring: this.id, name });
    else this.marks.push({ name, at: this.played + this.queued });
  }
  end() {}
  setMetered(metered) {
    this.metered = metered;
  }
  level() {
    return 0.5;
  }
  play(ms) {
    const now = Math.min(ms, this.queued);
    this.queued -= now;
    this.played += now;
    for (const { name } of this.marks.filter(({ at }) => at <= this.played)) {
      this.engine.report({ type: 'mark', ring: this.id, name });
    }
    this.marks = this.marks.filter(({ at }) => at > this.played);
    if (this.full) this.engine.report({ type: 'drain', ring: this.id });
    this.full = false;
  }
}

/** Filled by hand: push(value). */
class Sink {
  constructor(engine, ring, sampleRate, frameMs, queueFrames) {
    Object.assign(this, { engine, ring, sampleRate, frameMs, queueFrames, id: ++lastId, frames: [], dropped: 0 }); // dropped: since the last read
    this.listeners = { levels: false, speech: undefined, enabled: true };
    made.sinks.push(this);
  }
  /** Frames that wait have rung already. */
  push(value) {
    if (this.frames.push(value) === 1) this.engine.report({ type: 'frames', sinks: [this.id] });
    if (this.frames.length > this.queueFrames) {
      this.frames.shift();
      this.dropped++;
    }
  }
  reader() {
    return (into) => this.read(into);
  }
  read(into) {
    if (this.frames.length === 0) return -1;
    into.fill(this.frames.shift());
    const { dropped } = this;
    this.dropped = 0;
    return 960 + dropped * 2 ** 32 + (this.frames.length > 0 ? 2 ** 52 : 0);
  }
  listen(listeners) {
    this.listeners = listeners;
  }
  close() {
    this.closed = true;
  }
}

/** Writes nothing; ended by hand: end(report). */
class Recorder {
  constructor(engine, path, sampleRate, bitrate) {
    if (Recorder.broken) throw new Error('no thread');
    Object.assign(this, { engine, path, sampleRate, bitrate, id: ++lastId, written: 0, finished: 0, waited: [] });
    /** What each side is: its ring, and whether it is heard. */
    this.sides = { left: {}, right: {} };
    this.listened = [];
    made.recorders.push(this);
  }
  listen(side, ring) {
    this.sides[side].ring = ring;
    this.listened.push(side);
  }
  setAudible(side, audible) {
    this.sides[side].audible = audible;
  }
  writtenMs() {
    return this.written;
  }
  finish() {
    this.finished++;
  }
  wait(limitMs) {
    this.waited.push(limitMs);
  }
  end(report) {
    this.engine.report({ type: 'recorded', recorder: this.id, durationMs: 0, droppedMs: 0, ...report });
  }
}

/** Sends nothing; drained by hand: drain(). */
class FrameQueue {
  constructor(engine) {
    Object.assign(this, { engine, id: ++lastId });
    made.queues.push(this);
  }
  drain() {
    this.engine.report({ type: 'framesdrained', frames: this.id });
  }
}

module.exports = { Engine, Connection, Certificate, Ring, Sink, Recorder, FrameQueue, version: () => '0.0.0', made };
