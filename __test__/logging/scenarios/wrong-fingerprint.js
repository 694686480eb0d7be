// A call whose answer announces another certificate than the one that comes; prints what the monitor was told.

const { subscribe } = require('node:diagnostics_channel');
const { connectionId } = require('webphone-rtc');
const { forged } = require('../../support/fingerprint');
const { Pair } = require('../../support/pair');

const told = [];
subscribe('webphone-rtc:connection', ({ id, state, reason }) => {
  if (state === 'failed') told.push({ id, reason });
});

async function call() {
  const pair = new Pair();
  await pair.negotiate((description) => (description.type === 'answer' ? forged(description) : description));
  await Promise.all([pair.left.failed(), pair.right.failed()]);
  const [deceived, refused] = [pair.left, pair.right].map(({ pc }) => connectionId(pc));
  pair.end();
  console.log(JSON.stringify({ deceived, refused, told }));
}

call();
