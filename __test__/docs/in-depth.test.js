// Every block of JavaScript in the other documents, run likewise; and that none of any document is left out.

const fs = require('node:fs');
const path = require('node:path');
const rtc = require('webphone-rtc');
const { signal } = require('../../examples/switch');
const shell = require('../package/shell');
const { Pair } = require('../support/pair');
const { documents, blocks } = require('./documents');
const { installed } = require('./on-demand');
const { answeredCall, blocksOf, cleanUp, ends, run, runAsync } = require('./snippets');
const { PcmSource, callAudio } = { ...rtc, ...require('webphone-rtc/webphone') };

jest.setTimeout(180_000);
afterEach(cleanUp);
afterAll(shell.removeScratch);

const all = (document) => [...blocksOf(document).values()].flat();

/** Until the test ends, relative paths begin here. */
function inFolder(name) {
  const [before, folder] = [process.cwd(), shell.folder(name)];
  process.chdir(folder);
  ends.push(() => process.chdir(before));
  return folder;
}

function listened() {
  const said = [];
  return { said, console: { ...console, log: (...words) => said.push(words), error: (...words) => said.push(words) } };
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('logging.md', () => {
  const [loggers, monitor, spans] = all('docs/logging.md');
  const [pino, winston] = [installed('pino'), installed('winston')];

  const needed = [pino, winston].find((it) => it.test !== test) ?? pino;
  needed.test('winston, pino and the console are loggers as they are', async () => {
    const { said, console } = listened();
    const taken = [];
    const setLogger = (logger, ...rest) => {
      taken.push(logger);
      return rtc.setLogger(logger, ...rest);
    };
    const load = (name) => {
      if (name === 'pino') return pino.load(name);
      if (name === 'winston') return winston.load(name);
      return { ...rtc, setLogger };
    };
    run(loggers, { require: load, console });
    expect(taken.map((logger) => logger && typeof logger.info)).toEqual(['function', 'function', 'function', null]);
    // The last one took the logger away.
    const pair = new Pair();
    ends.push(() => pair.end());
    await pair.connect();
    expect(said).toEqual([]);
  });

  test('a monitor is told of states, tracks and digits', async () => {
    const { said, console } = listened();
    run(monitor, { console });
    const pair = new Pair();
    ends.push(() => pair.end());
    await pair.connect();
    pair.left.sender.dtmf.insertDTMF('7');
    await pair.right.hearsKeys('7');
    const has = (...words) => said.some((line) => words.every((word, index) => word === null || line[index] === word));
    await until(() => has(null, 'received', '7'));
    expect(has(null, 'connecting', 'connected')).toBe(true);
    expect(has(null, 'added', null, 'audio')).toBe(true);
    expect(has(null, 'sent', '7')).toBe(true);
  });

  test('spans are begun, and ended by what is returned', () => {
    run(`${spans}\nend();`);
  });
});

describe('recording.md', () => {
  const [ofCall, ofAny] = all('docs/recording.md');

  test('a call is recorded in one line', async () => {
    const [folder, { call }] = [inFolder('recording'), await answeredCall()];
    await runAsync(`${ofCall}\nawait recorder.stop();`, { call });
    expect(fs.readFileSync(path.join(folder, 'call.opus')).toString('latin1', 0, 4)).toBe('OggS');
  });

  test('a connection is recorded by its track and sender', async () => {
    const [folder, { near }] = [inFolder('recording'), await answeredCall()];
    await runAsync(ofAny, { pc: near.pc, CallRecorder: rtc.CallRecorder });
    expect(fs.readFileSync(path.join(folder, 'call.wav')).toString('latin1', 0, 4)).toBe('RIFF');
  });
});

test('speech.md: levels come, and speech takes back what is written', async () => {
  const mouth = new PcmSource({ sampleRate: 16000 });
  const { call } = await answeredCall({ voice: mouth.createTrack() });
  const { said, console } = listened();
  const [text] = all('docs/speech.md');
  const level = jest.fn();
  run(text.replace('({ rmsDbfs, peakDbfs }) => {}', 'level'), { call, callAudio, console, level });
  const { source } = callAudio(call);
  source.write(new Int16Array(16000 * 20));
  mouth.write(signal.babble(1)(16000 * 5, 16000));
  await until(() => said.length > 0);
  expect(said[0][0]).toMatch(/^silent since \d+$/);
  expect(level.mock.calls[0][0]).toMatchObject({ rmsDbfs: expect.any(Number), peakDbfs: expect.any(Number) });
  expect(source.queuedMs).toBeLessThan(1000);
});

describe('encoded-frames.md', () => {
  const [inWorker, worker, received, sent] = all('docs/encoded-frames.md');

  test('a worker encrypts what is sent and decrypts what is received', async () => {
    const folder = inFolder('encoded');
    const crypt = 'const crypt = ({ key }, data) => new Uint8Array(data).map((byte) => byte ^ key).buffer;\n';
    fs.writeFileSync(path.join(folder, 'encrypt.js'), crypt + worker);
    const pair = new Pair();
    ends.push(() => pair.end());
    await pair.negotiate();
    for (const end of [pair.left, pair.right]) {
      const [sender, receiver] = [end.sender, end.pc.getReceivers()[0]];
      const { Worker } = require('node:worker_threads');
      class Kept extends Worker {
        constructor(...args) {
          super(...args);
          ends.push(() => this.terminate());
        }
      }
      const load = (name) => (name === 'node:worker_threads' ? { Worker: Kept } : require(name));
      load.resolve = require.resolve;
      run(inWorker, { require: load, sender, receiver, key: 0x5a });
    }
    await Promise.all([pair.left.connected(), pair.right.connected()]);
    await pair.talks();
  });

  test('frames are taken instead of sound', async () => {
    const pair = new Pair();
    ends.push(() => pair.end());
    await pair.connect();
    const store = jest.fn();
    const receiver = pair.left.pc.getReceivers()[0];
    const stored = runAsync(received, { receiver, store });
    await until(() => store.mock.calls.length > 10);
    expect(store.mock.calls[0]).toEqual([expect.any(Number), expect.any(ArrayBuffer)]);
    pair.end();
    await stored;
  });

  test('a packet of one’s own is sent', async () => {
    const pc = new rtc.RTCPeerConnection();
    ends.push(() => pc.close());
    run(`${sent}\nif (source.queuedMs === 0) throw new Error('not taken');`, {
      pc,
      packet: Uint8Array.of(0x08, 0xff, 0xfe),
    });
    expect(pc.getSenders()[0].track.kind).toBe('audio');
  });
});

test('examples/switch/README.md: the far end of the SDK', async () => {
  const [text] = all('examples/switch/README.md');
  const WebPhone = require('ringcentral-web-phone').default ?? require('ringcentral-web-phone');
  const { install, uninstall } = require('webphone-rtc/register');
  install();
  const { WebSocket } = globalThis;
  ends.push(() => {
    globalThis.WebSocket = WebSocket;
    uninstall();
  });
  class Answering extends WebPhone {
    constructor(options) {
      super({ ...options, autoAnswer: true });
      this.on('inboundCall', (session) =>
        session.once('answered', () => {
          const { source } = callAudio(session);
          source.write(
            Int16Array.from({ length: 16000 * 20 }, (_, n) => 9000 * Math.sin((2 * Math.PI * 700 * n) / 16000)),
          );
        }),
      );
    }
  }
  const load = (name) => (name === './examples/switch' ? require('../../examples/switch') : require(name));
  const checked = `${text}
    const verdict = call.verdict;
    await phone.dispose();
    await sw.stop();
    if (verdict !== 'completed') throw new Error(verdict);`;
  await runAsync(checked, { require: load, WebPhone: Answering });
});

test('no block of JavaScript is without a test', () => {
  const tested = { 'README.md': 1, 'docs/cookbook.md': 10, 'docs/migration.md': 3, 'docs/troubleshooting.md': 4 };
  Object.assign(tested, { 'docs/internals.md': 1, 'docs/logging.md': 3, 'docs/recording.md': 2, 'docs/speech.md': 1 });
  Object.assign(tested, { 'docs/encoded-frames.md': 4, 'examples/switch/README.md': 1 });
  const counts = documents().map((document) => {
    const scripts = blocks(document).filter(({ language }) =>
      /^(js|javascript|mjs|ts|typescript|py|python)$/.test(language),
    );
    return [document, scripts.length];
  });
  // docs/api.md is written from the types.
  const found = counts.filter(([document, count]) => count > 0 && document !== 'docs/api.md');
  expect(Object.fromEntries(found)).toEqual(tested);
});
