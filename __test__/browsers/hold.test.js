// Hold and resume: a re-offer with another direction (RFC 3264 §8.4), from each side.

const { describeWithBrowsers } = require('./browser');
const { FAR_HZ, NEAR_HZ, withCall } = require('./call');

const MIRRORED = { sendonly: 'recvonly', inactive: 'inactive' };

describeWithBrowsers('hold', (browser) => {
  for (const [holder, held] of [
    ['near', 'far'],
    ['far', 'near'],
  ]) {
    const hz = { near: NEAR_HZ, far: FAR_HZ };

    for (const direction of ['sendonly', 'inactive']) {
      test(`the ${holder} end holds with ${direction} and resumes`, async () => {
        await withCall({ browser: browser() }, async (call) => {
          await call.connect('far');
          await call.talks();
          const directions = async (end) => (await call[end].state()).directions;

          await call[holder].setDirection(direction);
          await call.negotiate(holder);
          expect(await directions(holder)).toEqual([direction]);
          expect(await directions(held)).toEqual([MIRRORED[direction]]);
          await call[holder].hearsNothing();
          if (direction === 'sendonly') await call[held].hears(hz[holder]);
          else await call[held].hearsNothing();

          await call[holder].setDirection('sendrecv');
          await call.negotiate(holder);
          // Who was held follows only as far as its own wish goes: it never stopped wishing to send and receive.
          expect(await directions(holder)).toEqual(['sendrecv']);
          expect(await directions(held)).toEqual(['sendrecv']);
          await call.talks();
        });
      });
    }
  }
});
