// Data channels with a browser: from either end, alone and beside a call.

const { Channels } = require('../support/channels');
const { describeWithBrowsers } = require('./browser');
const { withCall } = require('./call');

const OTHER = { near: 'far', far: 'near' };
const MAX_MESSAGE_BYTES = 262144;
const LENGTHS = [1, 1200, 65536, MAX_MESSAGE_BYTES];
/** What we may send at once: Chromium's limit, and of Firefox, which takes 1 GiB, what our buffer holds. */
const MOST_BYTES = { Chromium: MAX_MESSAGE_BYTES, Firefox: 16 * 1024 * 1024 };

/** Without sound, unless the test is about that. */
async function withChannels(options, body) {
  await withCall({ nearHz: null, farHz: null, ...options }, async (call) => {
    const channels = { near: new Channels(call.near.pc), far: call.far.channels };
    await body(call, channels);
  });
}

describeWithBrowsers('data channels', (browser, name) => {
  for (const offerer of ['near', 'far']) {
    test(`offered by the ${offerer} end: messages of every kind and size come over both ways, and nothing but data was negotiated`, async () => {
      await withChannels({ browser: browser() }, async (call, channels) => {
        await channels[offerer].create('chat', { protocol: 'v1' });
        await call.connect(offerer);
        const opened = await Promise.all([channels.near.opened('chat'), channels.far.opened('chat')]);
        expect(opened[0]).toEqual(opened[1]);
        expect(opened[0]).toMatchObject({ ordered: true, protocol: 'v1', negotiated: false });
        expect(call.near.pc.getTransceivers()).toEqual([]);
        for (const [from, to] of Object.entries(OTHER)) {
          await channels[from].send('chat', 'Grüße, 世界 🎧');
          await channels[from].send('chat', '');
          await channels[from].sendBytes('chat', 0, 0);
          for (const [seed, length] of LENGTHS.entries()) await channels[from].sendBytes('chat', length, seed);
          expect(await channels[to].received('chat', 3 + LENGTHS.length)).toEqual([
            'Grüße, 世界 🎧',
            '',
            { bytes: 0, good: true },
            ...LENGTHS.map((bytes) => ({ bytes, good: true })),
          ]);
        }
        const sctp = { state: 'connected', maxMessageSize: MOST_BYTES[name] };
        expect(channels.near.sctp()).toMatchObject(sctp);
        // Firefox does not tell.
        const maxChannels = name === 'Firefox' ? null : channels.near.sctp().maxChannels;
        expect(await channels.far.sctp()).toEqual({ ...sctp, maxMessageSize: MAX_MESSAGE_BYTES, maxChannels });
        await channels.near.sendBytes('chat', MOST_BYTES[name], 0);
        const received = await channels.far.received('chat', 4 + LENGTHS.length);
        expect(received.at(-1)).toEqual({ bytes: MOST_BYTES[name], good: true });
      });
    });
  }

  test('each end creates channels of every reliability, and the other sees what they are', async () => {
    await withChannels({ browser: browser() }, async (call, channels) => {
      const inits = {
        reliable: {},
        unordered: { ordered: false },
        attempts: { ordered: false, maxRetransmits: 0 },
        lifetime: { maxPacketLifeTime: 500 },
      };
      await channels.near.create('first');
      await call.connect('near');
      for (const [from, to] of Object.entries(OTHER)) {
        for (const [name, init] of Object.entries(inits)) {
          const label = `${name} from ${from}`;
          await channels[from].create(label, init);
          const [here, there] = [await channels[from].opened(label), await channels[to].opened(label)];
          expect(here).toEqual(there);
          expect(here).toMatchObject(init);
          await channels[from].sendBytes(label, 5000, 1);
          await channels[to].sendBytes(label, 5000, 2);
          for (const end of ['near', 'far']) {
            expect(await channels[end].received(label, 1)).toEqual([{ bytes: 5000, good: true }]);
          }
        }
      }
    });
  });

  test('a channel that both ends have agreed on needs no announcement', async () => {
    await withChannels({ browser: browser() }, async (call, channels) => {
      for (const end of ['near', 'far']) await channels[end].create(`mine at ${end}`, { negotiated: true, id: 5 });
      await call.connect('far');
      await channels.near.opened('mine at near');
      await channels.far.opened('mine at far');
      await channels.near.send('mine at near', 'to far');
      await channels.far.send('mine at far', 'to near');
      expect(await channels.far.received('mine at far', 1)).toEqual(['to far']);
      expect(await channels.near.received('mine at near', 1)).toEqual(['to near']);
    });
  });

  for (const closer of ['near', 'far']) {
    test(`closed by the ${closer} end, over and over: what was sent before arrives, and the number of the stream is used again`, async () => {
      await withChannels({ browser: browser() }, async (call, channels) => {
        const other = OTHER[closer];
        await channels.near.create('round 0');
        await call.connect('near');
        const ids = new Set();
        for (let round = 0; round < 5; round++) {
          const label = `round ${round}`;
          if (round > 0) await channels.near.create(label);
          const opened = await Promise.all([channels.near.opened(label), channels.far.opened(label)]);
          ids.add(opened[0].id);
          for (let i = 0; i < 10; i++) await channels[closer].sendBytes(label, 20000, i);
          await channels[closer].closeChannel(label);
          expect(await channels[closer].closed(label)).toEqual(['open', 'close']);
          expect((await channels[other].closed(label)).at(-1)).toBe('close');
          expect(await channels[other].received(label, 10)).toHaveLength(10);
        }
        expect(ids.size).toBe(1);
      });
    });
  }

  for (const closer of ['near', 'far']) {
    test(`the connection closed by the ${closer} end is a close at the other, with an error where the channel was not closed before`, async () => {
      await withChannels({ browser: browser() }, async (call, channels) => {
        await channels.near.create('chat');
        await call.connect('near');
        await Promise.all([channels.near.opened('chat'), channels.far.opened('chat')]);
        await call[closer].close();
        const events = await channels[OTHER[closer]].closed('chat');
        // Chromium fires 'closing' as well. Firefox closes its channels first, and tells of no error itself.
        const error = name === 'Chromium' ? ['error sctp-failure 12'] : [];
        expect(events.filter((type) => type !== 'closing')).toEqual(['open', ...error, 'close']);
      });
    });
  }

  for (const from of ['near', 'far']) {
    test(`20 MB from the ${from} end arrive whole, with no more waiting than the sender wanted`, async () => {
      await withChannels({ browser: browser() }, async (call, channels) => {
        const total = 20 * 1024 * 1024;
        await channels.near.create('bulk');
        await call.connect('near');
        await Promise.all([channels.near.opened('bulk'), channels.far.opened('bulk')]);
        await channels[OTHER[from]].count('bulk');
        const most = await channels[from].stream('bulk', total, 65536);
        expect(most).toBeLessThanOrEqual(1024 * 1024 + 65536);
        expect(await channels[OTHER[from]].counted('bulk', total)).toBe(true);
      });
    });
  }

  test('a channel joins a call that is up, on its transport, and an ICE restart touches neither', async () => {
    await withCall({ browser: browser() }, async (call) => {
      const channels = { near: new Channels(call.near.pc), far: call.far.channels };
      await call.connect('near');
      await call.talks();
      await channels.far.create('late');
      await call.negotiate('far');
      await Promise.all([channels.near.opened('late'), channels.far.opened('late')]);
      expect(call.near.pc.sctp.transport).toBe(call.near.pc.getSenders()[0].transport);
      await channels.near.send('late', 'before');
      await call.negotiate('near', { iceRestart: true });
      await channels.near.send('late', 'after');
      expect(await channels.far.received('late', 2)).toEqual(['before', 'after']);
      await call.talks();
    });
  });
});
