// Preloaded: no source can be made.

const rtc = require('webphone-rtc');

Object.defineProperty(rtc, 'PcmSource', {
  get() {
    throw new Error('no source today');
  },
});
