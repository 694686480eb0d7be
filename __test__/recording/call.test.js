// A call between two connections of this process, recorded at one of them.

const { once } = require('node:events');
const { symlinkSync } = require('node:fs');
const { CallRecorder } = require('webphone-rtc');
const { callAudio } = require('webphone-rtc/webphone');
const { openVoice } = require('../support/implementation');
const { LEFT_HZ: BOT_HZ, Pair, RIGHT_HZ: CALLER_HZ } = require('../support/pair');
const { longBuffer, longPackets } = require('../support/patience');
const { fitSine, measureTone, rms } = require('../support/tone');
const { folder } = require('./support/folder');
const { readRecording } = require('./support/read');

jest.setTimeout(90_000);

const file = folder();
const SILENT_RMS = 0.001;
const TAKES = 5;
/** What each side of the recording has, and what it has not. */
const SIDES = [
  ['left', CALLER_HZ, BOT_HZ],
  ['right', BOT_HZ, CALLER_HZ],
];

describe('a recorded call', () => {
  let pair, pc;

  beforeEach(async () => {
    pair = new Pair();
    longBuffer(pair.left);
    await pair.negotiate(longPackets);
    await Promise.all([pair.left.connected(), pair.right.connected()]);
    await pair.talks();
    pc = pair.left.pc;
  });
  afterEach(() => pair.end());

  const recorder = (name, options) =>
    new CallRecorder({ left: pc.getReceivers()[0].track, right: pc.getSenders()[0], path: file(name), ...options });

  /** Until the file is so much longer, by its own clock. */
  async function recorded(one, ms) {
    const end = one.durationMs + ms;
    while (one.durationMs < end) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  const stretch = ({ sampleRate }, samples, fromMs, toMs) =>
    samples.subarray((fromMs * sampleRate) / 1000, (toMs * sampleRate) / 1000);

  /** Of a take, what is listened to. */
  const middle = (heard, side) => stretch(heard, heard[side], 300, 1900);

  /** Two seconds of the call. */
  async function take(name, options) {
    const one = recorder(name, options);
    await recorded(one, 2000);
    const result = await one.stop();
    expect(result).toEqual({ path: file(name), durationMs: expect.any(Number), droppedMs: 0, error: null });
    const heard = readRecording(result.path);
    expect(heard.complete).toBe(true);
    expect(Math.abs((heard.left.length / heard.sampleRate) * 1000 - result.durationMs)).toBeLessThan(0.1);
    return heard;
  }

  /** A take without a hole, or the last of several: the ends of a busy machine make one at times, a recorder would each time. */
  async function wholeTake(name, options) {
    const hasHole = (heard) =>
      SIDES.some(([side, hz]) => measureTone(middle(heard, side), hz, heard.sampleRate).longestGapMs > 0);
    let heard = await take(name, options);
    for (let n = 1; n < TAKES && hasHole(heard); n++) heard = await take(name, options);
    return heard;
  }

  test.each([
    ['call.wav', { sampleRate: 16000 }],
    ['call48.wav', { sampleRate: 48000 }],
    ['call44.wav', { sampleRate: 44100 }],
    ['call.opus', {}],
    ['call8.ogg', { sampleRate: 8000, bitrate: 48000 }],
    ['call48.opus', { sampleRate: 48000, bitrate: 96000 }],
  ])('has the caller left, the bot right, and neither on the other side: %s', async (name, options) => {
    const heard = await wholeTake(name, options);
    for (const [side, hz, otherHz] of SIDES) {
      const samples = middle(heard, side);
      const { amplitude, longestGapMs, snrDb } = measureTone(samples, hz, heard.sampleRate);
      expect([side, longestGapMs, Math.abs(20 * Math.log10(amplitude / 0.5)) < 1]).toEqual([side, 0, true]);
      expect(snrDb).toBeGreaterThan(20);
      expect(fitSine(samples, otherHz, heard.sampleRate).amplitude).toBeLessThan(0.5 / 100);
    }
  });

  test('has the same signal on both sides at the same time, sample for sample', async () => {
    const one = recorder('same.wav', { left: pair.left.voice.track.clone() });
    await recorded(one, 2000);
    const { left, right } = readRecording((await one.stop()).path);
    expect(rms(left)).toBeGreaterThan(0.2);
    expect(left.findIndex((sample, n) => sample !== right[n])).toBe(-1);
  });

  test('is silent on the side of a disabled track, and where the sender has none; it follows replaceTrack()', async () => {
    const one = recorder('sides.wav');
    await recorded(one, 1000);
    const marks = [];
    const then = async (change) => {
      await change();
      marks.push(one.durationMs);
      // What is in the file is older than the change by less than this.
      await recorded(one, 1500);
    };
    const other = openVoice(440);
    await then(() => pair.left.mute(true));
    await then(() => pair.left.sender.replaceTrack(other.track));
    await then(() => pair.left.sender.replaceTrack(null));
    const heard = readRecording((await one.stop()).path);
    other.stop();
    const later = (n, side) => stretch(heard, heard[side], marks[n] + 900, marks[n] + 1400);
    expect(rms(later(0, 'right'))).toBeLessThan(SILENT_RMS);
    expect(measureTone(later(1, 'right'), 440, 16000)).toMatchObject({ longestGapMs: 0 });
    expect(measureTone(later(1, 'right'), 440, 16000).snrDb).toBeGreaterThan(25);
    expect(rms(later(2, 'right'))).toBeLessThan(SILENT_RMS);
    for (const n of [0, 1, 2]) expect(measureTone(later(n, 'left'), CALLER_HZ, 16000).snrDb).toBeGreaterThan(25);
  });

  test('goes on in silence while it is paused', async () => {
    const one = recorder('paused.wav');
    await recorded(one, 1000);
    one.pause();
    expect(one.paused).toBe(true);
    const pausedMs = one.durationMs;
    await recorded(one, 1500);
    one.resume();
    await recorded(one, 1500);
    const heard = readRecording((await one.stop()).path);
    for (const [side, hz] of SIDES) {
      const samples = heard[side];
      expect(measureTone(stretch(heard, samples, pausedMs - 500, pausedMs), hz, 16000).snrDb).toBeGreaterThan(25);
      expect(rms(stretch(heard, samples, pausedMs + 900, pausedMs + 1400))).toBe(0);
      expect(measureTone(samples.subarray(-8000), hz, 16000).snrDb).toBeGreaterThan(25);
    }
  });

  test.each(['left', 'right'])('ends with the call, when the %s end closes it, and is whole', async (side) => {
    const one = recorder(`closed-${side}.opus`);
    // The bot's track outlives its call.
    const other = recorder(`closed-${side}.wav`, { right: pair.left.voice.track });
    const ends = [once(one, 'end'), once(other, 'end')];
    await Promise.all([recorded(one, 1000), recorded(other, 1000)]);
    pair[side].close();
    if (side === 'right') {
      await pair.left.leftByPeer();
      expect([one.ended, other.ended]).toEqual([false, false]);
      pair.left.close();
    }
    expect([one.ended, other.ended]).toEqual([true, true]);
    for (const [recorder, [result]] of [
      [one, await ends[0]],
      [other, await ends[1]],
    ]) {
      expect(result).toMatchObject({ path: recorder.path, error: null });
      expect(await recorder.stop()).toBe(result);
      const heard = readRecording(result.path);
      expect(heard.complete).toBe(true);
      expect((heard.left.length / heard.sampleRate) * 1000).toBeCloseTo(result.durationMs, 0);
    }
  });

  test('is made by callAudio().record()', async () => {
    const audio = callAudio({ rtcPeerConnection: pc });
    const one = audio.record(file('web-phone.wav'), { sampleRate: 8000 });
    await recorded(one, 1500);
    const { path } = await one.stop();
    audio.sink.close();
    const heard = readRecording(path);
    expect(heard.sampleRate).toBe(8000);
    expect(measureTone(heard.left.subarray(-8000), CALLER_HZ, 8000).snrDb).toBeGreaterThan(25);
    expect(measureTone(heard.right.subarray(-8000), BOT_HZ, 8000).snrDb).toBeGreaterThan(25);
  });

  const onLinux = process.platform === 'linux' ? test : test.skip;

  test('that cannot be written tells why, and the call goes on', async () => {
    const one = recorder('missing/call.wav');
    const [error] = await once(one, 'error');
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toMatchObject({ name: 'OperationError', message: expect.stringContaining(file('missing/call.wav')) });
    expect(await one.stop()).toEqual({ path: one.path, durationMs: 0, droppedMs: 0, error });
    await pair.talks();
  });

  onLinux.each(['full.wav', 'full.opus'])(
    'ends with an error when the disk is full, and the call goes on: %s',
    async (name) => {
      symlinkSync('/dev/full', file(name));
      const one = recorder(name);
      const [error] = await once(one, 'error');
      expect(error.message).toContain('No space left on device');
      expect(one.ended).toBe(true);
      await pair.talks();
      pair.left.mute(true);
      expect(await one.stop()).toMatchObject({ error });
    },
  );
});
