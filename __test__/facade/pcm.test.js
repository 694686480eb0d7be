const { once } = require('node:events');
const { connection, made, mediaDevices, microphone, nonstandard, PcmSink, PcmSource, settled } = require('./calls.js');

const silence = (ms, rate = 16000) => new Int16Array((ms * rate) / 1000);
const lastRing = () => made.rings.at(-1);
const lastSink = () => made.sinks.at(-1);

describe('PcmSource', () => {
  test('takes what fits, keeps the rest, and drains in order', async () => {
    const source = new PcmSource({ queueMs: 100 });
    const ring = lastRing();
    const samples = Int16Array.from({ length: 16 * 250 }, (_, index) => index);
    expect(source.write(silence(0))).toBe(true);
    expect(source.write(samples)).toBe(false);
    expect(source.queuedMs).toBeCloseTo(250);
    samples.fill(-1); // the caller's array is his again
    let drained = false;
    source.once('drain', () => {
      drained = true;
    });
    for (let i = 0; i < 5; i++) {
      expect(drained).toBe(i > 2);
      ring.play(50);
      await settled();
    }
    expect(source.queuedMs).toBeCloseTo(0);
    expect(ring.written).toEqual(Array.from({ length: 16 * 250 }, (_, index) => index));
  });

  test('captureFrame resolves when the queue has taken the frame', async () => {
    const source = new PcmSource({ queueMs: 40 });
    const ring = lastRing();
    await source.captureFrame(silence(40));
    let taken = false;
    const capture = source.captureFrame(silence(20)).then(() => {
      taken = true;
    });
    await settled();
    expect(taken).toBe(false);
    ring.play(20);
    await capture;
  });

  test('clear drops everything, tells how much, settles captures and marks', async () => {
    const source = new PcmSource({ queueMs: 100 });
    const marks = [];
    source.on('mark', (...mark) => marks.push(mark));
    source.write(silence(60));
    source.mark('early');
    const capture = source.captureFrame(silence(100));
    source.mark('late');
    const playout = source.waitForPlayout();
    expect(source.clear()).toBeCloseTo(160);
    await Promise.all([capture, playout]);
    expect(marks).toEqual([
      ['early', false],
      ['late', false],
    ]);
    expect(source.queuedMs).toBe(0);
    lastRing().play(1000);
    await settled();
    expect(marks).toHaveLength(2);
  });

  test('waitForPlayout waits for all that was written before it, also after a gap and a clear', async () => {
    const source = new PcmSource({ queueMs: 100 });
    const ring = lastRing();
    await source.waitForPlayout();
    for (const before of [() => {}, () => ring.play(50), () => source.clear()]) {
      before();
      await settled();
      source.write(silence(200));
      let done = false;
      const waiting = source.waitForPlayout().then(() => {
        done = true;
      });
      ring.play(100);
      await settled();
      expect(done).toBe(false);
      ring.play(100);
      await waiting;
    }
    expect(source.playedMs).toBeGreaterThanOrEqual(600);
  });

  test('marks are reached in order, also behind what waits', async () => {
    const source = new PcmSource({ queueMs: 100 });
    const ring = lastRing();
    const marks = [];
    source.on('mark', (name, reached) => marks.push([name, reached]));
    source.write(silence(50));
    source.mark('a');
    source.write(silence(100));
    source.mark('b');
    ring.play(60);
    await settled();
    expect(marks).toEqual([['a', true]]);
    ring.play(100);
    await settled();
    expect(marks).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });

  test('clear tells a mark that was reached just before it as reached, although its report is still on the way', async () => {
    const source = new PcmSource();
    const marks = [];
    source.on('mark', (...mark) => marks.push(mark));
    source.write(silence(50));
    source.mark('early');
    source.write(silence(50));
    source.mark('late');
    lastRing().play(60);
    source.clear();
    const told = [
      ['early', true],
      ['late', false],
    ];
    expect(marks).toEqual(told);
    await settled();
    expect(marks).toEqual(told);
  });

  test('levels are measured while somebody listens to them', async () => {
    const source = new PcmSource();
    const ring = lastRing();
    expect(ring.metered).toBeUndefined();
    const level = once(source, 'level');
    await settled();
    expect(ring.metered).toBe(true);
    ring.engine.report({ type: 'levels', levels: [{ ring: ring.id, rms: 0.1, peak: 1 }] });
    expect(await level).toEqual([{ rms: 0.1, peak: 1, rmsDbfs: -20, peakDbfs: 0 }]);
    expect(ring.metered).toBe(false);
    source.removeAllListeners();
    source.on('level', () => {});
    await settled();
    expect(ring.metered).toBe(true);
  });

  test('a Node stream puts cut samples together, and waits for the queue', async () => {
    const source = new PcmSource({ sampleRate: 8000, channels: 2, queueMs: 20 });
    const ring = lastRing();
    const stream = source.toNodeStream();
    const pcm = Int16Array.from({ length: 2 * 8 * 50 }, (_, index) => index);
    const bytes = Buffer.from(pcm.buffer);
    const cuts = [0, 1, 2, 3, 10, 401, 1000, bytes.length];
    for (let n = 1; n < cuts.length; n++) stream.write(bytes.subarray(cuts[n - 1], cuts[n]));
    let finished = false;
    stream.end(() => {
      finished = true;
    });
    await settled();
    expect(finished).toBe(false);
    for (let n = 0; n < 10; n++) {
      ring.play(10);
      await settled();
    }
    expect(finished).toBe(true);
    expect(ring.written).toEqual([...pcm]);
    expect(stream.destroyed).toBe(true);
  });

  test('a Node stream that is destroyed before its end is a barge-in, one that has ended is played', async () => {
    for (const end of [true, false]) {
      const source = new PcmSource({ queueMs: 100 });
      const stream = source.toNodeStream();
      stream.write(Buffer.from(silence(40).buffer));
      if (end) await new Promise((resolve) => stream.end(resolve));
      stream.destroy();
      await settled();
      expect(source.queuedMs).toBeCloseTo(end ? 40 : 0);
    }
  });

  test('a Node stream fails with what cannot be PCM', async () => {
    const stream = new PcmSource().toNodeStream();
    stream.write('text');
    const [error] = await once(stream, 'error');
    expect(error).toBeInstanceOf(TypeError);
    expect(() => new PcmSource().toNodeStream({ sampleRate: 1 })).toThrow(RangeError);
    expect(() => new PcmSource().toWebStream({ sampleRate: '16000' })).toThrow(TypeError);
  });

  test('a Web stream takes samples, bytes and frames, and waits for the queue', async () => {
    const source = new PcmSource({ sampleRate: 8000, queueMs: 20 });
    const ring = lastRing();
    const writer = source.toWebStream().getWriter();
    const writes = [
      writer.write(Int16Array.of(1, 2)),
      writer.write(Buffer.from([3, 0, 4])),
      writer.write(Buffer.from([0])),
      writer.write({ samples: silence(30, 8000), sampleRate: 8000 }),
    ];
    let written = 0;
    for (const write of writes) write.then(() => written++);
    await settled();
    expect(written).toBe(3);
    ring.play(20);
    await Promise.all([...writes, writer.close()]);
    expect(ring.written).toEqual([1, 2, 3, 4, ...silence(30, 8000)]);
  });

  test('a Web stream that is aborted drops what is queued and what waits', async () => {
    const source = new PcmSource({ queueMs: 20 });
    const writer = source.toWebStream().getWriter();
    const failed = [silence(100), silence(100)].map((pcm) => writer.write(pcm).catch(() => {}));
    writer.closed.catch(() => {});
    await settled();
    await writer.abort();
    await Promise.all(failed);
    expect(source.queuedMs).toBe(0);
    expect(await writer.write(silence(20)).catch(() => 'refused')).toBe('refused');
  });

  test('takes bytes, other rates, and refuses the rest', () => {
    const source = new PcmSource();
    const ring = lastRing();
    const odd = Buffer.from([9, 1, 0, 2, 0]).subarray(1);
    expect(source.write(odd)).toBe(true);
    expect(ring.written).toEqual([1, 2]);
    source.write(silence(20, 8000), { sampleRate: 8000 });
    expect(source.queuedMs).toBeCloseTo(20.125);
    expect(() => source.write('text')).toThrow(TypeError);
    expect(() => source.write(new Float32Array(2))).toThrow(TypeError);
    expect(() => source.write(Buffer.alloc(3))).toThrow(RangeError);
    for (const sampleRate of [0, 11025, 16000.5, 22050, 96000, NaN]) {
      expect(() => source.write(silence(1), { sampleRate })).toThrow(RangeError);
      expect(() => new PcmSource({ sampleRate })).toThrow(RangeError);
    }
    expect(() => new PcmSource({ channels: 3 })).toThrow(RangeError);
    expect(() => new PcmSource({ queueMs: '1' })).toThrow(TypeError);
  });

  test('every track carries the same signal', () => {
    const source = new PcmSource();
    const [one, other] = [source.createTrack(), source.createTrack()];
    one.stop();
    expect(other.readyState).toBe('live');
    expect(other.source).toBe(source);
  });

  test('the end of the last track, clones among them, is a clear', async () => {
    const source = new PcmSource({ queueMs: 100 });
    const marks = [];
    source.on('mark', (...mark) => marks.push(mark));
    const track = source.createTrack();
    const clone = track.clone();
    source.write(silence(60));
    source.mark('end');
    const capture = source.captureFrame(silence(100));
    const playout = source.waitForPlayout();
    track.stop();
    track.clone();
    await settled();
    expect(source.queuedMs).toBeCloseTo(160);
    clone.stop();
    expect(marks).toEqual([]);
    await Promise.all([capture, playout]);
    expect(marks).toEqual([['end', false]]);
    expect(source.queuedMs).toBe(0);
  });

  test('once all tracks have ended nobody waits for what is written, and another track begins anew', async () => {
    const source = new PcmSource({ queueMs: 100 });
    const marks = [];
    source.on('mark', (...mark) => marks.push(mark));
    source.createTrack().stop();
    await settled();
    for (let n = 0; n < 3; n++) await source.captureFrame(silence(100));
    for (let n = 0; n < 3; n++) {
      expect(source.write(silence(100))).toBe(false);
      await once(source, 'drain');
    }
    source.write(silence(100));
    source.mark('late');
    await source.waitForPlayout();
    expect(marks).toEqual([['late', false]]);
    expect(lastRing().written).toEqual([]);
    await new Promise((resolve) => source.toNodeStream().end(Buffer.from(silence(200).buffer), resolve));
    source.createTrack();
    expect(source.write(silence(100))).toBe(true);
    source.mark('played');
    lastRing().play(100);
    await settled();
    expect(marks).toEqual([
      ['late', false],
      ['played', true],
    ]);
  });

  test('a track that follows at once plays on', async () => {
    const source = new PcmSource({ queueMs: 100 });
    const track = source.createTrack();
    source.write(silence(60));
    track.stop();
    source.createTrack();
    await settled();
    expect(source.queuedMs).toBeCloseTo(60);
  });
});

describe('PcmSink', () => {
  test('is an async iterable that ends with the track', async () => {
    const { track } = await microphone();
    const sink = new PcmSink(track, { sampleRate: 8000, frameMs: 10 });
    const native = lastSink();
    for (const value of [1, 2, 3]) native.push(value);
    const values = [];
    for await (const { samples, sampleRate, timestamp } of sink) {
      values.push(samples[0]);
      expect([samples.length, sampleRate, timestamp]).toEqual([80, 8000, 960]);
      if (values.length === 3) setTimeout(() => native.push(4), 1);
      if (values.length === 4) track.stop();
    }
    expect(values).toEqual([1, 2, 3, 4]);
    expect(sink.closed).toBe(true);
    expect(native.closed).toBe(true);
  });

  test("'data' gets every frame, a disabled track gives silence", async () => {
    const { track } = await microphone();
    const sink = new PcmSink(track);
    const native = lastSink();
    native.push(1);
    const values = [];
    sink.on('data', ({ samples }) => values.push(samples[0]));
    await settled();
    track.enabled = false;
    native.push(2);
    await settled();
    track.enabled = true;
    native.push(3);
    await settled();
    expect(values).toEqual([1, 0, 3]);
    const ended = once(sink, 'end');
    sink.close();
    await ended;
    expect(track.readyState).toBe('live');
  });

  /** What `read` gives of a sink whose track ends while three frames wait. */
  const endsWith = async (read) => {
    const { track } = await microphone();
    const sink = new PcmSink(track);
    const values = read(sink);
    for (const value of [1, 2, 3]) lastSink().push(value);
    track.stop();
    expect([sink.closed, lastSink().closed]).toEqual([true, true]);
    return values;
  };
  const byIteration = async (frames) => {
    const values = [];
    for await (const { samples } of frames) values.push(samples[0]);
    return values;
  };

  test.each([
    ['for await', byIteration],
    ['for await that begins afterwards', (sink) => settled().then(() => byIteration(sink))],
    ['a Web stream', (sink) => byIteration(sink.toWebStream())],
    ['a Node stream', async (sink) => (await sink.toNodeStream().toArray()).map((bytes) => bytes.readInt16LE())],
    [
      "'data'",
      async (sink) => {
        const values = [];
        sink.on('data', ({ samples }) => values.push(samples[0]));
        await once(sink, 'end');
        return values;
      },
    ],
  ])('what waits when the track ends is still told, and then the end: %s', async (_, read) => {
    expect(await endsWith(read)).toEqual([1, 2, 3]);
  });

  test('close() drops what waits, before the end of the track and after it', async () => {
    const ended = endsWith(async (sink) => {
      await once(sink, 'end');
      sink.close();
      return byIteration(sink);
    });
    expect(await ended).toEqual([]);
    const { track } = await microphone();
    const sink = new PcmSink(track);
    lastSink().push(1);
    sink.close();
    track.stop();
    expect(await byIteration(sink)).toEqual([]);
  });

  test('a sink of a track that has ended tells its end once somebody can listen', async () => {
    const { track } = await microphone();
    track.stop();
    const sink = new PcmSink(track);
    expect(sink.closed).toBe(true);
    await once(sink, 'end');
    expect(await sink.read()).toBeUndefined();
  });

  test('frames that nobody read in time are counted', async () => {
    const { track } = await microphone();
    const sink = new PcmSink(track, { queueFrames: 2 });
    for (const value of [1, 2, 3]) lastSink().push(value);
    expect((await sink.read()).samples[0]).toBe(2);
    expect(sink.dropped).toBe(1);
    for (const value of [4, 5, 6]) lastSink().push(value);
    expect((await sink.read()).samples[0]).toBe(5);
    expect((await sink.read()).samples[0]).toBe(6);
    expect(sink.dropped).toBe(3);
    sink.close();
    expect(await sink.read()).toBeUndefined();
  });

  test('frames are counted in samples, dropped ones too', async () => {
    const { track } = await microphone();
    const sink = new PcmSink(track, { queueFrames: 2 });
    for (let value = 0; value < 5; value++) lastSink().push(value);
    const positions = [];
    for (let n = 0; n < 2; n++) positions.push((await sink.read()).position);
    lastSink().push(5);
    positions.push((await sink.read()).position);
    expect(positions).toEqual([960, 1280, 1600]);
  });

  test('frames of data events share one memory on request, those that are read do not', async () => {
    const { track } = await microphone();
    const heard = async (options) => {
      const sink = new PcmSink(track, options);
      const frames = [];
      const values = [];
      sink.on('data', ({ samples }) => {
        frames.push(samples);
        values.push(samples[0]);
      });
      for (const value of [1, 2, 3]) lastSink().push(value);
      await settled();
      expect(values).toEqual([1, 2, 3]);
      sink.removeAllListeners('data');
      const reads = [sink.read(), sink.read()];
      for (const value of [4, 5]) lastSink().push(value);
      const [four, five] = await Promise.all(reads);
      expect([four.samples[0], five.samples[0]]).toEqual([4, 5]);
      sink.close();
      return new Set(frames.map(({ buffer }) => buffer)).size;
    };
    expect(await heard({ reuseFrames: true })).toBe(1);
    expect(await heard({})).toBe(3);
  });

  test('a listener that transfers the memory of data events leaves another one for the next frames', async () => {
    const { track } = await microphone();
    const sink = new PcmSink(track, { reuseFrames: true });
    const values = [];
    sink.on('data', ({ samples }) => values.push(structuredClone(samples, { transfer: [samples.buffer] })[0]));
    for (const value of [1, 2, 3]) lastSink().push(value);
    await settled();
    expect(values).toEqual([1, 2, 3]);
  });

  test('speech and levels are looked at while somebody listens to them, and not before or after', async () => {
    const { track } = await microphone();
    const sink = new PcmSink(track);
    const native = lastSink();
    const speech = { onsetMs: 32, hangoverMs: 500, threshold: 0.6, minDbfs: -66 };
    expect(native.listeners).toEqual({ levels: false, speech: undefined, enabled: true });
    const heard = jest.fn();
    for (const event of ['speechstart', 'speechend', 'level']) sink.on(event, heard);
    await settled();
    expect(native.listeners).toEqual({ levels: true, speech, enabled: true });
    sink.off('speechstart', heard);
    expect(native.listeners.speech).toEqual(speech);
    sink.removeAllListeners('speechend');
    expect(native.listeners).toEqual({ levels: true, speech: undefined, enabled: true });
    sink.off('level', heard);
    expect(native.listeners).toEqual({ levels: false, speech: undefined, enabled: true });
    sink.on('level', heard).removeAllListeners();
    expect(native.listeners.levels).toBe(false);
    sink.on('level', heard).on('speechend', heard);
    await settled();
    expect(native.listeners).toEqual({ levels: true, speech, enabled: true });
  });

  test('tells where speech begins and ends', async () => {
    const { track } = await microphone();
    const sink = new PcmSink(track, { speech: { onsetMs: 64, threshold: 0.7 } });
    const native = lastSink();
    expect(native.listeners.speech).toEqual({ onsetMs: 64, hangoverMs: 500, threshold: 0.7, minDbfs: -66 });
    const report = (speaking, position) =>
      native.engine.report({
        type: 'speech',
        sink: native.id,
        speaking,
        position,
        known: position + 800,
        timestamp: 7,
      });
    report(true, 1000);
    expect(await once(sink, 'speechstart')).toEqual([{ position: 1000, known: 1800, timestamp: 7 }]);
    expect(sink.speaking).toBe(true);
    report(false, 5000);
    expect(await once(sink, 'speechend')).toEqual([{ position: 5000, known: 5800, timestamp: 7 }]);
    expect(sink.speaking).toBe(false);
    expect(native.listeners.speech).toBeDefined();
    report(true, 9000);
    await settled();
    sink.close();
    expect(sink.speaking).toBe(false);
    report(false, 9500);
    await settled();
  });

  test('levels of many come in one report, each to its own', async () => {
    const { track } = await microphone();
    const sinks = [new PcmSink(track), new PcmSink(track)];
    const natives = made.sinks.slice(-2);
    const levels = sinks.map((sink) => once(sink, 'level'));
    const data = natives.map(({ id }, n) => ({ sink: id, rms: n / 10, peak: n / 10 }));
    natives[0].engine.report({ type: 'levels', levels: data });
    expect(await Promise.all(levels)).toEqual([
      [{ rms: 0, peak: 0, rmsDbfs: -127, peakDbfs: -127 }],
      [{ rms: 0.1, peak: 0.1, rmsDbfs: -20, peakDbfs: -20 }],
    ]);
  });

  test('a disabled track is silence to speech and levels, too', async () => {
    const { track } = await microphone();
    track.enabled = false;
    new PcmSink(track);
    const native = lastSink();
    expect(native.listeners.enabled).toBe(false);
    track.enabled = true;
    expect(native.listeners.enabled).toBe(true);
  });

  test.each([
    ['yes', TypeError],
    [{ onsetMs: '32' }, TypeError],
    [{ onsetMs: 1.5 }, RangeError],
    [{ onsetMs: -1 }, RangeError],
    [{ hangoverMs: 20_000 }, RangeError],
    [{ threshold: NaN }, RangeError],
    [{ threshold: 2 }, RangeError],
    [{ minDbfs: 10 }, RangeError],
  ])('refuses %p as what counts as speech', async (speech, error) => {
    const { track } = await microphone();
    expect(() => new PcmSink(track, { speech })).toThrow(error);
  });

  test('is a Node stream and a Web stream', async () => {
    const { track } = await microphone();
    const readable = new PcmSink(track, { sampleRate: 8000, frameMs: 10 }).toNodeStream();
    lastSink().push(258);
    const [bytes] = await once(readable, 'data');
    expect([bytes.length, bytes.readInt16LE(0)]).toEqual([160, 258]);
    const closed = lastSink();
    readable.destroy();
    // Although no frame comes any more.
    expect(closed.closed).toBe(true);
    const reader = new PcmSink(track).toWebStream().getReader();
    lastSink().push(7);
    expect((await reader.read()).value.samples[0]).toBe(7);
    const native = lastSink();
    await reader.cancel();
    expect(native.closed).toBe(true);
  });

  test('wants an audio track and known rates', async () => {
    const { track } = await microphone();
    expect(() => new PcmSink({})).toThrow(TypeError);
    expect(() => new PcmSink(track, { sampleRate: 22050 })).toThrow(RangeError);
    expect(() => new PcmSink(track, { frameMs: 15 })).toThrow(RangeError);
    const video = await mediaDevices.getUserMedia({ video: true });
    expect(() => new PcmSink(video.getTracks()[0])).toThrow(TypeError);
  });

  test('of a call that is already over has ended', async () => {
    const { pc } = connection();
    pc.addTransceiver('audio');
    const [{ track }] = pc.getReceivers();
    pc.close();
    const sink = new PcmSink(track);
    expect(sink.closed).toBe(true);
    expect(await sink.read()).toBeUndefined();
  });
});

describe('nonstandard', () => {
  test('RTCVideoSource makes video tracks and says that it takes no frames', () => {
    const source = new nonstandard.RTCVideoSource({ isScreencast: true });
    expect([source.isScreencast, source.needsDenoising]).toEqual([true, null]);
    const [a, b] = [source.createTrack(), source.createTrack()];
    expect([a.kind, a.readyState, a.muted]).toEqual(['video', 'live', false]);
    expect(a.id).not.toBe(b.id);
    a.stop();
    expect(b.readyState).toBe('live');
    const frame = { width: 2, height: 2, data: new Uint8ClampedArray(6) };
    expect(() => source.onFrame(frame)).toThrow(expect.objectContaining({ name: 'NotSupportedError' }));
  });

  test('RTCAudioSource takes frames of 10 ms', () => {
    const source = new nonstandard.RTCAudioSource();
    const ring = lastRing();
    expect(source.createTrack()).toMatchObject({ kind: 'audio', readyState: 'live' });
    const frame = { sampleRate: 16000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 160 };
    source.onData({ ...frame, samples: new Int16Array(160).fill(3) });
    expect(ring.queued).toBe(10);
    source.onData({ ...frame, samples: new Int16Array(160).buffer });
    expect(ring.queued).toBe(20);
    expect(() => source.onData({ ...frame, samples: new ArrayBuffer(319) })).toThrow(RangeError);
    expect(() => source.onData({ ...frame, samples: new Int16Array(80) })).toThrow(RangeError);
    expect(() => source.onData({ ...frame, samples: new Uint8ClampedArray(160) })).toThrow(TypeError);
  });

  test('RTCAudioSink hands them out', async () => {
    const { track } = await microphone();
    const sink = new nonstandard.RTCAudioSink(track);
    const native = lastSink();
    const got = new Promise((resolve) => {
      sink.ondata = resolve;
    });
    native.push(5);
    expect(await got).toMatchObject({
      type: 'data',
      sampleRate: 48000,
      bitsPerSample: 16,
      channelCount: 1,
      numberOfFrames: 480,
    });
    sink.stop();
    expect(sink.stopped).toBe(true);
  });
});
