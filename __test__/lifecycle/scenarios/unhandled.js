// close() in the middle of everything: pending operations are dropped, nothing rejects unheard, and the process ends.

const { Pair } = require('../../support/pair');
const say = require('./say');

(async () => {
  const early = new Pair();
  early.left.pc.createOffer().then(
    () => say('an operation ended after close'),
    () => {},
  );
  early.left.pc.setLocalDescription().catch(() => {});
  early.left.end();
  early.right.end();

  const middle = new Pair();
  const offer = await middle.left.offer();
  middle.right.pc.setRemoteDescription(offer).then(
    () => say('an operation ended after close'),
    () => {},
  );
  middle.right.end();
  middle.left.end();

  const connecting = new Pair();
  await connecting.negotiate();
  connecting.left.end();
  connecting.right.end();
  say('done');
})();
