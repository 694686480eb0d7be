// Every block of JavaScript in the documents for first use and trouble is run as it stands, and does what its section says.

const http = require('node:http');
const { EventEmitter, once } = require('node:events');
const path = require('node:path');
const { WebSocketServer } = require('ws');
const { PcmSource } = require('webphone-rtc');
const { signal } = require('../../examples/switch');
const shell = require('../package/shell');
const { Ear } = require('../support/ear');
const { Talker } = require('../support/talker');
const { Tone } = require('../support/tone');
const { installed } = require('./on-demand');
const { answeredCall, blocksOf, cleanUp, ends, run } = require('./snippets');
const { root } = shell;

jest.setTimeout(180_000);

/** What a filter between two rates still holds after clear(). */
const REST_MS = 20;

afterEach(cleanUp);
afterAll(shell.removeScratch);

const tone = (hz, seconds) => new Tone(hz, 16000).next(16000 * seconds);
const callAudio = (call) => require('webphone-rtc/webphone').callAudio(call);

const cookbook = blocksOf('docs/cookbook.md');
const recipe = (heading, scope) => {
  const [text, more] = cookbook.get(heading);
  expect(more).toBeUndefined();
  return run(`${cookbook.get('')[0]}\n${text}`, scope);
};

describe('cookbook.md', () => {
  const tested = {
    'A connection without a telephone: sound and a data channel': async () => {
      const [text] = cookbook.get('A connection without a telephone: sound and a data channel');
      const env = { WEBPHONE_RTC_LOOPBACK: '1' };
      const { status, output } = await shell.run(root, process.execPath, ['-e', text], env, 20_000);
      expect({ status, output }).toEqual({ status: 0, output: "the tone is heard\nthe answer is 'hello to you'\n" });
    },
    'Record a call': async () => {
      const { call, far } = await answeredCall();
      const folder = shell.folder('recording');
      const log = jest.spyOn(console, 'log').mockImplementation(() => {});
      const recorder = recipe('Record a call').record(call, path.join(folder, 'call.wav'));
      const { sink } = callAudio(call);
      for (let n = 0; n < 50; n++) await sink.read();
      const { durationMs } = await recorder.stop();
      expect(durationMs).toBeGreaterThan(500);
      expect(log).toHaveBeenCalledWith(path.join(folder, 'call.wav'), durationMs, null);
      log.mockRestore();
      expect(far).toBeDefined();
    },
    'A menu by digits (IVR)': async () => {
      const { call, far } = await answeredCall();
      const prompts = { question: tone(400, 20), 2: tone(600, 2), unknown: tone(800, 2) };
      const chosen = recipe('A menu by digits (IVR)').menu(call, prompts);
      await far.hears(400);
      far.sender.dtmf.insertDTMF('2');
      await far.hears(600);
      expect(await chosen).toBe('2');
    },
    'Barge-in: the caller interrupts the bot': async () => {
      const mouth = new PcmSource({ sampleRate: 16000 });
      const { call, far } = await answeredCall({ voice: mouth.createTrack() });
      const { source } = callAudio(call);
      source.write(tone(500, 30));
      const interrupted = new Promise((resolve) =>
        recipe('Barge-in: the caller interrupts the bot').interruptible(call, resolve),
      );
      await far.hears(500);
      mouth.write(signal.babble(1)(16000 * 5, 16000));
      expect(await interrupted).toBeGreaterThan(1000);
      expect(source.queuedMs).toBeLessThan(REST_MS);
    },
    'Music on hold': async () => {
      const { call, far } = await answeredCall();
      // Shorter than the queue: it goes round.
      const resume = recipe('Music on hold').playOnHold(call, tone(700, 0.5));
      await far.hears(700);
      expect(callAudio(call).source.queuedMs).toBeGreaterThan(500);
      resume();
      expect(callAudio(call).source.queuedMs).toBeLessThan(REST_MS);
    },
    'Two calls hear each other': async () => {
      const [one, other] = [await answeredCall({ hz: 1000 }), await answeredCall({ hz: 700 })];
      const disconnect = await recipe('Two calls hear each other').connect(one.call, other.call);
      await Promise.all([one.far.hears(700), other.far.hears(1000)]);
      await disconnect();
      callAudio(one.call).source.write(tone(500, 20));
      await one.far.hears(500);
    },
    'Hand over to a person': async () => {
      const { call } = await answeredCall();
      const { source } = callAudio(call);
      const transfer = jest.fn(async () => expect(source.queuedMs).toBe(0));
      await recipe('Hand over to a person').handOver({ ...call, transfer }, '100', tone(500, 0.5));
      expect(transfer).toHaveBeenCalledWith('100');
    },
    'A speech-to-speech API (OpenAI Realtime and its like)': async () => {
      const { call, far } = await answeredCall();
      const server = http.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const api = new WebSocketServer({ server });
      const talking = once(api, 'connection');
      const url = `ws://127.0.0.1:${server.address().port}`;
      const socket = recipe('A speech-to-speech API (OpenAI Realtime and its like)').realtime(call, {
        url,
        key: 'k',
        instructions: 'x',
      });
      ends.push(
        () => socket.terminate(),
        () => api.close(),
        () => server.close(),
      );
      const [connection, request] = await talking;
      expect(request.headers.authorization).toBe('Bearer k');
      const events = [];
      connection.on('message', (data) => events.push(JSON.parse(data)));
      while (!events.some(({ audio }) => audio)) await once(connection, 'message');
      expect(events[0]).toMatchObject({
        type: 'session.update',
        session: { audio: { input: { format: { rate: 24000 } } } },
      });
      expect(Buffer.from(events.find(({ audio }) => audio).audio, 'base64').length).toBe(2 * 480);
      const delta = Buffer.from(new Tone(600, 24000).next(24000 * 20).buffer).toString('base64');
      connection.send(JSON.stringify({ type: 'response.output_audio.delta', delta }));
      await far.hears(600);
      connection.send(JSON.stringify({ type: 'input_audio_buffer.speech_started' }));
      while (callAudio(call).source.queuedMs > 0) await once(connection, 'message');
    },
  };

  test.each(Object.entries(tested))('%s', (_, check) => check());

  test('a menu and a hand-over end with their call', async () => {
    const { call, far, near } = await answeredCall();
    const { track } = near.pc.getSenders()[0];
    const chosen = recipe('A menu by digits (IVR)').menu(call, { question: tone(400, 20), unknown: tone(800, 20) });
    const transfer = jest.fn();
    const handedOver = recipe('Hand over to a person').handOver({ ...call, transfer }, '100', tone(400, 20));
    await far.hears(400);
    near.close();
    track.stop();
    expect(await chosen).toBeUndefined();
    await handedOver;
    expect(transfer).not.toHaveBeenCalled();
  });

  const LIVEKIT = 'LiveKit: the caller joins a room';
  const livekit = installed('@livekit/rtc-node');
  livekit.test(LIVEKIT, async () => {
    const { AudioSource, AudioStream, LocalAudioTrack, Room, LocalParticipant, RoomEvent, dispose, ...rest } =
      livekit.load('@livekit/rtc-node');
    ends.push(dispose);
    const { call, far, near } = await answeredCall({ hz: 1000 });
    const load = (name) => (name.startsWith('@livekit/') ? livekit.load(name) : require(name));
    const { joinRoom } = recipe(LIVEKIT, { require: load });

    // What a server would make of a Room: here it tells who publishes what.
    const published = [];
    const localParticipant = { publishTrack: async (...of) => void published.push(of) };
    const [connect, disconnect] = [jest.fn(async () => {}), jest.fn()];
    const room = Object.assign(new EventEmitter(), { localParticipant, connect, disconnect });
    for (const name of ['on', 'connect', 'disconnect']) expect(typeof Room.prototype[name]).toBe('function');
    expect(typeof LocalParticipant.prototype.publishTrack).toBe('function');
    await joinRoom(call, room, { url: 'wss://livekit.example', token: 't' });
    expect(connect).toHaveBeenCalledWith('wss://livekit.example', 't', expect.anything());
    const [[track, options]] = published;
    expect(options.source).toBe(rest.TrackSource.SOURCE_MICROPHONE);

    // The agent says 600 Hz and hears the caller's 1000 Hz.
    const voice = new AudioSource(16000, 1);
    room.emit(RoomEvent.TrackSubscribed, LocalAudioTrack.createAudioTrack('agent', voice));
    let speaking = true;
    const speak = async () => {
      const tone = new Tone(600, 16000);
      while (speaking) {
        const samples = tone.next(320);
        await voice.captureFrame(new rest.AudioFrame(samples, 16000, 1, samples.length));
      }
    };
    const ear = new Ear(16000);
    const listen = async () => {
      for await (const { data } of new AudioStream(track, { sampleRate: 16000, numChannels: 1, frameSizeMs: 20 }))
        ear.push(data);
    };
    const [spoken, heard] = [speak(), listen()];
    await Promise.all([far.hears(600), ear.hears(1000)]);
    speaking = false;
    await spoken;
    far.end();
    near.pc.close();
    await track.close();
    await heard;
    expect(disconnect).toHaveBeenCalled();
  });

  test('no recipe is without a test', () => {
    const headings = [...cookbook.keys()].filter((heading) => heading !== '');
    expect(headings.sort()).toEqual([...Object.keys(tested), LIVEKIT].sort());
  });
});

describe('migration.md', () => {
  const blocks = [...blocksOf('docs/migration.md').values()].flat();

  test('the blocks run', () => {
    expect(blocks.length).toBe(3);
    for (const text of blocks) run(text);
  });

  test('an answer by the last one is heard', async () => {
    const { answer } = run(blocks.at(-1));
    const far = new Talker({ hz: 1000 });
    ends.push(() => far.end());
    let loud;
    const heard = new Promise((resolve) => {
      loud = (samples) => samples.some((sample) => sample > 5000) && resolve();
    });
    const { sdp } = await far.offer();
    const { connection, source, sdp: ours } = await answer(sdp, loud);
    ends.push(() => connection.close());
    await far.accept({ type: 'answer', sdp: ours });
    await heard;
    source.write(tone(600, 20));
    await far.hears(600);
  });
});

describe('troubleshooting.md', () => {
  const sections = blocksOf('docs/troubleshooting.md');

  test('it has the blocks that are tested here', () => {
    expect([...sections].map(([heading, texts]) => [heading, texts.length])).toEqual([
      ['', 2],
      ['No audio at all, though connected', 1],
      ['Choppy, metallic, words missing', 1],
    ]);
  });

  test('the page starts, a failure is told in one line', async () => {
    const [page, failures] = sections.get('');
    const said = [];
    const console = { log: (line) => said.push(line), error: (line) => said.push(line) };
    run(page, { console });
    while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await fetch(said[0])).status).toBe(200);
    run(failures, { console });
    const { channel } = require('node:diagnostics_channel');
    channel('webphone-rtc:connection').publish({ id: 7, state: 'failed', previous: 'connecting', reason: 'no answer' });
    expect(said.at(-1)).toBe('call #7 failed: no answer');
  });

  test('what flows is told of both directions', async () => {
    const { near, far } = await answeredCall();
    callAudio({ rtcPeerConnection: near.pc }).source.write(tone(600, 20));
    await far.hears(600);
    const { whatFlows } = run(sections.get('No audio at all, though connected')[0]);
    const told = await whatFlows(near.pc);
    expect(told.sent).toBeGreaterThan(5);
    expect(told.level).toBeGreaterThan(0.1);
    expect(told.received).toBeGreaterThan(5);
  });

  test('the event loop is watched, and the process not held by that', async () => {
    const text = `${sections.get('Choppy, metallic, words missing')[0].replace('5000', '50')}\nsetTimeout(() => {}, 500);`;
    const { status, stdout } = await shell.run(root, process.execPath, ['-e', text], {}, 20_000);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^event loop: \d+ ms\n/) });
  });
});

test('internals.md: the page is opened as it says', async () => {
  const [[text]] = blocksOf('docs/internals.md').values();
  const said = [];
  run(text, { console: { log: (url) => said.push(url) } });
  while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await (await fetch(said[0])).text()).toContain('<title>webphone-rtc internals</title>');
});
