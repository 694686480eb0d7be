// One call between the switch and a phone: the dialog, its media leg, and the edge's verdict on it.
// Directions are the phone's: an inbound call rings at the phone. Invariant: a call gets exactly one verdict, when it ends.

const { EventEmitter } = require('node:events');
const { randomBytes } = require('node:crypto');
const { MediaLeg } = require('./media/leg.js');
const sdp = require('./sdp.js');
const { numberOf } = require('./sip.js');
const rc = require('./rcmessage.js');

const DEFAULT_LIMIT_MS = 20_000;
const hex = (bytes) => randomBytes(bytes).toString('hex');
const ANSWERED_DIRECTION = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

/**
 * Events, also kept in `events` as {at, type, …}: trying, ringing, confirmed, answered, ice, dtls, rtp, digit, held, resumed,
 * reinvite, info, refer, message, ended {verdict, reason}, and 'event' for all of them.
 * verdict: null | completed | voicemail | declined | forwarded | replied | cancelled | transferred | parked | busy | refused | failed
 */
class Call extends EventEmitter {
  events = [];
  verdict = null;
  state = 'new';
  media = null;

  constructor(sw, connection, { callId, direction, options }) {
    super();
    Object.assign(this, { sw, connection, callId, direction, options });
    this.generation = String(options.offer ?? sw.options.generation);
    this.session = sdp.newSession(this.generation);
    this.apiIds = `party-id=p-${hex(8)}z${hex(6)}-2;session-id=s-${hex(8)}z${hex(6)}`;
    this.startedAt = Date.now();
  }

  get voicemail() {
    return this.verdict === 'voicemail';
  }

  note(type, detail = {}) {
    const event = { at: Date.now(), type, ...detail };
    this.events.push(event);
    this.sw.note({ ...event, callId: this.callId });
    this.emit(type, event);
    this.emit('event', event);
    return event;
  }

  /** Resolves with the first event of that type at or after index `since`; rejects when the call ends without it. */
  waitFor(type, { since = 0, limitMs = DEFAULT_LIMIT_MS } = {}) {
    const found = this.events.slice(since).find((event) => event.type === type);
    if (found) return Promise.resolve(found);
    const story = () => this.events.map((event) => event.type).join(' ');
    if (this.verdict)
      return Promise.reject(
        new Error(`no '${type}': the call ended (${this.verdict}: ${this.reason}) after ${story()}`),
      );
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`no '${type}' in ${limitMs} ms after ${story()}`));
      }, limitMs);
      const listener = (event) => {
        if (event.type === type) {
          stop();
          resolve(event);
        } else if (event.type === 'ended') {
          stop();
          reject(new Error(`no '${type}': the call ended (${this.verdict}: ${this.reason}) after ${story()}`));
        }
      };
      const stop = () => {
        clearTimeout(timer);
        this.off('event', listener);
      };
      this.on('event', listener);
    });
  }

  // ---- media ----

  async openLeg({ controlling }) {
    const lite = Boolean(sdp.GENERATIONS[this.generation]?.lite);
    const leg = await MediaLeg.open({ lite, controlling, faults: this.options.faults, source: this.options.source });
    leg.on('ice', (peer) => this.note('ice', { peer: `${peer.address}:${peer.port}` }));
    leg.on('dtls', (detail) => {
      clearTimeout(this.watchdog);
      this.note('dtls', { ...detail, codec: leg.codec?.name });
      this.state = 'up';
    });
    leg.on('dtls-failed', (error) => this.giveUp(`DTLS failed, ${error.message}`));
    leg.on('dtls-closed', () => this.note('dtls-closed'));
    leg.on('rtp', (packet) => this.note('rtp', { payloadType: packet.payloadType, ssrc: packet.ssrc }));
    leg.on('digit', (digit) => this.note('digit', digit));
    return leg;
  }

  /** The edge's patience with a call that was answered but has no media behind it. */
  watchMedia() {
    clearTimeout(this.watchdog);
    const { mediaTimeoutMs } = this.options;
    this.watchdog = setTimeout(() => this.giveUp(`no DTLS within ${mediaTimeoutMs} ms`), mediaTimeoutMs);
  }

  /** A media failure of an answered call: BYE, and the caller hears the voicemail greeting. */
  giveUp(reason) {
    if (this.verdict) return;
    this.bye('voicemail', reason);
  }

  describe(direction, overrides = {}) {
    this.session.version = BigInt(this.session.version) + 1n;
    return sdp.write({ generation: this.generation, leg: this.media, session: this.session, direction, ...overrides });
  }

  /** Our answer to an offer of the phone; null if it has no usable audio. */
  async answerTo(body) {
    const remote = sdp.parse(body);
    if (!remote || remote.port === 0) return null;
    const lite = Boolean(sdp.GENERATIONS[this.generation].lite);
    this.media ??= await this.openLeg({ controlling: false });
    const known = this.remote;
    if (known && known.ufrag !== remote.ufrag) {
      this.media.ice.restart();
      this.media.ice.controlling = !lite && remote.lite;
      this.note('ice-restart', { by: 'phone' });
    }
    const spoken = this.preferred(remote.codecs);
    if (!spoken) return null;
    const event =
      remote.codecs.find((c) => c.name === 'telephone-event' && c.clockRate === 8000) ??
      remote.codecs.find((c) => c.name === 'telephone-event');
    const clash = remote.codecs.some((c) => c.payloadType === 101 && c.name !== 'telephone-event');
    const eventType = this.direction === 'outbound' && !clash ? 101 : event?.payloadType;
    const announced = sdp.answerCodecs(spoken, event, eventType);
    const role =
      remote.setup === 'active'
        ? 'passive'
        : remote.setup === 'passive'
          ? 'active'
          : this.media.client
            ? 'active'
            : 'passive';
    const direction = ANSWERED_DIRECTION[remote.direction];
    this.remote = remote;
    this.media.sending = direction === 'sendrecv' || direction === 'sendonly';
    const text = this.describe(direction, {
      setup: role,
      codecs: announced,
      mid: sdp.GENERATIONS[this.generation].mid === undefined ? null : (remote.mid ?? null),
    });
    this.media.connect(
      { ...remote, codecs: [spoken, ...remote.codecs.filter((c) => c.name === 'telephone-event')] },
      {
        setup: role,
        announced: [
          ...announced,
          ...remote.codecs.filter((c) => c.name === 'telephone-event' && c.payloadType !== eventType),
        ],
      },
    );
    return text;
  }

  preferred(codecs) {
    const speak = ['opus', 'pcmu', 'pcma'];
    const usable = codecs.filter((c) => speak.includes(c.name) && (c.name !== 'opus' || c.clockRate === 48000));
    return usable.find((c) => c.name === this.options.prefer) ?? usable[0];
  }

  /** The phone's answer to our offer. False if it has no usable audio. */
  applyAnswer(body, leg = this.media) {
    const remote = sdp.parse(body);
    if (!remote || remote.port === 0) return false;
    const roleOfPhone = remote.setup === 'passive' ? 'passive' : 'active';
    leg.connect(remote, {
      setup: roleOfPhone === 'active' ? 'passive' : 'active',
      announced: sdp.offeredCodecs(this.generation),
    });
    this.remote = remote;
    return leg.codec !== null;
  }

  // ---- the dialog ----

  /** From and To of the switch's requests, exactly as the phone knows them. */
  get identity() {
    return { From: this.ours, To: this.theirs, 'Call-Id': this.callId };
  }

  get target() {
    return this.connection.contact;
  }

  gap() {
    return new Promise((resolve) => {
      this.timers.add(setTimeout(resolve, this.sw.options.gapMs));
    });
  }
  timers = new Set();

  request(method, headers = {}, body = '', extra) {
    return this.connection.request(
      method,
      this.target,
      { ...this.identity, Contact: `<sip:switch@${this.connection.address};transport=ws>`, ...headers },
      body,
      extra,
    );
  }

  async message(cmd, body = {}) {
    const header = { SID: this.sid, Req: this.req, From: this.rcFrom, To: this.rcTo, Cmd: cmd };
    await this.request(
      'MESSAGE',
      { 'Content-Type': 'x-rc/agent', From: `<sip:${this.rcFrom}>;tag=${hex(4)}`, To: `<sip:${this.rcTo}>` },
      rc.write(header, { ...body, Cln: this.sw.options.authorizationId }),
    );
  }

  end(verdict, reason) {
    if (this.verdict) return;
    clearTimeout(this.watchdog);
    for (const timer of this.timers) clearTimeout(timer);
    this.verdict = verdict;
    this.reason = reason;
    this.state = 'ended';
    this.media?.close();
    this.sw.calls.delete(this.callId);
    this.note('ended', { verdict, reason });
  }

  /** BYE from the switch; the call is over for the switch at once, whatever the phone says. */
  async bye(verdict, reason) {
    if (this.verdict) return;
    const late = this.options.faults?.lateByeMs;
    if (late)
      await new Promise((resolve) => {
        this.timers.add(setTimeout(resolve, late));
      });
    const response = this.request('BYE');
    this.end(verdict, reason);
    await response;
  }

  /** The far party hangs up. */
  hangup() {
    return this.bye('completed', 'hung up by the far party');
  }

  /** A re-INVITE to the phone. Resolves with the parsed answer. */
  async reInvite({ direction = 'sendrecv', iceRestart = false, newLeg = false } = {}) {
    if (this.verdict) throw new Error(`the call is over (${this.verdict})`);
    const lite = Boolean(sdp.GENERATIONS[this.generation].lite);
    const old = this.media;
    if (newLeg) {
      this.media = await this.openLeg({ controlling: true });
      this.media.source = old.source;
    } else if (iceRestart) {
      this.media.ice.restart();
      this.media.ice.controlling = !lite;
    }
    const offered = this.describe(direction, { setup: 'actpass' });
    let number;
    const response = await this.request(
      'INVITE',
      { 'Content-Type': 'application/sdp', 'p-rc-api-ids': this.apiIds },
      offered,
      {
        sent: (n) => {
          number = n;
        },
      },
    );
    if (response.status !== 200) throw new Error(`re-INVITE: ${response.startLine}`);
    await this.connection.followUp('ACK', number, this.target, this.identity);
    if (!this.applyAnswer(response.body)) throw new Error('re-INVITE: the answer has no usable audio');
    this.media.sending = direction === 'sendrecv' || direction === 'sendonly';
    if (newLeg) old.close();
    this.note('reinvited', { direction, answered: this.remote.direction });
    return this.remote;
  }

  hold(direction = 'sendonly') {
    return this.reInvite({ direction });
  }
  resume() {
    return this.reInvite({ direction: 'sendrecv' });
  }
  iceRestart() {
    return this.reInvite({ iceRestart: true });
  }
  /** *83: another server takes the call over; new port, credentials and certificate. */
  takeover() {
    return this.reInvite({ newLeg: true });
  }
  sendDtmf(digits, options) {
    this.media.sendDtmf(digits, options);
  }

  /** A request of the phone in this dialog. */
  async receive(request) {
    const handler = this[`on${request.method[0]}${request.method.slice(1).toLowerCase()}`];
    if (handler) return handler.call(this, request);
    this.connection.reply(request, 200);
  }

  onAck() {}

  onBye(request) {
    this.connection.reply(request, 200);
    this.end(this.parked ? 'parked' : 'completed', 'hung up by the phone');
  }

  async onInvite(request) {
    this.connection.reply(request, 100);
    const text = await this.answerTo(request.body);
    if (this.verdict) return;
    if (text === null) return this.connection.reply(request, 488);
    const { direction } = this.remote;
    this.connection.reply(
      request,
      200,
      {
        'Content-Type': 'application/sdp',
        Contact: `<sip:switch@${this.connection.address};transport=ws>`,
        'p-rc-api-ids': this.apiIds,
      },
      text,
    );
    this.note('reinvite', { direction, version: this.remote.version });
    const wasHeld = this.heldByPhone;
    this.heldByPhone = direction === 'sendonly' || direction === 'inactive';
    if (this.heldByPhone && !wasHeld) this.note('held');
    if (!this.heldByPhone && wasHeld) this.note('resumed');
  }

  async onInfo(request) {
    this.connection.reply(request, 200);
    const { reqid, command, ...args } = JSON.parse(request.body).request;
    this.note('info', { command, ...args });
    await this.gap();
    const extra = {
      callpark: { 'park extension': '*801' },
      callflip: { number: numberOf(this.theirs), target: args.target },
    }[command];
    const known = ['startcallrecord', 'stopcallrecord', 'callflip', 'callpark'].includes(command);
    if (command === 'callpark') this.parked = true;
    await this.request(
      'INFO',
      { 'Content-Type': 'application/json;charset=utf-8' },
      JSON.stringify({
        response: {
          reqid,
          command,
          result: known ? { code: 0, description: 'Success', ...extra } : { code: 1, description: 'Unknown command' },
        },
      }),
    );
  }

  async onRefer(request) {
    const { silentRefer, referStatus, transferStatus } = this.options.faults ?? {};
    this.connection.reply(request, referStatus ?? 202);
    const target = request.get('Refer-To');
    const replaced = /Replaces=([^%>]+)/.exec(target)?.[1];
    this.note('refer', { target, replaced });
    if (silentRefer || referStatus) return;
    await this.gap();
    await this.request(
      'NOTIFY',
      {
        Event: 'refer',
        'Subscription-State': 'terminated;reason=noresource',
        'Content-Type': 'message/sipfrag;version=2.0',
      },
      `SIP/2.0 ${transferStatus ?? '200 OK'}\r\n`,
    );
    if (transferStatus) return;
    await this.gap();
    const other = replaced && this.sw.calls.get(decodeURIComponent(replaced));
    await Promise.all([
      this.bye('transferred', `transferred to ${target}`),
      other?.bye('transferred', 'joined by a warm transfer'),
    ]);
  }

  onMessage(request) {
    this.connection.reply(request, 200);
  }
}

module.exports = { Call, hex, rc };
