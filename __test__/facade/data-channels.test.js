// RTCDataChannel and RTCSctpTransport over the binding in JavaScript: ids, states, events in order, what reaches the engine.

const rtc = require('./calls.js');
const { connection, negotiate, next, settled } = rtc;
const { RTCDataChannel, RTCDataChannelEvent, RTCErrorEvent, RTCSctpTransport } = require('../../dist/index.js');

/** Two connections whose association stands; the first has made the offer, so that it is the DTLS server. */
async function connected(setUp = ({ pc }) => pc.createDataChannel('first')) {
  const near = connection();
  const far = connection();
  near.channel = setUp(near);
  await negotiate(near.pc, far.pc);
  for (const { native } of [near, far]) {
    native.connect();
    native.report({ type: 'sctp', state: 'connecting' });
    native.report({ type: 'sctp', state: 'connected', maxChannels: 16 });
  }
  await settled();
  return { near, far };
}

/** A channel that is open, and its name in the engine. */
async function openChannel(init) {
  const { near } = await connected(({ pc }) => pc.createDataChannel('x', init));
  near.native.report({ type: 'channelopened', channel: 0 });
  await next(near.channel, 'open');
  return { ...near, channel: near.channel, sent: () => near.native.called('send').map(([, data]) => data) };
}

const announced = () => ({
  type: 'channelannounced',
  channel: 2 ** 31,
  stream: 4,
  init: { label: 'theirs', protocol: 'p', ordered: false, maxRetransmits: 2, priority: 512, negotiated: false },
});

describe('createDataChannel', () => {
  test('a channel waits for negotiation with what it was created with', async () => {
    const { pc, native } = connection();
    const needed = rtc.record(pc, ['negotiationneeded']);
    const channel = pc.createDataChannel('chat', {
      ordered: false,
      maxRetransmits: 3,
      protocol: 'p',
      id: 9,
      priority: 'high',
    });
    pc.createDataChannel('another');
    await settled();
    expect(channel).toBeInstanceOf(RTCDataChannel);
    expect(channel).toMatchObject({
      label: 'chat',
      ordered: false,
      maxRetransmits: 3,
      maxPacketLifeTime: null,
      protocol: 'p',
      negotiated: false,
      id: null,
      priority: 'high',
      readyState: 'connecting',
      binaryType: 'arraybuffer',
      bufferedAmount: 0,
      bufferedAmountLowThreshold: 0,
    });
    expect(needed).toEqual(['negotiationneeded']);
    expect(native.called('openChannel')).toEqual([]);
    expect(() => channel.send('x')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    pc.close();
  });

  test('ids are odd at the DTLS server, even at the client, and never twice', async () => {
    const { near, far } = await connected(({ pc }) => {
      pc.createDataChannel('', { negotiated: true, id: 1 });
      return pc.createDataChannel('');
    });
    expect(near.channel.id).toBe(3);
    expect(near.pc.createDataChannel('').id).toBe(5);
    expect([far.pc.createDataChannel('').id, far.pc.createDataChannel('').id]).toEqual([0, 2]);
    expect(near.native.called('openChannel').map(([stream]) => stream)).toEqual([1, 3, 5]);
    const taken = expect.objectContaining({ name: 'OperationError' });
    for (const id of [1, 3, 5]) {
      expect(() => near.pc.createDataChannel('', { negotiated: true, id })).toThrow(taken);
    }
    expect(() => near.pc.createDataChannel('', { negotiated: true, id: 16 })).toThrow(taken);
    expect(() => near.pc.createDataChannel('', { negotiated: true, id: 65535 })).toThrow(TypeError);
    for (const id of [7, 9, 11, 13, 15]) expect(near.pc.createDataChannel('').id).toBe(id);
    expect(() => near.pc.createDataChannel('')).toThrow(taken);
  });

  test('properties reach the engine', async () => {
    const { native } = await openChannel({ maxPacketLifeTime: 65535, priority: 'very-low', protocol: 'ü' });
    expect(native.called('openChannel')).toEqual([
      [
        1,
        expect.objectContaining({ label: 'x', protocol: 'ü', ordered: true, maxPacketLifeTime: 65535, priority: 128 }),
      ],
    ]);
  });

  test('a channel that is closed before it was ever open is closed in a task', async () => {
    const { pc } = connection();
    const channel = pc.createDataChannel('x');
    const events = rtc.record(channel, ['closing', 'error', 'close']);
    channel.close();
    expect([channel.readyState, ...events]).toEqual(['closing']);
    await next(channel, 'close');
    expect([channel.readyState, ...events]).toEqual(['closed', 'close']);
    pc.close();
  });
});

describe('RTCSctpTransport', () => {
  test('exists from the offer on, and connects once', async () => {
    const near = connection();
    const far = connection();
    near.pc.createDataChannel('');
    expect(near.pc.sctp).toBeNull();
    await near.pc.setLocalDescription();
    const { sctp } = near.pc;
    expect(sctp).toBeInstanceOf(RTCSctpTransport);
    expect(sctp).toMatchObject({ state: 'connecting', maxChannels: null, maxMessageSize: null });
    await far.pc.setRemoteDescription(near.pc.localDescription);
    await far.pc.setLocalDescription();
    await near.pc.setRemoteDescription(far.pc.localDescription);
    expect(near.pc.sctp).toBe(sctp);
    expect(sctp).toMatchObject({ state: 'connecting', maxMessageSize: 262144 });
    expect(sctp.transport.iceTransport).toBeDefined();
    const events = rtc.record(sctp, ['statechange']);
    near.native.report({ type: 'sctp', state: 'connecting' });
    near.native.report({ type: 'sctp', state: 'connected', maxChannels: 16 });
    await settled();
    expect(sctp).toMatchObject({ state: 'connected', maxChannels: 16 });
    near.native.report({ type: 'sctp', state: 'closed' });
    await settled();
    expect(sctp.state).toBe('closed');
    expect(events).toEqual(['statechange', 'statechange']);
    near.native.report({ type: 'sctp', state: 'connecting' });
    await settled();
    expect(near.pc.sctp).not.toBe(sctp);
    expect([sctp.state, near.pc.sctp.state]).toEqual(['closed', 'connecting']);
  });

  test('goes with the rollback of the offer that brought it', async () => {
    const { pc } = connection();
    pc.createDataChannel('');
    await pc.setLocalDescription();
    expect(pc.sctp).not.toBeNull();
    await pc.setLocalDescription({ type: 'rollback' });
    expect(pc.sctp).toBeNull();
  });

  test('there is none without data channels', async () => {
    const { near, far } = await rtc.call();
    expect([near.pc.sctp, far.pc.sctp]).toEqual([null, null]);
  });
});

describe('send', () => {
  test('strings, buffers, views of a part and empty messages reach the engine as they are', async () => {
    const { channel, sent } = await openChannel();
    const bytes = Uint8Array.of(1, 2, 3, 4);
    channel.send('Grüße');
    channel.send('\ud800');
    channel.send(bytes.buffer);
    channel.send(bytes.subarray(1, 3));
    channel.send(new DataView(bytes.buffer, 2));
    channel.send('');
    channel.send(new ArrayBuffer(0));
    channel.send(7);
    expect(sent()).toEqual(['Grüße', '\ufffd', [1, 2, 3, 4], [2, 3], [3, 4], '', [], '7']);
    expect(channel.bufferedAmount).toBe(7 + 3 + 4 + 2 + 2 + 1);
  });

  test('the order is that of the calls, also after a Blob, and closing comes last', async () => {
    const { channel, sent, native } = await openChannel();
    const bytes = Uint8Array.of(3);
    channel.send(new Blob([Uint8Array.of(1, 2)]));
    channel.send(bytes);
    channel.send('four');
    bytes[0] = 9;
    expect([channel.bufferedAmount, sent()]).toEqual([7, []]);
    channel.close();
    await settled();
    expect(sent()).toEqual([[1, 2], [3], 'four']);
    expect(native.calls.at(-1)).toEqual(['closeChannel', 0]);
  });

  test('what cannot be sent is refused and changes nothing', async () => {
    const { channel, sent } = await openChannel();
    expect(() => channel.send()).toThrow(TypeError);
    expect(() => channel.send(Symbol('x'))).toThrow(TypeError);
    expect(() => channel.send(new Uint8Array(new SharedArrayBuffer(1)))).toThrow(TypeError);
    expect(() => channel.send(new ArrayBuffer(262145))).toThrow(TypeError);
    expect(() => channel.send('é'.repeat(131073))).toThrow(TypeError);
    expect(() => channel.send(new Blob([new ArrayBuffer(262145)]))).toThrow(TypeError);
    expect([channel.bufferedAmount, sent()]).toEqual([0, []]);
    const full = new ArrayBuffer(262144);
    for (let i = 0; i < 64; i++) channel.send(full);
    expect(() => channel.send('x')).toThrow(expect.objectContaining({ name: 'OperationError' }));
    channel.send('');
    expect(channel.bufferedAmount).toBe(16 * 1024 * 1024);
    channel.close();
    expect(() => channel.send('x')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
  });

  test('bufferedamountlow is fired when the amount falls to the threshold, not when it stays below', async () => {
    const { channel, native } = await openChannel();
    const amounts = [];
    channel.onbufferedamountlow = () => amounts.push(channel.bufferedAmount);
    channel.bufferedAmountLowThreshold = 10;
    channel.send('x'.repeat(30));
    const left = async (bytes) => {
      native.report({ type: 'channeltransmitted', channel: 0, bytes, messages: 1 });
      await settled();
    };
    await left(15);
    expect([channel.bufferedAmount, amounts]).toEqual([15, []]);
    await left(5);
    expect(amounts).toEqual([10]);
    await left(10);
    expect([channel.bufferedAmount, amounts]).toEqual([0, [10]]);
    expect(() => (channel.bufferedAmountLowThreshold = -1)).toThrow(TypeError);
    expect(channel.bufferedAmountLowThreshold).toBe(10);
  });
});

describe('receiving', () => {
  test('a channel of the far end: datachannel, then open, then its messages, and the engine hears that each was handled', async () => {
    const { near } = await connected();
    const events = [];
    const told = next(near.pc, 'datachannel');
    near.pc.ondatachannel = (event) => {
      events.push(['datachannel', event.channel.readyState]);
      event.channel.onopen = () => events.push(['open']);
      event.channel.onmessage = ({ data }) => events.push(['message', data]);
    };
    near.native.report(announced());
    near.native.report({ type: 'channelopened', channel: 2 ** 31 });
    near.native.report({ type: 'channelmessage', channel: 2 ** 31, bytes: 2, data: 'hi' });
    const event = await told;
    await settled();
    expect(event).toBeInstanceOf(RTCDataChannelEvent);
    expect(event.channel).toMatchObject({
      label: 'theirs',
      protocol: 'p',
      ordered: false,
      maxRetransmits: 2,
      maxPacketLifeTime: null,
      id: 4,
      negotiated: false,
      priority: 'medium',
    });
    expect(events).toEqual([['datachannel', 'open'], ['open'], ['message', 'hi']]);
    expect(near.native.called('handledMessage')).toEqual([[2]]);
    expect(() => near.pc.createDataChannel('', { negotiated: true, id: 4 })).toThrow(
      expect.objectContaining({ name: 'OperationError' }),
    );
  });

  test('binaryType says what binary messages are', async () => {
    const { channel, native } = await openChannel();
    const messages = [];
    channel.onmessage = (event) => messages.push(event);
    const data = Uint8Array.of(1, 2).buffer;
    native.report({ type: 'channelmessage', channel: 0, bytes: 2, data });
    await settled();
    channel.binaryType = 'blob';
    channel.binaryType = 'jellyfish';
    native.report({ type: 'channelmessage', channel: 0, bytes: 2, data });
    native.report({ type: 'channelmessage', channel: 0, bytes: 1, data: 'x' });
    await settled();
    expect(messages.map((event) => event.constructor.name)).toEqual(['MessageEvent', 'MessageEvent', 'MessageEvent']);
    expect(messages[0].data).toBe(data);
    expect(messages[1].data).toBeInstanceOf(Blob);
    expect([...new Uint8Array(await messages[1].data.arrayBuffer())]).toEqual([1, 2]);
    expect(messages[2].data).toBe('x');
  });

  test('messages for a channel that closes are dropped, and do not hold back the far end', async () => {
    const { channel, native } = await openChannel();
    const events = rtc.record(channel, ['message']);
    channel.close();
    native.report({ type: 'channelmessage', channel: 0, bytes: 5, data: 'hello' });
    await settled();
    expect(events).toEqual([]);
    expect(native.called('handledMessage')).toEqual([[5]]);
  });
});

describe('closing', () => {
  test('by this end: no closing event, and the id is free when the engine says so', async () => {
    const { channel, native, pc } = await openChannel();
    const events = rtc.record(channel, ['closing', 'error', 'close']);
    channel.close();
    channel.close();
    expect([channel.readyState, native.called('closeChannel')]).toEqual(['closing', [[0]]]);
    const same = { negotiated: true, id: channel.id };
    expect(() => pc.createDataChannel('', same)).toThrow(expect.objectContaining({ name: 'OperationError' }));
    native.report({ type: 'channelclosed', channel: 0 });
    await settled();
    expect([channel.readyState, ...events]).toEqual(['closed', 'close']);
    expect(pc.createDataChannel('', same).id).toBe(channel.id);
  });

  test('by the far end: closing, then close', async () => {
    const { channel, native } = await openChannel();
    const events = [];
    for (const type of ['closing', 'error', 'close']) {
      channel.addEventListener(type, () => events.push([type, channel.readyState]));
    }
    native.report({ type: 'channelclosing', channel: 0 });
    native.report({ type: 'channelclosed', channel: 0 });
    await settled();
    expect(events).toEqual([
      ['closing', 'closing'],
      ['close', 'closed'],
    ]);
  });

  test('by a failure: an error with its cause, then close', async () => {
    const { channel, native } = await openChannel();
    const events = [];
    for (const type of ['closing', 'error', 'close']) channel.addEventListener(type, (event) => events.push(event));
    const error = { detail: 'sctp-failure', cause: 12, message: 'gone' };
    native.report({ type: 'channelclosed', channel: 0, error });
    await settled();
    expect(events.map(({ type }) => type)).toEqual(['error', 'close']);
    expect(events[0]).toBeInstanceOf(RTCErrorEvent);
    expect(events[0].error).toMatchObject({
      name: 'OperationError',
      message: 'gone',
      errorDetail: 'sctp-failure',
      sctpCauseCode: 12,
    });
  });

  test('by close() of the connection: at once, the event in a task, and nothing is asked of the engine', async () => {
    const { channel, native, pc } = await openChannel();
    const { sctp } = pc;
    const events = rtc.record(channel, ['closing', 'error', 'close']);
    const changes = rtc.record(sctp, ['statechange']);
    pc.close();
    expect([channel.readyState, sctp.state, ...events]).toEqual(['closed', 'closed']);
    await settled();
    expect([events, changes, native.called('closeChannel')]).toEqual([['close'], [], []]);
  });

  test('by a fault of the engine', async () => {
    const { channel, native } = await openChannel();
    const warned = rtc.warning();
    const failed = next(channel, 'error');
    native.report({ type: 'crashed', message: 'boom' });
    expect((await failed).error.errorDetail).toBe('sctp-failure');
    expect(channel.readyState).toBe('closed');
    await warned;
  });

  test('a channel for which no id is left is closed with an error', async () => {
    const near = connection();
    const far = connection();
    const last = near.pc.createDataChannel('');
    for (let id = 1; id <= 65534; id += 2) near.pc.createDataChannel('', { negotiated: true, id });
    const failed = next(last, 'error');
    const closed = next(last, 'close');
    await negotiate(near.pc, far.pc);
    expect((await failed).error.errorDetail).toBe('data-channel-failure');
    await closed;
    expect([last.readyState, last.id]).toEqual(['closed', null]);
  });
});

test('statistics count what has left and what was handled', async () => {
  const { channel, native, pc } = await openChannel();
  channel.send('hello');
  native.report({ type: 'channeltransmitted', channel: 0, bytes: 5, messages: 1 });
  native.report({ type: 'channelmessage', channel: 0, bytes: 7, data: 'goodbye' });
  await settled();
  const find = async (type) => [...(await pc.getStats()).values()].filter((entry) => entry.type === type);
  expect(await find('data-channel')).toEqual([
    expect.objectContaining({
      label: 'x',
      protocol: '',
      dataChannelIdentifier: 1,
      state: 'open',
      messagesSent: 1,
      bytesSent: 5,
      messagesReceived: 1,
      bytesReceived: 7,
    }),
  ]);
  expect(await find('peer-connection')).toMatchObject([{ dataChannelsOpened: 1, dataChannelsClosed: 0 }]);
  native.report({ type: 'channelclosing', channel: 0 });
  await settled();
  expect(await find('peer-connection')).toMatchObject([{ dataChannelsOpened: 1, dataChannelsClosed: 1 }]);
  native.report({ type: 'channelclosed', channel: 0 });
  await settled();
  expect(await find('data-channel')).toEqual([]);
  expect(await find('peer-connection')).toMatchObject([{ dataChannelsOpened: 1, dataChannelsClosed: 1 }]);
});
