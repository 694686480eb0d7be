// One call in one process, with nothing but the package itself: what a release tries on machines that have nothing else.
// Ends by itself: 0 if the called side heard the caller.

const { MediaStream, PcmSink, PcmSource, RTCPeerConnection, version } = require('../..');

const HEARD = 1000; // of 32767

async function call() {
  const [caller, called] = [1, 2].map(() => new RTCPeerConnection({ loopback: true }));
  caller.onicecandidate = ({ candidate }) => called.addIceCandidate(candidate ?? undefined);
  called.onicecandidate = ({ candidate }) => caller.addIceCandidate(candidate ?? undefined);
  const arrived = new Promise((resolve) => {
    called.ontrack = ({ track }) => resolve(track);
  });

  const source = new PcmSource({ sampleRate: 16000 });
  const track = source.createTrack();
  caller.addTrack(track, new MediaStream([track]));
  await caller.setLocalDescription();
  await called.setRemoteDescription(caller.localDescription);
  await called.setLocalDescription();
  await caller.setRemoteDescription(called.localDescription);

  const period = Int16Array.from({ length: 320 }, (_, n) => Math.round(8000 * Math.sin((2 * Math.PI * n) / 16)));
  const speaking = setInterval(() => source.write(period), 20);
  for await (const { samples } of new PcmSink(await arrived)) if (samples.some((sample) => sample > HEARD)) break;
  clearInterval(speaking);
  caller.close();
  called.close();
}

call().then(() => console.log(`webphone-rtc ${version} on ${process.version}: a call was connected and heard`));
