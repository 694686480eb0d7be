// What a program needs of the implementation that it runs in: the same file in a page and in Node.

const AUDIO_CODECS = ['opus', 'G722', 'PCMU', 'PCMA', 'telephone-event'];

/** @param {{ rtc: object, sources: { audio: MediaStreamTrack, video: MediaStreamTrack }, outlineSdp: Function }} given */
async function makeWorld({ rtc, sources, outlineSdp }) {
  const { RTCPeerConnection, RTCRtpReceiver, MediaStream } = rtc;
  const helper = new RTCPeerConnection();
  const task = () =>
    new Promise((resolve) => {
      if (globalThis.setImmediate) return setImmediate(resolve);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });
  const known = [...RTCRtpReceiver.getCapabilities('audio').codecs, ...RTCRtpReceiver.getCapabilities('video').codecs];
  return {
    RTCPeerConnection,
    MediaStream,
    outlineSdp,
    audioCodecs: AUDIO_CODECS,
    certificate: await RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' }),
    /** Three of audio, two of video. */
    tracks: () => ['audio', 'audio', 'audio', 'video', 'video'].map((kind) => sources[kind].clone()),
    codecs(name) {
      const found = known.filter(({ mimeType }) => mimeType.split('/')[1] === name);
      return found.length > 0 ? found : [{ mimeType: `audio/${name}`, clockRate: 8000, channels: 1 }];
    },
    task,
    pause: () => new Promise((resolve) => setTimeout(resolve, 10)),
    /** What was queued by now has happened: an operation of another connection has gone all the way, and more than once. */
    async settle() {
      for (let n = 0; n < 3; n++) {
        await helper.createOffer();
        await task();
      }
    },
  };
}

module.exports = { makeWorld };
