// A voice bot on the web phone SDK, as small as a bridge can be: it answers, hears the caller as PCM, speaks PCM.
// With `mocks` it runs on the old JavaScript mocks instead of the package, and has no audio at all.

const { EventEmitter } = require('node:events');
const { PERIOD_MS, RATE, voice } = require('./voice.js');

/** Events: ringing, answered, connection (state), frame (samples), digit ({tone}), ended; each with the SDK's call session first. */
class Bridge extends EventEmitter {
  constructor({ sipInfo, mocks = false, instanceId }) {
    super();
    if (mocks) require('./mocks.js').install();
    else require('webphone-rtc/register'); // this line replaces all the mocks
    const WebPhone = require('ringcentral-web-phone');
    this.mocks = mocks;
    this.phone = new WebPhone({ sipInfo, instanceId, autoAnswer: true });
    this.phone.on('inboundCall', (call) => this.#handle(call));
    this.phone.on('outboundCall', (call) => this.#handle(call));
  }

  async start() {
    await this.phone.start();
  }
  async stop() {
    await this.phone.dispose();
  }

  #handle(call) {
    this.emit('ringing', call);
    call.once('answered', () => {
      this.emit('answered', call);
      if (!this.mocks) this.#converse(call);
    });
    call.once('disposed', () => this.emit('ended', call));
  }

  async #converse(call) {
    const { callAudio } = require('webphone-rtc/webphone');
    const { source, sink, dtmf } = callAudio(call, { sampleRate: RATE });
    const connection = call.rtcPeerConnection;
    const tell = () => this.emit('connection', call, connection.connectionState);
    connection.addEventListener('connectionstatechange', tell);
    tell();
    dtmf.on('digit', (digit) => this.emit('digit', call, digit));
    this.#speak(source, sink);
    for await (const { samples } of sink) this.emit('frame', call, samples);
    this.emit('silent', call);
  }

  /** captureFrame() resolves when the queue has taken the block: that is the pace. */
  async #speak(source, sink) {
    const next = voice();
    while (!sink.closed) await source.captureFrame(next((RATE * PERIOD_MS) / 1000));
  }
}

module.exports = { Bridge };
