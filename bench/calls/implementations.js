// The implementations that are compared, behind one interface: `answer`, `push` of 10 ms of PCM, PCM out, `close`, and that
// media can flow.

const { beforeFolder, buildVersion, ownFolder } = require('../own');
const { load, versionOf } = require('./install');
const { CODECS, DatachannelCall, Packets, decoderOf, encoderOf, payloadOf } = require('./rtp');

/** What is compared unless somebody says otherwise. */
const RIVALS = ['own', 'ndc', 'roamhq'];
const KEYS = [...RIVALS, 'before'];
const NAMES = { own: 'webphone-rtc', ndc: 'node-datachannel', roamhq: '@roamhq/wrtc', before: 'another build' };
const BUILDS = { own: ownFolder, before: beforeFolder };

/** An end with the W3C classes and node-webrtc's source and sink. */
class StandardCall {
  #source;
  #data;

  constructor(rtc, codec, onPcm, onConnected) {
    this.rtc = rtc;
    this.rateHz = CODECS[codec].rateHz;
    this.pc = new rtc.RTCPeerConnection();
    this.#source = new rtc.nonstandard.RTCAudioSource();
    const frames = this.rateHz / 100;
    this.#data = { samples: null, sampleRate: this.rateHz, bitsPerSample: 16, channelCount: 1, numberOfFrames: frames };
    this.pc.addEventListener('connectionstatechange', () => {
      if (this.pc.connectionState === 'connected') onConnected();
    });
    this.pc.addEventListener('track', ({ track }) => {
      // @roamhq/wrtc has no such option: it gives what it decodes.
      this.sink = new rtc.nonstandard.RTCAudioSink(track, { sampleRate: this.rateHz });
      this.sink.ondata = ({ samples, sampleRate }) => onPcm(samples, sampleRate);
    });
  }

  async answer(sdp) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    this.pc.addTrack(this.#source.createTrack());
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
    this.#data.samples = samples;
    this.#source.onData(this.#data);
  }

  close() {
    this.sink?.stop();
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
  return (codec, onPcm, onConnected) => new StandardCall(rtc, codec, onPcm, onConnected);
}

function version(key) {
  if (key in BUILDS) return buildVersion(BUILDS[key]());
  const own = versionOf(NAMES[key]);
  return key === 'ndc' ? `${own} with @evan/opus ${versionOf('@evan/opus')}` : own;
}

module.exports = { KEYS, NAMES, RIVALS, loadImplementation, version };
