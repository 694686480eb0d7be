// Records a tone into the file that the argument names, until it is killed. Says, frame by frame, what has been heard and what the recorder
// says is in the file, both in milliseconds.

const { CallRecorder, PcmSink, PcmSource } = require('webphone-rtc');
const { Tone } = require('../../support/tone');

const FRAME_MS = 20;

const source = new PcmSource({ queueMs: 1000 });
const tone = new Tone(1000, 16000);
const speak = () => {
  while (source.write(tone.next(320)));
};
source.on('drain', speak);
speak();

const track = source.createTrack();
const recorder = new CallRecorder({ left: track, right: source, path: process.argv[2] });
let heardMs = 0;
new PcmSink(track, { frameMs: FRAME_MS }).on('data', () => {
  heardMs += FRAME_MS;
  process.stdout.write(`${JSON.stringify({ heardMs, writtenMs: recorder.durationMs })}\n`);
});
// Neither source, sink nor recorder keeps a process alive.
setInterval(() => {}, 1000);
