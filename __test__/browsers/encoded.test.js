// Encoded transforms with a browser at the far end: the same code transforms at both ends.

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { RTCRtpScriptTransform } = require('webphone-rtc');
const { describeWithBrowsers } = require('./browser');
const { FAR_HZ, until, withCall } = require('./call');

const REGISTER = require.resolve('webphone-rtc/register');

describeWithBrowsers('encoded transforms', (browser, name) => {
  let worker;
  beforeEach(() => {
    worker = new Worker(path.join(__dirname, '../encoded/worker.js'), { execArgv: ['-r', REGISTER] });
  });
  afterEach(() => worker.terminate());

  for (const offerer of ['near', 'far']) {
    test(`offered by the ${offerer} end: what both encrypt both hear, and nobody hears what is not decrypted`, async () => {
      await withCall({ browser: browser(), farHz: null }, async (call) => {
        await call.far.encrypt();
        await call.far.speak(FAR_HZ);
        await call.connect(offerer);
        await expect(call.near.hears(FAR_HZ, { limitMs: 3000 })).rejects.toThrow('was not heard');
        const [receiver] = call.near.pc.getReceivers();
        receiver.transform = new RTCRtpScriptTransform(worker, { name: 'xor' });
        call.near.sender.transform = new RTCRtpScriptTransform(worker, { name: 'xor' });
        await call.talks();
      });
    });
  }

  // Firefox has H.264 only from a plugin that it downloads.
  for (const codec of name === 'Firefox' ? ['VP8'] : ['VP8', 'H264']) {
    test(`${codec} that ${name} sends comes out in whole frames, and ${name} decodes them when they are sent back`, async () => {
      await withCall({ browser: browser() }, async (call) => {
        await call.far.show();
        const { pc } = call.near;
        const seen = [];
        pc.addEventListener('track', ({ track, transceiver }) => {
          if (track.kind !== 'video') return;
          const { codecs } = require('webphone-rtc').RTCRtpReceiver.getCapabilities('video');
          // Browsers wrap VP8 in RED where that was negotiated.
          const wanted = ['red', 'ulpfec', codec].map((name) => `video/${name}`);
          transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => wanted.includes(mimeType)));
          transceiver.direction = 'sendrecv';
          const incoming = transceiver.receiver.createEncodedStreams();
          const outgoing = transceiver.sender.createEncodedStreams();
          const transform = (frame, controller) => {
            const { width, height } = frame.getMetadata();
            seen.push({ type: frame.type, width, height });
            controller.enqueue(frame);
          };
          incoming.readable.pipeThrough(new TransformStream({ transform })).pipeTo(outgoing.writable);
        });
        await call.connect('far');
        const { frameWidth, frameHeight, keyFramesDecoded } = await until(async () => {
          const decoded = await call.far.seen();
          return decoded.framesDecoded >= 60 && decoded;
        });
        expect([frameWidth, frameHeight]).toEqual([320, 240]);
        expect(keyFramesDecoded).toBeGreaterThan(0);
        expect(seen[0].type).toBe('key');
        if (codec === 'VP8') expect(seen[0]).toMatchObject({ width: 320, height: 240 });
        expect(seen.filter(({ type }) => type === 'delta').length).toBeGreaterThan(30);
      });
    });
  }
});
