// Objects that nobody uses: each must leave the process free to end. The argument names which.

const { configuration, openEar, rtc } = require('../../support/implementation');
const say = require('./say');

/** What makes a connection with a section for sound and does that with it. */
const withAudio = (use) => () => {
  const pc = new rtc.RTCPeerConnection(configuration);
  pc.addTransceiver('audio');
  use(pc);
  return pc;
};

const make = {
  connection: () => new rtc.RTCPeerConnection(configuration),
  'connection with a track': () => new rtc.RTCPeerConnection(configuration).addTrack(new rtc.PcmSource().createTrack()),
  'connection with listeners': () => {
    const pc = new rtc.RTCPeerConnection(configuration);
    pc.onconnectionstatechange = pc.ontrack = pc.onnegotiationneeded = () => {};
    pc.addTransceiver('audio');
    pc.createDataChannel('x');
  },
  'connection asked for statistics': withAudio((pc) => pc.getStats()),
  'connection asked for an offer': withAudio((pc) => pc.createOffer()),
  'connection with an empty description': () => {
    const pc = new rtc.RTCPeerConnection(configuration);
    pc.setLocalDescription();
    return pc;
  },
  'connection whose offer was taken back': withAudio((pc) => {
    pc.setLocalDescription();
    pc.setLocalDescription({ type: 'rollback' });
  }),
  'connection that refuses all sections': () => {
    const far = new rtc.RTCPeerConnection(configuration);
    const pc = new rtc.RTCPeerConnection(configuration);
    far.addTransceiver('audio');
    far.createOffer().then(({ type, sdp }) => {
      pc.setRemoteDescription({ type, sdp: sdp.replace(/^m=audio \d+/m, 'm=audio 0') });
      pc.setLocalDescription();
    });
    return pc;
  },
  PcmSource: () => new rtc.PcmSource(),
  'PcmSource with a full queue': () => {
    const source = new rtc.PcmSource({ queueMs: 100 });
    source.createTrack();
    source.on('drain', () => {});
    while (source.write(new Int16Array(160)));
  },
  PcmSink: () => openEar(new rtc.PcmSource().createTrack()),
  'PcmSink being read': () => {
    const track = new rtc.PcmSource().createTrack();
    (async () => {
      for await (const frame of new rtc.PcmSink(track)) void frame;
    })();
  },
  microphone: () => rtc.mediaDevices.getUserMedia({ audio: true }),
};

const made = make[process.argv[2]]();
say('made');
// Held for the life of the process, so that it is not garbage collection that frees the process.
globalThis.made = made;
