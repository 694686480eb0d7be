// A call that rings at the phone: INVITE, ringing, answer, and everything that can come instead.

const { Call, hex, rc } = require('./call.js');
const sdp = require('./sdp.js');

const { COMMANDS } = rc;

/** options: see Switch.call(). */
class InboundCall extends Call {
  static async place(sw, connection, options) {
    const call = new InboundCall(sw, connection, {
      callId: `${hex(8)}@${sw.options.domain}`,
      direction: 'inbound',
      options,
    });
    if (options.session) call.apiIds = call.apiIds.replace(/session-id=.*/, `session-id=${options.session}`);
    sw.calls.set(call.callId, call);
    const uri = options.from === null ? 'sip:anonymous.invalid' : `sip:${options.from}@${connection.address}`;
    call.ours = `"${options.callerName}" <${uri}>;tag=${hex(6)}`;
    call.theirs = `"WebPhone" <sip:${sw.options.username}@${sw.options.domain}>`;
    call.sid = String(Math.floor(Math.random() * 1e15));
    call.req = `{${hex(4).toUpperCase()}-${hex(2).toUpperCase()}}`;
    call.rcFrom = `#${options.from}@${sw.options.domain}:5060`;
    call.rcTo = `${sw.options.username.replace('*', '#')}@${sw.options.domain}:5060`;
    if (!options.offerless) call.media = await call.openLeg({ controlling: true });
    call.invite().catch((error) => call.end('failed', error.message));
    return call;
  }

  async invite() {
    const { options } = this;
    const body = options.offerless ? '' : this.describe('sendrecv', options.sdp);
    const headers = {
      'p-rc-api-ids': this.apiIds,
      'p-rc-api-call-info': `callAttributes=reject,voicemail,forward;callerIdName=${options.callerName};displayInfo=callerIdName`,
      'P-rc': rc.write(
        { SID: this.sid, Req: this.req, From: this.rcFrom, To: this.rcTo, Cmd: COMMANDS.IncomingCall },
        {
          SrvLvl: '-149699523',
          SrvLvlExt: '406',
          Phn: options.from,
          Nm: options.callerName,
          ToPhn: this.sw.options.username,
          ToNm: 'WebPhone',
        },
      ),
      'Call-Info': `<${hex(4)}@${this.connection.address}>;purpose=info${options.autoAnswer ? `;Answer-After=${options.answerAfter ?? 0}` : ''}`,
      ...(options.autoAnswer ? { 'Alert-Info': 'Auto Answer' } : {}),
      ...(body ? { 'Content-Type': 'application/sdp' } : {}),
      Allow: 'ACK, BYE, CANCEL, INFO, INVITE, MESSAGE, NOTIFY, OPTIONS, REFER, UPDATE',
    };
    this.state = 'calling';
    this.ringTimer = setTimeout(() => this.cancelWith('voicemail', 'nobody answered'), options.ringTimeoutMs);
    const response = await this.request('INVITE', headers, body, {
      sent: (n) => {
        this.inviteNumber = n;
        this.note('invite', { offerless: Boolean(options.offerless) });
      },
      onProvisional: (message) => this.#provisional(message),
    });
    clearTimeout(this.ringTimer);
    if (response.status === 200) return this.#answered(response);
    await this.connection.followUp('ACK', this.inviteNumber, this.target, this.identity);
    this.end('refused', response.startLine);
  }

  #provisional(message) {
    if (message.status === 100) return void this.note('trying');
    this.theirs = message.get('To');
    this.state = 'ringing';
    this.note('ringing');
  }

  async #answered(response) {
    this.theirs = response.get('To');
    const remote = sdp.parse(response.body);
    const usable = remote && remote.port !== 0;
    let answer = '';
    if (usable && this.options.offerless) answer = await this.answerTo(response.body);
    const ackHeaders = answer ? { ...this.identity, 'Content-Type': 'application/sdp' } : this.identity;
    await this.connection.followUp('ACK', this.inviteNumber, this.target, ackHeaders, answer ?? '');
    this.state = 'answered';
    this.note('answered', { ms: Date.now() - this.startedAt, description: response.body });
    if (this.verdict) return;
    if (!usable)
      return this.bye(
        'voicemail',
        remote ? 'the answer closes the audio line (port 0)' : 'the answer has no m=audio line',
      );
    this.watchMedia();
    if (!(this.options.offerless ? answer !== null : this.applyAnswer(response.body)))
      return this.giveUp('the answer has no codec in common');
    await this.gap();
    if (!this.verdict) await this.message(COMMANDS.AlreadyProcessed);
  }

  onMessage(request) {
    this.connection.reply(request, 200);
    const { header, body } = rc.read(request.body);
    const cmd = Number(header.Cmd);
    this.note('message', { cmd, body });
    if (header.SID !== this.sid) return;
    switch (cmd) {
      case COMMANDS.ReceiveConfirm:
        return void this.note('confirmed');
      case COMMANDS.Forward:
        return this.#cancelSoon('forwarded', `forwarded to ${body.Phn}`);
      case COMMANDS.Voicemail:
        return this.#cancelSoon('voicemail', 'sent to voicemail by the phone');
      case COMMANDS.Reject:
        return this.#cancelSoon('declined', 'declined by the phone');
      case COMMANDS.Reply:
        return this.#closeSession();
    }
  }

  async #cancelSoon(verdict, reason) {
    await this.gap();
    await this.cancelWith(verdict, reason);
  }

  async #closeSession() {
    await this.gap();
    await this.message(COMMANDS.SessionClose);
    await this.cancelWith('replied', 'the phone replied with a text');
  }

  /** The far party gives up before the answer. */
  cancel() {
    return this.cancelWith('cancelled', 'cancelled by the caller');
  }

  async cancelWith(verdict, reason) {
    clearTimeout(this.ringTimer);
    if (this.verdict || this.state === 'answered' || this.state === 'up') return;
    const response = this.connection.followUp('CANCEL', this.inviteNumber, this.target, this.identity);
    this.end(verdict, reason);
    const { status } = await response;
    this.cancelStatus = status;
  }

  end(verdict, reason) {
    clearTimeout(this.ringTimer);
    super.end(verdict, reason);
  }
}

module.exports = { InboundCall };
