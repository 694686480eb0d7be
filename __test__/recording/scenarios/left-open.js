// A recording that nobody stops. The first argument says of what, the second names the file; the process is to end by itself.

const { CallRecorder, PcmSink, PcmSource } = require('webphone-rtc');
const { Pair } = require('../../support/pair');
const { Tone } = require('../../support/tone');

const [, , what, path] = process.argv;
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** A tone in `track`, heard until the file is so long. */
async function recorded(recorder, ms) {
  while (recorder.durationMs < ms) await new Promise((resolve) => setTimeout(resolve, 50));
  say('recorded');
}

function source() {
  const one = new PcmSource({ queueMs: 5000 });
  one.write(new Tone(1000, 16000).next(16000 * 4));
  const sink = new PcmSink(one.createTrack());
  sink.on('data', () => {});
  return { left: one, close: () => sink.close() };
}

async function call() {
  const pair = new Pair();
  await pair.connect();
  const { pc, sender } = pair.left;
  return { left: pc.getReceivers()[0].track, right: sender, close: () => pair.end() };
}

(async () => {
  const { close, ...sides } = await { source, call, exit: source }[what]();
  const recorder = new CallRecorder({ ...sides, path });
  await recorded(recorder, 1000);
  close();
  if (what === 'exit') process.exit(0);
  globalThis.recorder = recorder;
})();
