// What browser libraries find around them in a page, and what a test hears: the package's globals, a WebSocket, a tone.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
require('../../dist/register.js');
/** The package's; other libraries here bring older ones. */
export const { WebSocket, WebSocketServer } = createRequire(new URL('../../package.json', import.meta.url))('ws');
const { PcmSink } = require('../../dist/index.js');
const { Ear } = require('../support/ear.js');
const { Tone } = require('../support/tone.js');

globalThis.window = globalThis;
globalThis.WebSocket = WebSocket;
globalThis.location = { protocol: 'http:' };
// PeerJS and webrtc-adapter choose a dialect by this.
Object.defineProperty(navigator, 'userAgent', { value: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0' });

const SAMPLE_RATE_HZ = 16_000;
const BLOCK_FRAMES = SAMPLE_RATE_HZ / 100;

/** Speaks a tone into a track of getUserMedia(), the microphone, until it ends. */
export function speak(track, hz) {
  const tone = new Tone(hz, track.source.sampleRate);
  const more = () => {
    while (track.readyState === 'live' && track.source.write(tone.next(BLOCK_FRAMES)));
  };
  track.source.on('drain', more);
  more();
}

/** Resolves once `track` has brought a clean second of the tone. */
export async function hears(track, hz) {
  const ear = new Ear(SAMPLE_RATE_HZ);
  const sink = new PcmSink(track, { sampleRate: SAMPLE_RATE_HZ });
  sink.on('data', (frame) => ear.push(frame.samples));
  try {
    return await ear.hears(hz);
  } finally {
    sink.close();
  }
}
