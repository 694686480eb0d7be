// Data channels with werift, an implementation in TypeScript that shares nothing with ours: it opens the association from one end only.

const { RTCPeerConnection: Werift } = require('werift');
const { Channels } = require('../support/channels');
const { configuration, rtc } = require('../support/implementation');

/** werift's channels have no EventTarget: `message` is an observable, and so is the state. */
class WeriftChannels {
  constructor(pc) {
    this.known = new Map();
    pc.onDataChannel.subscribe((channel) => this.adopt(channel));
  }

  create(pc, label, init) {
    this.adopt(pc.createDataChannel(label, init));
  }

  adopt(channel) {
    const entry = { channel, messages: [] };
    this.known.set(channel.label, entry);
    channel.onMessage.subscribe((data) => entry.messages.push(typeof data === 'string' ? data : [...data]));
  }

  async until(look) {
    for (;;) {
      const found = look();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  opened(label) {
    return this.until(() => this.known.get(label)?.channel.readyState === 'open' && this.known.get(label).channel);
  }

  received(label, count) {
    return this.until(() => this.known.get(label).messages.length >= count && this.known.get(label).messages);
  }

  closed(label) {
    return this.until(() => this.known.get(label).channel.readyState === 'closed');
  }
}

async function withWerift(offerer, body) {
  const near = new rtc.RTCPeerConnection(configuration);
  const far = new Werift({ iceServers: [], iceUseIpv6: false, iceAdditionalHostAddresses: ['127.0.0.1'] });
  const channels = { near: new Channels(near), far: new WeriftChannels(far) };
  const gathered = (pc) =>
    new Promise((resolve) => {
      const check = () => pc.iceGatheringState === 'complete' && resolve(pc.localDescription);
      if (pc === near) near.addEventListener('icegatheringstatechange', check);
      else far.iceGatheringStateChange.subscribe(check);
      check();
    });
  const describe = async (pc, description) => {
    await pc.setLocalDescription(description);
    const { type, sdp } = await gathered(pc);
    return { type, sdp };
  };
  const connect = async () => {
    const [first, second] = offerer === 'near' ? [near, far] : [far, near];
    await second.setRemoteDescription(await describe(first, await first.createOffer()));
    await first.setRemoteDescription(await describe(second, await second.createAnswer()));
  };
  try {
    await body({ near, far, channels, connect });
  } finally {
    near.close();
    await far.close();
  }
}

describe.each(['near', 'far'])('with werift, offered by the %s end', (offerer) => {
  test('messages come over both ways, also on a channel of the other end', async () => {
    await withWerift(offerer, async ({ far, channels, connect }) => {
      if (offerer === 'near') channels.near.create('first');
      else channels.far.create(far, 'first');
      await connect();
      await Promise.all([channels.near.opened('first'), channels.far.opened('first')]);
      channels.near.create('ours', { ordered: false, maxRetransmits: 3 });
      channels.far.create(far, 'theirs', { ordered: true, protocol: 'p' });
      expect(await channels.near.opened('theirs')).toMatchObject({ ordered: true, protocol: 'p' });
      expect(await channels.far.opened('ours')).toMatchObject({ ordered: false, maxRetransmits: 3 });
      for (const label of ['first', 'ours', 'theirs']) {
        channels.near.send(label, 'Grüße');
        channels.near.sendBytes(label, 3000, 1);
        expect((await channels.far.received(label, 2))[0]).toBe('Grüße');
        expect((await channels.far.received(label, 2))[1]).toHaveLength(3000);
        channels.far.known.get(label).channel.send('back');
        expect(await channels.near.received(label, 1)).toEqual(['back']);
      }
    });
  });

  test('a channel that our end closes is closed at both', async () => {
    await withWerift(offerer, async ({ far, channels, connect }) => {
      if (offerer === 'near') channels.near.create('chat');
      else channels.far.create(far, 'chat');
      await connect();
      await Promise.all([channels.near.opened('chat'), channels.far.opened('chat')]);
      channels.near.send('chat', 'last words');
      channels.near.closeChannel('chat');
      expect((await channels.near.closed('chat')).filter((type) => type !== 'open')).toEqual(['close']);
      await channels.far.closed('chat');
      expect(await channels.far.received('chat', 1)).toEqual(['last words']);
    });
  });
});
