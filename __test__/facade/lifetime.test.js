const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

const PRELUDE = `
  const rtc = require(${JSON.stringify(path.join(__dirname, '../../dist/index.js'))});
  const { made } = require(${JSON.stringify(path.join(__dirname, 'fake-binding.js'))});
  const negotiate = async (a, b) => {
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription();
    await a.setRemoteDescription(b.localDescription);
  };
  const natives = () => made.connections.map((ref) => ref.deref()).filter(Boolean);
  const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
  const collect = async () => { for (let i = 0; i < 20; i++) { await turn(); gc(); } };
`;

/** Runs a script in a process of its own; rejects if it has to be killed. */
async function run(script, flags = []) {
  const preload = path.join(__dirname, 'preload.cjs');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--require', preload, ...flags, '--eval', `${PRELUDE}(async () => {${script}})()`],
    { timeout: 20_000 },
  );
  return stdout.trim();
}

describe('the process', () => {
  test('requiring the package makes no engine', async () => {
    expect(await run('console.log(made.engines.length)')).toBe('0');
  });

  test('a bare connection, source and sink do not keep it alive', async () => {
    const script = `
      const pc = new rtc.RTCPeerConnection();
      const track = new rtc.PcmSource().createTrack();
      pc.addTrack(track);
      new rtc.PcmSink(track).on('data', () => {});
      console.log('end');
    `;
    expect(await run(script)).toBe('end');
  });

  test('a call that is up keeps it alive, closing lets it go', async () => {
    const script = `
      const [a, b] = [new rtc.RTCPeerConnection(), new rtc.RTCPeerConnection()];
      a.addTransceiver('audio');
      await negotiate(a, b);
      for (const native of natives()) native.connect();
      const unref = setTimeout(() => {
        console.log(a.connectionState);
        a.close();
        b.close();
      }, 300);
      unref.unref();
    `;
    expect(await run(script)).toBe('connected');
  });

  test('gathering and a connection that is about to begin keep it alive', async () => {
    const script = `
      const [a, b] = [new rtc.RTCPeerConnection(), new rtc.RTCPeerConnection()];
      a.addTransceiver('audio');
      await a.setLocalDescription();
      while (a.iceGatheringState !== 'complete') {
        await new Promise((resolve) => a.addEventListener('icegatheringstatechange', resolve, { once: true }));
      }
      console.log(a.iceGatheringState);
      await negotiate(a, b);
      setTimeout(() => natives()[0].connect(), 200).unref();
      a.onconnectionstatechange = () => {
        console.log(a.connectionState);
        if (a.connectionState !== 'connected') return;
        a.close();
        b.close();
      };
    `;
    expect(await run(script)).toBe('complete\nconnecting\nconnected');
  });

  test('an offer that nobody answers does not', async () => {
    const script = `
      const pc = new rtc.RTCPeerConnection();
      pc.addTransceiver('audio');
      await pc.setLocalDescription();
      pc.onicecandidate = ({ candidate }) => candidate ?? console.log('gathered');
    `;
    expect(await run(script)).toBe('gathered');
  });

  test('a session of the web phone that is disposed while it gathers does not', async () => {
    const script = `
      const { webRtcSessionFactory } = require(${JSON.stringify(path.join(__dirname, '../../dist/webphone.js'))});
      const session = webRtcSessionFactory({ callId: 'c', direction: 'outbound', stunServers: [] });
      session.rtcPeerConnection.onicegatheringstatechange = () => session.dispose();
      await session.createOffer().catch(({ name }) => console.log(name));
      console.log(process.getActiveResourcesInfo().includes('Timeout'));
    `;
    expect(await run(script)).toBe('InvalidStateError\nfalse');
  });

  test('a connection that the engine loses while it gathers lets it go', async () => {
    const script = `
      const pc = new rtc.RTCPeerConnection();
      pc.addTransceiver('audio');
      await pc.setLocalDescription();
      const [native] = natives();
      native.engine.reports.length = 0;
      native.report({ type: 'gathering', state: 'gathering' });
      native.report({ type: 'crashed', message: 'out of luck' });
      pc.onconnectionstatechange = () => console.log(pc.iceGatheringState, pc.connectionState);
    `;
    expect(await run(script)).toBe('gathering failed');
  });

  test('a failed connection lets it go', async () => {
    const script = `
      const pc = new rtc.RTCPeerConnection();
      pc.addTransceiver('audio');
      await pc.setLocalDescription();
      const [native] = natives();
      native.report({ type: 'ice', transport: 1, state: 'checking' });
      native.report({ type: 'ice', transport: 1, state: 'failed' });
      pc.onconnectionstatechange = () => console.log(pc.connectionState);
    `;
    expect(await run(script)).toBe('connecting\nfailed');
  });
});

describe('the garbage collector', () => {
  test('takes connections that were never used or were closed, and no others', async () => {
    const script = `
      const make = async () => {
        for (let i = 0; i < 50; i++) new rtc.RTCPeerConnection();
        for (let i = 0; i < 50; i++) {
          const pc = new rtc.RTCPeerConnection();
          pc.addTransceiver('audio');
          pc.onicecandidate = () => pc.connectionState;
          await pc.setLocalDescription();
          pc.close();
        }
        const open = new rtc.RTCPeerConnection();
        open.addTransceiver('audio');
        open.onconnectionstatechange = () => console.log(open.connectionState);
        await open.setLocalDescription();
      };
      await make();
      await collect();
      console.log(natives().length);
      natives()[0].report({ type: 'ice', transport: 1, state: 'checking' });
      natives()[0].report({ type: 'ice', transport: 1, state: 'failed' });
      await turn();
      await turn();
    `;
    expect(await run(script)).toBe('1\nconnecting\nfailed');
  });

  test('takes sources and sinks that nobody holds', async () => {
    const script = `
      const refs = [];
      const make = () => {
        for (let i = 0; i < 50; i++) {
          const source = new rtc.PcmSource();
          const sink = new rtc.PcmSink(source.createTrack());
          sink.on('data', () => {});
          refs.push(new WeakRef(source), new WeakRef(sink));
        }
      };
      make();
      await collect();
      console.log(refs.filter((ref) => ref.deref()).length);
    `;
    expect(await run(script)).toBe('0');
  });

  test('takes what is in the very store of the context that it was made in', async () => {
    const script = `
      const { AsyncLocalStorage } = require('node:async_hooks');
      const storage = new AsyncLocalStorage();
      const refs = [];
      const make = (call) => {
        call.pc = new rtc.RTCPeerConnection();
        call.source = new rtc.PcmSource({ queueMs: 20 });
        call.sink = new rtc.PcmSink(call.source.createTrack());
        // Written for ever, in its own context, though nobody hears it.
        call.over = new rtc.PcmSource({ queueMs: 20 });
        const play = () => { while (call.over.write(new Int16Array(320))); };
        call.over.on('drain', play);
        play();
        call.over.createTrack().stop();
        for (const object of [call, ...Object.values(call)]) refs.push(new WeakRef(object));
      };
      const makeAll = () => { for (let i = 0; i < 20; i++) { const call = {}; storage.run(call, make, call); } };
      makeAll();
      await collect();
      console.log(refs.filter((ref) => ref.deref()).length);
    `;
    expect(await run(script)).toBe('0');
  });

  test('takes tracks that nobody stopped, while their source lives and their sinks read', async () => {
    const script = `
      const source = new rtc.PcmSource();
      const tracks = [];
      const make = (read) => {
        const pc = new rtc.RTCPeerConnection();
        const track = source.createTrack();
        track.onended = () => pc.close();
        pc.addTrack(track);
        if (read) new rtc.PcmSink(track).on('data', ({ samples }) => console.log(samples[0]));
        else pc.close();
        tracks.push(new WeakRef(track));
      };
      for (let i = 0; i < 50; i++) make(false);
      make(true);
      await collect();
      console.log(tracks.filter((ref) => ref.deref()).length);
      made.sinks[0].push(7);
      await turn();
      console.log(source.queuedMs);
    `;
    expect(await run(script)).toBe('1\n7\n0');
  });

  test('takes connections that nobody closed, though the track that they were to send is held', async () => {
    const script = `
      const track = new rtc.PcmSource().createTrack();
      const make = () => { for (let i = 0; i < 50; i++) new rtc.RTCPeerConnection().addTrack(track); };
      make();
      await collect();
      console.log(natives().length, track.readyState);
    `;
    expect(await run(script)).toBe('0 live');
  });

  test('takes a source whose tracks have ended, though it is written whenever it drains, and not from under a writer', async () => {
    const script = `
      const refs = [];
      const make = () => {
        for (let i = 0; i < 20; i++) {
          const source = new rtc.PcmSource({ queueMs: 20 });
          const play = () => { while (source.write(new Int16Array(320))); };
          source.on('drain', play);
          play();
          source.createTrack().stop();
          refs.push(new WeakRef(source));
        }
      };
      const write = async () => {
        const source = new rtc.PcmSource({ queueMs: 20 });
        source.createTrack().stop();
        for (let n = 0; n < 5; n++) await source.captureFrame(new Int16Array(320));
        console.log('written');
      };
      make();
      write();
      await collect();
      await turn();
      console.log(refs.filter((ref) => ref.deref()).length);
    `;
    expect(await run(script)).toBe('written\n0');
  });

  test('leaves a source of encoded frames whose track is held', async () => {
    const script = `
      const make = () => {
        const source = new rtc.nonstandard.RTCEncodedAudioSource();
        source.on('drain', () => console.log('drained'));
        return source.createTrack();
      };
      const track = make();
      await collect();
      made.queues[0].drain();
      await turn();
      console.log(track.readyState);
    `;
    expect(await run(script)).toBe('drained\nlive');
  });
});

test('a listener that throws takes no report from others', async () => {
  const script = `
    process.on('uncaughtException', ({ message }) => console.log(message));
    const track = new rtc.PcmSource().createTrack();
    const [bad, good] = [new rtc.PcmSink(track), new rtc.PcmSink(track)];
    bad.on('data', () => { throw new Error('no ear'); });
    good.on('data', ({ samples }) => console.log(samples[0]));
    await turn();
    made.sinks.forEach((sink, n) => sink.push(n));
    await turn();
    await turn();
  `;
  expect((await run(script)).split('\n').sort()).toEqual(['1', 'no ear']);
});

test('what a callback of a legacy form throws is an exception, no rejection', async () => {
  const script = `
    process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
    const thrower = (message) => () => { throw new Error(message); };
    console.log(await new rtc.RTCPeerConnection().createOffer(thrower('success'), thrower('failure')));
    await turn();
    await turn();
  `;
  expect(await run(script)).toBe('undefined\nuncaught success');
});

test.each([
  ['frames that wait behind the one it threw at', ''],
  ['the last frames of a track', 'track.stop();'],
])('a listener that throws still gets %s, and the end', async (_, last) => {
  const script = `
    process.on('uncaughtException', ({ message }) => console.log(message));
    const track = new rtc.PcmSource().createTrack();
    const sink = new rtc.PcmSink(track);
    for (const value of [1, 2, 3, 4, 5, 6]) made.sinks[0].push(value);
    ${last}
    sink.on('data', ({ samples: [value] }) => { console.log(value); if (value < 6) throw new Error('not ' + value); });
    sink.on('end', () => console.log('end'));
    await turn();
    await turn();
    track.stop();
    await turn();
  `;
  const said = (await run(script)).split('\n');
  expect(said.filter((line) => !line.startsWith('not'))).toEqual(['1', '2', '3', '4', '5', '6', 'end']);
  expect(said.filter((line) => line.startsWith('not'))).toEqual([1, 2, 3, 4, 5].map((value) => `not ${value}`));
});

test('a listener to marks that throws in clear() leaves no other mark, and nobody who waits, behind', async () => {
  const script = `
    process.on('uncaughtException', ({ message }) => console.log(message));
    const source = new rtc.PcmSource();
    source.on('mark', (name) => { if (name === 'bad') throw new Error('no mark'); console.log(name); });
    source.write(new Int16Array(1600));
    source.mark('bad');
    source.mark('good');
    const playout = source.waitForPlayout();
    console.log(source.clear());
    await playout;
    await turn();
  `;
  expect(await run(script)).toBe('good\n100\nno mark');
});

test('works in worker threads', async () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    const code = ${JSON.stringify(`
      require(${JSON.stringify(path.join(__dirname, 'preload.cjs'))});
      const { RTCPeerConnection } = require(${JSON.stringify(path.join(__dirname, '../../dist/index.js'))});
      const pc = new RTCPeerConnection();
      pc.addTransceiver('audio');
      pc.setLocalDescription().then(() => { console.log(pc.signalingState); pc.close(); });
    `)};
    new Worker(code, { eval: true }).on('exit', (exit) => console.log(exit));
  `;
  expect(await run(script)).toBe('have-local-offer\n0');
});

test('named imports work from an ES module', async () => {
  const script = `
    const url = require('node:url').pathToFileURL(${JSON.stringify(path.join(__dirname, '../../dist/index.js'))});
    const names = Object.keys(await import(url));
    console.log(Object.keys(rtc).every((name) => names.includes(name)), names.includes('RTCPeerConnection'));
  `;
  expect(await run(script)).toBe('true true');
});
