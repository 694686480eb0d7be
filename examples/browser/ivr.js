// A menu by digits: each key has its own tone, * goes back to silence, # hangs up.

const { PcmSource } = require('webphone-rtc');

const RATE_HZ = 16000;
const HZ = { 1: 400, 2: 500, 3: 600 };

module.exports = function ivr(connection) {
  const source = new PcmSource({ sampleRate: RATE_HZ });
  const say = (hz, ms) =>
    source.write(
      Int16Array.from({ length: (RATE_HZ * ms) / 1000 }, (_, n) =>
        Math.round(8000 * Math.sin((2 * Math.PI * hz * n) / RATE_HZ)),
      ),
    );
  connection.addEventListener('dtmf', ({ tone }) => {
    source.clear(); // who knows the menu need not hear it out
    if (tone === '#') connection.close();
    else if (HZ[tone]) say(HZ[tone], 10_000);
  });
  say(300, 2000);
  return { track: source.createTrack(), end: () => source.clear() };
};
