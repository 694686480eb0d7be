// Calls between two connections of this process that end at any moment of their lives. Arguments: how many, how many at a
// time, how often to look, and the seed of the dice. Says after each part what the process holds.

const { mulberry32 } = require('../../../bench/quality/random');
const { Pair } = require('../../support/pair');
const { follow, settled } = require('./holdings');
const say = require('./say');

const [calls, atATime, looks, seed] = process.argv.slice(2).map(Number);
/** A warm-up: pools fill, code is compiled. */
const WARM_UP = 3 * atATime + 20;
const LONGEST_TALK_MS = 100;

const next = mulberry32(seed);
/** Whole numbers below `below`. */
const roll = (below) => Math.floor(next() * below);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const shaking = ({ pc }) => pc.connectionState !== 'new';

/** Until some sound has come: the whole path has then been built. */
function heard({ ear }) {
  return new Promise((resolve) => {
    ear.takes.add(function take() {
      ear.takes.delete(take);
      resolve();
    });
  });
}

/** How far a call gets before both ends leave it. */
const MOMENTS = {
  'nothing has begun': async () => {},
  'while it gathers': async ({ left }) => {
    const set = left.pc.setLocalDescription();
    if (roll(2)) await set;
  },
  'before the offer is taken': async ({ left, right }) => {
    const offer = await left.offer();
    right.pc.setRemoteDescription(offer);
  },
  'before the answer': async ({ left, right }) => {
    await right.pc.setRemoteDescription(await left.offer());
    if (roll(2)) await right.pc.setLocalDescription();
  },
  'before the answer is taken': async ({ left, right }) => {
    await right.answer(await left.offer());
  },
  'while it looks for a path': async (pair) => {
    await pair.negotiate();
  },
  'in the handshake': async (pair) => {
    await pair.negotiate();
    await pair.left.until(() => shaking(pair.left), 'something happens');
    await sleep(roll(20));
  },
  'in the talk': async (pair) => {
    await pair.connect();
    await Promise.all([heard(pair.left), heard(pair.right)]);
    await sleep(roll(LONGEST_TALK_MS));
  },
  'in the talk, with a data channel and statistics': async (pair) => {
    pair.left.pc.createDataChannel('notes');
    await pair.connect();
    await heard(pair.left);
    pair.right.pc.getStats();
    if (roll(2)) await pair.left.pc.getStats();
  },
  'by one end first': async (pair) => {
    await pair.connect();
    pair.left.end();
    await pair.right.leftByPeer();
  },
};

const reached = {};

async function call() {
  const pair = new Pair();
  for (const { pc, voice } of [pair.left, pair.right]) {
    follow('connections', pc);
    follow('tracks', voice.track);
    follow('senders', pc.getSenders()[0]);
  }
  const names = Object.keys(MOMENTS);
  const moment = names[roll(names.length)];
  await MOMENTS[moment](pair);
  reached[moment] = (reached[moment] ?? 0) + 1;
  for (const { ear } of [pair.left, pair.right]) if (ear) follow('ears', ear);
  if (roll(2)) pair.end();
  else {
    pair.right.end();
    pair.left.end();
  }
}

async function run(count) {
  let left = count;
  const line = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: atATime }, line));
}

(async () => {
  say({ seed }); // opens the standard output, which counts
  await run(WARM_UP);
  const first = await settled();
  say({ calls: 0, ...first });
  for (let part = 1; part <= looks; part++) {
    await run(calls / looks);
    say({ calls: (calls / looks) * part, ...(await settled(first)) });
  }
  say({ reached });
})();
