// ICE restart in mid-call, from each side: new credentials, the same call.

const { describeWithBrowsers } = require('./browser');
const { FAR_HZ, NEAR_HZ, withCall } = require('./call');

/** A restart keeps sending on the old pair until the new one is nominated; half a second of silence would be a call that was rebuilt. */
const MAX_GAP_MS = 200;

describeWithBrowsers('ICE restart', (browser) => {
  for (const restarter of ['near', 'far']) {
    for (const trickle of [false, true]) {
      test(`by the ${restarter} end, ${trickle ? 'trickling' : 'full'} candidates: both ends have new credentials and the audio goes on`, async () => {
        await withCall({ browser: browser(), trickle }, async (call) => {
          await call.connect('far');
          await call.talks();
          const credentials = async () => ({ near: call.near.iceUfrag(), far: await call.far.iceUfrag() });
          const before = await credentials();

          call.near.startRecording();
          await call.far.startRecording();
          await call.negotiate(restarter, { iceRestart: true });
          await Promise.all([call.near.connected(), call.far.connected()]);
          await call.talks();
          const atNear = call.near.stopRecording(FAR_HZ);
          const atFar = await call.far.stopRecording(NEAR_HZ);

          const after = await credentials();
          expect(after.near).not.toBe(before.near);
          expect(after.far).not.toBe(before.far);
          expect(atNear.longestGapMs).toBeLessThanOrEqual(MAX_GAP_MS);
          expect(atFar.longestGapMs).toBeLessThanOrEqual(MAX_GAP_MS);
        });
      });
    }
  }
});
