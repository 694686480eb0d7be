// What an application adds to a stack that hands out RTP: packets of 20 ms with Opus of @evan/opus or PCMU.
// Invariant: the encoder has the settings of this package's: VOIP, 32 kb/s, the same complexity. No jitter buffer, no
// concealment: packets are decoded as they arrive.

const { load } = require('./install');

const BITRATE_BPS = 32_000;
/** What this package uses at 48 kHz. */
const COMPLEXITY = 9;
/** As browsers announce it. Without it node-datachannel asks for 96 kbit/s, which is another work: CELT, where all others do hybrid. */
const OPUS_FORMAT = 'minptime=10;useinbandfec=1';
const HEADER_BYTES = 12;
const CODECS = {
  opus: { payloadType: 111, ticks: 960, rateHz: 48_000 },
  pcmu: { payloadType: 0, ticks: 160, rateHz: 8000 },
};

const BIAS = 132;
const CLIP = 32_635;

/** ITU-T G.711, of 16-bit samples. */
function toMuLaw(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = 31 - Math.clz32(magnitude) - 7;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}

function fromMuLaw(byte) {
  const bits = ~byte & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + BIAS) << ((bits >> 4) & 7)) - BIAS;
  return bits & 0x80 ? -magnitude : magnitude;
}

const ENCODED = Uint8Array.from({ length: 65_536 }, (_, n) => toMuLaw(n - 32_768));
const DECODED = Int16Array.from({ length: 256 }, (_, n) => fromMuLaw(n));

function opusEncoder() {
  const { Encoder } = load('@evan/opus');
  const encoder = new Encoder({ channels: 1, sample_rate: 48_000, application: 'voip' });
  encoder.bitrate = BITRATE_BPS;
  encoder.complexity = COMPLEXITY;
  return (pcm) => encoder.encode(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength));
}

function opusDecoder() {
  const { Decoder } = load('@evan/opus');
  const decoder = new Decoder({ channels: 1, sample_rate: 48_000 });
  return (payload) => {
    const bytes = decoder.decode(payload);
    return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
  };
}

const encoderOf = (codec) =>
  codec === 'opus' ? opusEncoder() : (pcm) => Uint8Array.from(pcm, (sample) => ENCODED[sample + 32_768]);
const decoderOf = (codec) =>
  codec === 'opus' ? opusDecoder() : (payload) => Int16Array.from(payload, (byte) => DECODED[byte]);

/** A stream that is numbered on. */
class Packets {
  #sequence = Math.floor(Math.random() * 32_768);
  #timestamp = Math.floor(Math.random() * 2 ** 31);

  constructor(codec, ssrc) {
    this.codec = CODECS[codec];
    this.ssrc = ssrc;
  }

  next(payload) {
    const packet = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
    packet[0] = 0x80;
    packet[1] = this.codec.payloadType;
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(this.#timestamp, 4);
    packet.writeUInt32BE(this.ssrc, 8);
    packet.set(payload, HEADER_BYTES);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + this.codec.ticks) >>> 0;
    return packet;
  }
}

/** The payload of a packet of that type; `null` of another, RTCP included. */
function payloadOf(packet, payloadType) {
  if (packet.length <= HEADER_BYTES || (packet[1] & 0x7f) !== payloadType) return null;
  let start = HEADER_BYTES + (packet[0] & 0x0f) * 4;
  if (packet[0] & 0x10) start += 4 + packet.readUInt16BE(start + 2) * 4;
  return packet.subarray(start);
}

/** A connection of node-datachannel with one audio section. */
class DatachannelCall {
  constructor(codec, onPacket, onOpen) {
    this.library = load('node-datachannel');
    this.codec = codec;
    this.ssrc = Math.floor(Math.random() * 2 ** 31);
    this.pc = new this.library.PeerConnection('call', { iceServers: [] });
    this.onPacket = onPacket;
    this.onOpen = onOpen;
    this.open = false;
    this.gathered = new Promise((resolve) => {
      this.pc.onGatheringStateChange((state) => state === 'complete' && resolve());
    });
  }

  #addTrack(mid) {
    const { payloadType } = CODECS[this.codec];
    const media = new this.library.Audio(mid, 'SendRecv');
    if (this.codec === 'opus') media.addOpusCodec(payloadType, OPUS_FORMAT);
    else media.addAudioCodec(payloadType, 'PCMU/8000');
    media.addSSRC(this.ssrc, `${this.ssrc}`, 'stream', 'track');
    this.track = this.pc.addTrack(media);
    this.track.onMessage(this.onPacket);
    this.track.onOpen(() => {
      this.open = true;
      this.onOpen?.();
    });
  }

  async offer() {
    this.#addTrack('0');
    this.pc.setLocalDescription('offer');
    await this.gathered;
    return this.pc.localDescription().sdp;
  }

  async answer(sdp) {
    this.#addTrack(sdp.match(/a=mid:(\S+)/)[1]);
    this.pc.setRemoteDescription(sdp, 'offer');
    await this.gathered;
    return this.pc.localDescription().sdp;
  }

  accept(sdp) {
    this.pc.setRemoteDescription(sdp, 'answer');
  }

  send(packet) {
    if (this.open && this.track.isOpen()) this.track.sendMessageBinary(packet);
  }

  close() {
    this.open = false;
    this.pc.close();
  }
}

module.exports = { CODECS, COMPLEXITY, DatachannelCall, Packets, decoderOf, encoderOf, payloadOf };
