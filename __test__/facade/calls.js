// Two connections over the binding in JavaScript, and how to wait for them.
const { made } = require('./fake-binding.js');
const rtc = require('../../dist/index.js');

/** The binding's side of a connection made last. */
function lastNative() {
  return made.connections.at(-1).deref();
}

function connection(configuration) {
  const pc = new rtc.RTCPeerConnection(configuration);
  opened.push(pc);
  return { pc, native: lastNative() };
}

async function microphone() {
  const stream = await rtc.mediaDevices.getUserMedia({ audio: true });
  return { stream, track: stream.getAudioTracks()[0] };
}

/** Offer and answer; the far side gets what `a` announces. */
async function negotiate(a, b) {
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
}

/** A call with a microphone at each end, its transports up. */
async function call() {
  const near = connection();
  const far = connection();
  const mine = await microphone();
  const theirs = await microphone();
  near.sender = near.pc.addTrack(mine.track, mine.stream);
  far.sender = far.pc.addTrack(theirs.track, theirs.stream);
  await negotiate(near.pc, far.pc);
  const up = Promise.all(
    [near.pc, far.pc].map((pc) => until(pc, 'connectionstatechange', () => pc.connectionState === 'connected')),
  );
  near.native.connect();
  far.native.connect();
  await up;
  return { near, far, mine, theirs };
}

function next(target, type) {
  return new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
}

async function until(target, type, done) {
  while (!done()) await next(target, type);
}

/** Long enough for every task and report that is under way. */
async function settled() {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Names of the events of `types` that `target` gets, in order. */
function record(target, types, log = []) {
  for (const type of types) target.addEventListener(type, () => log.push(type));
  return log;
}

/** The next process warning: { message, code }. */
function warning() {
  return new Promise((resolve) => {
    const spy = jest.spyOn(require('node:process'), 'emitWarning').mockImplementation((message, { code }) => {
      spy.mockRestore();
      resolve({ message, code });
    });
  });
}

const opened = [];
afterEach(() => {
  for (const pc of opened.splice(0)) pc.close();
});

module.exports = {
  ...rtc,
  made,
  lastNative,
  connection,
  microphone,
  negotiate,
  call,
  next,
  until,
  settled,
  record,
  warning,
};
