// Preloaded: what is written to a source gets lost.

const { PcmSource } = require('webphone-rtc');

PcmSource.prototype.write = () => true;
