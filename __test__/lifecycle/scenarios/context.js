// What is kept of the context that the first call was made in, once it is over and another one is up.

const { AsyncLocalStorage } = require('node:async_hooks');
const { Pair } = require('../../support/pair');
const say = require('./say');

const storage = new AsyncLocalStorage();
let store;

async function connected() {
  const pair = new Pair();
  await pair.connect();
  await pair.talks();
  return pair;
}

function first() {
  const request = { of: 'the first call' };
  store = new WeakRef(request);
  return storage.run(request, connected);
}

/** The first one ends after the second has begun: the event loop is held all the time. */
async function both() {
  const one = await first();
  const other = await connected();
  one.end();
  return other;
}

(async () => {
  const other = await both();
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    gc();
  }
  say({ kept: store.deref() !== undefined });
  other.end();
})();
