// Our end of a call in this process: a Phone with a voice and an ear.
// Invariant: `end()` leaves nothing behind, whatever state the call is in.

const { configuration, openEar, openVoice, rtc } = require('./implementation');
const { Phone } = require('./phone');
const { measureTone } = require('./tone');

class Talker extends Phone {
  /** @param {{ hz?: number | null, queueMs?: number, trickle?: boolean, onCandidate?: (candidate: object | null) => void, certificates?: RTCCertificate[], network?: RTCConfiguration }} options hz null: no microphone yet */
  constructor({ hz = null, queueMs, trickle, onCandidate, certificates = [], network = {} } = {}) {
    const own = { ...configuration, certificates, ...network };
    super({ RTCPeerConnection: rtc.RTCPeerConnection, configuration: own, trickle, onCandidate });
    this.queueMs = queueMs;
    this.keys = '';
    this.pc.addEventListener('track', ({ track }) => {
      this.ear ??= openEar(track);
    });
    this.pc.addEventListener('dtmf', ({ tone }) => {
      this.keys += tone;
      this.changed();
    });
    if (hz !== null) this.speak(hz);
  }

  speak(hz) {
    this.voice = openVoice(hz, { queueMs: this.queueMs });
    this.sender = this.addTrack(this.voice.track);
  }

  mute(muted) {
    this.voice.track.enabled = !muted;
  }

  async hears(...args) {
    await this.until(() => this.ear, 'a track has come');
    return this.ear.hears(...args);
  }

  async hearsNothing(...args) {
    return this.ear.hearsNothing(...args);
  }

  hearsKeys(keys) {
    return this.until(() => this.keys === keys, `the keys ${keys} have come`);
  }

  startRecording() {
    this.recording = this.ear.record();
  }

  stopRecording(hz) {
    return measureTone(this.recording.stop(), hz, this.ear.sampleRate);
  }

  end() {
    this.close();
    this.voice?.stop();
    this.ear?.stop();
  }
}

module.exports = { Talker };
