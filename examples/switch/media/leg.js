// One call's media as the edge holds it: one UDP port, ICE, DTLS-SRTP, one RTP stream each way.
// Invariant: what is sent is a pure function of the leg's fields (codec, source, faults); the phone's SDP only sets them.

const dgram = require('node:dgram');
const { EventEmitter } = require('node:events');
const { RtpHeader } = require('werift');
const { IceAgent } = require('./ice.js');
const { Certificate, DtlsAssociation } = require('./dtls.js');
const { isStun } = require('./stun.js');
const rtp = require('./rtp.js');
const codecs = require('./codecs.js');
const signal = require('./signal.js');
const red = require('./red.js');
const dtmf = require('./dtmf.js');

const PACKET_MS = 20;
const REPORT_EVERY = 100;
const HEARD_SECONDS = 30;
const random32 = () => Math.floor(Math.random() * 2 ** 32);

/**
 * Events: 'ice', 'dtls', 'dtls-failed' (Error), 'dtls-closed', 'rtp' (first packet in), 'digit' (received DTMF), 'packet' (each RTP packet in).
 * faults: wrongFingerprint (the SDP names another certificate), deaf (answers nothing at all: a media timeout).
 */
class MediaLeg extends EventEmitter {
  address = '127.0.0.1';
  sending = true;
  codec = null;
  level = 0;
  sentLevel = 0;
  /** Every received digit: {digit, durationMs, volume, packets}. */
  digits = [];
  stats = {
    packetsSent: 0,
    octetsSent: 0,
    packetsReceived: 0,
    octetsReceived: 0,
    lost: 0,
    outOfOrder: 0,
    undecryptable: 0,
    ssrcs: new Set(),
    payloadTypes: new Map(),
    reports: [],
  };
  #socket;
  #heard = [];
  #heardFrames = 0;
  #queue = [];
  #timer = null;
  #ticks = 0;
  #last = null;

  static async open({ lite = false, controlling = true, faults = {}, source = signal.silence() } = {}) {
    const leg = new MediaLeg();
    leg.faults = faults;
    leg.source = source;
    leg.certificate = await Certificate.create();
    leg.announced = faults.wrongFingerprint ? await Certificate.create() : leg.certificate;
    leg.ice = new IceAgent({ lite, controlling, send: (data, to) => leg.#transmit(data, to) });
    leg.ice.on('connected', () => {
      leg.emit('ice', leg.ice.peer);
      leg.#startDtlsClient();
    });
    leg.ssrc = random32();
    leg.sequence = random32() & 0x7fff;
    leg.timestamp = random32();
    leg.tones = new dtmf.DtmfReceiver((digit) => {
      leg.digits.push(digit);
      leg.emit('digit', digit);
    });
    leg.#socket = await bindEvenPort((data, from) => leg.#receive(data, from));
    leg.port = leg.#socket.address().port;
    return leg;
  }

  get ufrag() {
    return this.ice.ufrag;
  }
  get pwd() {
    return this.ice.pwd;
  }
  fingerprint(hash) {
    return this.announced.fingerprint(hash);
  }

  /**
   * The phone's description (parsed SDP). setup is ours: 'active' or 'passive'.
   * announced: the codecs of our own description; packets are read by those, and written by the phone's (RFC 3264 5.1).
   */
  connect(remote, { setup, announced = remote.codecs }) {
    this.#negotiate(remote, announced);
    const known = this.fingerprints;
    this.fingerprints = remote.fingerprints;
    this.ice.setRemote(remote);
    const same = known && known.map((f) => f.value).join() === remote.fingerprints.map((f) => f.value).join();
    if (this.association && same) return;
    this.association?.close();
    this.association = null;
    this.client = setup === 'active';
    if (this.client) this.#startDtlsClient();
    else this.#listenDtls();
  }

  #negotiate(remote, announced) {
    // The SDK re-offers for hold and applies no answer: the phone goes on sending what was agreed first.
    this.payloadTypes = new Map([...(this.payloadTypes ?? []), ...announced.map((c) => [c.payloadType, c])]);
    const events = remote.codecs.filter((c) => c.name === 'telephone-event');
    this.telephoneEvent = events.find((c) => c.clockRate === 8000) ?? events[0] ?? null;
    const spoken = remote.codecs.find(
      (c) => codecs.create(c) && announced.some((a) => a.name === c.name && a.clockRate === c.clockRate),
    );
    this.red = remote.codecs[0]?.name === 'red' ? remote.codecs[0] : null;
    if (!spoken) {
      this.codec = null;
      return;
    }
    if (this.codec?.payloadType === spoken.payloadType && this.codec.name === spoken.name) return;
    this.codec = { ...spoken, ...codecs.create(spoken) };
    this.decoders = new Map();
  }

  #listenDtls() {
    this.#associate(false);
  }

  #startDtlsClient() {
    if (this.client && this.ice.connected && !this.association) this.#associate(true);
  }

  #associate(client) {
    const association = new DtlsAssociation({
      certificate: this.certificate,
      client,
      fingerprints: this.fingerprints,
      send: (data) => this.ice.peer && this.#transmit(data, this.ice.peer),
    });
    this.association = association;
    association.on('connected', () => {
      this.emit('dtls', { role: association.role, profile: association.profile });
      this.#startSending();
    });
    association.on('failed', (error) => this.emit('dtls-failed', error));
    association.on('closed', () => this.emit('dtls-closed'));
  }

  #transmit(data, to) {
    if (this.faults.deaf || this.closed) return;
    this.#socket.send(data, to.port, to.address, () => {});
  }

  #receive(data, from) {
    if (this.faults.deaf || this.closed || data.length === 0) return;
    if (isStun(data)) return this.ice.receive(data, from);
    if (data[0] >= 20 && data[0] < 64) return this.association?.receive(data);
    if (!rtp.isMedia(data) || !this.association?.connected) return;
    const isRtcp = rtp.isRtcp(data);
    let clear;
    try {
      clear = (isRtcp ? this.association.srtcp : this.association.srtp).decrypt(data);
    } catch {
      this.stats.undecryptable++;
      return;
    }
    if (isRtcp) this.#rtcp(clear);
    else this.#rtp(clear);
  }

  #rtp(data) {
    const packet = rtp.parse(data);
    if (!packet) return;
    const { stats } = this;
    const last = this.#last;
    if (last?.ssrc === packet.ssrc) {
      const step = ((packet.sequence - last.sequence) << 16) >> 16;
      if (step <= 0) stats.outOfOrder++;
      else stats.lost += step - 1;
    }
    this.#last = packet;
    stats.packetsReceived++;
    stats.octetsReceived += packet.payload.length;
    stats.ssrcs.add(packet.ssrc);
    stats.payloadTypes.set(packet.payloadType, (stats.payloadTypes.get(packet.payloadType) ?? 0) + 1);
    if (stats.packetsReceived === 1) this.emit('rtp', packet);
    this.emit('packet', packet);
    let format = this.payloadTypes.get(packet.payloadType);
    if (format?.name === 'red') {
      const block = red.primary(packet.payload);
      if (!block) return;
      packet.payload = block.payload;
      format = this.payloadTypes.get(block.payloadType);
    }
    if (format?.name === 'telephone-event') return this.tones.receive(packet, format.clockRate);
    if (!format) return;
    const decoder = this.#decoderOf(format);
    if (!decoder) return;
    const pcm = decoder.decode(packet.payload);
    this.level = signal.level(pcm);
    this.#heard.push({ pcm, sampleRate: decoder.sampleRate });
    this.#heardFrames += 1;
    if (this.#heardFrames > (HEARD_SECONDS * 1000) / PACKET_MS) {
      this.#heard.shift();
      this.#heardFrames--;
    }
    this.emit('audio', pcm, decoder.sampleRate);
  }

  /** One decoder per payload type for life; the agreed codec's own half if it is that. */
  #decoderOf(format) {
    if (!this.decoders.has(format.payloadType)) {
      this.decoders.set(format.payloadType, format.name === this.codec?.name ? this.codec : codecs.create(format));
    }
    return this.decoders.get(format.payloadType);
  }

  #rtcp(data) {
    for (const packet of rtp.parseRtcp(data)) {
      if (packet.type === 200) this.lastSr = { ntpMiddle: packet.ntpMiddle, at: Date.now() };
      if (packet.type === 200 || packet.type === 201) this.stats.reports.push(packet);
      if (packet.type === 203) this.emit('rtcp-bye');
    }
  }

  #startSending() {
    if (this.#timer) return;
    const start = performance.now();
    this.#ticks = 0;
    const tick = () => {
      if (this.closed) return;
      const due = Math.floor((performance.now() - start) / PACKET_MS);
      if (due - this.#ticks > 10) this.#ticks = due - 1; // a stalled process does not catch up in a burst
      while (this.#ticks <= due) this.#sendOne(this.#ticks++);
      this.#timer = setTimeout(tick, Math.max(1, start + this.#ticks * PACKET_MS - performance.now()));
    };
    this.#timer = setTimeout(tick, 0);
  }

  #sendOne(n) {
    if (!this.codec || !this.sending) return;
    const { codec } = this;
    const pcm = this.source(codec.frame, codec.sampleRate);
    this.sentLevel = signal.level(pcm);
    const event = this.#queue.shift();
    if (event) {
      event.timestamp ??= event.group.timestamp ??= this.timestamp;
      this.sendRtp({
        payloadType: event.payloadType ?? codec.payloadType,
        marker: event.marker,
        timestamp: event.timestamp,
        payload: event.payload,
      });
    } else {
      const payload = codec.encode(pcm);
      const packed = this.red ? red.pack(codec.payloadType, payload, this.previous, codec.rtpStep) : payload;
      this.previous = payload;
      this.sendRtp({
        payloadType: (this.red ?? codec).payloadType,
        marker: this.stats.packetsSent === 0,
        timestamp: this.timestamp,
        payload: packed,
      });
    }
    this.timestamp = (this.timestamp + codec.rtpStep) >>> 0;
    if (n % REPORT_EVERY === REPORT_EVERY / 2) this.#report();
  }

  /** Sends one RTP packet with exactly these fields (sequence and SSRC are the stream's unless given). */
  sendRtp({ payloadType, marker = false, timestamp = this.timestamp, payload, sequence, ssrc = this.ssrc }) {
    if (!this.association?.connected || !this.ice.peer) return;
    if (sequence === undefined) {
      sequence = this.sequence;
      this.sequence = (this.sequence + 1) & 0xffff;
    }
    const header = new RtpHeader({
      version: 2,
      padding: false,
      extension: false,
      marker,
      payloadType,
      sequenceNumber: sequence,
      timestamp: timestamp >>> 0,
      ssrc: ssrc >>> 0,
    });
    this.#transmit(this.association.srtp.encrypt(payload, header), this.ice.peer);
    this.stats.packetsSent++;
    this.stats.octetsSent += payload.length;
  }

  #report() {
    const last = this.#last;
    const block = last && {
      ssrc: last.ssrc,
      lost: this.stats.lost,
      highest: last.sequence,
      jitter: 0,
      lastSr: this.lastSr?.ntpMiddle ?? 0,
      delay: this.lastSr ? ((Date.now() - this.lastSr.at) * 65536) / 1000 : 0,
    };
    const compound = rtp.senderReport({
      ssrc: this.ssrc,
      cname: 'switch',
      timestamp: this.timestamp,
      packets: this.stats.packetsSent,
      octets: this.stats.octetsSent,
      block,
    });
    if (this.association?.connected && this.ice.peer)
      this.#transmit(this.association.srtcp.encrypt(compound), this.ice.peer);
  }

  /** Queues digits as RFC 4733. underAudio: the edge's odd packets, the same four bytes under the audio payload type. */
  sendDtmf(digits, { durationMs = 100, gapMs = 60, underAudio = false } = {}) {
    const format = this.telephoneEvent;
    if (!format && !underAudio) throw new Error('the phone negotiated no telephone-event');
    for (const digit of digits) {
      const group = {};
      for (const packet of dtmf.digitPackets(digit, durationMs, format?.clockRate ?? 8000))
        this.#queue.push({ ...packet, group, payloadType: underAudio ? this.codec.payloadType : format.payloadType });
      this.#queue.push(...Array.from({ length: Math.round(gapMs / PACKET_MS) }, () => undefined));
    }
  }

  /** Faults in the running stream, as after a takeover inside the edge. */
  jumpSsrc() {
    this.ssrc = random32();
    this.sequence = random32() & 0x7fff;
    this.timestamp = random32();
  }
  jumpTimestamp(ticks = 48000 * 60) {
    this.timestamp = (this.timestamp + ticks) >>> 0;
  }
  skipSequence(count = 50) {
    this.sequence = (this.sequence + count) & 0xffff;
  }

  /** Forgets what was heard, then resolves with {pcm, sampleRate} once `ms` of decoded audio has come; rejects after `limitMs`. */
  listen(ms = 1000, limitMs = 20_000) {
    this.#heard = [];
    this.#heardFrames = 0;
    return new Promise((resolve, reject) => {
      const enough = () => {
        const sampleRate = this.#heard.at(-1)?.sampleRate;
        const blocks = this.#heard.filter((block) => block.sampleRate === sampleRate);
        const frames = blocks.reduce((n, block) => n + block.pcm.length, 0);
        if (!sampleRate || frames < (sampleRate * ms) / 1000) return;
        finish();
        const pcm = new Int16Array(frames);
        let at = 0;
        for (const block of blocks) {
          pcm.set(block.pcm, at);
          at += block.pcm.length;
        }
        resolve({ pcm, sampleRate });
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`only ${this.#heardFrames} audio packets heard in ${limitMs} ms`));
      }, limitMs);
      const finish = () => {
        clearTimeout(timer);
        this.off('audio', enough);
      };
      this.on('audio', enough);
    });
  }

  /** Listens, then fits a sine: {snrDb, amplitude, badShare, windows}. */
  async measureTone(hz, { ms = 1000, limitMs } = {}) {
    const { pcm, sampleRate } = await this.listen(ms, limitMs);
    return signal.measureTone(pcm, hz, sampleRate);
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#timer);
    this.ice.close();
    this.association?.close();
    this.#socket.close();
  }
}

/** RTP ports are even (RFC 3550 11); the odd one above is announced for RTCP but stays unbound. */
async function bindEvenPort(onMessage) {
  for (;;) {
    const socket = dgram.createSocket('udp4');
    await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, '127.0.0.1', resolve);
    });
    if (socket.address().port % 2 === 0) {
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      socket.on('message', onMessage);
      return socket;
    }
    socket.close();
  }
}

module.exports = { MediaLeg, signal };
