// What a call keeps of transceivers that it had for a while: what is native of them, before and after twenty.

const { Pair } = require('../../support/pair');
const { look, settled } = require('./holdings');
const say = require('./say');

const COUNT = 20;

(async () => {
  const pair = new Pair();
  await pair.connect();
  await pair.talks();
  const hold = async () => {
    const transceiver = pair.left.pc.addTransceiver('audio');
    await pair.negotiate();
    transceiver.stop();
    await pair.negotiate();
    // Whoever has kept the object finds nothing of its own any more, and makes nothing new by asking.
    transceiver.receiver.jitterBufferTarget = 100;
    transceiver.sender.setStreams();
    transceiver.setCodecPreferences([]);
  };
  const before = look();
  for (let i = 0; i < COUNT; i++) await hold();
  const after = await settled(before);
  await pair.talks();
  pair.end();
  say({ before: before.objects, after: after.objects });
})();
