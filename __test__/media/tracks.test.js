// What the life of a track means for a call that is up, heard at the far end.

const process = require('node:process');
const { PcmSink, allowTracksToStop, markActiveTracksAsLive, mediaDevices } = require('webphone-rtc');
const { LEFT_HZ, Pair, RIGHT_HZ } = require('../support/pair');
const { Talker } = require('../support/talker');
const { openEar } = require('../support/implementation');

jest.setTimeout(60_000);

let pair;
beforeEach(async () => {
  pair = new Pair();
  await pair.connect();
  await pair.talks();
});
afterEach(() => {
  allowTracksToStop();
  pair.end();
});

/** Codes of the process warnings from now on. */
function warnings() {
  const codes = [];
  jest.spyOn(process, 'emitWarning').mockImplementation((_, { code }) => codes.push(code));
  return codes;
}
afterEach(() => jest.restoreAllMocks());

test('the stop of a probe, of a clone and of the remote track touches neither the call nor what others hear', async () => {
  const { left, right } = pair;
  const events = [];
  for (const { pc } of [left, right])
    for (const type of [
      'connectionstatechange',
      'signalingstatechange',
      'negotiationneeded',
      'iceconnectionstatechange',
    ])
      pc.addEventListener(type, () => events.push(type));
  const probe = await mediaDevices.getUserMedia({ audio: true });
  probe.getTracks()[0].stop();
  left.voice.track.clone().stop();
  const [remote] = right.tracks;
  const clone = remote.clone();
  const ear = openEar(clone);
  remote.stop();
  expect([clone.readyState, left.voice.track.readyState]).toEqual(['live', 'live']);
  await Promise.all([ear.hears(LEFT_HZ), left.hears(RIGHT_HZ)]);
  expect(right.pc.getReceivers()[0].track).toBe(remote);
  expect(events).toEqual([]);
  ear.stop();
});

test('the stop of the track that is sent silences it, and the source feeds another track', async () => {
  const { left, right } = pair;
  const { track } = left.voice;
  const sibling = track.source.createTrack();
  track.stop();
  await right.hearsNothing();
  expect(right.tracks[0].readyState).toBe('live');
  expect(left.pc.connectionState).toBe('connected');
  await left.hears(RIGHT_HZ);
  await left.sender.replaceTrack(sibling);
  const tone = right.hears(LEFT_HZ);
  left.voice.track.source.emit('drain');
  await tone;
});

test('enabled = false on a remote track is silence for its readers, and for no others', async () => {
  const [track] = pair.right.tracks;
  const other = openEar(track.clone());
  track.enabled = false;
  await pair.right.hearsNothing();
  await Promise.all([other.hears(LEFT_HZ), pair.left.hears(RIGHT_HZ)]);
  track.enabled = true;
  await pair.right.hears(LEFT_HZ);
  other.stop();
});

test('a remote track that is added to another connection is heard there, until it is disabled', async () => {
  const relay = new Talker();
  const listener = new Talker();
  const [track] = pair.right.tracks;
  relay.addTrack(track);
  try {
    await relay.accept(await listener.answer(await relay.offer()));
    await Promise.all([listener.hears(LEFT_HZ), pair.right.hears(LEFT_HZ)]);
    track.enabled = false;
    await listener.hearsNothing();
    track.enabled = true;
    await listener.hears(LEFT_HZ);
    // The call that it comes from is over: silence, and the second call is still there.
    pair.left.end();
    await listener.hearsNothing();
    expect(listener.pc.connectionState).toBe('connected');
  } finally {
    relay.end();
    listener.end();
  }
});

test.each([
  ['for one connection', ({ left }) => left.pc.markActiveTracksAsLive(), ({ left }) => left.pc.allowTracksToStop()],
  ['for the process', markActiveTracksAsLive, allowTracksToStop],
])(
  'the guard %s: the far end goes on hearing a track that was stopped, until the guard is lifted',
  async (_, on, off) => {
    const { left, right } = pair;
    on(pair);
    const codes = warnings();
    left.voice.track.stop();
    expect(codes).toEqual(['WEBPHONE_RTC_STOP_HELD']);
    expect(left.voice.track.readyState).toBe('live');
    await right.hears(LEFT_HZ);
    off(pair);
    expect(left.voice.track.readyState).toBe('ended');
    await right.hearsNothing();
  },
);

test('under the guard forceStop() silences at once, and the end of the call ends what was held back', async () => {
  const { left, right } = pair;
  markActiveTracksAsLive();
  const codes = warnings();
  right.voice.track.stop();
  left.voice.track.forceStop();
  expect([left.voice.track.readyState, right.voice.track.readyState]).toEqual(['ended', 'live']);
  expect(codes).toHaveLength(1);
  await right.hearsNothing();
  right.close();
  expect(right.voice.track.readyState).toBe('ended');
});

test('the remote track is muted in the track event, inside setRemoteDescription, and unmuted by sound', async () => {
  const left = new Talker({ hz: LEFT_HZ });
  const right = new Talker();
  const order = [];
  let track;
  right.pc.ontrack = (event) => {
    order.push(['track', event.track.muted, event.streams.length, right.pc.signalingState]);
    ({ track } = event);
    track.onunmute = () => order.push(['unmute', track.muted]);
  };
  try {
    const offer = await left.offer();
    await right.pc.setRemoteDescription(offer).then(() => order.push(['resolved']));
    expect(order).toEqual([['track', true, 0, 'have-remote-offer'], ['resolved']]);
    await right.pc.setLocalDescription();
    await left.accept(await right.described());
    await right.hears(LEFT_HZ);
    expect(order[2]).toEqual(['unmute', false]);
    const ended = new Promise((resolve) => track.addEventListener('ended', resolve));
    right.close();
    await ended;
  } finally {
    left.end();
    right.end();
  }
});

test('a sink that nobody closed ends with its call', async () => {
  const sink = new PcmSink(pair.right.tracks[0]);
  const ended = new Promise((resolve) => sink.once('end', resolve));
  pair.right.close();
  await ended;
  // What waits then is still read.
  for await (const { samples } of sink) expect(samples).toHaveLength(320);
  expect(await sink.read()).toBeUndefined();
});
