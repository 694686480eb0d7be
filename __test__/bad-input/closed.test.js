// Use after close: InvalidStateError wherever webrtc-pc says so, peace everywhere else, and the other calls go on.

const { configuration, openVoice, rtc } = require('../support/implementation');
const { Pair } = require('../support/pair');
const { describeWithBystander } = require('./bystander');
const { nameOf, thrownBy } = require('./errors');

const OFFER = { type: 'offer', sdp: 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n' };

describeWithBystander('use after close', (bystander) => {
  let things, voice;

  beforeAll(async () => {
    await bystander().undisturbed(async () => {
      const pair = new Pair();
      await pair.connect();
      await pair.talks();
      const { pc, sender } = pair.left;
      const [transceiver] = pc.getTransceivers();
      const parameters = sender.getParameters();
      const { dtmf } = sender;
      const channel = new rtc.RTCPeerConnection(configuration).createDataChannel('x');
      pair.end();
      channel.close();
      voice = openVoice(440);
      things = { pc, sender, transceiver, parameters, dtmf, channel, track: voice.track };
    });
  });
  afterAll(() => voice?.stop());

  const refused = [
    ({ pc }) => pc.createOffer(),
    ({ pc }) => pc.createAnswer(),
    ({ pc }) => pc.setLocalDescription(),
    ({ pc }) => pc.setLocalDescription({ type: 'rollback' }),
    ({ pc }) => pc.setRemoteDescription(OFFER),
    ({ pc }) => pc.addIceCandidate({ candidate: '', sdpMid: '0' }),
    ({ pc, track }) => pc.addTrack(track),
    ({ pc, sender }) => pc.removeTrack(sender),
    ({ pc }) => pc.addTransceiver('audio'),
    ({ pc }) => pc.createDataChannel('x'),
    ({ pc }) => pc.setConfiguration({}),
    ({ pc, track }) => pc.addStream(new rtc.MediaStream([track])),
    ({ sender, track }) => sender.replaceTrack(track),
    ({ sender, parameters }) => sender.setParameters(parameters),
    ({ sender }) => sender.setStreams(new rtc.MediaStream()),
    ({ transceiver }) => {
      transceiver.direction = 'sendonly';
    },
    ({ transceiver }) => transceiver.stop(),
    ({ dtmf }) => dtmf.insertDTMF('1'),
    ({ channel }) => channel.send('x'),
  ];

  test.each(refused.map((call) => [nameOf(call), call]))('%s is an InvalidStateError', async (_, call) => {
    expect(await thrownBy(() => call(things))).toBe('InvalidStateError');
  });

  const peaceful = [
    ({ pc }) => pc.close(),
    ({ pc }) => pc.restartIce(),
    ({ pc }) => pc.getStats(),
    ({ pc }) => pc.getConfiguration(),
    ({ pc }) => pc.getSenders(),
    ({ pc }) => pc.localDescription.sdp,
    ({ sender }) => sender.getParameters(),
    ({ sender }) => sender.getStats(),
    ({ transceiver }) => transceiver.setCodecPreferences(rtc.RTCRtpSender.getCapabilities('audio').codecs),
    ({ dtmf }) => dtmf.canInsertDTMF,
  ];

  test.each(peaceful.map((call) => [nameOf(call), call]))('%s throws nothing', async (_, call) => {
    expect(await thrownBy(() => call(things))).toBe('nothing');
  });

  test('the closed connection says so, and its events are over', () => {
    expect(things.pc).toMatchObject({
      signalingState: 'closed',
      connectionState: 'closed',
      iceConnectionState: 'closed',
    });
    expect(things.dtmf.canInsertDTMF).toBe(false);
    expect(things.transceiver.currentDirection).toBe('stopped');
  });

  test('the call beside it goes on', async () => {
    await bystander().undisturbed(async () => {
      for (const call of [...refused, ...peaceful]) await thrownBy(() => call(things));
    });
  });
});
