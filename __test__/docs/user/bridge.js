// A reader's bridge.js, as short as it can be: a call of two connections, up and closed.

const { RTCPeerConnection, PcmSource } = require('webphone-rtc');

async function call() {
  const [caller, called] = [1, 2].map(() => new RTCPeerConnection({ loopback: true }));
  const give = (from, to) =>
    from.addEventListener('icecandidate', ({ candidate }) => candidate && to.addIceCandidate(candidate));
  give(caller, called);
  give(called, caller);
  const up = new Promise((resolve) => {
    called.addEventListener('connectionstatechange', () => called.connectionState === 'connected' && resolve());
  });
  caller.addTrack(new PcmSource({ sampleRate: 16000 }).createTrack());
  await caller.setLocalDescription();
  await called.setRemoteDescription(caller.localDescription);
  await called.setLocalDescription();
  await caller.setRemoteDescription(called.localDescription);
  await up;
  caller.close();
  called.close();
}

call();
