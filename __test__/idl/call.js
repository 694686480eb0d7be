// A call in this process that has an object of every interface: sound, a picture, a data channel, digits.

const rtc = require('webphone-rtc');
// Made by messages to workers only.
const { createTransformEvent } = require('../../dist/encoded/RTCTransformEvent.js');
const { createTransformer } = require('../../dist/encoded/RTCRtpScriptTransformer.js');

/** Resolves once `check()` holds; it is asked after each event of `target`. */
function until(target, type, check) {
  return new Promise((resolve) => {
    const look = () => {
      if (!check()) return;
      target.removeEventListener(type, look);
      resolve();
    };
    target.addEventListener(type, look);
    look();
  });
}

async function call() {
  const near = new rtc.RTCPeerConnection({ loopback: true });
  const far = new rtc.RTCPeerConnection({ loopback: true });
  for (const [pc, other] of [
    [near, far],
    [far, near],
  ]) {
    pc.onicecandidate = ({ candidate }) => other.addIceCandidate(candidate);
  }
  const stream = await rtc.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) near.addTrack(track, stream);
  far.ontrack = ({ transceiver, track }) => {
    transceiver.direction = 'sendrecv';
    transceiver.sender.replaceTrack(stream.getTracks().find(({ kind }) => kind === track.kind));
  };
  const channel = near.createDataChannel('idl', { maxRetransmits: 3 });
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
  await until(channel, 'open', () => channel.readyState === 'open');
  const frames = await encodedFrames({ stream });
  return {
    frames,
    near,
    far,
    stream,
    channel,
    end() {
      near.close();
      far.close();
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

/** One encoded frame of each kind. */
async function encodedFrames({ stream }) {
  const near = new rtc.RTCPeerConnection({ loopback: true });
  const far = new rtc.RTCPeerConnection({ loopback: true });
  near.onicecandidate = ({ candidate }) => far.addIceCandidate(candidate);
  far.onicecandidate = ({ candidate }) => near.addIceCandidate(candidate);
  const senders = stream.getTracks().map((track) => near.addTrack(track));
  const readers = senders.map((sender) => sender.createEncodedStreams().readable.getReader());
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
  const frames = await Promise.all(readers.map(async (reader) => (await reader.read()).value));
  near.close();
  far.close();
  return Object.fromEntries(frames.map((frame) => [frame.constructor.name, frame]));
}

/** An object of each interface by name. */
async function objectsOf({ near, stream, channel, frames }) {
  const transformer = createTransformer(0, { name: 'idl' });
  const [transceiver] = near.getTransceivers();
  const { sender, receiver } = transceiver;
  const dtls = sender.transport;
  const devices = await rtc.mediaDevices.enumerateDevices();
  const error = new rtc.RTCError({ errorDetail: 'dtls-failure' });
  const pair = dtls.iceTransport.getSelectedCandidatePair();
  return {
    DeviceChangeEvent: new rtc.DeviceChangeEvent('devicechange', { devices }),
    ...frames,
    InputDeviceInfo: devices[0],
    KeyFrameRequestEvent: new rtc.KeyFrameRequestEvent('keyframerequest'),
    MediaDeviceInfo: devices[0],
    MediaDevices: rtc.mediaDevices,
    MediaStream: stream,
    MediaStreamTrack: stream.getTracks()[0],
    MediaStreamTrackEvent: new rtc.MediaStreamTrackEvent('addtrack', { track: receiver.track }),
    OverconstrainedError: new rtc.OverconstrainedError('width'),
    RTCCertificate: await rtc.RTCPeerConnection.generateCertificate('ECDSA'),
    RTCDTMFSender: sender.dtmf,
    RTCDTMFToneChangeEvent: new rtc.RTCDTMFToneChangeEvent('tonechange'),
    RTCDataChannel: channel,
    RTCDataChannelEvent: new rtc.RTCDataChannelEvent('datachannel', { channel }),
    RTCDtlsTransport: dtls,
    RTCError: error,
    RTCErrorEvent: new rtc.RTCErrorEvent('error', { error }),
    RTCIceCandidate: pair.local,
    RTCIceCandidatePair: pair,
    RTCIceTransport: dtls.iceTransport,
    RTCPeerConnection: near,
    RTCPeerConnectionIceErrorEvent: new rtc.RTCPeerConnectionIceErrorEvent('icecandidateerror', { errorCode: 701 }),
    RTCPeerConnectionIceEvent: new rtc.RTCPeerConnectionIceEvent('icecandidate'),
    RTCRtpReceiver: receiver,
    RTCRtpScriptTransform: new rtc.RTCRtpScriptTransform({ postMessage() {} }),
    RTCRtpScriptTransformer: transformer,
    RTCRtpSender: sender,
    RTCRtpTransceiver: transceiver,
    RTCSctpTransport: near.sctp,
    RTCSessionDescription: near.localDescription,
    RTCStatsReport: await near.getStats(),
    RTCTrackEvent: new rtc.RTCTrackEvent('track', { receiver, track: receiver.track, transceiver }),
    RTCTransformEvent: createTransformEvent(transformer),
  };
}

/** Statistics seen so far, by type and kind, each member once, until `complete` says that no more will come. */
async function statisticsOf({ near, far }, complete) {
  const seen = new Map();
  const look = async () => {
    for (const pc of [near, far]) {
      for (const entry of (await pc.getStats()).values()) {
        const key = entry.type === 'media-source' ? `${entry.kind} ${entry.type}` : entry.type;
        seen.set(key, { ...seen.get(key), ...entry });
      }
    }
  };
  for (let looks = 0; looks < 200; looks++) {
    await look();
    if (complete(seen)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return seen;
}

module.exports = { call, objectsOf, statisticsOf };
