// What the caller says goes to a file, as caller-1.opus; he hears a beep first.

const path = require('node:path');
const { CallRecorder, PcmSource } = require('webphone-rtc');

let calls = 0;

module.exports = function record(_connection, track, { folder }) {
  const source = new PcmSource({ sampleRate: 16000 });
  const recorder = new CallRecorder({ left: track, right: source, path: path.join(folder, `caller-${++calls}.opus`) });
  recorder.on('end', ({ path, durationMs }) => console.log(`${path}: ${(durationMs / 1000).toFixed(1)} s`));
  source.write(
    Int16Array.from({ length: 4800 }, (_, n) => Math.round(8000 * Math.sin((2 * Math.PI * 880 * n) / 16000))),
  );
  return { track: source.createTrack(), end: () => recorder.stop() };
};
