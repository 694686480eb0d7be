// What this process holds: descriptors, threads, memory, native objects, and facades that the garbage collector has not taken.

const fs = require('node:fs');
const { liveObjects } = require('../../../binding.js');

const facades = {};
const registry = new FinalizationRegistry((name) => {
  facades[name]--;
});

/** Counts `object` under `name` until it is collected. */
function follow(name, object) {
  facades[name] = (facades[name] ?? 0) + 1;
  registry.register(object, name);
}

function look() {
  return {
    descriptors: fs.readdirSync('/proc/self/fd').length,
    threads: fs.readdirSync('/proc/self/task').length,
    rssKb: process.memoryUsage().rss / 1024,
    objects: liveObjects(),
    facades: { ...facades },
  };
}

/** No count is above what it is in `goal`, where it is missing: above 0. */
const within = (counts, goal = {}) => Object.keys(counts).every((name) => counts[name] <= (goal[name] ?? 0));

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

/**
 * What is held once things have settled: collection and closing take some turns; what is still there after so many stays.
 * @param {object} goal what was held before, or {} for nothing but what is always there
 */
async function settled(goal = {}) {
  for (let turns = 0; ; turns++) {
    globalThis.gc();
    await turn();
    const now = look();
    const { engines, ...objects } = now.objects;
    const { descriptors, threads } = now;
    const counts = goal.descriptors ? { descriptors, threads } : {};
    if ((within(objects, goal.objects) && within(now.facades, goal.facades) && within(counts, goal)) || turns === 200)
      return now;
  }
}

module.exports = { follow, look, settled };
