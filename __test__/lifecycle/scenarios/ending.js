// A process that ends in the middle of its calls. The argument names how.

const { mkdtempSync, rmSync, writeSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { CallRecorder } = require('webphone-rtc');
const { Pair } = require('../../support/pair');

const ways = {
  'process.exit': () => process.exit(3),
  'process.exit in an event of the connection': ({ left }) => {
    left.pc.addEventListener('signalingstatechange', () => process.exit(3));
    left.offer();
  },
  'process.exit where sound comes': ({ left }) => left.ear.takes.add(() => process.exit(3)),
  'process.exit while it gathers': () => {
    const other = new Pair();
    other.left.pc.setLocalDescription();
    process.exit(3);
  },
  'process.exit with a recording': ({ left }) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'webphone-rtc-ending-'));
    new CallRecorder({ left: left.tracks[0], path: path.join(folder, 'call.wav') });
    process.once('exit', () => rmSync(folder, { recursive: true }));
    setTimeout(() => process.exit(3), 50);
  },
  SIGTERM: () => process.kill(process.pid, 'SIGTERM'),
  'SIGTERM that is handled': () => {
    process.once('SIGTERM', () => process.exit(4));
    process.kill(process.pid, 'SIGTERM');
  },
  SIGINT: () => process.kill(process.pid, 'SIGINT'),
  'an uncaught exception': () => {
    setImmediate(() => {
      throw new Error('on purpose');
    });
  },
  'an uncaught exception in an event of the connection': ({ left }) => {
    left.pc.addEventListener('signalingstatechange', () => {
      throw new Error('on purpose');
    });
    left.offer();
  },
  'an unhandled rejection': () => {
    Promise.reject(new Error('on purpose'));
  },
};

(async () => {
  const pairs = [new Pair(), new Pair()];
  await Promise.all(pairs.map((pair) => pair.connect()));
  await Promise.all(pairs.map(({ left }) => left.until(() => left.ear, 'a track has come')));
  // Whatever way the process ends, this has then been written.
  writeSync(1, '"in mid-call"\n');
  // At another moment of the engine's 20 ms each time.
  setTimeout(() => ways[process.argv[2]](pairs[0]), Math.random() * 40);
})();
