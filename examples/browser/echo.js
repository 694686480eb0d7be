// The caller hears himself, half a second later.

const { PcmSink, PcmSource } = require('webphone-rtc');

const DELAY_FRAMES = 25; // of 20 ms

module.exports = function echo(_connection, track) {
  const source = new PcmSource({ sampleRate: 48000 });
  const sink = new PcmSink(track, { sampleRate: 48000 });
  const waiting = [];
  sink.on('data', ({ samples }) => {
    waiting.push(samples);
    if (waiting.length > DELAY_FRAMES) source.write(waiting.shift());
  });
  return { track: source.createTrack(), end: () => sink.close() };
};
