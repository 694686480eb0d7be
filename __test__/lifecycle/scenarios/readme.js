// The bridge of the README, word for word, called by a local switch: by a call that is marked for auto-answer, and by one that is not.

require('../../../examples/switch/without-tls');
const fs = require('node:fs');
const path = require('node:path');
const { startSwitch } = require('../../../examples/switch');
const say = require('./say');

const readme = fs.readFileSync(path.join(__dirname, '../../../README.md'), 'utf8');
const [, bridge] = readme.match(/^## A bridge in a few lines\n+```js\n(.*?)^```$/ms);
const FRAMES = 50;

(async () => {
  process.env.WEBPHONE_RTC_LOOPBACK = '1';
  const sw = await startSwitch();
  const voiceAi = {};
  const run = new Function('require', 'sipInfo', 'instanceId', 'voiceAi', `${bridge}; return phone;`);
  const phone = run(require, sw.sipInfo, 'readme', voiceAi);
  while (!sw.registered) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const autoAnswer of [true, false]) {
    const heard = new Promise((resolve) => {
      let frames = 0;
      voiceAi.hear = (samples) => samples.length === 320 && ++frames === FRAMES && resolve();
    });
    const call = await sw.call({ autoAnswer });
    await call.waitFor('dtls');
    await heard;
    say('heard');
    await call.hangup();
    say(call.verdict);
  }
  await phone.dispose();
  await sw.stop();
})();
