// The implementation-under-test interface over @roamhq/wrtc (libwebrtc): an oracle that proves the switch and the tests themselves.
// Not a dependency of the project: E2E_ROAMHQ names a folder whose node_modules has it.

const path = require('node:path');
const { createRequire } = require('node:module');

const wrtc = createRequire(path.join(process.env.E2E_ROAMHQ ?? process.cwd(), 'x.js'))('@roamhq/wrtc');
const RATE = 48000;
const sources = new Map();

function microphone() {
  const source = new wrtc.nonstandard.RTCAudioSource();
  const track = source.createTrack();
  sources.set(track.id, source);
  return new wrtc.MediaStream([track]);
}

function installGlobals() {
  const mediaDevices = {
    getUserMedia: async () => microphone(),
    enumerateDevices: async () => [
      { kind: 'audioinput', deviceId: 'first', label: '', groupId: '' },
      { kind: 'audioinput', deviceId: 'second', label: '', groupId: '' },
    ],
  };
  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  define('RTCPeerConnection', wrtc.RTCPeerConnection);
  define('MediaStream', wrtc.MediaStream);
  define('navigator', { mediaDevices });
  define('document', { createElement: () => ({ async setSinkId() {} }) });
}

/** What a bridge does with a call's audio: write({pcm}) to the far side, heard(pcm, sampleRate) from it, digit(d). */
function openAudio(session, { heard }) {
  const receiver = session.rtcPeerConnection.getReceivers().find((r) => r.track.kind === 'audio');
  const sink = new wrtc.nonstandard.RTCAudioSink(receiver.track);
  sink.ondata = ({ samples, sampleRate }) => heard(samples, sampleRate);
  return {
    sampleRate: RATE,
    frame: RATE / 100,
    write(pcm) {
      const track = session.mediaStream.getAudioTracks()[0];
      sources
        .get(track?.id)
        ?.onData({ samples: pcm, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: pcm.length });
    },
    close() {
      sink.stop();
    },
  };
}

module.exports = {
  name: 'roamhq',
  installGlobals,
  factory: null,
  openAudio,
  exitsByItself: false,
  receivesDtmf: false,
  knownProblem: /different encoding count/,
};
