// A call with Chromium from the first offer to the hang-up.

const { RTCPeerConnection } = require('webphone-rtc');
const { describeWithBrowsers } = require('./browser');
const { withCall } = require('./call');

describeWithBrowsers('a call', (browser) => {
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

  for (const offerer of ['near', 'far']) {
    test(`offered by the ${offerer} end: an RSA certificate of ours is as good`, async () => {
      const certificate = await RTCPeerConnection.generateCertificate({
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-256',
      });
      await withCall({ browser: browser(), certificates: [certificate] }, async (call) => {
        await call.connect(offerer);
        await call.talks();
      });
    });
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
