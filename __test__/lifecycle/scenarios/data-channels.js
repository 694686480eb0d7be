// Connections of data channels alone, each with several channels one after the other. Says which facades are left in the end.

const { Channels } = require('../../support/channels');
const { configuration, rtc } = require('../../support/implementation');
const { Phone } = require('../../support/phone');
const say = require('./say');

const CONNECTIONS = 10;
const CHANNELS = 10;
const alive = {};
const registry = new FinalizationRegistry((name) => {
  alive[name]--;
});
function follow(name, object) {
  alive[name] = (alive[name] ?? 0) + 1;
  registry.register(object, name);
}

function open() {
  const phone = new Phone({ RTCPeerConnection: rtc.RTCPeerConnection, configuration });
  phone.channels = new Channels(phone.pc);
  phone.pc.addEventListener('datachannel', ({ channel }) => follow('their channels', channel));
  follow('connections', phone.pc);
  return phone;
}

async function talk() {
  const [near, far] = [open(), open()];
  near.channels.create('0');
  await near.accept(await far.answer(await near.offer()));
  follow('transports', near.pc.sctp);
  for (let i = 0; i < CHANNELS; i++) {
    if (i > 0) near.channels.create(`${i}`);
    follow('our channels', near.channels.known.get(`${i}`).channel);
    await Promise.all([near.channels.opened(`${i}`), far.channels.opened(`${i}`)]);
    far.channels.sendBytes(`${i}`, 1000, i);
    await near.channels.received(`${i}`, 1);
    // The last one is left to the end of the connection.
    if (i === CHANNELS - 1) continue;
    near.channels.closeChannel(`${i}`);
    await Promise.all([near.channels.closed(`${i}`), far.channels.closed(`${i}`)]);
  }
  near.close();
  await far.channels.closed(`${CHANNELS - 1}`);
  far.close();
}

(async () => {
  for (let i = 0; i < CONNECTIONS; i++) await talk();
  for (let i = 0; i < 100 && Object.values(alive).some((n) => n > 0); i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  say(alive);
})();
