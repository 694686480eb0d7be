// What Firefox does otherwise than Chromium, or may be told to do: names in place of addresses, bundles, roles and versions of DTLS.

const { mediaDevices } = require('webphone-rtc');
const { describeWithFirefox } = require('./browser');
const { Channels } = require('../support/channels');
const { until, withCall } = require('./call');

const lines = (sdp, start) => sdp.split('\r\n').filter((line) => line.startsWith(start));

describeWithFirefox('a call with Firefox', (browser) => {
  for (const [offerer, ...policies] of [
    ['near', 'max-compat'],
    ['far', 'balanced', 'max-compat', 'max-bundle'],
  ]) {
    for (const bundlePolicy of policies) {
      test(`two voices, a picture and a channel, offered by the ${offerer} end with ${bundlePolicy}: all of it comes both ways`, async () => {
        const policy = { [offerer === 'near' ? 'network' : 'farConfiguration']: { bundlePolicy } };
        await withCall({ browser: browser(), ...policy }, async (call) => {
          const channels = { near: new Channels(call.near.pc), far: call.far.channels };
          const camera = await mediaDevices.getUserMedia({ video: true });
          const microphone = await mediaDevices.getUserMedia({ audio: true });
          for (const track of [...microphone.getTracks(), ...camera.getTracks()]) call.near.addTrack(track);
          await call.far.speak(440);
          await call.far.show();
          await channels[offerer].create('chat');
          await call.connect(offerer);
          await call.talks();
          await Promise.all([channels.near.opened('chat'), channels.far.opened('chat')]);
          for (const end of ['near', 'far']) {
            expect((await call[end].state()).directions).toEqual(['sendrecv', 'sendrecv', 'sendrecv']);
            const streams = async () => (await call[end].stats('inbound-rtp')).filter((it) => it.packetsReceived > 0);
            await until(async () => (await streams()).length === 3);
          }
          expect(new Set(call.near.pc.getSenders().map(({ transport }) => transport)).size).toBe(1);
          for (const track of [...microphone.getTracks(), ...camera.getTracks()]) track.stop();
        });
      });
    }
  }

  for (const [setup, ours, theirs] of [
    ['active', 'client', 'passive'],
    ['passive', 'server', 'active'],
  ]) {
    test(`that answers our offer with a=setup:${theirs}: we are the DTLS ${ours}`, async () => {
      await withCall({ browser: browser() }, async (call) => {
        const { answer } = await call.negotiate('near', {}, (sdp) =>
          sdp.replaceAll('a=setup:actpass', `a=setup:${setup}`),
        );
        expect(lines(answer.sdp, 'a=setup:')).toEqual([`a=setup:${theirs}`]);
        await Promise.all([call.near.connected(), call.far.connected()]);
        await call.talks();
        expect((await call.near.stats('transport'))[0].dtlsRole).toBe(ours);
      });
    });
  }

  for (const restarter of ['near', 'far']) {
    test(`in which the ${restarter} end restarts ICE while candidates still come`, async () => {
      await withCall({ browser: browser(), trickle: true }, async (call) => {
        await call.negotiate('near');
        await call.negotiate(restarter, { iceRestart: true });
        await Promise.all([call.near.connected(), call.far.connected()]);
        await call.talks();
        // Candidates of before are refused, as the standard says.
        for (const { message } of call.errors.splice(0)) expect(message).toMatch(/fragment|ufrag/i);
      });
    });
  }

  test('that is gone without a word of the application, with its page: our end sees it at once', async () => {
    await withCall({ browser: browser() }, async (call) => {
      const channels = { near: new Channels(call.near.pc), far: call.far.channels };
      await channels.near.create('chat');
      await call.connect('near');
      await call.talks();
      await channels.near.opened('chat');
      const left = call.near.leftByPeer();
      await call.far.closePage();
      await left;
      expect((await channels.near.closed('chat')).at(-1)).toBe('close');
    });
  });
});

describeWithFirefox(
  'a call with a Firefox that hides its addresses',
  (browser) => {
    for (const [offerer, trickle] of [
      ['near', true],
      ['far', false],
    ]) {
      test(`offered by the ${offerer} end, ${trickle ? 'trickling' : 'full'} candidates: it comes up from the addresses that its checks come from`, async () => {
        await withCall({ browser: browser(), trickle }, async (call) => {
          await call.connect(offerer);
          await call.talks();
          const hosts = lines((await call.far.described()).sdp, 'a=candidate:').map((line) => line.split(' ')[4]);
          expect(hosts.length).toBeGreaterThan(0);
          expect(hosts.filter((host) => !host.endsWith('.local'))).toEqual([]);
          const types = (await call.near.stats('remote-candidate')).map(({ candidateType }) => candidateType);
          expect(types).toContain('prflx');
        });
      });
    }
  },
  { 'media.peerconnection.ice.obfuscate_host_addresses': true },
);

describeWithFirefox(
  'a call with a Firefox that knows DTLS 1.3 alone',
  (browser) => {
    for (const offerer of ['near', 'far']) {
      test(`offered by the ${offerer} end: fails at both ends, and says why`, async () => {
        await withCall({ browser: browser() }, async (call) => {
          const errors = [];
          const told = ({ error }) => errors.push(error.errorDetail);
          // There is a transport with our description at the latest.
          const listen = () => call.near.dtls()?.addEventListener('error', told);
          call.near.pc.addEventListener('signalingstatechange', listen);
          await call.negotiate(offerer);
          await call.near.failed();
          expect(call.near.dtls().state).toBe('failed');
          expect(errors).toEqual(['dtls-failure']);
          await call.far.failed();
        });
      });
    }
  },
  { 'media.peerconnection.dtls.version.min': 772 },
);
