// The two implementations that are compared, behind one interface: both have the W3C classes and node-webrtc's source and sink.

const path = require('node:path');
const { createRequire } = require('node:module');
const { ownFolder, ownVersion } = require('../own');
const { ROAMHQ_FOLDER } = require('./install');

const KEYS = ['own', 'roamhq'];
const NAMES = { own: 'webphone-rtc', roamhq: '@roamhq/wrtc' };

const FRAME_MS = 10;

function load(key) {
  if (key === 'own') return require(ownFolder());
  return createRequire(path.join(ROAMHQ_FOLDER, 'x.js'))(NAMES.roamhq);
}

function version(key) {
  if (key === 'own') return ownVersion();
  return require(path.join(ROAMHQ_FOLDER, 'node_modules', NAMES.roamhq, 'package.json')).version;
}

/** A connection that takes 127.0.0.1 as an address; libwebrtc does by itself. */
const connection = (rtc) => new rtc.RTCPeerConnection({ loopback: true });

/** Resolves with the description once it has all candidates. */
async function describe(pc, description) {
  await pc.setLocalDescription(description);
  while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 5));
  return pc.localDescription.sdp;
}

/** An end that sends: `push` takes 10 ms of mono samples. */
class Talker {
  #source;

  constructor(rtc) {
    this.#source = new rtc.nonstandard.RTCAudioSource();
    this.pc = connection(rtc);
    this.pc.addTransceiver(this.#source.createTrack(), { direction: 'sendonly' });
  }

  async offer() {
    return describe(this.pc, await this.pc.createOffer());
  }

  accept(sdp) {
    return this.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  push(samples, sampleRate) {
    const numberOfFrames = samples.length;
    this.#source.onData({ samples, sampleRate, bitsPerSample: 16, channelCount: 1, numberOfFrames });
  }
}

/** An end that hears: `onFrame(samples, sampleRate)` gets mono frames. */
class Ear {
  constructor(rtc, onFrame) {
    this.pc = connection(rtc);
    this.pc.addEventListener('track', ({ track }) => {
      this.sink = new rtc.nonstandard.RTCAudioSink(track);
      this.sink.ondata = ({ samples, sampleRate, channelCount }) =>
        onFrame(channelCount === 1 ? samples : samples.filter((_, i) => i % channelCount === 0), sampleRate);
    });
  }

  async answer(offer) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp: offer });
    return describe(this.pc, await this.pc.createAnswer());
  }
}

/** Resolves once `pc` is connected. */
async function connected(pc, limitMs = 15_000) {
  for (let waited = 0; pc.connectionState !== 'connected'; waited += 10) {
    if (waited > limitMs || pc.connectionState === 'failed') throw new Error(`connection is ${pc.connectionState}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The members of the first statistics object of that type. */
async function statsOf(pc, type) {
  return { ...[...(await pc.getStats()).values()].find((stats) => stats.type === type) };
}

module.exports = { Ear, FRAME_MS, KEYS, NAMES, Talker, connected, load, statsOf, version };
