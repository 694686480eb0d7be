const {
  call,
  connection,
  MediaStream,
  microphone,
  negotiate,
  next,
  record,
  RTCPeerConnection,
  RTCSessionDescription,
  settled,
  warning,
} = require('./calls.js');

describe('the operations chain', () => {
  test('runs operations one after another, in call order', async () => {
    const { pc } = connection();
    pc.addTransceiver('audio');
    const done = [];
    const operations = [
      pc.createOffer().then(() => done.push('createOffer')),
      pc.setLocalDescription().then(() => done.push('setLocalDescription')),
      pc.createOffer().then(() => done.push('createOffer again')),
    ];
    expect(pc.signalingState).toBe('stable');
    await Promise.all(operations);
    expect(done).toEqual(['createOffer', 'setLocalDescription', 'createOffer again']);
  });

  test('an operation that fails does not hold up the next', async () => {
    const { pc } = connection();
    const failed = expect(pc.createAnswer()).rejects.toMatchObject({ name: 'InvalidStateError' });
    const offer = pc.createOffer();
    await failed;
    await expect(offer).resolves.toMatchObject({ type: 'offer' });
  });
});

describe('setLocalDescription', () => {
  test('makes the description that the state asks for', async () => {
    const a = connection();
    const b = connection();
    a.pc.addTransceiver('audio');
    await negotiate(a.pc, b.pc);
    expect(a.pc.localDescription.type).toBe('offer');
    expect(b.pc.localDescription.type).toBe('answer');
    expect(a.pc.localDescription).toBeInstanceOf(RTCSessionDescription);
    expect(a.pc.localDescription).toBe(a.pc.localDescription);
  });

  test('the null candidate comes once, in a later task, with gathering complete', async () => {
    const { pc } = connection();
    pc.addTransceiver('audio');
    const log = [];
    let resolved = false;
    await pc.setLocalDescription().then(() => {
      resolved = true;
      setImmediate(() => log.push('a task later'));
      pc.onicecandidate = ({ candidate }) => log.push([candidate?.address ?? null, pc.iceGatheringState, resolved]);
    });
    await settled();
    expect(log).toEqual(['a task later', [expect.stringMatching(/^192/), 'gathering', true], [null, 'complete', true]]);
    expect(pc.localDescription.sdp).toContain('candidate:1');
  });

  test('refuses a text that was not made by the last createOffer', async () => {
    const { pc } = connection();
    const { sdp } = await pc.createOffer();
    await expect(pc.setLocalDescription({ type: 'offer', sdp: `${sdp} ` })).rejects.toMatchObject({
      name: 'InvalidModificationError',
    });
  });
});

describe('setRemoteDescription', () => {
  test('fires signalingstatechange, addtrack, track and addstream before it resolves', async () => {
    const a = connection();
    const b = connection();
    const { track, stream } = await microphone();
    a.pc.addTrack(track, stream);
    await a.pc.setLocalDescription();
    const log = record(b.pc, ['signalingstatechange', 'track', 'addstream']);
    let event;
    b.pc.addEventListener('track', (fired) => {
      event = fired;
      expect(fired.track.muted).toBe(true);
      expect(fired.streams[0].getTracks()).toEqual([fired.track]);
    });
    await b.pc.setRemoteDescription(a.pc.localDescription).then(() => log.push('resolved'));
    expect(log).toEqual(['signalingstatechange', 'track', 'addstream', 'resolved']);
    expect(event.streams[0].id).toBe(stream.id);
    expect(event.track.id).toBe(track.id);
    expect(event.transceiver).toBe(b.pc.getTransceivers()[0]);
    expect(event.receiver).toBe(event.transceiver.receiver);
    expect(b.pc.getRemoteStreams()).toEqual([event.streams[0]]);
  });

  test('fires nothing at a connection that a listener has closed', async () => {
    const a = connection();
    const { track, stream } = await microphone();
    a.pc.addTrack(track, stream);
    await a.pc.setLocalDescription();
    for (const closing of ['signalingstatechange', 'track']) {
      const b = connection();
      const log = record(b.pc, ['signalingstatechange', 'track', 'addstream']);
      b.pc.addEventListener(closing, () => b.pc.close());
      b.pc.setRemoteDescription(a.pc.localDescription);
      await settled();
      expect(log.at(-1)).toBe(closing);
    }
  });

  test('gives the track a stream when the offer names none', async () => {
    const { pc } = connection();
    const tracked = next(pc, 'track');
    const media = [{ mid: '0', kind: 'audio', direction: 'sendrecv' }];
    await pc.setRemoteDescription({ type: 'offer', sdp: `v=0\r\n${JSON.stringify({ ice: 1, media })}\r\n` });
    expect((await tracked).streams).toHaveLength(1);
  });

  test('hold takes the track away and unhold brings it back, in the same stream', async () => {
    const { near, far } = await call();
    const { track } = far.pc.getReceivers()[0];
    far.native.report({
      type: 'unmuted',
      transceiver: far.pc.getTransceivers()[0] && far.native.state.transceivers[0].id,
    });
    await next(track, 'unmute');
    const [stream] = far.pc.getRemoteStreams();
    const log = [...record(stream, ['addtrack', 'removetrack'])];
    record(stream, ['addtrack', 'removetrack'], log);
    record(track, ['mute'], log);
    record(far.pc, ['track', 'removestream'], log);
    far.pc.onremovestream = (event) => expect(event.stream).toBe(stream);
    near.pc.getTransceivers()[0].direction = 'recvonly';
    await negotiate(near.pc, far.pc);
    expect(log).toEqual(['mute', 'removetrack', 'removestream']);
    expect(track.readyState).toBe('live');
    near.pc.getTransceivers()[0].direction = 'sendrecv';
    await negotiate(near.pc, far.pc);
    expect(log).toEqual(['mute', 'removetrack', 'removestream', 'addtrack', 'track']);
    expect(far.pc.getRemoteStreams()).toEqual([stream]);
  });

  test('a hold that is taken back leaves the track unmuted, as packets come all the time', async () => {
    const { near, far } = await call();
    const { track } = far.pc.getReceivers()[0];
    far.native.report({ type: 'unmuted', transceiver: far.native.state.transceivers[0].id });
    await next(track, 'unmute');
    const log = record(track, ['mute', 'unmute']);
    record(far.pc, ['track'], log);
    near.pc.getTransceivers()[0].direction = 'inactive';
    await near.pc.setLocalDescription();
    await far.pc.setRemoteDescription(near.pc.localDescription);
    expect(track.muted).toBe(true);
    await far.pc.setRemoteDescription({ type: 'rollback' });
    expect(log).toEqual(['mute', 'track', 'unmute']);
    expect(track.muted).toBe(false);
  });

  test('an offer in have-local-offer rolls ours back, also when theirs is invalid', async () => {
    const a = connection();
    const b = connection();
    a.pc.addTransceiver('audio');
    b.pc.addTransceiver('audio');
    await a.pc.setLocalDescription();
    await b.pc.setLocalDescription();
    const states = [];
    a.pc.onsignalingstatechange = () => states.push(a.pc.signalingState);
    await a.pc.setRemoteDescription(b.pc.localDescription);
    expect(states).toEqual(['stable', 'have-remote-offer']);
    await a.pc.setRemoteDescription({ type: 'rollback' });
    await a.pc.setLocalDescription();
    const refused = a.pc.setRemoteDescription({ type: 'offer', sdp: 'nonsense' });
    await expect(refused).rejects.toMatchObject({
      name: 'OperationError',
      errorDetail: 'sdp-syntax-error',
      sdpLineNumber: 1,
    });
    expect(a.pc.signalingState).toBe('stable');
  });

  test('rollback brings back no track that our answer had refused', async () => {
    const { near, far } = await call();
    far.pc.getTransceivers()[0].direction = 'sendonly';
    await negotiate(near.pc, far.pc);
    const log = record(far.pc, ['track']);
    await far.pc.setLocalDescription();
    await far.pc.setLocalDescription({ type: 'rollback' });
    await near.pc.setLocalDescription();
    await far.pc.setRemoteDescription(near.pc.localDescription);
    await far.pc.setRemoteDescription({ type: 'rollback' });
    // The offer alone brings it.
    expect(log).toEqual(['track']);
    expect(far.pc.getRemoteStreams()).toEqual([]);
  });

  test('rollback takes back transceivers that the offer made', async () => {
    const a = connection();
    const b = connection();
    const { track, stream } = await microphone();
    a.pc.addTrack(track, stream);
    await a.pc.setLocalDescription();
    await b.pc.setRemoteDescription(a.pc.localDescription);
    const [remote] = b.pc.getRemoteStreams();
    const removed = next(remote, 'removetrack');
    await b.pc.setRemoteDescription({ type: 'rollback' });
    await removed;
    expect(b.pc.getTransceivers()).toEqual([]);
    expect(b.pc.signalingState).toBe('stable');
  });
});

describe('negotiationneeded', () => {
  test('is fired once for several changes, in a task', async () => {
    const { pc } = connection();
    const log = record(pc, ['negotiationneeded']);
    pc.addTransceiver('audio');
    pc.addTransceiver('audio');
    expect(log).toEqual([]);
    await settled();
    expect(log).toEqual(['negotiationneeded']);
  });

  test('waits for the operations under way', async () => {
    const a = connection();
    const b = connection();
    a.pc.addTransceiver('audio');
    await negotiate(a.pc, b.pc);
    await settled();
    const log = record(a.pc, ['negotiationneeded', 'signalingstatechange']);
    const described = a.pc.setLocalDescription();
    await described;
    a.pc.addTransceiver('audio');
    await settled();
    expect(log).toEqual(['signalingstatechange']);
    await b.pc.setRemoteDescription(a.pc.localDescription);
    await b.pc.setLocalDescription();
    await a.pc.setRemoteDescription(b.pc.localDescription);
    await settled();
    expect(log).toEqual(['signalingstatechange', 'signalingstatechange', 'negotiationneeded']);
  });
});

describe('addIceCandidate', () => {
  test('needs a remote description, then a section', async () => {
    const { pc } = connection();
    const candidate = 'candidate:1 1 udp 1 192.0.2.1 9 typ host';
    await expect(pc.addIceCandidate({ candidate, sdpMid: '0' })).rejects.toMatchObject({ name: 'InvalidStateError' });
    await expect(pc.addIceCandidate({ candidate })).rejects.toThrow(TypeError);
  });

  test('the end of candidates without a section is told to every section', async () => {
    const a = connection();
    const b = connection();
    a.pc.addTransceiver('audio');
    a.pc.addTransceiver('audio');
    await a.pc.setLocalDescription();
    await b.pc.setRemoteDescription(a.pc.localDescription);
    for (const nothing of [undefined, null, {}, { candidate: '' }]) {
      b.native.calls = [];
      await b.pc.addIceCandidate(nothing);
      // The engine takes what names no section for all of them.
      expect(b.native.called('addIceCandidate')).toEqual([[{ candidate: '' }]]);
    }
  });

  test('a candidate init has no url', async () => {
    const { near } = await call();
    const read = [];
    const init = new Proxy({}, { get: (_target, name) => read.push(name) && undefined });
    await near.pc.addIceCandidate(init);
    expect(read).toEqual(['candidate', 'sdpMLineIndex', 'sdpMid', 'usernameFragment']);
  });

  test('what the engine refuses rejects and changes nothing', async () => {
    const { near } = await call();
    const refused = near.pc.addIceCandidate({ candidate: 'candidate:bad', sdpMid: '0' });
    await expect(refused).rejects.toMatchObject({ name: 'OperationError' });
    expect(near.pc.connectionState).toBe('connected');
  });
});

describe('states', () => {
  test('follow the transports, transport first, ICE before the whole', async () => {
    const { near } = await call();
    const { transport } = near.sender;
    expect(transport.state).toBe('connected');
    expect(transport.iceTransport.state).toBe('connected');
    expect(transport.getRemoteCertificates()).toHaveLength(1);
    const log = record(near.pc, ['iceconnectionstatechange', 'connectionstatechange']);
    record(transport.iceTransport, ['statechange'], log);
    near.native.report({ type: 'ice', transport: 1, state: 'disconnected' });
    await next(near.pc, 'connectionstatechange');
    expect(log).toEqual(['statechange', 'iceconnectionstatechange', 'connectionstatechange']);
    expect(near.pc.connectionState).toBe('disconnected');
  });

  test('an event that nobody listens to is not made', async () => {
    const { near } = await call();
    const dispatched = jest.spyOn(near.pc, 'dispatchEvent');
    near.native.report({ type: 'ice', transport: 1, state: 'disconnected' });
    await settled();
    expect(near.pc.connectionState).toBe('disconnected');
    expect(dispatched).not.toHaveBeenCalled();
    near.pc.onconnectionstatechange = () => {};
    near.native.report({ type: 'ice', transport: 1, state: 'connected' });
    await settled();
    expect(dispatched.mock.calls.map(([event]) => event.type)).toEqual(['connectionstatechange']);
  });

  test('microtasks run between two reports', async () => {
    const { pc, native } = connection();
    pc.addTransceiver('audio');
    await pc.setLocalDescription();
    const seen = [];
    pc.oniceconnectionstatechange = async () => {
      await null;
      seen.push(pc.iceConnectionState);
    };
    native.report({ type: 'ice', transport: 1, state: 'checking' });
    native.report({ type: 'ice', transport: 1, state: 'connected' });
    await settled();
    expect(seen).toEqual(['checking', 'connected']);
  });

  test.each([
    [
      { errorDetail: 'dtls-failure', receivedAlert: 42 },
      { receivedAlert: 42, sentAlert: null },
    ],
    [
      { errorDetail: 'dtls-failure', sentAlert: 71 },
      { receivedAlert: null, sentAlert: 71 },
    ],
    [{ errorDetail: 'fingerprint-failure' }, { receivedAlert: null, sentAlert: null }],
  ])('a DTLS failure is an error event that says why, and fails the connection: %j', async (details, alerts) => {
    const { pc, native } = connection();
    pc.addTransceiver('audio');
    await pc.setLocalDescription();
    const { transport } = pc.getSenders()[0];
    const failed = next(transport, 'error');
    native.report({ type: 'dtls', transport: 1, state: 'failed', failure: { reason: 'they do not fit', ...details } });
    const { error } = await failed;
    const { errorDetail, receivedAlert, sentAlert, message } = error;
    expect({ receivedAlert, sentAlert }).toEqual(alerts);
    expect({ errorDetail, message }).toEqual({ errorDetail: details.errorDetail, message: 'they do not fit' });
    expect(pc.connectionState).toBe('failed');
  });

  test('a crash of the engine fails that connection and no other', async () => {
    const one = await call();
    const other = await call();
    const warned = warning();
    one.near.native.report({ type: 'crashed', message: 'out of luck' });
    await next(one.near.pc, 'connectionstatechange');
    expect(one.near.pc.connectionState).toBe('failed');
    expect(other.near.pc.connectionState).toBe('connected');
    expect((await warned).message).toContain('out of luck');
  });

  test('a panic of the engine in a call is an OperationError', async () => {
    const { pc, native } = connection();
    native.createOffer = () => {
      throw new Error('panicked');
    };
    await expect(pc.createOffer()).rejects.toMatchObject({ name: 'OperationError' });
  });
});

describe('close', () => {
  test('leaves senders and receivers to who stops their tracks', async () => {
    const { pc } = connection();
    const { track } = await microphone();
    pc.addTrack(track);
    pc.close();
    expect(pc.getSenders().map((sender) => sender.track)).toEqual([track]);
    expect(pc.getReceivers()).toHaveLength(1);
  });

  const EVENTS = [
    'signalingstatechange',
    'iceconnectionstatechange',
    'connectionstatechange',
    'icegatheringstatechange',
    'icecandidate',
    'track',
  ];

  test('sets the states at once, fires nothing, twice is once', async () => {
    const { near, mine } = await call();
    const { pc } = near;
    await settled();
    const log = record(pc, EVENTS);
    const { track } = pc.getReceivers()[0];
    const ended = next(track, 'ended');
    pc.close();
    pc.close();
    expect([pc.signalingState, pc.iceConnectionState, pc.connectionState]).toEqual(['closed', 'closed', 'closed']);
    expect(near.sender.transport.state).toBe('closed');
    expect(near.sender.transport.iceTransport.state).toBe('closed');
    expect(track.readyState).toBe('ended');
    expect(mine.track.readyState).toBe('live');
    expect(near.native.closed).toBe(true);
    await ended;
    near.native.connect();
    await settled();
    expect(log).toEqual([]);
  });

  test('operations after it reject, synchronous ones throw', async () => {
    const { pc } = connection();
    const { track, stream } = await microphone();
    const sender = pc.addTrack(track);
    pc.close();
    const invalid = { name: 'InvalidStateError' };
    for (const operation of [
      () => pc.createOffer(),
      () => pc.createAnswer(),
      () => pc.setLocalDescription(),
      () => pc.setRemoteDescription({ type: 'offer', sdp: '' }),
      () => pc.addIceCandidate({ candidate: '', sdpMid: '0' }),
      () => sender.replaceTrack(null),
    ]) {
      await expect(operation()).rejects.toMatchObject(invalid);
    }
    for (const operation of [
      () => pc.addTrack(track),
      () => pc.removeTrack(sender),
      () => pc.addTransceiver('audio'),
      () => pc.createDataChannel(''),
      () => pc.addStream(stream),
      () => pc.setConfiguration({}),
      () => sender.setStreams(),
    ]) {
      expect(operation).toThrow(expect.objectContaining(invalid));
    }
    expect(() => pc.restartIce()).not.toThrow();
    expect((await pc.getStats()).size).toBe(1);
  });

  test('an operation under way never settles', async () => {
    const { pc } = connection();
    let settledAs;
    pc.createOffer().then(
      () => (settledAs = 'resolved'),
      () => (settledAs = 'rejected'),
    );
    pc.close();
    await settled();
    expect(settledAs).toBeUndefined();
  });
});

describe('legacy forms', () => {
  test('callbacks of every operation', async () => {
    const a = connection();
    const b = connection();
    a.pc.addTransceiver('audio');
    const called = (start) => new Promise((resolve, reject) => start(resolve, reject));
    const offer = await called((good, bad) => a.pc.createOffer(good, bad, {}));
    await called((good, bad) => a.pc.setLocalDescription(offer, good, bad));
    await called((good, bad) => b.pc.setRemoteDescription(offer, good, bad));
    const answer = await called((good, bad) => b.pc.createAnswer(good, bad));
    await called((good, bad) => b.pc.setLocalDescription(answer, good, bad));
    await called((good, bad) => b.pc.addIceCandidate({ candidate: '', sdpMid: '0' }, good, bad));
    expect((await called((good, bad) => b.pc.getStats(null, good, bad))).size).toBe(1);
    const refused = called((good, bad) => b.pc.setRemoteDescription(answer, good, bad));
    await expect(refused).rejects.toMatchObject({ name: 'InvalidStateError' });
  });

  test('the promise is settled at once, whatever becomes of the operation', async () => {
    const { pc } = connection();
    const done = pc.createOffer(
      () => {},
      () => {},
    );
    pc.close();
    await expect(done).resolves.toBeUndefined();
  });

  test('streams', async () => {
    const { pc } = connection();
    const { stream } = await microphone();
    pc.addStream(stream);
    expect(pc.getLocalStreams()).toEqual([stream]);
    expect(pc.getSenders()[0].track).toBe(stream.getTracks()[0]);
    pc.removeStream(stream);
    expect(pc.getLocalStreams()).toEqual([]);
    expect(pc.getSenders()[0].track).toBeNull();
  });

  test('offerToReceiveAudio offers a section', async () => {
    const { pc } = connection();
    await pc.createOffer({ offerToReceiveAudio: true });
    expect(pc.getTransceivers().map(({ direction }) => direction)).toEqual(['recvonly']);
  });

  test('what offerToReceiveAudio adds needs no negotiation of itself', async () => {
    const { pc } = connection();
    const log = record(pc, ['negotiationneeded']);
    await pc.createOffer({ offerToReceiveAudio: true });
    await settled();
    expect(log).toEqual([]);
  });
});

describe('transceivers', () => {
  test('addTrack reuses a transceiver that never sent', async () => {
    const { pc } = connection();
    const transceiver = pc.addTransceiver('audio', { direction: 'recvonly' });
    const { track } = await microphone();
    expect(pc.addTrack(track)).toBe(transceiver.sender);
    expect(transceiver.direction).toBe('sendrecv');
    expect(() => pc.addTrack(track)).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
  });

  test('stop ends the remote track and, once negotiated, the transceiver', async () => {
    const { near, far } = await call();
    const [transceiver] = near.pc.getTransceivers();
    transceiver.stop();
    expect(transceiver.direction).toBe('stopped');
    expect(transceiver.currentDirection).toBe('sendrecv');
    expect(transceiver.receiver.track.readyState).toBe('live');
    await new Promise((resolve) => (transceiver.receiver.track.onended = resolve));
    expect(transceiver.receiver.track.readyState).toBe('ended');
    expect(() => (transceiver.direction = 'sendonly')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    const farTrack = far.pc.getReceivers()[0].track;
    await negotiate(near.pc, far.pc);
    expect(transceiver.currentDirection).toBe('stopped');
    const { mid, sender, receiver } = transceiver;
    expect([mid, sender.transport, receiver.transport, sender.dtmf.canInsertDTMF]).toEqual([null, null, null, false]);
    expect(near.pc.getTransceivers()).toEqual([]);
    expect(far.pc.getTransceivers()).toEqual([]);
    await new Promise(setImmediate);
    expect(farTrack.readyState).toBe('ended');
  });

  test("of a stopped transceiver 'ended' comes before 'negotiationneeded'", async () => {
    const { near } = await call();
    const [transceiver] = near.pc.getTransceivers();
    const log = [];
    transceiver.receiver.track.onended = () => log.push('ended');
    near.pc.onnegotiationneeded = () => log.push('negotiationneeded');
    transceiver.stop();
    await settled();
    expect(log).toEqual(['ended', 'negotiationneeded']);
  });

  test('a foreign sender cannot be removed', async () => {
    const one = connection();
    const other = connection();
    const { track } = await microphone();
    const sender = one.pc.addTrack(track, new MediaStream());
    expect(() => other.pc.removeTrack(sender)).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
  });
});

describe('configuration', () => {
  test('is validated, copied and guarded', () => {
    const { pc, native } = connection({ iceServers: [{ urls: 'stun:stun.example:19302' }] });
    expect(native.config.iceServers).toEqual([{ urls: ['stun:stun.example:19302'] }]);
    expect(pc.getConfiguration()).toMatchObject({
      bundlePolicy: 'balanced',
      iceServers: [{ urls: ['stun:stun.example:19302'] }],
    });
    const change = (configuration) => () => pc.setConfiguration(configuration);
    expect(change({ bundlePolicy: 'max-bundle' })).toThrow(
      expect.objectContaining({ name: 'InvalidModificationError' }),
    );
    pc.setConfiguration({ iceTransportPolicy: 'relay' });
    expect(pc.getConfiguration().iceTransportPolicy).toBe('relay');
  });

  test.each([
    [
      [9000, 9010],
      [9000, 9010],
    ],
    [{ min: 9000, max: 9010 }, [9000, 9010]],
    [{ min: 9000 }, [9000, 65535]],
    [{ max: 9010 }, [1024, 9010]],
    [{ min: 0, max: 65535 }, undefined],
    [{}, undefined],
  ])("the port range %j is the engine's %j", (portRange, ports) => {
    const { pc, native } = connection({ portRange });
    expect(native.config.portRange).toEqual(ports);
    expect(pc.getConfiguration().portRange).toEqual(ports);
    expect(connection(pc.getConfiguration()).native.config.portRange).toEqual(ports);
  });

  test.each([
    [{ iceServers: [{ urls: 'http://x' }] }, 'SyntaxError'],
    [{ iceServers: [{ urls: 'stun:stun.example?transport=udp' }] }, 'SyntaxError'],
    [{ iceServers: [{ urls: [] }] }, 'SyntaxError'],
    [{ iceServers: [{ urls: 'stun:' }] }, 'SyntaxError'],
    [{ iceServers: [{ urls: 'turn:turn.example' }] }, 'InvalidAccessError'],
    [{ addresses: ['localhost'] }, 'SyntaxError'],
    [{ portRange: [5000, 4000] }, 'RangeError'],
    [{ portRange: [5000] }, 'TypeError'],
    [{ portRange: { min: 5000, max: 4000 } }, 'RangeError'],
    [{ portRange: { min: 65536 } }, 'TypeError'],
    [{ portRange: 5000 }, 'TypeError'],
  ])('refuses %j', (configuration, name) => {
    expect(() => new RTCPeerConnection(configuration)).toThrow(expect.objectContaining({ name }));
  });

  test('takes certificates', async () => {
    const certificate = await RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' });
    expect(certificate.expires).toBeGreaterThan(Date.now());
    expect(certificate.getFingerprints()[0].algorithm).toBe('sha-256');
    const { pc, native } = connection({ certificates: [certificate] });
    expect(native.config.certificates).toHaveLength(1);
    expect(pc.getConfiguration().certificates).toEqual([certificate]);
    for (const certificates of [undefined, [], [certificate, certificate]]) {
      const change = () => pc.setConfiguration({ certificates });
      expect(change).toThrow(expect.objectContaining({ name: 'InvalidModificationError' }));
    }
    pc.setConfiguration({ certificates: [certificate] });
  });

  const rsa = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
  test('makes RSA keys for certificates', async () => {
    const certificate = await RTCPeerConnection.generateCertificate({ ...rsa, hash: { name: 'sha-256' } });
    const { native } = connection({ certificates: [certificate] });
    const { asymmetricKeyType, asymmetricKeyDetails } = native.config.certificates[0].key;
    expect({ asymmetricKeyType, ...asymmetricKeyDetails }).toEqual({
      asymmetricKeyType: 'rsa',
      modulusLength: 2048,
      publicExponent: 65537n,
    });
  });

  test.each([
    ['NotSupportedError', { hash: 'SHA-1' }],
    ['NotSupportedError', { modulusLength: 1024 }],
    ['NotSupportedError', { modulusLength: 1_000_000 }],
    ['NotSupportedError', { publicExponent: new Uint8Array([3]) }],
    ['NotSupportedError', { publicExponent: new Uint8Array() }],
    ['NotSupportedError', { name: 'RSA-PSS' }],
    ['TypeError', { modulusLength: -1 }],
    ['TypeError', { publicExponent: 65537 }],
    ['TypeError', { hash: undefined }],
    ['TypeError', { expires: -1 }],
  ])('%s for a certificate with %j', async (name, change) => {
    await expect(RTCPeerConnection.generateCertificate({ ...rsa, ...change })).rejects.toMatchObject({ name });
  });
});
