// A call with data whose timers are all mocked, in a process of its own: prints what it could do.

const { mock } = require('node:test');
const rtc = require('webphone-rtc');

mock.timers.enable();

(async () => {
  const [caller, callee] = [0, 1].map(() => new rtc.RTCPeerConnection({ loopback: true }));
  caller.addEventListener('icecandidate', ({ candidate }) => callee.addIceCandidate(candidate));
  callee.addEventListener('icecandidate', ({ candidate }) => caller.addIceCandidate(candidate));
  const source = new rtc.PcmSource();
  caller.addTrack(source.createTrack());
  const channel = caller.createDataChannel('chat');
  const opened = new Promise((resolve) => channel.addEventListener('open', resolve));
  await caller.setLocalDescription(await caller.createOffer());
  await callee.setRemoteDescription(caller.localDescription);
  await callee.setLocalDescription();
  await caller.setRemoteDescription(callee.localDescription);
  await opened;
  await new rtc.PcmSink(callee.getReceivers()[0].track).read();
  caller.close();
  callee.close();
  console.log('talked');
})();
