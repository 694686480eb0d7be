// What the ears of other tests go by: keys are told apart as ITU-T Q.23 and Q.24 say.

const { decodeKeys } = require('./tone');

const RATE_HZ = 8000;
const PAIRS_HZ = { 1: [697, 1209], 5: [770, 1336], '#': [941, 1477] };

/** `sounds` in turn: a key, or null for silence, and for how long. */
function sound(...sounds) {
  return Float32Array.from(
    sounds.flatMap(([key, ms]) =>
      Array.from({ length: (ms * RATE_HZ) / 1000 }, (_, n) =>
        (PAIRS_HZ[key] ?? []).reduce((sum, hz) => sum + 0.25 * Math.sin((2 * Math.PI * hz * n) / RATE_HZ), 0),
      ),
    ),
  );
}

const heard = (...sounds) => decodeKeys(sound(...sounds), RATE_HZ);

test('keys are heard in turn, the same one twice where it pauses', () => {
  expect(heard(['5', 100], [null, 70], ['#', 100], [null, 70], ['1', 100])).toBe('5#1');
  expect(heard(['1', 100], [null, 70], ['1', 100])).toBe('11');
});

test('another key needs no pause', () => {
  expect(heard(['5', 100], ['#', 100], ['5', 100])).toBe('5#5');
});

test('what interrupts a key shortly does not make two of it, and what is short is no key', () => {
  expect(heard(['1', 100], [null, 20], ['1', 200])).toBe('1');
  expect(heard(['1', 100], ['5', 20], ['1', 200])).toBe('1');
  expect(heard([null, 100], ['1', 40], [null, 100])).toBe('');
});

test('a slow hand is told from a bad line by the pause that it makes', () => {
  const samples = sound(['1', 100], [null, 80], ['1', 200]);
  expect(decodeKeys(samples, RATE_HZ)).toBe('11');
  expect(decodeKeys(samples, RATE_HZ, { pauseMs: 100 })).toBe('1');
});
