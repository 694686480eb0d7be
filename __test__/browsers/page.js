// The far end's page: a Phone whose microphone is an oscillator and whose loudspeaker is an Ear.

/* global Channels, Ear, Phone, measureTone, sendCandidate: they come from the scripts before this one and from the test */

class FarEnd extends Phone {
  constructor({ trickle, audio, configuration }) {
    super({ RTCPeerConnection, configuration, trickle, onCandidate: sendCandidate });
    this.channels = new Channels(this.pc);
    this.audio = audio;
    this.ear = new Ear(audio.sampleRate);
    // The first voice is listened to; after a hold the same track comes again.
    this.pc.addEventListener('track', ({ track }) => {
      if (track.kind === 'audio' && !this.heard) this.listen(track);
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
    this.encrypted?.(this.sender);
  }

  mute(muted) {
    this.sender.track.enabled = !muted;
  }

  /**
   * What is sent and received passes the transforms of our own tests. To be called before anything is added: Chromium is deaf
   * to transforms that come later than in the task that a sender or receiver is made in.
   */
  encrypt() {
    this.worker = new Worker('/transforms.js');
    const transform = () => new RTCRtpScriptTransform(this.worker, { name: 'xor' });
    this.encrypted = (sender) => {
      const { receiver } = this.pc.getTransceivers().find((transceiver) => transceiver.sender === sender);
      sender.transform = transform();
      receiver.transform = transform();
    };
  }

  /** Adds a camera that sees something move. */
  show() {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
    const context = canvas.getContext('2d');
    let n = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${(n * 7) % 360} 80% 50%)`;
      context.fillRect(0, 0, 320, 240);
      context.fillStyle = 'black';
      context.fillRect((n * 5) % 320, 60, 40, 40);
      n++;
    }, 33);
    const stream = canvas.captureStream(30);
    this.addTrack(stream.getVideoTracks()[0], stream);
  }

  /** What was decoded of the video that comes. */
  async seen() {
    const report = await this.pc.getStats();
    const entry = [...report.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    const { framesDecoded = 0, keyFramesDecoded = 0, frameWidth = 0, frameHeight = 0, pliCount = 0 } = entry ?? {};
    return { framesDecoded, keyFramesDecoded, frameWidth, frameHeight, pliCount };
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

const LIMIT_MS = 10_000;

globalThis.open = async ({ hz, trickle, configuration }) => {
  const audio = new AudioContext({ sampleRate: 48000 });
  const late = new Promise((_resolve, reject) => {
    setTimeout(reject, LIMIT_MS, new Error('no sound device: Firefox needs one (Debian: apt-get install pulseaudio)'));
  });
  await Promise.race([audio.resume(), late]);
  await audio.audioWorklet.addModule('/tap.js');
  globalThis.far = new FarEnd({ trickle, audio, configuration });
  if (hz !== null) globalThis.far.speak(hz);
};
