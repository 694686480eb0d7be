// Two calls of one process, and a panic in a part of the engine that works for one of them. The argument names the part. Says
// what came of the call that was hit, and that the other is heard as before.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { CallRecorder, PcmSink, PcmSource, RTCPeerConnection, connectionId } = require('webphone-rtc');
const { LEFT_HZ, Pair, RIGHT_HZ } = require('../support/pair');
// An addon with the feature `faults`.
const { injectFault } = require(process.env.NAPI_RS_NATIVE_LIBRARY_PATH);
const say = require('../lifecycle/scenarios/say');

function inject(place, phone) {
  if (!injectFault(place, phone && connectionId(phone.pc))) throw new Error(`there is no place '${place}'`);
}

/** Within the task of the connection: nothing has to be done for it. */
const within = (place) => async (hit) => {
  inject(place, hit.left);
  await hit.left.failed();
};

const parts = {
  Datagram: within('Datagram'),
  Gathering: within('Gathering'),
  Send: within('Send'),
  Play: within('Play'),
  Outlet: within('Outlet'),
  Command: async (hit) => {
    inject('Command', hit.left);
    const answered = Boolean(await hit.left.pc.getStats());
    await hit.left.failed();
    return { answered };
  },
  Close: async (hit) => {
    inject('Close', hit.left);
    hit.left.pc.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
  },
  Border: async (hit) => {
    inject('Border', hit.left);
    const refused = await hit.left.pc.createOffer().catch(({ name, message }) => ({ name, message }));
    await hit.left.failed();
    return { refused };
  },
  Drain: async (hit) => {
    inject('Drain', hit.left);
    hit.left.pc.getStats(); // something that is reported
    await hit.left.failed();
  },
  'Outlet of a local track': async () => {
    const sink = new PcmSink(new PcmSource().createTrack());
    let frames = 0;
    for await (const _ of sink) if (++frames === 5) inject('Outlet');
    return { frames: frames >= 5 };
  },
  Recording: async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'webphone-rtc-containment-'));
    const recorder = new CallRecorder({ left: new PcmSource(), path: path.join(folder, 'call.wav') });
    inject('Recording');
    const refused = await new Promise((resolve) => recorder.once('error', ({ name }) => resolve(name)));
    fs.rmSync(folder, { recursive: true });
    return { refused };
  },
  LookUp: async () => {
    const iceServers = [{ urls: 'stun:no-such-name.invalid' }];
    const pc = new RTCPeerConnection({ iceServers });
    pc.addTransceiver('audio');
    const codes = [];
    pc.onicecandidateerror = ({ errorCode }) => codes.push(errorCode);
    inject('LookUp');
    await pc.setLocalDescription();
    while (pc.iceGatheringState !== 'complete')
      await new Promise((resolve) => pc.addEventListener('icegatheringstatechange', resolve, { once: true }));
    pc.close();
    return { codes: [...new Set(codes)] };
  },
};

(async () => {
  const warnings = [];
  process.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  const [hit, other] = [new Pair(), new Pair()];
  await Promise.all([hit.connect(), other.connect()]);
  await Promise.all([hit.talks(), other.talks()]);
  const part = process.argv[2];
  const more = await parts[part](hit);
  await Promise.all([other.left.hears(RIGHT_HZ), other.right.hears(LEFT_HZ)]);
  // A new call can be made as well.
  const next = new Pair();
  await next.connect();
  await next.talks();
  say({
    hit: hit.left.pc.connectionState,
    other: [other.left.pc.connectionState, other.right.pc.connectionState],
    warnings,
    more,
  });
  for (const pair of [hit, other, next]) pair.end();
})();
