// A call that is up keeps the process alive although nothing else does; closing it lets the process end.

const { Pair } = require('../../support/pair');
const say = require('./say');

const UP_MS = 2000;

(async () => {
  const pair = new Pair();
  await pair.connect();
  say('connected');
  setTimeout(() => {
    say('still up');
    pair.left.close();
    pair.right.close();
  }, UP_MS).unref();
})();
