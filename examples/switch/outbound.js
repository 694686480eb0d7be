// A call the phone makes: authorization, one 18x, then the answer or the refusal the test asked for.

const { Call, hex } = require('./call.js');
const { withTag } = require('./sip.js');

const TEXT = { 480: 'Temporarily Unavailable', 486: 'Busy Here', 603: 'Decline' };

class OutboundCall extends Call {
  /** An INVITE without a known Call-ID: refuse, challenge or take it. */
  static async receive(sw, connection, request) {
    connection.reply(request, 100);
    if (!connection.registered) return connection.reply(request, 403);
    const authorization = request.get('Proxy-Authorization');
    if (!authorization) return connection.reply(request, 407, { 'Proxy-Authenticate': sw.digest.challenge() });
    if (!sw.digest.verify(authorization, 'INVITE')) return connection.reply(request, 403);
    const number = /sip:([^@]+)@/.exec(request.requestUri)?.[1] ?? '';
    const call = new OutboundCall(sw, connection, {
      callId: request.callId,
      direction: 'outbound',
      options: { ...sw.callDefaults(), ...sw.options.outbound?.(number, request) },
    });
    sw.calls.set(call.callId, call);
    call.number = number;
    call.invite = request;
    call.ours = withTag(request.get('To'), hex(6));
    call.theirs = request.get('From');
    sw.emit('call', call);
    await call.progress();
  }

  async progress() {
    const { options, invite } = this;
    const headers = {
      To: this.ours,
      'p-rc-api-ids': this.apiIds,
      Contact: `<sip:${this.number}@${this.connection.address};transport=ws>`,
    };
    this.note('invite', { number: this.number, description: invite.body });
    await this.gap();
    this.state = 'ringing';
    this.connection.reply(invite, 183, headers);
    this.note('ringing');
    const status = options.status ?? (this.number === 'busy' ? 486 : 200);
    await this.gap();
    if (options.answerDelayMs)
      await new Promise((resolve) => {
        this.timers.add(setTimeout(resolve, options.answerDelayMs));
      });
    if (options.neverAnswer || this.verdict) return;
    if (status !== 200) {
      this.connection.reply(invite, status, headers);
      return this.end(status === 486 ? 'busy' : 'refused', `${status} ${TEXT[status] ?? ''}`.trim());
    }
    const answer = await this.answerTo(invite.body);
    if (this.verdict) return;
    if (answer === null) {
      this.connection.reply(invite, 488, headers);
      return this.end('refused', 'the offer has no usable audio');
    }
    this.connection.reply(invite, 200, { ...headers, 'Content-Type': 'application/sdp' }, answer);
    this.state = 'answered';
    this.note('answered', { ms: Date.now() - this.startedAt });
    this.watchMedia();
  }

  async onCancel(request) {
    this.connection.reply(request, 200);
    const pending = this.state === 'ringing';
    this.end('cancelled', 'cancelled by the phone');
    if (!pending) return;
    await new Promise((resolve) => setTimeout(resolve, this.sw.options.gapMs));
    this.connection.reply(this.invite, 487, { To: this.ours });
  }

  async onInvite(request) {
    if (request.cseq === this.invite.cseq) return;
    await super.onInvite(request);
  }
}

module.exports = { OutboundCall };
