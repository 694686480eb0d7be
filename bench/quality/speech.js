// Real speech: sentences by two voices of espeak-ng, made once and kept in bench/.cache.
// Invariant: the same sentences give the same samples, so scores of different days compare.

const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, renameSync } = require('node:fs');
const path = require('node:path');
const { CACHE } = require('./install');
const { resample } = require('./resample');
const { decodeWav } = require('./wav');

/** A man's and a woman's. */
const VOICES = ['en-us', 'en-us+f3'];
const WORDS_PER_MINUTE = 160;
/** RMS of a sentence, full scale being 32768: -26 dB, the level that PESQ is used with (ITU-T P.862.3). */
const LEVEL = 32768 * 10 ** (-26 / 20);
/** Below it a sample belongs to the silence around a sentence. */
const SILENT = 100;

const SENTENCES = [
  'Good morning, this is the front desk, how may I help you?',
  'I would like to change my appointment from Tuesday to Friday.',
  'The delivery left our warehouse yesterday at half past seven.',
  'Please hold the line while I look for your account.',
  'My number is four zero seven, three nine two, eight one five six.',
  'She asked whether the blue jacket is still on sale.',
  'We have three rooms with a view of the harbour.',
  'Thank you for waiting, your order has been shipped.',
  'Could you spell your family name for me, please?',
  'The weather will stay dry until the end of the week.',
  'Our office is closed on public holidays and every other Monday.',
  'He fixed the old bicycle and rode it across the bridge.',
  'If that is all, I wish you a pleasant evening.',
  'A quick check shows that the payment has not arrived yet.',
  'Take the second street on the left, just behind the church.',
  'They usually answer within two hours, often much sooner.',
];

function trim(samples) {
  const loud = (x) => Math.abs(x) > SILENT;
  return samples.subarray(samples.findIndex(loud), samples.findLastIndex(loud) + 1);
}

function levelled(samples) {
  let energy = 0;
  for (const x of samples) energy += x * x;
  const gain = LEVEL / Math.sqrt(energy / samples.length);
  return samples.map((x) => Math.max(-32768, Math.min(32767, Math.round(gain * x))));
}

/** @returns {Int16Array} one sentence without silence around it */
function speak(voice, text, sampleRate) {
  const key = createHash('sha256')
    .update(JSON.stringify([voice, WORDS_PER_MINUTE, text]))
    .digest('hex')
    .slice(0, 16);
  const folder = path.join(CACHE, 'speech');
  const file = path.join(folder, `${key}.wav`);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    // Another process may be saying the same.
    const unfinished = `${file}.${process.pid}`;
    const { status, stderr } = spawnSync('espeak-ng', [
      ...['-v', voice, '-s', String(WORDS_PER_MINUTE), '-w', unfinished],
      text,
    ]);
    if (status !== 0) throw new Error(`espeak-ng: ${stderr}`);
    renameSync(unfinished, file);
  }
  const spoken = decodeWav(readFileSync(file));
  return levelled(trim(resample(spoken.samples, spoken.sampleRate, sampleRate)));
}

/** Endless sentences of a voice, beginning with the `first`. */
function* sentences(voice, first, sampleRate) {
  for (let i = first; ; i++) yield speak(voice, SENTENCES[i % SENTENCES.length], sampleRate);
}

module.exports = { SENTENCES, VOICES, sentences };
