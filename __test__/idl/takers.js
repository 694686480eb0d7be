// Where each dictionary is taken. A connection of its own for each, so that nothing is left over from the one before.

const rtc = require('webphone-rtc');

const CODEC = { mimeType: 'audio/opus', clockRate: 48000, channels: 2, sdpFmtpLine: 'minptime=10;useinbandfec=1' };

/** Runs `use` over a new connection; what it gives is read before the connection is closed. */
async function connected(use) {
  const pc = new rtc.RTCPeerConnection();
  try {
    return await use(pc);
  } finally {
    pc.close();
  }
}

function configured(configuration) {
  const pc = new rtc.RTCPeerConnection(configuration);
  const result = pc.getConfiguration();
  pc.close();
  return result;
}

const self = (value) => value;
const event = (name, valid) => ({ take: (init) => new rtc[name]('x', init), valid, shown: self });

/** Stands for the value that getParameters() gives: parameters are good for one task only. */
const KEPT = Symbol('as it is');

const keeping = (init, from) =>
  new Proxy(init, {
    get(target, key) {
      const value = target[key];
      return value === KEPT ? from[key] : value;
    },
  });

/** `part` puts what is to be tried into the parameters of `sender`. */
function parameters(sender, of, part) {
  return {
    take: (init) => {
      const now = sender.getParameters();
      return sender.setParameters(part(now, keeping(init, of(now))));
    },
    valid: Object.fromEntries(Object.keys(of(sender.getParameters())).map((key) => [key, KEPT])),
  };
}

const constrained = async (constraints) => {
  const [track] = (await rtc.mediaDevices.getUserMedia({ audio: true })).getTracks();
  try {
    await track.applyConstraints(constraints);
  } finally {
    track.stop();
  }
};

/** By dictionary; the objects are those of a call. */
function takers({ near, channel, stream, frames }) {
  const [transceiver] = near.getTransceivers();
  const { sender, receiver } = transceiver;
  const { track } = receiver;
  const error = new rtc.RTCError({ errorDetail: 'dtls-failure' });
  return {
    DeviceChangeEventInit: event('DeviceChangeEvent', {}),
    MediaStreamTrackEventInit: event('MediaStreamTrackEvent', { track }),
    RTCDTMFToneChangeEventInit: event('RTCDTMFToneChangeEvent', {}),
    RTCDataChannelEventInit: event('RTCDataChannelEvent', { channel }),
    RTCErrorEventInit: event('RTCErrorEvent', { error }),
    RTCPeerConnectionIceErrorEventInit: event('RTCPeerConnectionIceErrorEvent', { errorCode: 701 }),
    RTCPeerConnectionIceEventInit: event('RTCPeerConnectionIceEvent', {}),
    RTCTrackEventInit: event('RTCTrackEvent', { receiver, track, transceiver }),

    RTCConfiguration: { take: configured, shown: self },
    RTCIceServer: { take: (init) => configured({ iceServers: [init] }), valid: { urls: 'stun:127.0.0.1' } },
    RTCOfferOptions: { take: (init) => connected((pc) => pc.createOffer(init)) },
    RTCSessionDescriptionInit: {
      take: (init) => new rtc.RTCSessionDescription(init),
      valid: { type: 'answer' },
      shown: self,
    },
    RTCLocalSessionDescriptionInit: { take: (init) => connected((pc) => pc.setLocalDescription(init)) },
    RTCLocalIceCandidateInit: {
      take: (init) => new rtc.RTCIceCandidate(init),
      valid: { sdpMLineIndex: 0 },
      needs: { sdpMLineIndex: { sdpMid: '0' } },
      shown: self,
    },
    RTCIceCandidateInit: {
      take: (init) =>
        connected(async (pc) => {
          pc.createDataChannel('');
          const other = new rtc.RTCPeerConnection();
          await other.setRemoteDescription(await pc.createOffer());
          await other.addIceCandidate(init);
          other.close();
        }),
      valid: { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMLineIndex: 0 },
    },
    RTCRtpTransceiverInit: {
      take: (init) => connected((pc) => pc.addTransceiver('audio', init).direction),
      shown: (direction) => ({ direction, streams: [], sendEncodings: [] }),
      valid: { streams: [stream], sendEncodings: [{}] },
    },
    RTCRtpEncodingParameters: {
      // A second layer, because one alone has no rid.
      take: (init) =>
        connected((pc) => {
          const { sender } = pc.addTransceiver('video', { sendEncodings: [init, { rid: 'second' }] });
          return sender.getParameters().encodings[0];
        }),
      valid: { rid: 'first' },
      shown: self,
    },
    RTCRtpCodec: {
      take: (init) => connected((pc) => pc.addTransceiver('audio').setCodecPreferences([init])),
      valid: CODEC,
    },
    RTCRtpSendParameters: parameters(
      sender,
      (now) => now,
      (_, init) => init,
    ),
    RTCRtpCodecParameters: parameters(
      sender,
      ({ codecs: [codec] }) => codec,
      (now, init) => ({ ...now, codecs: [init, ...now.codecs.slice(1)] }),
    ),
    RTCRtpHeaderExtensionParameters: parameters(
      sender,
      ({ headerExtensions: [extension] }) => extension,
      (now, init) => ({ ...now, headerExtensions: [init, ...now.headerExtensions.slice(1)] }),
    ),
    RTCRtcpParameters: parameters(
      sender,
      ({ rtcp }) => rtcp,
      (now, rtcp) => ({ ...now, rtcp }),
    ),
    ...Object.fromEntries(
      Object.entries(frames).flatMap(([name, frame]) => [
        [`${name}Options`, { take: (init) => new rtc[name](frame, init) }],
        [
          `${name}Metadata`,
          {
            take: (metadata) => new rtc[name](frame, { metadata }).getMetadata(),
            valid: frame.getMetadata(),
            shown: self,
          },
        ],
      ]),
    ),
    WorkerAndParameters: {
      take: (init) => new rtc.RTCRtpScriptTransform(init),
      valid: { worker: { postMessage() {} } },
    },
    RTCDataChannelInit: {
      take: (init) => connected((pc) => pc.createDataChannel('', init)),
      needs: { id: { negotiated: true }, negotiated: { id: 1 } },
      shown: self,
    },
    RTCErrorInit: { take: (init) => new rtc.RTCError(init), valid: { errorDetail: 'dtls-failure' } },
    MediaStreamConstraints: { take: (init) => rtc.mediaDevices.getUserMedia(init), valid: { audio: true } },
    MediaTrackConstraints: { take: constrained },
    MediaTrackConstraintSet: { take: (init) => constrained({ advanced: [init] }) },
    ConstrainULongRange: { take: (sampleSize) => constrained({ sampleSize }) },
    ConstrainDoubleRange: { take: (latency) => constrained({ latency }) },
    ConstrainBooleanParameters: { take: (noiseSuppression) => constrained({ noiseSuppression }) },
    ConstrainDOMStringParameters: { take: (groupId) => constrained({ groupId }) },
    ConstrainBooleanOrDOMStringParameters: { take: (echoCancellation) => constrained({ echoCancellation }) },
  };
}

module.exports = { takers };
