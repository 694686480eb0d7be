// What changes in a call that is up: a microphone that comes later, mute, another microphone.

const { openVoice } = require('../support/implementation');
const { describeWithBrowsers } = require('./browser');
const { FAR_HZ, NEAR_HZ, withCall } = require('./call');

const OTHER_HZ = 440;

describeWithBrowsers('changes during a call', (browser) => {
  test('our end adds its track to a call that only received', async () => {
    await withCall({ browser: browser(), nearHz: null }, async (call) => {
      await call.connect('far');
      await call.near.hears(FAR_HZ);
      expect(call.near.state().directions).toEqual(['recvonly']);

      call.near.speak(NEAR_HZ);
      await call.negotiate('near');
      expect(call.near.state().directions).toEqual(['sendrecv']);
      await call.talks();
    });
  });

  test('the far end adds its track to a call that only received', async () => {
    await withCall({ browser: browser(), farHz: null }, async (call) => {
      await call.connect('near');
      await call.far.hears(NEAR_HZ);
      expect(call.near.state().directions).toEqual(['sendonly']);

      await call.far.speak(FAR_HZ);
      await call.negotiate('far');
      expect(call.near.state().directions).toEqual(['sendrecv']);
      await call.talks();
    });
  });

  for (const [muter, listener] of [
    ['near', 'far'],
    ['far', 'near'],
  ]) {
    const hz = { near: NEAR_HZ, far: FAR_HZ };

    test(`muted at the ${muter} end: packets of silence, then the voice again`, async () => {
      await withCall({ browser: browser() }, async (call) => {
        await call.connect('far');
        await call.talks();
        const packets = async () => (await call[listener].stats('inbound-rtp'))[0].packetsReceived;

        await call[muter].mute(true);
        await call[listener].hearsNothing();
        const silent = await packets();
        await call[muter].hears(hz[listener]);
        expect(await packets()).toBeGreaterThan(silent);

        await call[muter].mute(false);
        await call.talks();
      });
    });
  }

  test('replaceTrack changes the microphone without a new offer; the first track and the call live on', async () => {
    await withCall({ browser: browser() }, async (call) => {
      await call.connect('far');
      await call.talks();
      const other = openVoice(OTHER_HZ);
      try {
        const first = call.near.voice;
        await call.near.sender.replaceTrack(other.track);
        await call.far.hears(OTHER_HZ);
        expect(first.track.readyState).toBe('live');
        first.stop();
        await call.far.hears(OTHER_HZ);
        await call.near.hears(FAR_HZ);
        expect(call.near.state().signalingState).toBe('stable');
      } finally {
        other.stop();
      }
    });
  });
});
