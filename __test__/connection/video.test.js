// Video over the real engine: what is offered, what arrives, what is counted.

const { mediaDevices, RTCPeerConnection, RTCRtpSender } = require('webphone-rtc');

const name = ({ mimeType, clockRate, sdpFmtpLine }) => `${mimeType.split('/')[1]}/${clockRate} ${sdpFmtpLine ?? ''}`;

test.each(['audio', 'video'])('capabilities are what an offer has, in its order: %s', async (kind) => {
  const connection = new RTCPeerConnection();
  connection.addTransceiver(kind);
  const { sdp } = await connection.createOffer();
  connection.close();
  const fmtp = new Map([...sdp.matchAll(/^a=fmtp:(\d+) (.*)\r$/gm)].map(([, type, line]) => [type, line]));
  const offered = [...sdp.matchAll(/^a=rtpmap:(\d+) (\w[\w-]*)\/(\d+)/gm)]
    .map(([, type, codec, rate]) => `${codec}/${rate} ${fmtp.get(type) ?? ''}`)
    .filter((codec) => !codec.startsWith('rtx/'));
  const { codecs, headerExtensions } = RTCRtpSender.getCapabilities(kind);
  expect(codecs.map(name).filter((codec) => !codec.startsWith('rtx/'))).toEqual(offered);
  const extensions = [...sdp.matchAll(/^a=extmap:\d+ (.*)\r$/gm)].map(([, uri]) => uri);
  expect(headerExtensions.map(({ uri }) => uri)).toEqual(extensions);
});

test('a camera track unmutes at the far end and both ends count it', async () => {
  const near = new RTCPeerConnection();
  const far = new RTCPeerConnection();
  near.onicecandidate = ({ candidate }) => far.addIceCandidate(candidate);
  far.onicecandidate = ({ candidate }) => near.addIceCandidate(candidate);
  const stream = await mediaDevices.getUserMedia({ video: true });
  near.addTrack(stream.getVideoTracks()[0], stream);
  const seen = new Promise((resolve) => {
    far.ontrack = ({ track }) => {
      expect([track.kind, track.muted]).toEqual(['video', true]);
      track.onunmute = resolve;
    };
  });
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
  await seen;
  const stats = async (connection, type) => [...(await connection.getStats()).values()].find((it) => it.type === type);
  const sent = await stats(near, 'outbound-rtp');
  const came = await stats(far, 'inbound-rtp');
  expect(sent).toMatchObject({ kind: 'video', frameWidth: 640, frameHeight: 480, encodingIndex: 0 });
  expect(sent.keyFramesEncoded).toBe(sent.framesSent);
  expect(came).toMatchObject({ kind: 'video', ssrc: sent.ssrc, framesDecoded: 0, packetsLost: 0 });
  expect(came.framesReceived).toBeGreaterThanOrEqual(1);
  expect(came).not.toHaveProperty('audioLevel');
  const codec = await stats(near, 'codec');
  expect(codec).toMatchObject({ id: sent.codecId, mimeType: 'video/VP8', clockRate: 90000 });
  expect(far.getReceivers()[0].getSynchronizationSources()[0].source).toBe(sent.ssrc);
  const [{ iceTransport }] = [near.getSenders()[0].transport];
  expect(iceTransport.role).toBe('controlling');
  expect(far.getReceivers()[0].transport.iceTransport.getRemoteParameters()).toEqual(iceTransport.getLocalParameters());
  near.close();
  far.close();
});

test('every reference in a report leads to an entry of it', async () => {
  const near = new RTCPeerConnection();
  const far = new RTCPeerConnection();
  near.onicecandidate = ({ candidate }) => far.addIceCandidate(candidate);
  far.onicecandidate = ({ candidate }) => near.addIceCandidate(candidate);
  const stream = await mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) near.addTrack(track, stream);
  const unmuted = [];
  far.ontrack = ({ track }) => unmuted.push(new Promise((resolve) => (track.onunmute = resolve)));
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
  await Promise.all(unmuted);
  for (const connection of [near, far]) {
    const report = await connection.getStats();
    for (const entry of report.values()) {
      for (const [key, value] of Object.entries(entry)) {
        if (/Id$/.test(key)) expect([entry.type, key, report.has(value)]).toEqual([entry.type, key, true]);
      }
    }
  }
  near.close();
  far.close();
});
