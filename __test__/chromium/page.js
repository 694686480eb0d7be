// The far end's page: a Phone whose microphone is an oscillator and whose loudspeaker is an Ear.

/* global Channels, Ear, Phone, measureTone, sendCandidate: they come from the scripts before this one and from the test */

class FarEnd extends Phone {
  constructor({ trickle, audio }) {
    super({ RTCPeerConnection, trickle, onCandidate: sendCandidate });
    this.channels = new Channels(this.pc);
    this.audio = audio;
    this.ear = new Ear(audio.sampleRate);
    // After a hold the same track comes again.
    this.pc.addEventListener('track', ({ track }) => {
      if (track !== this.heard) this.listen(track);
    });
  }

  listen(track) {
    this.heard = track;
    const stream = new MediaStream([track]);
    // A remote track is pulled only while an element plays it.
    this.element = new Audio();
    this.element.muted = true;
    this.element.srcObject = stream;
    this.element.play();
    const tap = new AudioWorkletNode(this.audio, 'tap');
    tap.port.onmessage = ({ data }) => this.ear.push(data);
    this.audio.createMediaStreamSource(stream).connect(tap);
  }

  /** Adds a microphone that sounds `hz` at half of full scale. */
  speak(hz) {
    const oscillator = new OscillatorNode(this.audio, { frequency: hz });
    const gain = new GainNode(this.audio, { gain: 0.5 });
    const out = new MediaStreamAudioDestinationNode(this.audio, { channelCount: 1 });
    oscillator.connect(gain).connect(out);
    oscillator.start();
    this.sender = this.addTrack(out.stream.getAudioTracks()[0], out.stream);
  }

  mute(muted) {
    this.sender.track.enabled = !muted;
  }

  hears(...args) {
    return this.ear.hears(...args);
  }

  hearsNothing(...args) {
    return this.ear.hearsNothing(...args);
  }

  hearsKeys(...args) {
    return this.ear.hearsKeys(...args);
  }

  startRecording() {
    this.recording = this.ear.record();
  }

  stopRecording(hz) {
    return measureTone(this.recording.stop(), hz, this.ear.sampleRate);
  }
}

globalThis.open = async ({ hz, trickle }) => {
  const audio = new AudioContext({ sampleRate: 48000 });
  await audio.audioWorklet.addModule('/tap.js');
  globalThis.far = new FarEnd({ trickle, audio });
  if (hz !== null) globalThis.far.speak(hz);
};
