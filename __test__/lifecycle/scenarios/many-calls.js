// Sequential calls, both ends here, each with audio in both directions. Says what the process holds after a warm-up and at the end.

const fs = require('node:fs');
const { Pair } = require('../../support/pair');
const say = require('./say');

const WARM_UP = 50;
const calls = Number(process.argv[2]);
const AUDIO_FRAMES = 160;

const own = {};
/** Facades of which the garbage collector must have seen the end. */
const registry = new FinalizationRegistry((name) => {
  own[name]--;
});
function follow(name, object) {
  own[name] = (own[name] ?? 0) + 1;
  registry.register(object, name);
}

/** Until both ends have heard something: the whole path has then been built. */
function heard(talker) {
  return new Promise((resolve) => {
    let frames = 0;
    const take = (block) => {
      frames += block.length;
      if (frames < AUDIO_FRAMES) return;
      talker.ear.takes.delete(take);
      resolve();
    };
    talker.ear.takes.add(take);
  });
}

async function call() {
  const pair = new Pair();
  for (const { pc, voice } of [pair.left, pair.right]) {
    follow('connections', pc);
    follow('tracks', voice.track);
  }
  await pair.connect();
  await Promise.all([heard(pair.left), heard(pair.right)]);
  pair.end();
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 50));

/** What is held once things have settled: collection and closing take some turns; what is still there after a hundred stays. */
async function held(goal = {}) {
  let now;
  for (let i = 0; i < 100; i++) {
    globalThis.gc();
    await turn();
    now = {
      descriptors: fs.readdirSync('/proc/self/fd').length,
      threads: fs.readdirSync('/proc/self/task').length,
      rssMb: process.memoryUsage().rss / 2 ** 20,
      ...own,
    };
    if (
      now.connections === 0 &&
      now.tracks === 0 &&
      ['descriptors', 'threads'].every((what) => now[what] <= (goal[what] ?? 0))
    )
      break;
  }
  return now;
}

(async () => {
  for (let i = 0; i < WARM_UP; i++) await call();
  const before = await held();
  for (let i = 0; i < calls / 2; i++) await call();
  const middle = await held(before);
  for (let i = 0; i < calls / 2; i++) await call();
  const after = await held(before);
  say({ before, middle, after });
})();
