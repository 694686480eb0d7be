// Calls with aiortc: OpenSSL, libsrtp and libopus under an ICE agent and an SCTP association in Python.

const path = require('node:path');
const { Channels } = require('../support/channels');
const { testWhere } = require('../support/needs');
const { pythonWith } = require('../support/python');
const { Talker } = require('../support/talker');
const { Aiortc } = require('./aiortc');

const python = pythonWith('aiortc', path.join(__dirname, 'requirements.txt'), 'aiortc');
const aiortcTest = testWhere(python.missing);

jest.setTimeout(60_000);

const NEAR_HZ = 1000;
const FAR_HZ = 700;
const CODECS = ['audio/opus', 'audio/G722', 'audio/PCMU', 'audio/PCMA'];
/** PCMU and PCMA alone: their noise is at -38 dB. */
const SOUND = { minSnrDb: 25 };
/** aiortc has Opus in stereo: one signal in two channels, which our mono is the mean of, comes 3 dB softer from libswresample. */
const FROM_AIORTC = { ...SOUND, amplitude: 0.5 * Math.SQRT1_2 };

async function withAiortc(body) {
  const near = new Talker({ hz: NEAR_HZ });
  const far = new Aiortc(python.path);
  /** `tamper` may change an offer on its way. */
  const negotiate = async (offerer, tamper = (offer) => offer) => {
    const [first, second] = offerer === 'near' ? [near, far] : [far, near];
    await first.accept(await second.answer(tamper(await first.offer())));
  };
  const talk = (fromFar = FROM_AIORTC) => Promise.all([near.hears(FAR_HZ, fromFar), far.hears(NEAR_HZ, SOUND)]);
  const connected = () => Promise.all([near.connected(), far.connected()]);
  try {
    await body({ near, far, negotiate, connected, talk });
  } finally {
    near.end();
    await far.end();
  }
}

async function one(near, type) {
  const found = await near.stats(type);
  expect(found).toHaveLength(1);
  return found[0];
}

describe.each(['near', 'far'])('offered by the %s end', (offerer) => {
  aiortcTest.each(CODECS)('both hear each other with %s', async (codec) => {
    await withAiortc(async ({ near, far, negotiate, connected, talk }) => {
      await far.ask('speak', { hz: FAR_HZ, codec });
      await negotiate(offerer);
      await connected();
      await talk(codec === 'audio/opus' ? FROM_AIORTC : SOUND);
      expect((await near.stats('codec')).map((it) => it.mimeType)).toEqual([codec, codec]);
      expect(await one(near, 'inbound-rtp')).toMatchObject({ packetsLost: 0, packetsDiscarded: 0 });
      expect(near.sender.dtmf.canInsertDTMF).toBe(false);
    });
  });

  aiortcTest.each(['active', 'passive'])('who offers is %s in DTLS', async (role) => {
    await withAiortc(async ({ near, far, negotiate, connected, talk }) => {
      await far.ask('speak', { hz: FAR_HZ });
      await negotiate(offerer, ({ type, sdp }) => ({ type, sdp: sdp.replace('a=setup:actpass', `a=setup:${role}`) }));
      await connected();
      await talk();
      expect(await one(near, 'transport')).toMatchObject({
        dtlsRole: (offerer === 'near') === (role === 'active') ? 'client' : 'server',
        iceRole: offerer === 'near' ? 'controlling' : 'controlled',
      });
    });
  });

  aiortcTest('messages come over both ways, the longest too, and channels close', async () => {
    await withAiortc(async ({ near, far, negotiate, connected }) => {
      const channels = new Channels(near.pc);
      if (offerer === 'near') channels.create('first');
      else await far.ask('channel', { label: 'first' });
      await negotiate(offerer);
      await connected();
      await channels.opened('first');
      await far.told({ event: 'channelopen', label: 'first' });
      channels.create('ours', { ordered: false, maxRetransmits: 3 });
      await far.ask('channel', { label: 'theirs', protocol: 'p' });
      expect(await channels.opened('theirs')).toMatchObject({ ordered: true, protocol: 'p' });
      await far.told({ event: 'channelopen', label: 'ours' });
      const { maxMessageSize: length } = channels.sctp();
      expect(length).toBe(262_144);
      for (const label of ['first', 'ours', 'theirs']) {
        channels.send(label, 'Grüße');
        channels.sendBytes(label, length, 1);
        await far.ask('send', { label, text: 'zurück' });
        await far.ask('sendbytes', { label, length, seed: 9 });
        await far.told({ event: 'message', label, text: 'Grüße' });
        await far.told({ event: 'message', label, bytes: length, good: true });
        expect(await channels.received(label, 2)).toEqual(['zurück', { bytes: length, good: true }]);
      }
      channels.closeChannel('theirs');
      await far.told({ event: 'channelclose', label: 'theirs' });
      expect(await channels.closed('theirs')).toEqual(['open', 'close']);
      await far.ask('closechannel', { label: 'ours' });
      expect(await channels.closed('ours')).toEqual(['open', 'closing', 'close']);
      await far.told({ event: 'channelclose', label: 'ours' });
    });
  });

  aiortcTest('either end holds and resumes', async () => {
    await withAiortc(async ({ near, far, negotiate, connected, talk }) => {
      await far.ask('speak', { hz: FAR_HZ });
      await negotiate(offerer);
      await connected();
      await talk();
      for (const direction of ['sendonly', 'inactive']) {
        near.setDirection(direction);
        await negotiate('near');
        expect(near.state()).toMatchObject({ directions: [direction], connectionState: 'connected' });
        expect(near.tracks[0].muted).toBe(true);
        near.setDirection('sendrecv');
        await negotiate('near');
        await talk();
      }
      await far.ask('direct', { direction: 'inactive' });
      await negotiate('far');
      expect(near.state()).toMatchObject({ directions: ['inactive'], connectionState: 'connected' });
      await far.ask('direct', { direction: 'sendrecv' });
      await negotiate('far');
      await near.hears(FAR_HZ, FROM_AIORTC);
      // It offers Opus as 96 whatever was agreed, and then knows what was agreed alone: what we send as 96 it does not hear.
      if (offerer === 'far') await far.hears(NEAR_HZ, SOUND);
    });
  });

  aiortcTest('each end hears of the goodbye of the other', async () => {
    await withAiortc(async ({ near, far, negotiate, connected }) => {
      await far.ask('speak', { hz: FAR_HZ });
      await negotiate(offerer);
      await connected();
      near.close();
      await far.told({ event: 'state', name: 'connectionState', value: 'closed' });
    });
    await withAiortc(async ({ near, far, negotiate, connected }) => {
      await far.ask('speak', { hz: FAR_HZ });
      await negotiate(offerer);
      await connected();
      await far.ask('close');
      await near.leftByPeer();
      expect(near.dtls().state).toBe('closed');
    });
  });
});
