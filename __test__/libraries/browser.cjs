// What the libraries look for in a page, from the package.
const { MediaStream, PcmSource } = require('../../dist/index.js');
require('../../dist/register.js');

globalThis.window = globalThis;
// They choose between old dialects of WebRTC by this; the standard's is found where a newer Chromium is named.
Object.defineProperty(navigator, 'userAgent', { value: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0' });

/** As much of Web Audio as it takes to make a stream with a track. */
globalThis.AudioContext = class {
  createOscillator() {
    return { connect() {}, start() {} };
  }
  createMediaStreamDestination() {
    return { stream: new MediaStream([new PcmSource().createTrack()]) };
  }
};
