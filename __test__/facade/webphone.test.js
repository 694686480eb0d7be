const { setTimeout: sleep } = require('node:timers/promises');
const { call, connection, lastNative, made, microphone, next, settled, warning } = require('./calls.js');
const { callAudio, webRtcSessionFactory } = require('../../dist/webphone.js');

const context = { callId: 'c', direction: 'inbound', stunServers: ['stun.example:19302'] };

async function offer() {
  const far = connection();
  const { track } = await microphone();
  far.pc.addTrack(track);
  await far.pc.setLocalDescription();
  return { far, sdp: far.pc.localDescription.sdp };
}

test('answers an offer after gathering, holds no global', async () => {
  const { far, sdp } = await offer();
  const session = webRtcSessionFactory(context);
  const native = lastNative();
  const answer = await session.createAnswer(sdp);
  expect(native.config.iceServers).toEqual([{ urls: ['stun:stun.example:19302'] }]);
  expect(answer).toContain('candidate:1');
  await far.pc.setRemoteDescription({ type: 'answer', sdp: answer });
  expect(native.state.transceivers[0].currentDirection).toBe('sendrecv');
  session.setMuted(true);
  expect(native.called('setSource').at(-1)[2]).toBe(false);
  session.setMuted(false);
  await session.changeInputDevice('default');
  expect(native.called('setSource').at(-1)[2]).toBe(true);
  await expect(session.changeInputDevice('no such')).rejects.toMatchObject({ name: 'OverconstrainedError' });
  await session.changeOutputDevice('x');
  session.dispose();
  session.dispose();
  expect(native.closed).toBe(true);
  expect(globalThis.RTCPeerConnection).toBeUndefined();
});

test('offers, restarts ICE and takes the answer; a bad one does not end the process', async () => {
  const session = webRtcSessionFactory({ ...context, direction: 'outbound' });
  const far = connection();
  const sdp = await session.createOffer({ iceRestart: true });
  await far.pc.setRemoteDescription({ type: 'offer', sdp });
  await far.pc.setLocalDescription();
  await session.applyAnswer(far.pc.localDescription.sdp);
  session.applyAnswer('nonsense');
  await settled();
  session.dispose();
});

test.each([
  ['signalingstatechange', (session) => session.createOffer()],
  ['icegatheringstatechange', (session) => session.createOffer()],
])('dispose() in %s rejects an offer that is under way', async (event, describe) => {
  const session = webRtcSessionFactory(context);
  session.rtcPeerConnection.addEventListener(event, () => session.dispose());
  const error = { name: 'InvalidStateError', message: 'The call has been disposed' };
  await expect(describe(session)).rejects.toMatchObject(error);
  await expect(session.createOffer()).rejects.toMatchObject(error);
});

test.each([
  ['at once', (session) => session.dispose()],
  [
    'while it gathers',
    (session) => session.rtcPeerConnection.addEventListener('icegatheringstatechange', () => session.dispose()),
  ],
])('dispose() %s leaves an answer that is under way open: the web phone does not await it', async (_, disposing) => {
  const { sdp } = await offer();
  const session = webRtcSessionFactory(context);
  const settled = jest.fn();
  session.createAnswer(sdp).then(settled, settled);
  disposing(session);
  while (session.rtcPeerConnection.connectionState !== 'closed') await sleep(5);
  await sleep(50);
  expect(settled).not.toHaveBeenCalled();
  await expect(session.createAnswer(sdp)).rejects.toMatchObject({ name: 'InvalidStateError' });
});

test('an offer that cannot be answered is a warning, and leaves the call as it is', async () => {
  const { far, sdp } = await offer();
  const session = webRtcSessionFactory(context);
  await far.pc.setRemoteDescription({ type: 'answer', sdp: await session.createAnswer(sdp) });
  const settled = jest.fn();
  for (const bad of ['nonsense', 'v=1\r\n']) {
    const warned = warning();
    session.createAnswer(bad).then(settled, settled);
    expect((await warned).message).toContain("The far end's offer was refused: ");
  }
  await sleep(20);
  expect(settled).not.toHaveBeenCalled();
  expect(session.rtcPeerConnection.signalingState).toBe('stable');
  session.dispose();
});

test('a re-INVITE without a description gets ours as it is, a first offer has to be one', async () => {
  const session = webRtcSessionFactory(context);
  const warned = warning();
  session.createAnswer('');
  expect((await warned).message).toContain('refused');
  const answer = await session.createAnswer((await offer()).sdp);
  expect(await session.createAnswer('')).toBe(answer);
  expect(session.rtcPeerConnection.signalingState).toBe('stable');
  session.dispose();
});

test('callAudio gives source, sink and digits of either kind of session', async () => {
  const { near } = await call();
  const { sdp } = await offer();
  const session = webRtcSessionFactory(context);
  await session.createAnswer(sdp);
  for (const [callSession, native] of [
    [{ rtcPeerConnection: near.pc }, near.native],
    [{ webRtcSession: session }, lastNative()],
  ]) {
    const { source, sink, dtmf } = callAudio(callSession, { sampleRate: 8000 });
    expect(source.write(new Int16Array(160))).toBe(true);
    made.sinks.at(-1).push(3);
    expect((await sink.read()).samples[0]).toBe(3);
    const digit = new Promise((resolve) => dtmf.once('digit', resolve));
    native.report({ type: 'dtmf', transceiver: native.state.transceivers[0].id, digit: '7', durationMs: 100 });
    expect(await digit).toEqual({ tone: '7', duration: 100 });
    expect(dtmf.send('1')).toBe(native === near.native);
  }
  session.dispose();
});

test('callAudio follows the call to another microphone', async () => {
  const { near } = await call();
  const audio = callAudio({ rtcPeerConnection: near.pc });
  const { track } = await microphone();
  await near.sender.replaceTrack(track);
  expect(audio.source).toBe(track.source);
});

test('callAudio before the call has a connection says so', () => {
  expect(() => callAudio({})).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
});

test('a session sends DTMF once it is up', async () => {
  const { far, sdp } = await offer();
  const session = webRtcSessionFactory(context);
  const native = lastNative();
  const answer = await session.createAnswer(sdp);
  await far.pc.setRemoteDescription({ type: 'answer', sdp: answer });
  session.sendDtmf('1');
  expect(native.called('insertDtmf')).toEqual([]);
  const up = next(session.rtcPeerConnection, 'connectionstatechange');
  native.connect();
  await up;
  await settled();
  session.sendDtmf('1', 100, 70);
  expect(native.called('insertDtmf')).toHaveLength(1);
  session.dispose();
});
