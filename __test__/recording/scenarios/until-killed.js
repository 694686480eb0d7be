// Records a tone into the file that the argument names, until it is killed. Says, frame by frame, what has been heard, what the recorder
// says is in the file, and for how long the process stood still, all in milliseconds.

const { CallRecorder, PcmSink, PcmSource } = require('webphone-rtc');
const { Tone } = require('../../support/tone');

const FRAME_MS = 20;
/** More than the test waits for, written at once: nothing is missing because JavaScript was late. */
const TONE_MS = 10_000;

const source = new PcmSource({ queueMs: TONE_MS });
source.write(new Tone(1000, 16000).next(16 * TONE_MS));

const track = source.createTrack();
const recorder = new CallRecorder({ left: track, right: source, path: process.argv[2] });
let heardMs = 0;
/** By the frame that came here fastest. */
let began = Infinity;
new PcmSink(track, { frameMs: FRAME_MS }).on('data', () => {
  began = Math.min(began, performance.now() - heardMs);
  const stoodStillMs = performance.now() - began - heardMs;
  heardMs += FRAME_MS;
  process.stdout.write(`${JSON.stringify({ heardMs, writtenMs: recorder.durationMs, stoodStillMs })}\n`);
});
// Neither source, sink nor recorder keeps a process alive.
setInterval(() => {}, 1000);
