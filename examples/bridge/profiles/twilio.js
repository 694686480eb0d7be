// Twilio Media Streams, bidirectional (https://www.twilio.com/docs/voice/media-streams/websocket-messages): JSON text only,
// audio as base64 of mu-law at 8 kHz. Additions that Twilio does not have: {"event":"dtmf"} towards the caller,
// {"event":"speech"} where the bridge does the barge-in, {"event":"transfer"} both ways, and {"event":"stop"} by which the AI hangs up.
// Invariant: every message but `connected` has the next sequence number; numbers are strings, as Twilio writes them.

const { createHash, randomBytes } = require('node:crypto');
const { parseObject, dtmfCommand, transferCommand } = require('./json.js');
const mulaw = require('./mulaw.js');

const SAMPLE_RATE = 8000;

function create() {
  return {
    sampleRate: SAMPLE_RATE,
    subprotocol: null,
    binary: false,
    bytesPerSecond: (4 / 3) * SAMPLE_RATE, // base64
    open: (call, { resumed }) => new Twilio(call, resumed),
  };
}

/** Servers check the shape of SIDs: two letters and 32 hexadecimal digits. */
const sid = (letters, text) => letters + createHash('sha256').update(text).digest('hex').slice(0, 32);

class Twilio {
  #sequence = 0;
  #chunk = 0;
  #samples = 0;

  constructor(call, resumed) {
    Object.assign(this, { call, resumed });
    this.streamSid = `MZ${randomBytes(16).toString('hex')}`;
    this.callSid = sid('CA', call.callId);
    this.accountSid = sid('AC', call.to ?? '');
  }

  hello() {
    const { callId, sessionId, partyId, from, to } = this.call;
    return [
      JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' }),
      this.#message('start', {
        start: {
          streamSid: this.streamSid,
          accountSid: this.accountSid,
          callSid: this.callSid,
          tracks: ['inbound'],
          customParameters: { callId, sessionId, partyId, from, to, resumed: String(this.resumed) },
          mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: SAMPLE_RATE, channels: 1 },
        },
      }),
    ];
  }

  audio(samples) {
    const timestamp = Math.round((this.#samples * 1000) / SAMPLE_RATE);
    this.#samples += samples.length;
    return this.#message('media', {
      media: {
        track: 'inbound',
        chunk: String(++this.#chunk),
        timestamp: String(timestamp),
        payload: mulaw.encode(samples).toString('base64'),
      },
    });
  }

  dtmf(tone) {
    return this.#message('dtmf', { dtmf: { track: 'inbound_track', digit: tone } });
  }

  /** Twilio answers a mark alike when it was played and when it was cleared. */
  mark(name) {
    return this.#message('mark', { mark: { name } });
  }

  speech(speaking, interrupted) {
    return this.#message('speech', { speech: { speaking, interrupted } });
  }

  transferred(to, failure) {
    return this.#message('transfer', { transfer: { to, ok: failure === undefined, reason: failure } });
  }

  stop() {
    return [this.#message('stop', { stop: { accountSid: this.accountSid, callSid: this.callSid } })];
  }

  read(data, isBinary) {
    const message = isBinary ? null : parseObject(data);
    switch (message?.event) {
      case 'media': {
        if (typeof message.media?.payload !== 'string') return null;
        const samples = mulaw.decode(Buffer.from(message.media.payload, 'base64'));
        return samples.length > 0 ? { type: 'audio', samples } : null;
      }
      case 'clear':
        return { type: 'clear' };
      case 'mark':
        return typeof message.mark?.name === 'string' ? { type: 'mark', name: message.mark.name } : null;
      case 'dtmf':
        return dtmfCommand(message.dtmf?.digits ?? message.dtmf?.digit, message.dtmf?.duration);
      case 'transfer':
        return transferCommand(message.transfer?.to);
      case 'stop':
        return { type: 'hangup' };
      default:
        return null;
    }
  }

  #message(event, body) {
    return JSON.stringify({ event, sequenceNumber: String(++this.#sequence), streamSid: this.streamSid, ...body });
  }
}

module.exports = { create };
