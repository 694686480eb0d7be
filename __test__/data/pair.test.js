// Data channels between two connections of this process, over real sockets.

const { Channels } = require('../support/channels');
const { configuration, rtc } = require('../support/implementation');
const { Phone } = require('../support/phone');

const MB = 1024 * 1024;

/** Two ends without sound; candidates trickle. */
async function withEnds(body) {
  const ends = { near: undefined, far: undefined };
  const open = (other) => {
    const onCandidate = (candidate) => ends.described.then(() => ends[other].addCandidate(candidate));
    const phone = new Phone({ RTCPeerConnection: rtc.RTCPeerConnection, configuration, trickle: true, onCandidate });
    phone.channels = new Channels(phone.pc);
    return phone;
  };
  Object.assign(ends, { near: open('far'), far: open('near') });
  ends.connect = async () => {
    let described;
    ends.described = new Promise((resolve) => {
      described = resolve;
    });
    await ends.near.accept(await ends.far.answer(await ends.near.offer()));
    described();
    await Promise.all([ends.near.connected(), ends.far.connected()]);
  };
  try {
    await body(ends);
  } finally {
    ends.near.close();
    ends.far.close();
  }
}

test('a connection of data channels alone carries messages both ways and knows its transport', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.channels.create('chat');
    await connect();
    await Promise.all([near.channels.opened('chat'), far.channels.opened('chat')]);
    near.channels.send('chat', 'ping');
    expect(await far.channels.received('chat', 1)).toEqual(['ping']);
    far.channels.sendBytes('chat', 262144, 7);
    expect(await near.channels.received('chat', 1)).toEqual([{ bytes: 262144, good: true }]);
    const { sctp } = near.pc;
    expect(sctp).toMatchObject({ state: 'connected', maxMessageSize: 262144 });
    const pair = sctp.transport.iceTransport.getSelectedCandidatePair();
    expect(pair.local.sdpMid).toBe('0');
    expect(sctp.transport.iceTransport.getLocalCandidates()).not.toEqual([]);
    expect(sctp.transport.iceTransport.getRemoteCandidates()).not.toEqual([]);
  });
});

test('channels that are created while a section for them is negotiated open, and those that are closed before it is close', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.pc.addTransceiver('audio');
    await connect();
    near.channels.create('first');
    const offer = await near.offer();
    near.channels.create('under way');
    const given = near.pc.createDataChannel('given up');
    given.close();
    await far.pc.setRemoteDescription(offer);
    for (const { channels } of [near, far]) channels.create('agreed', { negotiated: true, id: 10 });
    await far.pc.setLocalDescription();
    await near.accept(far.pc.localDescription);
    for (const label of ['first', 'under way', 'agreed']) {
      await Promise.all([near.channels.opened(label), far.channels.opened(label)]);
    }
    expect(given.readyState).toBe('closed');
  });
});

test('channels of both ends that are created at the same time never share an id', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.channels.create('first');
    await connect();
    await near.channels.opened('first');
    for (let i = 0; i < 50; i++) {
      near.channels.create(`near ${i}`);
      far.channels.create(`far ${i}`);
    }
    const opened = [];
    for (let i = 0; i < 50; i++) {
      for (const label of [`near ${i}`, `far ${i}`]) {
        const [here, there] = await Promise.all([near.channels.opened(label), far.channels.opened(label)]);
        expect(here.id).toBe(there.id);
        opened.push(here.id);
      }
    }
    expect(new Set(opened).size).toBe(100);
  });
});

test('30 MB in each direction at once arrive whole, and the sender never has more waiting than it put there', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.channels.create('bulk');
    await connect();
    await Promise.all([near.channels.opened('bulk'), far.channels.opened('bulk')]);
    const ends = [near, far];
    for (const { channels } of ends) channels.count('bulk');
    const most = await Promise.all(ends.map(({ channels }) => channels.stream('bulk', 30 * MB, 50_000)));
    for (const amount of most) expect(amount).toBeLessThanOrEqual(MB + 50_000);
    for (const { channels } of ends) expect(await channels.counted('bulk', 30 * MB)).toBe(true);
  });
});

test('what was sent before close() arrives, and both ends see the channel closed', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.channels.create('bulk');
    await connect();
    await Promise.all([near.channels.opened('bulk'), far.channels.opened('bulk')]);
    far.channels.count('bulk');
    for (let i = 0; i < 60; i++) near.channels.sendBytes('bulk', 262144, i);
    near.channels.closeChannel('bulk');
    expect(await far.channels.closed('bulk')).toEqual(['open', 'closing', 'close']);
    expect(await far.channels.counted('bulk', 60 * 262144)).toBe(true);
    expect(await near.channels.closed('bulk')).toEqual(['open', 'close']);
    const counters = async ({ pc }) =>
      [...(await pc.getStats()).values()].find(({ type }) => type === 'peer-connection');
    for (const end of [near, far]) {
      expect(await counters(end)).toMatchObject({ dataChannelsOpened: 1, dataChannelsClosed: 1 });
    }
  });
});

test('a send buffer that is full is an OperationError, and all that it took arrives', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.channels.create('bulk');
    await connect();
    await Promise.all([near.channels.opened('bulk'), far.channels.opened('bulk')]);
    far.channels.count('bulk');
    let taken = 0;
    const fill = () => {
      for (;;) {
        near.channels.sendBytes('bulk', 262144, taken);
        taken++;
      }
    };
    expect(fill).toThrow(expect.objectContaining({ name: 'OperationError' }));
    expect(taken).toBe(64);
    expect(await far.channels.counted('bulk', taken * 262144)).toBe(true);
  });
});

test('a connection that is closed tells the other why', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.channels.create('chat');
    await connect();
    await Promise.all([near.channels.opened('chat'), far.channels.opened('chat')]);
    near.close();
    expect(await far.channels.closed('chat')).toEqual(['open', 'error sctp-failure 12', 'close']);
    expect(await near.channels.closed('chat')).toEqual(['open', 'close']);
    expect(far.pc.sctp.state).toBe('closed');
  });
});

test('the transport counts what channels carry', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.channels.create('bulk');
    await connect();
    await Promise.all([near.channels.opened('bulk'), far.channels.opened('bulk')]);
    far.channels.count('bulk');
    await near.channels.stream('bulk', MB, 65536);
    await far.channels.counted('bulk', MB);
    const find = async ({ pc }, wanted) => [...(await pc.getStats()).values()].find(({ type }) => type === wanted);
    for (const [end, direction] of [
      [near, 'Sent'],
      [far, 'Received'],
    ]) {
      const transport = await find(end, 'transport');
      expect(transport[`bytes${direction}`]).toBeGreaterThan(MB);
      expect(transport[`packets${direction}`]).toBeGreaterThan(MB / 1200);
      expect(await find(end, 'data-channel')).toMatchObject({
        [`messages${direction}`]: 16,
        [`bytes${direction}`]: MB,
        state: 'open',
      });
    }
  });
});

test('data channels that are refused stay without a transport, and the call goes on', async () => {
  await withEnds(async ({ near, far, connect }) => {
    near.pc.addTransceiver('audio');
    near.channels.create('chat');
    const { answer } = far;
    far.answer = async (offer) => {
      const refusing = offer.sdp.replace('UDP/DTLS/SCTP webrtc-datachannel', 'UDP/DTLS/SCTP something-else');
      const made = await answer.call(far, { ...offer, sdp: refusing.replace(/a=sctp-port.*\r\n/, '') });
      return { ...made, sdp: made.sdp.replace('something-else', 'webrtc-datachannel') };
    };
    await connect();
    expect(near.pc.sctp).toBeNull();
    expect(near.channels.known.get('chat').channel.readyState).toBe('connecting');
  });
});
