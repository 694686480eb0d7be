const { once } = require('node:events');
const { resolve } = require('node:path');
const nodeProcess = require('node:process');
const { call, CallRecorder, connection, made, mediaDevices, microphone, PcmSource, settled } = require('./calls.js');
const { callAudio } = require('../../dist/webphone.js');
const { Recorder } = require('./fake-binding.js');

const last = () => made.recorders.at(-1);
const remoteTrack = ({ pc }) => pc.getReceivers()[0].track;

/** A recording of the near end of a call. */
async function recorded(options) {
  const parties = await call();
  const { near } = parties;
  const recorder = new CallRecorder({ left: remoteTrack(near), right: near.sender, path: 'call.wav', ...options });
  return { ...parties, recorder, native: last() };
}

afterEach(async () => {
  for (const native of made.recorders.splice(0)) native.end();
  await settled();
});

test('the file is named by its path, its kind by the extension', () => {
  const source = new PcmSource();
  for (const [path, options, sampleRate, bitrate] of [
    ['a.wav', {}, 16000, undefined],
    ['b.WAV', { sampleRate: 44100, bitrate: 'unused' }, 44100, undefined],
    ['c.opus', {}, 16000, 48000],
    ['d.ogg', { sampleRate: 48000, bitrate: 96000 }, 48000, 96000],
  ]) {
    const recorder = new CallRecorder({ left: source, path, ...options });
    expect(recorder).toMatchObject({ path, sampleRate, ended: false, paused: false });
    expect(last()).toMatchObject({ path: resolve(path), sampleRate, bitrate });
    last().written = 40;
    expect(recorder.durationMs).toBe(40);
  }
});

test('what is no recording is refused before a file is made', async () => {
  const source = new PcmSource();
  const { stream } = await microphone();
  const camera = (await mediaDevices.getUserMedia({ video: true })).getVideoTracks()[0];
  const { pc } = connection();
  const video = pc.addTrack(camera, stream);
  const before = made.recorders.length;
  for (const [kind, options] of [
    [TypeError, undefined],
    [TypeError, {}],
    [TypeError, { path: 'a.wav' }],
    [TypeError, { left: source }],
    [TypeError, { left: source, path: 1 }],
    [TypeError, { left: source, path: 'a.mp3' }],
    [TypeError, { left: source, path: 'wav' }],
    [TypeError, { left: {}, path: 'a.wav' }],
    [TypeError, { right: 'track', path: 'a.wav' }],
    [TypeError, { right: stream, path: 'a.wav' }],
    [TypeError, { right: camera, path: 'a.wav' }],
    [TypeError, { right: video, path: 'a.wav' }],
    [TypeError, { left: source, path: 'a.wav', sampleRate: '16000' }],
    [RangeError, { left: source, path: 'a.wav', sampleRate: 11025 }],
    [RangeError, { left: source, path: 'a.opus', sampleRate: 44100 }],
    [RangeError, { left: source, path: 'a.opus', sampleRate: 32000 }],
    [TypeError, { left: source, path: 'a.opus', bitrate: '48k' }],
    [RangeError, { left: source, path: 'a.opus', bitrate: 31999 }],
  ]) {
    expect(() => new CallRecorder(options)).toThrow(kind);
  }
  expect(made.recorders).toHaveLength(before);
  Recorder.broken = true;
  expect(() => new CallRecorder({ left: source, path: 'a.wav' })).toThrow(
    expect.objectContaining({ name: 'OperationError', message: 'no thread' }),
  );
  Recorder.broken = false;
});

test('a side is what its track carries, and silent while the track is disabled, ended, or the recording paused', async () => {
  const { recorder, near, native, mine } = await recorded();
  expect(native.sides.left).toMatchObject({ audible: true });
  expect(native.sides.left.ring).toBe([...near.native.rings.values()][0]);
  expect(native.sides.right.ring).not.toBe(native.sides.left.ring);
  const heard = () => [native.sides.left.audible, native.sides.right.audible];
  mine.track.enabled = false;
  expect(heard()).toEqual([true, false]);
  mine.track.enabled = true;
  expect(heard()).toEqual([true, true]);
  recorder.pause();
  expect([recorder.paused, ...heard()]).toEqual([true, false, false]);
  mine.track.enabled = false;
  mine.track.enabled = true;
  expect(heard()).toEqual([false, false]);
  recorder.resume();
  expect([recorder.paused, ...heard()]).toEqual([false, true, true]);
  mine.track.stop();
  expect(heard()).toEqual([true, false]);
  expect(recorder.ended).toBe(false);
  expect(native.listened).toEqual(['left', 'right']);
});

test('a sender is followed from track to track', async () => {
  const { near, native } = await recorded();
  const before = native.sides.right.ring;
  const { track } = await microphone();
  track.enabled = false;
  await near.sender.replaceTrack(track);
  expect(native.sides.right.ring).not.toBe(before);
  expect(native.sides.right.audible).toBe(false);
  track.enabled = true;
  expect(native.sides.right.audible).toBe(true);
  await near.sender.replaceTrack(null);
  expect(native.sides.right.ring).toBe(null);
});

test('it ends with the connection that it records, whatever becomes of a local track', async () => {
  const { recorder, near, native, mine } = await recorded();
  const source = new PcmSource();
  const others = [mine.track, source, null].map((right) => {
    const other = new CallRecorder({ left: remoteTrack(near), right, path: 'other.wav' });
    return [other, last()];
  });
  expect(recorder.ended).toBe(false);
  near.pc.close();
  for (const [one, its] of [[recorder, native], ...others]) expect([one.ended, its.finished]).toEqual([true, 1]);
  // Nothing is followed any more.
  mine.track.enabled = false;
  recorder.pause();
  expect(native.sides.right.audible).toBe(true);
});

test('it ends when its section is stopped, and of two connections with the last', async () => {
  const { recorder, near, far, native } = await recorded();
  const both = new CallRecorder({ left: remoteTrack(near), right: remoteTrack(far), path: 'both.wav' });
  near.pc.getTransceivers()[0].stop();
  // The remote track ends in a task of its own.
  await new Promise((resolve) => setImmediate(resolve));
  expect([recorder.ended, native.finished, both.ended]).toEqual([true, 1, false]);
  far.pc.close();
  expect(both.ended).toBe(true);
});

test('of local tracks alone it ends with the last of them; a source goes on', async () => {
  const source = new PcmSource();
  const [left, right] = [source.createTrack(), source.createTrack()];
  const tracks = new CallRecorder({ left, right, path: 'tracks.wav' });
  const same = new CallRecorder({ left, right: left, path: 'same.wav' });
  const mixed = new CallRecorder({ left, right: source, path: 'mixed.wav' });
  left.stop();
  expect([tracks.ended, same.ended, mixed.ended]).toEqual([false, true, false]);
  right.stop();
  expect([tracks.ended, same.ended, mixed.ended]).toEqual([true, true, false]);
  const late = new CallRecorder({ left, path: 'late.wav' });
  expect([late.ended, last().finished]).toEqual([true, 1]);
});

test('stop() tells how it went once the file is closed, the same each time', async () => {
  const { recorder, native } = await recorded();
  const ends = [];
  recorder.on('end', (result) => ends.push(result));
  const stopping = recorder.stop();
  expect([recorder.ended, native.finished]).toEqual([true, 1]);
  let stopped = false;
  stopping.then(() => {
    stopped = true;
  });
  await settled();
  expect([stopped, ends]).toEqual([false, []]);
  native.end({ durationMs: 1500, droppedMs: 20 });
  const result = await stopping;
  expect(result).toEqual({ path: 'call.wav', durationMs: 1500, droppedMs: 20, error: null });
  expect(await recorder.stop()).toBe(result);
  expect(ends).toEqual([result]);
  expect(native.finished).toBe(1);
});

test("an error comes as 'error' to those who listen, and else as a warning; stop() never rejects", async () => {
  const { recorder, native, near } = await recorded();
  const [error] = await Promise.all([
    once(recorder, 'error').then(([error]) => error),
    native.end({ durationMs: 200, error: { kind: 'OperationError', message: 'No space left' } }),
  ]);
  expect(error).toBeInstanceOf(DOMException);
  expect(error).toMatchObject({ name: 'OperationError', message: 'No space left' });
  expect(recorder.ended).toBe(true);
  expect(await recorder.stop()).toEqual({ path: 'call.wav', durationMs: 200, droppedMs: 0, error });
  expect(native.finished).toBe(0);
  near.pc.close();

  const warn = jest.spyOn(nodeProcess, 'emitWarning').mockImplementation(() => {});
  const other = new CallRecorder({ left: new PcmSource(), path: 'x.wav' });
  last().end({ error: { kind: 'OperationError', message: 'No such file' } });
  expect((await other.stop()).error.message).toBe('No such file');
  expect(warn.mock.calls).toEqual([['No such file', 'WebphoneRtcWarning']]);
  warn.mockRestore();
});

test('a process that exits waits for open files, and for nothing once they are closed', async () => {
  const source = new PcmSource();
  const listeners = () => nodeProcess.listenerCount('exit');
  const before = listeners();
  new CallRecorder({ left: source, path: 'a.wav' });
  const first = last();
  new CallRecorder({ left: source, path: 'b.wav' });
  const second = last();
  expect(listeners()).toBe(before + 1);
  first.end();
  await settled();
  nodeProcess.listeners('exit').at(-1)();
  expect([first.finished, first.waited]).toEqual([0, []]);
  expect([second.finished, second.waited.length]).toEqual([1, 1]);
  expect(second.waited[0]).toBeLessThanOrEqual(1000);
  second.end();
  await settled();
  expect(listeners()).toBe(before);
});

test('callAudio records the call that it is of', async () => {
  const { near } = await call();
  const recorder = callAudio({ rtcPeerConnection: near.pc }).record('call.ogg', { sampleRate: 8000, bitrate: 32000 });
  expect(recorder).toBeInstanceOf(CallRecorder);
  expect(last()).toMatchObject({ sampleRate: 8000, bitrate: 32000 });
  const before = last().sides.right.ring;
  await near.sender.replaceTrack((await microphone()).track);
  expect(last().sides.right.ring).not.toBe(before);
  near.pc.close();
  expect(recorder.ended).toBe(true);
});
