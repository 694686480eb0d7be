// A whole call with audio both ways, then close() at the sides that the argument names, and at the others when they see that,
// or, with 'abandoned', never. Nothing else is done to end the process: sources, sinks and tracks stay as they are.

const { Pair } = require('../../support/pair');
const say = require('./say');

const sides = process.argv.slice(2);

(async () => {
  const pair = new Pair();
  await pair.connect();
  await pair.talks();
  say('talked');
  if (sides.includes('abandoned')) {
    pair.right.pc.addEventListener('connectionstatechange', () => say(pair.right.pc.connectionState));
    pair.left.close();
    return;
  }
  for (const side of sides) pair[side].close();
  for (const side of ['left', 'right'].filter((each) => !sides.includes(each))) {
    await pair[side].leftByPeer();
    say('left by peer');
    pair[side].close();
  }
  globalThis.pair = pair;
})();
