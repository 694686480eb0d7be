// The far end of all calls: node-datachannel with packets that were encoded before, so that it costs little.

const { serve } = require('../quality/child');
const { CODECS, DatachannelCall, Packets, encoderOf, payloadOf } = require('./rtp');
const { offsetOf, speechFrames } = require('./signal');
const { PHASES, pace } = require('./pace');

const calls = new Map();
/** What has come of all calls: bytes, and of Opus the packets of each configuration (RFC 6716 section 3.1). */
let came = { bytes: 0, configurations: {} };
let payloads = [];
let codec;

function encodeAll(frames) {
  const encode = encoderOf(codec);
  return Array.from({ length: Math.floor(frames.length / 2) }, (_, n) => {
    const pcm = new Int16Array(2 * frames[0].length);
    pcm.set(frames[2 * n]);
    pcm.set(frames[2 * n + 1], frames[0].length);
    return Buffer.from(encode(pcm));
  });
}

function tick(phase, n) {
  if (n % 2 === 0) return;
  for (const call of calls.values()) {
    if (call.id % PHASES === phase)
      call.end.send(call.packets.next(payloads[((n >> 1) + offsetOf(call.id)) % payloads.length]));
  }
}

serve({
  begin({ codec: wanted }) {
    codec = wanted;
    payloads = encodeAll(speechFrames(CODECS[codec].rateHz));
    pace(tick);
  },
  async offer({ id }) {
    const { payloadType } = CODECS[codec];
    const call = { id, received: 0 };
    call.end = new DatachannelCall(codec, (packet) => {
      const payload = payloadOf(packet, payloadType);
      if (!payload) return;
      call.received++;
      came.bytes += payload.length;
      if (codec === 'opus') {
        const configuration = payload[0] >> 3;
        came.configurations[configuration] = (came.configurations[configuration] ?? 0) + 1;
      }
    });
    call.packets = new Packets(codec, call.end.ssrc);
    const sdp = await call.end.offer();
    calls.set(id, call);
    return sdp;
  },
  accept({ id, sdp }) {
    calls.get(id).end.accept(sdp);
  },
  /** Packets that have come in each call, and what was in them since the last time. */
  received() {
    const since = came;
    came = { bytes: 0, configurations: {} };
    return { ...since, packets: [...calls.values()].map(({ id, received }) => [id, received]) };
  },
  close({ ids }) {
    for (const id of ids) calls.get(id)?.end.close();
    for (const id of ids) calls.delete(id);
  },
});
