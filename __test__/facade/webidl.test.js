const rtc = require('./calls.js');
const { connection, microphone, RTCIceCandidate, RTCPeerConnection, RTCSessionDescription } = rtc;

const CONSTRUCTIBLE = {
  MediaStream: [],
  MediaStreamTrackEvent: null,
  OverconstrainedError: ['deviceId'],
  RTCDataChannelEvent: null,
  RTCDTMFToneChangeEvent: ['tonechange'],
  RTCEncodedAudioFrame: null,
  RTCEncodedVideoFrame: null,
  RTCError: [{ errorDetail: 'dtls-failure' }, 'x'],
  RTCErrorEvent: null,
  RTCIceCandidate: [{ sdpMid: '0' }],
  RTCPeerConnection: [],
  RTCPeerConnectionIceErrorEvent: ['icecandidateerror', { errorCode: 701 }],
  RTCPeerConnectionIceEvent: ['icecandidate'],
  RTCRtpScriptTransform: null,
  RTCSessionDescription: [{ type: 'answer' }],
  RTCTrackEvent: null,
};
const INTERFACES = Object.keys(rtc).filter((name) => /^(RTC|Media|InputDevice|Overconstrained)/.test(name));

describe('interfaces', () => {
  test.each(INTERFACES)('%s has its name, enumerable members and no others', (name) => {
    const { prototype } = rtc[name];
    expect(Object.prototype.toString.call(Object.create(prototype))).toBe(`[object ${name}]`);
    for (const key of Object.getOwnPropertyNames(prototype)) {
      expect([key, Object.getOwnPropertyDescriptor(prototype, key).enumerable]).toEqual([key, key !== 'constructor']);
    }
    expect(Object.getOwnPropertyNames(rtc[name]).filter((key) => key.startsWith('_'))).toEqual([]);
  });

  test.each(INTERFACES.filter((name) => !(name in CONSTRUCTIBLE)))('%s cannot be constructed', (name) => {
    if (name === 'MediaStreamEvent') return expect(() => new rtc[name]('addstream', {})).toThrow(TypeError);
    expect(rtc[name].length).toBe(0);
    return expect(() => new rtc[name]()).toThrow(/Illegal constructor/);
  });

  test.each(Object.entries(CONSTRUCTIBLE).filter(([, given]) => given))('%s can', (name, given) => {
    const made = new rtc[name](...given);
    expect(made).toBeInstanceOf(rtc[name]);
    made.close?.();
  });

  test.each(INTERFACES)('members of %s refuse a foreign receiver', async (name) => {
    const { prototype } = rtc[name];
    for (const [key, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      const call = get ?? value;
      if (key === 'constructor' || typeof call !== 'function' || name === 'MediaDevices') continue;
      const outcome = (async () => call.call({}, {}, {}, {}))();
      await expect(outcome.then(() => `${key} resolved`)).rejects.toThrow(TypeError);
    }
  });

  test('errors are those of the realm that loaded the package', async () => {
    const { pc } = connection();
    const error = await pc.createAnswer().catch((reason) => reason);
    expect(error).toBeInstanceOf(DOMException);
    expect(() => pc.addTrack({})).toThrow(TypeError);
    expect(pc).toBeInstanceOf(EventTarget);
    expect(new rtc.RTCError({ errorDetail: 'sdp-syntax-error', sdpLineNumber: 3 }, 'm')).toMatchObject({
      name: 'OperationError',
      message: 'm',
      sdpLineNumber: 3,
      receivedAlert: null,
    });
  });

  test("there are events and dictionaries without Node's EventTarget and structuredClone(), as under jsdom", async () => {
    class OtherTarget {
      #listeners = [];
      addEventListener(type, listener) {
        this.#listeners.push({ type, listener });
      }
      dispatchEvent(event) {
        for (const { type, listener } of this.#listeners) if (type === event.type) listener.call(this, event);
      }
    }
    const { EventTarget, structuredClone } = globalThis;
    Object.assign(globalThis, { EventTarget: OtherTarget, structuredClone: undefined });
    try {
      let pc;
      jest.isolateModules(() => {
        pc = new (require('../../dist/index.js').RTCPeerConnection)();
      });
      const needed = rtc.next(pc, 'negotiationneeded');
      const { sender, receiver } = pc.addTransceiver('audio');
      expect(sender.getParameters()).toEqual(sender.getParameters());
      expect(receiver.track.getConstraints()).toEqual({});
      await needed;
      pc.close();
    } finally {
      Object.assign(globalThis, { EventTarget, structuredClone });
    }
  });
});

describe('wrong types', () => {
  test('synchronous members throw TypeError and change nothing', async () => {
    const { pc, native } = connection();
    const { track, stream } = await microphone();
    const sender = pc.addTrack(track);
    const wrong = [
      () => RTCPeerConnection(),
      () => new RTCPeerConnection(1),
      () => new RTCPeerConnection({ iceServers: 1 }),
      () => new RTCPeerConnection({ iceServers: [{}] }),
      () => new RTCPeerConnection({ bundlePolicy: 'x' }),
      () => new RTCPeerConnection({ iceCandidatePoolSize: 256 }),
      () => new RTCPeerConnection({ certificates: [{}] }),
      () => pc.addTrack(),
      () => pc.addTrack(track, {}),
      () => pc.removeTrack(track),
      () => pc.addTransceiver(),
      () => pc.addTransceiver('smell'),
      () => pc.addTransceiver('audio', { direction: 'up' }),
      () => pc.addTransceiver('audio', { direction: 'stopped' }),
      () => pc.addTransceiver('audio', { streams: [track] }),
      () => pc.addTransceiver('video', { sendEncodings: [{ rid: 'a' }, { rid: 'a' }] }),
      () => pc.createDataChannel(),
      () => pc.createDataChannel('x', { id: -1 }),
      () => pc.createDataChannel('x', { negotiated: true }),
      () => pc.createDataChannel('x', { maxRetransmits: 1, maxPacketLifeTime: 1 }),
      () => pc.addStream(track),
      () => pc.removeStream({}),
      () => stream.addTrack(stream),
      () => stream.getTrackById(),
      () => new rtc.MediaStream([stream]),
      () => new rtc.MediaStream(1),
      () => sender.setStreams(track),
      () => sender.dtmf.insertDTMF(),
      () => new RTCIceCandidate({ candidate: '' }),
      () => new RTCSessionDescription({ type: 'x' }),
      () => new RTCSessionDescription(),
      () => new rtc.RTCTrackEvent('track', {}),
      () => new rtc.RTCPeerConnectionIceEvent('icecandidate', { candidate: {} }),
    ];
    const before = native.snapshot().transceivers.length;
    for (const call of wrong) expect(call).toThrow(TypeError);
    expect(native.snapshot().transceivers).toHaveLength(before);
  });

  test('promise members reject with TypeError', async () => {
    const { pc } = connection();
    const { track } = await microphone();
    const sender = pc.addTrack(track);
    const wrong = [
      () => pc.createOffer(1),
      () => pc.setLocalDescription({ type: 'x' }),
      () => pc.setLocalDescription(1),
      () => pc.setRemoteDescription(),
      () => pc.setRemoteDescription({ sdp: '' }),
      () => pc.setRemoteDescription({ type: 'offer', sdp: Symbol('x') }),
      () => pc.addIceCandidate(1),
      () => pc.addIceCandidate({ candidate: 'x' }),
      () => pc.getStats({}),
      () => pc.createOffer(() => {}, 1),
      () => sender.replaceTrack(),
      () => sender.replaceTrack({}),
      () => sender.setParameters(),
      () => sender.setParameters({}),
      () => track.applyConstraints(1),
      () => rtc.mediaDevices.getUserMedia(),
      () => rtc.mediaDevices.getUserMedia(1),
      () => RTCPeerConnection.generateCertificate(),
    ];
    for (const call of wrong) await expect(call()).rejects.toThrow(TypeError);
    expect(pc.signalingState).toBe('stable');
  });
});

describe('event handler attributes', () => {
  test('keep their place while replaced, and lose it when set to null', () => {
    const { pc } = connection();
    const log = [];
    pc.ontrack = () => log.push('first');
    pc.addEventListener('track', () => log.push('listener'));
    pc.ontrack = () => log.push('handler');
    pc.dispatchEvent(new Event('track'));
    expect(log.splice(0)).toEqual(['handler', 'listener']);
    pc.ontrack = null;
    expect(pc.ontrack).toBeNull();
    pc.ontrack = () => log.push('handler');
    pc.dispatchEvent(new Event('track'));
    expect(log).toEqual(['listener', 'handler']);
  });

  test('take objects and functions only, call with the target, cancel with false', () => {
    const { pc } = connection();
    pc.ontrack = 'text';
    expect(pc.ontrack).toBeNull();
    const object = {};
    pc.ontrack = object;
    expect(pc.ontrack).toBe(object);
    pc.dispatchEvent(new Event('track'));
    let self;
    pc.ontrack = function handler() {
      self = this;
      return false;
    };
    expect(pc.dispatchEvent(new Event('track', { cancelable: true }))).toBe(false);
    expect(self).toBe(pc);
    expect(() => Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'ontrack').get.call({})).toThrow(
      TypeError,
    );
  });
});

describe('RTCIceCandidate', () => {
  test('parses its fields', () => {
    const candidate =
      'candidate:842163049 1 UDP 4294967295 192.0.2.1 46154 typ srflx raddr 10.0.0.1 rport 9 generation 0';
    expect(new RTCIceCandidate({ candidate, sdpMLineIndex: 0, usernameFragment: 'u' })).toMatchObject({
      foundation: '842163049',
      component: 'rtp',
      protocol: 'udp',
      priority: 4294967295,
      address: '192.0.2.1',
      port: 46154,
      type: 'srflx',
      relatedAddress: '10.0.0.1',
      relatedPort: 9,
      tcpType: null,
      sdpMid: null,
      usernameFragment: 'u',
    });
    const tcp = new RTCIceCandidate({
      candidate: 'candidate:1 2 tcp 1 fe80::1 9 typ host tcptype active',
      sdpMid: 'a',
    });
    expect(tcp).toMatchObject({ component: 'rtcp', protocol: 'tcp', tcpType: 'active', address: 'fe80::1' });
    expect(tcp.toJSON()).toEqual({
      candidate: tcp.candidate,
      sdpMid: 'a',
      sdpMLineIndex: null,
      usernameFragment: null,
    });
  });

  test('keeps what it cannot parse', () => {
    expect(new RTCIceCandidate({ candidate: 'nonsense', sdpMid: '0' })).toMatchObject({
      candidate: 'nonsense',
      foundation: null,
    });
  });
});

describe('getStats', () => {
  test('names every object and links it', async () => {
    const { near } = await rtc.call();
    const [{ id: transceiver, ssrc }] = near.native.state.transceivers;
    const stream = { transceiver, ssrc, kind: 'audio', transport: 1, payloadType: 111 };
    near.native.stats = {
      timestamp: 1000,
      transports: [{ transport: 1, dtlsState: 'connected', selectedPair: 'p', localCertificate: 'c' }],
      candidates: [
        { id: 'l', transport: 1, local: true, address: '192.0.2.1' },
        { id: 'r', transport: 1, local: false },
      ],
      pairs: [{ id: 'p', transport: 1, local: 'l', remote: 'r' }],
      certificates: [{ id: 'c', fingerprint: 'aa' }],
      codecs: [{ transport: 1, payloadType: 111, mimeType: 'audio/opus', clockRate: 48000 }],
      inbound: [{ ...stream, ssrc: 7, stream: 1, packetsReceived: 5 }],
      playout: { samples: 960, durationS: 0.02 },
      outbound: [{ ...stream, packetsSent: 9, audioLevel: 0.5 }],
      remoteInbound: [{ ...stream, roundTripTime: 0.1, timestamp: 900 }],
      remoteOutbound: [],
    };
    const report = await near.pc.getStats();
    expect(report).toBeInstanceOf(rtc.RTCStatsReport);
    const byType = Object.fromEntries([...report.values()].map((entry) => [entry.type, entry]));
    const follow = (entry, name) => report.get(entry[name])?.type;
    expect(byType['outbound-rtp']).toMatchObject({ ssrc, packetsSent: 9, mid: '0', timestamp: 1000 });
    expect(follow(byType['outbound-rtp'], 'mediaSourceId')).toBe('media-source');
    expect(follow(byType['outbound-rtp'], 'codecId')).toBe('codec');
    expect(follow(byType['outbound-rtp'], 'remoteId')).toBe('remote-inbound-rtp');
    expect(follow(byType['remote-inbound-rtp'], 'localId')).toBe('outbound-rtp');
    expect(byType['remote-inbound-rtp'].timestamp).toBe(900);
    expect(follow(byType['outbound-rtp'], 'transportId')).toBe('transport');
    expect(follow(byType.transport, 'selectedCandidatePairId')).toBe('candidate-pair');
    expect(follow(byType.transport, 'localCertificateId')).toBe('certificate');
    expect(follow(byType['candidate-pair'], 'localCandidateId')).toBe('local-candidate');
    expect(byType['local-candidate']).toMatchObject({ address: '192.0.2.1', ip: '192.0.2.1' });
    expect(byType['remote-candidate']).not.toHaveProperty('ip');
    expect(follow(byType['candidate-pair'], 'remoteCandidateId')).toBe('remote-candidate');
    expect(follow(byType['inbound-rtp'], 'playoutId')).toBe('media-playout');
    expect(byType['media-playout']).toMatchObject({ totalSamplesCount: 960, totalSamplesDuration: 0.02 });
    expect(byType['inbound-rtp'].trackIdentifier).toBe(near.pc.getReceivers()[0].track.id);
    expect(byType['media-source']).toMatchObject({ audioLevel: 0.5, trackIdentifier: near.sender.track.id });
    expect(report.size).toBe([...report].length);

    const sent = [...(await near.sender.getStats()).values()].map(({ type }) => type);
    expect(sent).toContain('outbound-rtp');
    expect(sent).not.toContain('inbound-rtp');
    const received = [...(await near.pc.getStats(near.pc.getReceivers()[0].track)).values()].map(({ type }) => type);
    expect(received).toContain('inbound-rtp');
    expect(received).not.toContain('outbound-rtp');
    const { track } = await microphone();
    await expect(near.pc.getStats(track)).rejects.toMatchObject({ name: 'InvalidAccessError' });
    near.pc.close();
    expect((await near.pc.getStats()).get(byType['outbound-rtp'].id)).toMatchObject({ packetsSent: 9 });
  });
});
