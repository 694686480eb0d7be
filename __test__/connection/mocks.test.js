// Every member that a bridge's mocks had, on our classes as they are when a bridge assigns them to globals one by one; on a call that is up.

const rtc = require('webphone-rtc');
const { Talker } = require('../support/talker');
const { configuration, openEar, openVoice } = require('../support/implementation');

jest.setTimeout(60_000);

const ASSIGNED = ['RTCPeerConnection', 'RTCSessionDescription', 'RTCIceCandidate', 'MediaStream', 'MediaStreamTrack'];
const before = ASSIGNED.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);

beforeAll(() => {
  for (const name of ASSIGNED) globalThis[name] = rtc[name];
});
afterAll(() => {
  for (const [name, descriptor] of before)
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else delete globalThis[name];
});

describe('the stream-based members carry a call', () => {
  const ends = [];
  const end = () => {
    const pc = new RTCPeerConnection(configuration);
    ends.push(pc);
    return pc;
  };
  afterAll(() => {
    for (const pc of ends) pc.close();
  });

  test('addStream, onaddstream, getLocalStreams, getRemoteStreams, removeStream', async () => {
    const [near, far] = [end(), end()];
    const voice = openVoice(1000);
    const stream = new MediaStream([voice.track]);
    near.addStream(stream);
    expect(near.getLocalStreams()).toEqual([stream]);
    const added = new Promise((resolve) => {
      far.onaddstream = resolve;
    });
    const exchange = async (from, to) => {
      await from.setLocalDescription(await from.createOffer());
      await gathered(from);
      await to.setRemoteDescription(new RTCSessionDescription(from.localDescription));
      await to.setLocalDescription(await to.createAnswer());
      await gathered(to);
      await from.setRemoteDescription(to.localDescription);
    };
    await exchange(near, far);
    const remote = (await added).stream;
    expect(far.getRemoteStreams()).toEqual([remote]);
    expect(remote.id).toBe(stream.id);
    expect(remote.active).toBe(true);
    const ear = openEar(remote.getAudioTracks()[0]);
    await ear.hears(1000);
    near.removeStream(stream);
    expect(near.getLocalStreams()).toEqual([]);
    expect(voice.track.readyState).toBe('live');
    await exchange(near, far);
    expect(far.getRemoteStreams()).toEqual([]);
    ear.stop();
    voice.stop();
  });

  async function gathered(pc) {
    while (pc.iceGatheringState !== 'complete')
      await new Promise((resolve) => pc.addEventListener('icegatheringstatechange', resolve, { once: true }));
  }
});

test('getUserMedia({ video: true }) gives a live track without a picture, which a connection takes beside sound', async () => {
  const { mediaDevices } = rtc;
  const stream = await mediaDevices.getUserMedia({ audio: true, video: true });
  const [picture] = stream.getVideoTracks();
  expect(picture).toMatchObject({ kind: 'video', readyState: 'live', enabled: true, muted: false });
  const [near, far] = [new Talker(), new Talker({ hz: 700 })];
  try {
    for (const track of stream.getTracks()) near.addTrack(track, stream);
    await near.accept(await far.answer(await near.offer()));
    await near.hears(700);
    expect(near.pc.getSenders().map(({ track }) => track)).toEqual(stream.getTracks());
    picture.stop();
    expect([stream.active, picture.readyState]).toEqual([true, 'ended']);
  } finally {
    near.end();
    far.end();
    for (const track of stream.getTracks()) track.stop();
  }
});

test('tracks and streams: clone, settings, constraints, capabilities, getTrackById, active', async () => {
  const constraints = { echoCancellation: true, deviceId: { exact: 'default' } };
  const stream = await rtc.mediaDevices.getUserMedia({ audio: constraints });
  const [track] = stream.getTracks();
  expect(track).toBeInstanceOf(MediaStreamTrack);
  expect(track.getConstraints()).toEqual(constraints);
  expect(track.getSettings()).toMatchObject({ deviceId: 'default', sampleRate: 16000, channelCount: 1 });
  expect(track.getCapabilities()).toMatchObject({ deviceId: 'default', sampleRate: { min: 8000, max: 48000 } });
  const clone = track.clone();
  expect([clone.id === track.id, clone.kind, clone.label]).toEqual([false, 'audio', track.label]);
  const copy = stream.clone();
  expect(copy).toBeInstanceOf(MediaStream);
  expect([copy.id === stream.id, copy.getTracks()[0].id === track.id]).toEqual([false, false]);
  expect([stream.getTrackById(track.id), stream.getTrackById(clone.id)]).toEqual([track, null]);
  track.stop();
  expect([stream.active, copy.active, clone.readyState]).toEqual([false, true, 'live']);
});

test('enumerateDevices lists a microphone, and nothing to play on', async () => {
  const devices = await rtc.mediaDevices.enumerateDevices();
  expect(devices.map(({ kind }) => kind)).toEqual(['audioinput', 'videoinput']);
  for (const device of devices) expect(device.deviceId && device.label && device.groupId).toBeTruthy();
});

test('createDataChannel beside sound leaves the call alone', async () => {
  const [near, far] = [new Talker({ hz: 1000 }), new Talker({ hz: 700 })];
  try {
    const channel = near.pc.createDataChannel('control', { ordered: true });
    const opened = new Promise((resolve) => channel.addEventListener('open', resolve));
    await near.accept(await far.answer(await near.offer()));
    await Promise.all([near.hears(700), far.hears(1000), opened]);
    channel.close();
    await Promise.all([near.hears(700), far.hears(1000)]);
  } finally {
    near.end();
    far.end();
  }
});

test('a sender has exactly one encoding at every stage, and takes a priority without being waited for', async () => {
  const [near, far] = [new Talker({ hz: 1000 }), new Talker({ hz: 700 })];
  const prioritized = () => {
    const parameters = near.sender.getParameters();
    expect(parameters.encodings).toHaveLength(1);
    for (const encoding of parameters.encodings) encoding.priority = 'high';
    return near.sender.setParameters(parameters);
  };
  try {
    await prioritized();
    await near.accept(await far.answer(await near.offer()));
    await prioritized();
    await Promise.all([near.hears(700), far.hears(1000)]);
    await prioritized();
    expect(near.sender.getParameters().encodings).toEqual([{ active: true, adaptivePtime: false, priority: 'high' }]);
  } finally {
    near.end();
    far.end();
  }
});

test('a call goes through the states once each', async () => {
  const ends = [new Talker({ hz: 1000 }), new Talker({ hz: 700 })];
  const told = ends.map(({ pc }) => {
    const states = [];
    pc.addEventListener('iceconnectionstatechange', () => states.push(pc.iceConnectionState));
    return states;
  });
  const [near, far] = ends;
  try {
    await near.accept(await far.answer(await near.offer()));
    await Promise.all([near.hears(700), far.hears(1000)]);
    expect(told).toEqual([
      ['checking', 'connected', 'completed'],
      ['checking', 'connected'],
    ]);
  } finally {
    near.end();
    far.end();
  }
});
