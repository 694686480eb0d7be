// What the bot says: speech if espeak-ng is on this machine, otherwise a made-up babble. Mono PCM16 at RATE.

const { spawnSync } = require('node:child_process');
const { signal } = require('../switch');

const RATE = 16000;
const PERIOD_MS = 20;
const TEXT = 'Hello. This is a bot on a real media stack. I can hear you, and I am still here.';
const PAUSE_S = 1;
const WAV_HEADER_BYTES = 44,
  ESPEAK_RATE = 22050;

function spoken() {
  const { status, stdout } = spawnSync('espeak-ng', ['--stdout', TEXT], { maxBuffer: 1 << 26 });
  if (status !== 0 || !stdout) return null;
  const pcm = new Int16Array(
    stdout.buffer.slice(stdout.byteOffset + WAV_HEADER_BYTES, stdout.byteOffset + stdout.length - (stdout.length % 2)),
  );
  const out = new Int16Array(Math.floor((pcm.length * RATE) / ESPEAK_RATE) + PAUSE_S * RATE);
  for (let i = 0; i < out.length - PAUSE_S * RATE; i++) {
    const at = (i * ESPEAK_RATE) / RATE,
      left = Math.floor(at);
    out[i] = pcm[left] + (at - left) * ((pcm[left + 1] ?? 0) - pcm[left]);
  }
  return out;
}

/** Returns next(frames), which goes on for ever. */
function voice() {
  const speech = spoken();
  if (!speech) {
    const babble = signal.babble(2);
    return (frames) => babble(frames, RATE);
  }
  let at = 0;
  return (frames) => Int16Array.from({ length: frames }, () => speech[at++ % speech.length]);
}

module.exports = { voice, RATE, PERIOD_MS };
