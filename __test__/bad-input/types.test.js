// Wrong types to every public member: TypeError at once, or through the promise where the member returns one (Web IDL).
// The objects are those of a live call, which must not notice.

const { configuration, rtc } = require('../support/implementation');
const { LEFT_HZ, Pair, RIGHT_HZ } = require('../support/pair');
const { nameOf, thrownBy } = require('./errors');

jest.setTimeout(90_000);

/** The interfaces of the package: constructors whose prototype is branded, as Web IDL asks. */
const interfaces = Object.entries(rtc).filter(
  ([, value]) => typeof value === 'function' && Object.hasOwn(value.prototype ?? {}, Symbol.toStringTag),
);

/** Own members of a prototype: [kind, name, function to be called on a receiver]. */
function membersOf(prototype) {
  const members = [];
  for (const [key, { get, set, value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (key === 'constructor') continue;
    if (get) members.push([`get ${key}`, (receiver) => get.call(receiver)]);
    if (set) members.push([`set ${key}`, (receiver) => set.call(receiver, null)]);
    if (typeof value === 'function') members.push([`${key}()`, (receiver) => value.call(receiver), value.length]);
  }
  return members;
}

describe('wrong types', () => {
  let pair, things;

  beforeAll(async () => {
    pair = new Pair();
    await pair.connect();
    await pair.talks();
    const { pc, sender } = pair.left;
    const [transceiver] = pc.getTransceivers();
    const { receiver } = transceiver;
    things = {
      pc,
      sender,
      receiver,
      transceiver,
      dtmf: sender.dtmf,
      track: sender.track,
      dtls: sender.transport,
      ice: sender.transport.iceTransport,
      stream: new rtc.MediaStream([sender.track]),
      certificate:
        pc.getConfiguration().certificates?.[0] ??
        (await rtc.RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' })),
      candidate: new rtc.RTCIceCandidate({ candidate: '', sdpMid: '0' }),
      description: new rtc.RTCSessionDescription({ type: 'offer', sdp: '' }),
      stats: await pc.getStats(),
      devices: rtc.mediaDevices,
      channel: new rtc.RTCPeerConnection(configuration).createDataChannel('x'),
      source: rtc.PcmSource && new rtc.PcmSource(),
      sink: rtc.PcmSink && new rtc.PcmSink(sender.track),
    };
  });

  afterAll(async () => {
    things?.sink?.close();
    pair.end();
  });

  test('the package exports its interfaces branded', () => {
    const names = interfaces.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'MediaStream',
        'MediaStreamTrack',
        'RTCCertificate',
        'RTCDTMFSender',
        'RTCDataChannel',
        'RTCDtlsTransport',
        'RTCError',
        'RTCIceCandidate',
        'RTCIceTransport',
        'RTCPeerConnection',
        'RTCPeerConnectionIceEvent',
        'RTCRtpReceiver',
        'RTCRtpSender',
        'RTCRtpTransceiver',
        'RTCSessionDescription',
        'RTCStatsReport',
        'RTCTrackEvent',
      ]),
    );
  });

  describe.each(interfaces)('%s', (_name, Interface) => {
    test('cannot be called without new', async () => {
      expect(await thrownBy(() => Interface())).toBe('TypeError');
    });

    const members = membersOf(Interface.prototype);
    if (members.length > 0) {
      test.each(members)('%s on an object of another kind is a TypeError', async (_, call) => {
        for (const receiver of [{}, null, new EventTarget(), Interface.prototype])
          expect(await thrownBy(() => call(receiver))).toBe('TypeError');
      });
    }
  });

  test('members that need arguments say so when they get none', async () => {
    const silent = [];
    for (const [name, object] of Object.entries(things)) {
      // A maplike takes a missing key for undefined (Web IDL §3.7.11).
      if (!object || name === 'stats' || !Object.hasOwn(Object.getPrototypeOf(object), Symbol.toStringTag)) continue;
      for (const [member, call, arity] of membersOf(Object.getPrototypeOf(object))) {
        if (!(arity > 0)) continue;
        const thrown = await thrownBy(() => call(object));
        if (thrown !== 'TypeError') silent.push(`${name}.${member}: ${thrown}`);
      }
    }
    for (const [name, Interface] of interfaces) {
      if (Interface.length > 0 && (await thrownBy(() => new Interface())) !== 'TypeError') silent.push(`new ${name}()`);
    }
    expect(silent).toEqual([]);
  });

  const calls = [
    // Construction and configuration.
    () => new rtc.RTCPeerConnection(42),
    () => new rtc.RTCPeerConnection('x'),
    () => new rtc.RTCPeerConnection({ iceServers: 1 }),
    () => new rtc.RTCPeerConnection({ iceServers: {} }),
    () => new rtc.RTCPeerConnection({ iceServers: [1] }),
    () => new rtc.RTCPeerConnection({ iceServers: [{}] }),
    () => new rtc.RTCPeerConnection({ iceServers: [{ urls: Symbol('x') }] }),
    () => new rtc.RTCPeerConnection({ iceTransportPolicy: 'some' }),
    () => new rtc.RTCPeerConnection({ bundlePolicy: 'sometimes' }),
    () => new rtc.RTCPeerConnection({ rtcpMuxPolicy: null }),
    () => new rtc.RTCPeerConnection({ certificates: [{}] }),
    () => new rtc.RTCPeerConnection({ certificates: 'x' }),
    () => new rtc.RTCPeerConnection({ iceCandidatePoolSize: 256 }),
    () => new rtc.RTCPeerConnection({ iceCandidatePoolSize: -1 }),
    ({ pc }) => pc.setConfiguration(42),
    ({ pc }) => pc.setConfiguration({ iceTransportPolicy: 'some' }),
    () => rtc.RTCPeerConnection.generateCertificate(),
    // Negotiation.
    ({ pc }) => pc.createOffer(42),
    ({ pc }) => pc.createOffer(() => {}),
    ({ pc }) => pc.createAnswer(42),
    ({ pc }) => pc.setLocalDescription(42),
    ({ pc }) => pc.setLocalDescription({ type: 'question' }),
    ({ pc }) => pc.setRemoteDescription(),
    ({ pc }) => pc.setRemoteDescription(42),
    ({ pc }) => pc.setRemoteDescription({}),
    ({ pc }) => pc.setRemoteDescription({ sdp: 'v=0' }),
    ({ pc }) => pc.setRemoteDescription({ type: 'question', sdp: '' }),
    ({ pc }) => pc.setRemoteDescription({ type: 'offer', sdp: Symbol('x') }),
    ({ pc }) => pc.addIceCandidate(42),
    ({ pc }) => pc.addIceCandidate('candidate:1 1 udp 1 127.0.0.1 9 typ host'),
    ({ pc }) => pc.addIceCandidate({ candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host' }),
    ({ pc }) => pc.addIceCandidate({ candidate: '', sdpMLineIndex: 0, sdpMid: Symbol('x') }),
    // Tracks, transceivers, streams.
    ({ pc }) => pc.addTrack(),
    ({ pc }) => pc.addTrack('audio'),
    ({ pc }) => pc.addTrack({ kind: 'audio', id: 'x' }),
    ({ pc, track }) => pc.addTrack(track, {}),
    ({ pc }) => pc.removeTrack(null),
    ({ pc, track }) => pc.removeTrack(track),
    ({ pc }) => pc.addTransceiver(),
    ({ pc }) => pc.addTransceiver('smell'),
    ({ pc }) => pc.addTransceiver({}),
    ({ pc }) => pc.addTransceiver('audio', 42),
    ({ pc }) => pc.addTransceiver('audio', { direction: 'both' }),
    ({ pc }) => pc.addTransceiver('audio', { streams: 1 }),
    ({ pc }) => pc.addTransceiver('audio', { streams: [{}] }),
    ({ pc }) => pc.addTransceiver('audio', { sendEncodings: [1] }),
    ({ pc }) => pc.addTransceiver('audio', { sendEncodings: [{ scaleResolutionDownBy: 'half' }] }),
    ({ pc }) => pc.addStream({}),
    ({ pc }) => pc.removeStream({}),
    ({ pc }) => pc.getStats(42),
    ({ pc }) => pc.getStats({}),
    ({ pc }) => pc.createDataChannel(),
    ({ pc }) => pc.createDataChannel('x', 42),
    ({ pc }) => pc.createDataChannel('x', { id: -1 }),
    ({ pc }) => pc.createDataChannel('x', { maxRetransmits: 1, maxPacketLifeTime: 1 }),
    ({ sender }) => sender.replaceTrack(),
    ({ sender }) => sender.replaceTrack({}),
    ({ sender }) => sender.setParameters(),
    ({ sender }) => sender.setParameters(42),
    ({ sender }) => sender.setParameters({}),
    ({ sender }) =>
      sender.setParameters({ transactionId: 'x', encodings: 1, codecs: [], rtcp: {}, headerExtensions: [] }),
    ({ sender }) => sender.setStreams({}),
    () => rtc.RTCRtpSender.getCapabilities(),
    () => rtc.RTCRtpReceiver.getCapabilities(),
    ({ transceiver }) => transceiver.setCodecPreferences(),
    ({ transceiver }) => transceiver.setCodecPreferences(42),
    ({ transceiver }) => transceiver.setCodecPreferences([{ mimeType: 'audio/opus' }]),
    ({ dtmf }) => dtmf.insertDTMF(),
    ({ dtmf }) => dtmf.insertDTMF(Symbol('x')),
    () => new rtc.MediaStream(42),
    () => new rtc.MediaStream([{}]),
    ({ stream }) => stream.addTrack({}),
    ({ stream }) => stream.removeTrack('x'),
    ({ stream }) => stream.getTrackById(),
    ({ track }) => track.applyConstraints(42),
    () => new rtc.MediaStreamTrack(),
    // What is only handed out cannot be made.
    () => new rtc.RTCRtpSender(),
    () => new rtc.RTCRtpReceiver(),
    () => new rtc.RTCRtpTransceiver(),
    () => new rtc.RTCDTMFSender(),
    () => new rtc.RTCDtlsTransport(),
    () => new rtc.RTCIceTransport(),
    () => new rtc.RTCCertificate(),
    () => new rtc.RTCDataChannel(),
    () => new rtc.RTCStatsReport(),
    // Descriptions, candidates, events.
    () => new rtc.RTCSessionDescription(),
    () => new rtc.RTCSessionDescription({ type: 'question' }),
    () => new rtc.RTCIceCandidate(),
    () => new rtc.RTCIceCandidate({ candidate: '' }),
    () => new rtc.RTCIceCandidate(42),
    () => new rtc.RTCTrackEvent('track', {}),
    () => new rtc.RTCPeerConnectionIceEvent('icecandidate', { candidate: {} }),
    () => new rtc.RTCErrorEvent('error', {}),
    () => new rtc.RTCError({ errorDetail: 'weather' }, ''),
    // Devices.
    ({ devices }) => devices.getUserMedia(),
    ({ devices }) => devices.getUserMedia({}),
    ({ devices }) => devices.getUserMedia({ audio: false, video: false }),
    ({ devices }) => devices.getUserMedia(42),
    // PCM.
    () => new rtc.PcmSource({ sampleRate: 'fast' }),
    () => new rtc.PcmSource({ channels: 'two' }),
    () => new rtc.PcmSource({ queueMs: 'long' }),
    ({ source }) => source.write(),
    ({ source }) => source.write('sound'),
    ({ source }) => source.write([1, 2, 3]),
    ({ source }) => source.write(new Float64Array(160)),
    ({ source }) => source.captureFrame(42),
    ({ source }) => source.mark(42),
    () => new rtc.PcmSink(),
    () => new rtc.PcmSink({}),
    ({ track }) => new rtc.PcmSink(track, { sampleRate: 'fast' }),
    ({ track }) => new rtc.PcmSink(track, { queueFrames: 'many' }),
    () => new rtc.nonstandard.RTCAudioSource().onData(),
    () => new rtc.nonstandard.RTCAudioSource().onData({ samples: 'x', sampleRate: 48000 }),
    () => new rtc.nonstandard.RTCAudioSink({}),
  ];

  test.each(calls.map((call) => [nameOf(call), call]))('%s is a TypeError', async (_, call) => {
    expect(await thrownBy(() => call(things))).toBe('TypeError');
  });

  test('an event handler that is no function is no handler, and an unknown direction changes nothing', () => {
    const { pc, transceiver } = things;
    pc.ontrack = 42;
    expect(pc.ontrack).toBeNull();
    transceiver.direction = 'both';
    expect(transceiver.direction).toBe('sendrecv');
  });

  test('all of it went by the call between the two tested ends', async () => {
    await pair.left.hears(RIGHT_HZ);
    await pair.right.hears(LEFT_HZ);
    expect(pair.left.state()).toMatchObject({
      connectionState: 'connected',
      signalingState: 'stable',
      directions: ['sendrecv'],
    });
  });
});
