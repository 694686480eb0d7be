// The WebSocket of jambonz's `listen` verb with streaming bidirectional audio (https://docs.jambonz.org/verbs/verbs/listen):
// a preamble of call attributes as the only first text, binary L16 both ways, {"event":"dtmf"}, marks, killAudio, disconnect.
// Additions that jambonz does not have, and that its servers ignore: `sessionId`, `partyId` and `resumed` in the preamble, {"event":"speech"} where the
// bridge does the barge-in, {"event":"stop"} as the last text, {"type":"dtmf"} towards the caller, and {"type":"transfer"} with
// {"event":"transfer"} as its answer.
// Invariant: audio is little-endian whatever the machine, and a sample split between two messages is put together again.

const { parseObject, dtmfCommand, transferCommand } = require('./json.js');

const SUBPROTOCOL = 'audio.jambonz.org';

function create({ sampleRate }) {
  return {
    sampleRate,
    subprotocol: SUBPROTOCOL,
    binary: true,
    bytesPerSecond: 2 * sampleRate,
    open: (call, { resumed }) => new Jambonz(call, sampleRate, resumed),
  };
}

class Jambonz {
  #half = null;

  constructor(call, sampleRate, resumed) {
    Object.assign(this, { call, sampleRate, resumed });
  }

  hello() {
    const { callSid, callId, sessionId, partyId, from, to } = this.call;
    return [
      JSON.stringify({
        sampleRate: this.sampleRate,
        mixType: 'mono',
        callSid,
        direction: 'inbound',
        from,
        to,
        callId,
        sessionId,
        partyId,
        callStatus: 'in-progress',
        resumed: this.resumed,
      }),
    ];
  }

  audio(samples) {
    const bytes = Buffer.allocUnsafe(samples.length * 2);
    for (let i = 0; i < samples.length; i++) bytes.writeInt16LE(samples[i], 2 * i);
    return bytes;
  }

  /** jambonz gives the duration in RTP ticks of 8 kHz, as a string. */
  dtmf(tone, ms) {
    return JSON.stringify({ event: 'dtmf', dtmf: tone, duration: String(Math.round(ms * 8)) });
  }

  mark(name, played) {
    return JSON.stringify({ type: 'mark', data: { name, event: played ? 'playout' : 'cleared' } });
  }

  speech(speaking, interrupted) {
    return JSON.stringify({ event: 'speech', speaking, interrupted });
  }

  transferred(to, failure) {
    return JSON.stringify({ event: 'transfer', to, ok: failure === undefined, reason: failure });
  }

  stop(reason) {
    const { callSid, callId } = this.call;
    return [JSON.stringify({ event: 'stop', callSid, callId, reason })];
  }

  read(data, isBinary) {
    if (isBinary) return this.#audio(data);
    const message = parseObject(data);
    switch (message?.type) {
      case 'killAudio':
        this.#half = null;
        return { type: 'clear' };
      case 'clearMarks':
        return { type: 'clearMarks' };
      case 'mark':
        return typeof message.data?.name === 'string' ? { type: 'mark', name: message.data.name } : null;
      case 'disconnect':
        return { type: 'hangup' };
      case 'dtmf':
        return dtmfCommand(message.data?.dtmf, message.data?.duration);
      case 'transfer':
        return transferCommand(message.data?.to);
      default:
        return null;
    }
  }

  #audio(data) {
    const bytes = this.#half ? Buffer.concat([this.#half, data]) : data;
    this.#half = bytes.length % 2 ? Buffer.from(bytes.subarray(-1)) : null;
    const samples = new Int16Array(bytes.length >> 1);
    for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(2 * i);
    return samples.length > 0 ? { type: 'audio', samples } : null;
  }
}

module.exports = { create, SUBPROTOCOL };
