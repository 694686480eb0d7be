// The implementation-under-test interface over the package itself, entered by its public names only.

const RATE = 16000;

function installGlobals() {
  require('webphone-rtc/register');
}

/** As a bridge does it with mocks: class by class, with a document of its own. */
function assignGlobals() {
  const rtc = require('webphone-rtc');
  for (const name of [
    'RTCPeerConnection',
    'RTCSessionDescription',
    'RTCIceCandidate',
    'MediaStream',
    'MediaStreamTrack',
  ])
    globalThis[name] = rtc[name];
  const own = {
    navigator: { mediaDevices: rtc.mediaDevices, userAgent: 'bridge' },
    document: { createElement: () => ({ play: async () => {}, pause() {}, setSinkId: async () => {} }) },
  };
  // Node has a navigator of its own since 21, with a getter and no setter.
  for (const [name, value] of Object.entries(own))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

const factory = (context) => require('webphone-rtc/webphone').webRtcSessionFactory(context);

/** What a bridge does with a call's audio: write(pcm) to the far side, heard(pcm, sampleRate) from it, digit(event). */
function openAudio(session, { heard, digit }) {
  const { callAudio } = require('webphone-rtc/webphone');
  const audio = callAudio(session); // audio.source follows the call to another microphone
  const { sink, dtmf } = audio;
  sink.on('data', (frame) => heard(frame.samples, frame.sampleRate));
  dtmf.on('digit', ({ tone, duration }) => digit({ digit: tone, durationMs: duration }));
  return {
    sampleRate: RATE,
    frame: RATE / 50,
    write(pcm) {
      audio.source.write(pcm, { sampleRate: RATE });
    },
    close() {
      sink.close();
    },
  };
}

const { mediaDevices } = require('webphone-rtc');

module.exports = {
  name: 'webphone-rtc',
  mediaDevices,
  installGlobals,
  assignGlobals,
  factory,
  openAudio,
  exitsByItself: true,
  receivesDtmf: true,
};
