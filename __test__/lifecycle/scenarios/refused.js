// What calls that are closed before they are answered keep of the system's descriptors.

const { readdirSync } = require('node:fs');
const { configuration, rtc } = require('../../support/implementation');
const say = require('./say');

const descriptors = () => readdirSync('/proc/self/fd').length;

async function refuse(offer) {
  const pc = new rtc.RTCPeerConnection(configuration);
  await pc.setRemoteDescription(offer);
  pc.close();
}

(async () => {
  const caller = new rtc.RTCPeerConnection(configuration);
  caller.addTransceiver('audio');
  const offer = await caller.createOffer();
  // What the first one needs, the process keeps.
  await refuse(offer);
  const before = descriptors();
  for (let calls = 0; calls < 50; calls++) await refuse(offer);
  say({ kept: descriptors() - before });
  caller.close();
})();
