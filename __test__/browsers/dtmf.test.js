// DTMF (RFC 4733) both ways. Browsers have no event for received digits, but their jitter buffer sounds them, so the page hears the keys.

const { RTCRtpSender } = require('webphone-rtc');
const { describeWithBrowsers } = require('./browser');
const { withCall } = require('./call');

const KEYS = '5#1';
const DURATION_MS = 300;
const GAP_MS = 200;
/** A browser on a busy machine has holes in what it plays. */
const PAUSE_MS = GAP_MS / 2;

describeWithBrowsers('DTMF', (browser, name) => {
  test('keys pressed at our end sound at the far end, tone by tone, and the call goes on', async () => {
    await withCall({ browser: browser() }, async (call) => {
      // Beside Opus Firefox knows digits of 8000 Hz alone, and takes their durations for the audio's clock: it hears a sixth of each.
      const wanted = /pcmu|telephone-event/i;
      if (name === 'Firefox') {
        const { codecs } = RTCRtpSender.getCapabilities('audio');
        call.near.pc.getTransceivers()[0].setCodecPreferences(codecs.filter(({ mimeType }) => wanted.test(mimeType)));
      }
      await call.connect('far');
      await call.talks();
      const { dtmf } = call.near.sender;
      expect(dtmf.canInsertDTMF).toBe(true);
      const tones = [];
      const played = new Promise((resolve) => {
        dtmf.addEventListener('tonechange', ({ tone }) => {
          tones.push(tone);
          if (tone === '') resolve();
        });
      });
      const heard = call.far.hearsKeys(KEYS, { pauseMs: PAUSE_MS });
      call.near.insertDtmf(KEYS, DURATION_MS, GAP_MS);
      expect(dtmf.toneBuffer).toBe(KEYS);
      await played;
      expect(tones).toEqual([...KEYS, '']);
      expect(dtmf.toneBuffer).toBe('');
      await heard;
      await call.talks();
    });
  });

  test("keys pressed at the far end come as 'dtmf' events, and the call goes on", async () => {
    await withCall({ browser: browser() }, async (call) => {
      await call.connect('near');
      await call.talks();
      const heard = call.near.hearsKeys(KEYS);
      await call.far.insertDtmf(KEYS, DURATION_MS, GAP_MS);
      await heard;
      await call.talks();
      expect(call.near.keys).toBe(KEYS);
    });
  });
});
