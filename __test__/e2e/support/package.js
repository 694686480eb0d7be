// The implementation-under-test interface over the package itself, entered by its public names only.

const RATE = 16000;

function installGlobals() {
  require('webphone-rtc/register');
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
  factory,
  openAudio,
  exitsByItself: true,
  receivesDtmf: true,
};
