// The implementations that are compared, behind one interface: `answer`, `push` of 10 ms of PCM, PCM out, `close`, and that
// media can flow.

const { beforeFolder, buildVersion, ownFolder } = require('../own');
const { load, versionOf } = require('./install');
const { CODECS, DatachannelCall, Packets, decoderOf, encoderOf, payloadOf } = require('./rtp');

const PACKET_MS = 20;

/** What is compared unless somebody says otherwise. */
const RIVALS = ['own', 'dropin', 'ndc', 'roamhq'];
const KEYS = [...RIVALS, 'before'];
const NAMES = {
  own: 'webphone-rtc',
  dropin: 'webphone-rtc as @roamhq/wrtc',
  ndc: 'node-datachannel',
  roamhq: '@roamhq/wrtc',
  before: 'another build',
};
const BUILDS = { own: ownFolder, dropin: ownFolder, before: beforeFolder };

/**
 * What is pushed and heard of a call by this package's own classes: a frame for each packet, as node-datachannel's application
 * has. Another build may not know `reuseFrames`; then each frame has its own memory.
 */
class PcmEnds {
  constructor(rtc, rateHz, onPcm) {
    const source = new rtc.PcmSource({ sampleRate: rateHz });
    this.createTrack = () => source.createTrack();
    this.push = (samples) => source.write(samples);
    this.listen = (track) => {
      this.sink = new rtc.PcmSink(track, { sampleRate: rateHz, frameMs: PACKET_MS, reuseFrames: true });
      this.sink.on('data', ({ samples, sampleRate }) => onPcm(samples, sampleRate));
    };
  }

  stop() {
    this.sink?.close();
  }
}

/** The same by node-webrtc's source and sink, 10 ms at a time. */
class AudioEnds {
  constructor(rtc, rateHz, onPcm) {
    const source = new rtc.nonstandard.RTCAudioSource();
    const data = {
      samples: null,
      sampleRate: rateHz,
      bitsPerSample: 16,
      channelCount: 1,
      numberOfFrames: rateHz / 100,
    };
    this.createTrack = () => source.createTrack();
    this.push = (samples) => {
      data.samples = samples;
      source.onData(data);
    };
    this.listen = (track) => {
      // @roamhq/wrtc has no such option: it gives what it decodes.
      this.sink = new rtc.nonstandard.RTCAudioSink(track, { sampleRate: rateHz });
      this.sink.ondata = ({ samples, sampleRate }) => onPcm(samples, sampleRate);
    };
  }

  stop() {
    this.sink?.stop();
  }
}

/** An end with the W3C classes. */
class StandardCall {
  constructor(rtc, ends, onConnected) {
    this.ends = ends;
    this.pc = new rtc.RTCPeerConnection();
    this.pc.addEventListener('connectionstatechange', () => {
      if (this.pc.connectionState === 'connected') onConnected();
    });
    this.pc.addEventListener('track', ({ track }) => ends.listen(track));
  }

  async answer(sdp) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    this.pc.addTrack(this.ends.createTrack());
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    if (this.pc.iceGatheringState !== 'complete') {
      await new Promise((resolve) => {
        this.pc.addEventListener('icegatheringstatechange', () => {
          if (this.pc.iceGatheringState === 'complete') resolve();
        });
      });
    }
    return this.pc.localDescription.sdp;
  }

  push(samples) {
    this.ends.push(samples);
  }

  close() {
    this.ends.stop();
    this.pc.close();
  }
}

/** node-datachannel, and what an application writes around it. */
class PacketCall {
  #half = null;

  constructor(codec, onPcm, onConnected) {
    const { payloadType, rateHz } = CODECS[codec];
    const [encode, decode] = [encoderOf(codec), decoderOf(codec)];
    const onPacket = (packet) => {
      const payload = payloadOf(packet, payloadType);
      if (payload) onPcm(decode(payload), rateHz);
    };
    this.call = new DatachannelCall(codec, onPacket, onConnected);
    this.packets = new Packets(codec, this.call.ssrc);
    this.encode = encode;
  }

  answer(sdp) {
    return this.call.answer(sdp);
  }

  push(samples) {
    if (!this.call.open) return;
    if (!this.#half) {
      this.#half = samples;
      return;
    }
    const pcm = new Int16Array(2 * samples.length);
    pcm.set(this.#half);
    pcm.set(samples, samples.length);
    this.#half = null;
    this.call.send(this.packets.next(this.encode(pcm)));
  }

  close() {
    this.call.close();
  }
}

/** @returns {(codec: string, onPcm: (samples: Int16Array, rateHz: number) => void, onConnected: () => void) => StandardCall | PacketCall} */
function loadImplementation(key) {
  if (key === 'ndc') {
    load('node-datachannel');
    return (codec, onPcm, onConnected) => new PacketCall(codec, onPcm, onConnected);
  }
  const rtc = key in BUILDS ? require(BUILDS[key]()) : load('@roamhq/wrtc');
  const Ends = ['roamhq', 'dropin'].includes(key) ? AudioEnds : PcmEnds;
  return (codec, onPcm, onConnected) => new StandardCall(rtc, new Ends(rtc, CODECS[codec].rateHz, onPcm), onConnected);
}

function version(key) {
  if (key in BUILDS) return buildVersion(BUILDS[key]());
  const own = versionOf(NAMES[key]);
  return key === 'ndc' ? `${own} with @evan/opus ${versionOf('@evan/opus')}` : own;
}

module.exports = { KEYS, NAMES, RIVALS, loadImplementation, version };
