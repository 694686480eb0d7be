// A call with Chromium from the first offer to the hang-up.

const { describeWithChromium } = require('./browser');
const { withCall } = require('./call');

describeWithChromium('a call with Chromium', (browser) => {
  for (const offerer of ['near', 'far']) {
    for (const trickle of [false, true]) {
      test(`offered by the ${offerer} end, ${trickle ? 'trickling' : 'full'} candidates: each end hears the other's tone cleanly`, async () => {
        await withCall({ browser: browser(), trickle }, async (call) => {
          await call.connect(offerer);
          await call.talks();
          expect(call.near.state()).toMatchObject({
            signalingState: 'stable',
            connectionState: 'connected',
            dtls: 'connected',
            directions: ['sendrecv'],
          });
          expect((await call.far.state()).directions).toEqual(['sendrecv']);
        });
      });
    }
  }

  for (const [who, other] of [
    ['near', 'far'],
    ['far', 'near'],
  ]) {
    test(`closed by the ${who} end: the ${other} end sees it at once`, async () => {
      await withCall({ browser: browser() }, async (call) => {
        await call.connect('far');
        await call.talks();
        const left = call[other].leftByPeer();
        await call[who].close();
        await left;
      });
    });
  }
});
