// The system has no descriptor left when the first call wants a thread, and then has some again.

const { closeSync, openSync } = require('node:fs');
const { configuration, rtc } = require('../../support/implementation');
const say = require('./say');

function takeAll() {
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch {
    return () => {
      for (const descriptor of taken) closeSync(descriptor);
    };
  }
}

(async () => {
  const pc = new rtc.RTCPeerConnection(configuration);
  pc.addTransceiver('audio');
  const giveBack = takeAll();
  const failed = await pc.setLocalDescription().then(
    () => null,
    ({ name }) => name,
  );
  giveBack();
  const candidates = [];
  const gathered = new Promise((resolve) => {
    pc.onicecandidate = ({ candidate }) => (candidate ? candidates.push(candidate) : resolve());
  });
  await pc.setLocalDescription();
  await gathered;
  say({ failed, gathers: candidates.length > 0 });
  pc.close();
})();
