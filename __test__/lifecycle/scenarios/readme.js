// The bridge of the README, word for word, called by a local switch.

const fs = require('node:fs');
const path = require('node:path');
const { localWebSocket, startSwitch } = require('../../../examples/switch');
const say = require('./say');

const readme = fs.readFileSync(path.join(__dirname, '../../../README.md'), 'utf8');
const [, bridge] = readme.match(/^## A bridge in ten lines\n+```js\n(.*?)^```$/ms);
const FRAMES = 50;

(async () => {
  process.env.WEBPHONE_RTC_LOOPBACK = '1';
  globalThis.WebSocket = localWebSocket();
  const sw = await startSwitch();
  let voiceAi;
  const heard = new Promise((resolve) => {
    let frames = 0;
    voiceAi = { hear: (samples) => samples.length === 320 && ++frames === FRAMES && resolve() };
  });
  const run = new Function('require', 'sipInfo', 'instanceId', 'voiceAi', `${bridge}; return phone;`);
  const phone = run(require, sw.sipInfo, 'readme', voiceAi);
  while (!sw.registered) await new Promise((resolve) => setTimeout(resolve, 20));
  const call = await sw.call({ autoAnswer: true });
  await heard;
  say('heard');
  await call.hangup();
  say(call.verdict);
  await phone.dispose();
  await sw.stop();
})();
