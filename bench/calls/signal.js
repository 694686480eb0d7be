// The signal of all calls: sentences with pauses, cut into frames of 10 ms.
// Invariant: made once before anything is measured; a call begins at a place of its own.

const { VOICES, sentences } = require('../quality/speech');

const LENGTH_S = 20;
const PAUSE_S = 0.4;
const FRAMES_PER_SECOND = 100;

/** @returns {Int16Array[]} 20 s, again and again */
function speechFrames(rateHz) {
  const all = new Int16Array(LENGTH_S * rateHz);
  const pause = Math.round(PAUSE_S * rateHz);
  let end = 0;
  for (const sentence of sentences(VOICES[0], 0, rateHz)) {
    if (end + sentence.length > all.length) break;
    all.set(sentence, end);
    end += sentence.length + pause;
  }
  const length = rateHz / FRAMES_PER_SECOND;
  return Array.from({ length: Math.floor(Math.min(end, all.length) / length) }, (_, n) =>
    all.slice(n * length, (n + 1) * length),
  );
}

/** Where call `id` begins: far from its neighbours. */
const offsetOf = (id) => id * 37;

module.exports = { FRAMES_PER_SECOND, offsetOf, speechFrames };
