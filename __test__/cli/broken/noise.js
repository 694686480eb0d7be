// Preloaded: half of what is captured is noise.

const { PcmSource } = require('webphone-rtc');

const { captureFrame } = PcmSource.prototype;
PcmSource.prototype.captureFrame = function (samples) {
  const spoilt = samples.map((sample, n) => (n < samples.length / 2 ? sample : ((n * 7919) % 9001) - 4500));
  return captureFrame.call(this, spoilt);
};
