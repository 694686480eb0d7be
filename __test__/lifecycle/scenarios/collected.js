// Which objects the garbage collector takes, facades and native ones, once nobody holds them.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { configuration, rtc } = require('../../support/implementation');
const { Pair } = require('../../support/pair');
const { follow, settled } = require('./holdings');
const say = require('./say');

const COUNT = 50;
const RSA = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };

function unused() {
  for (let i = 0; i < COUNT; i++) {
    const pc = new rtc.RTCPeerConnection(configuration);
    pc.onconnectionstatechange = () => pc.connectionState;
    follow('unused connections', pc);
    const source = new rtc.PcmSource();
    follow('sources', source);
    follow('tracks', source.createTrack());
    const sink = new rtc.PcmSink(source.createTrack());
    sink.on('data', () => sink.dropped);
    sink.close();
    follow('closed sinks', sink);
  }
}

async function closed() {
  for (let i = 0; i < COUNT; i++) {
    const pc = new rtc.RTCPeerConnection(configuration);
    pc.onconnectionstatechange = pc.onicecandidate = () => pc.connectionState;
    pc.addTransceiver('audio');
    await pc.setLocalDescription();
    for (const part of [
      pc.getTransceivers()[0],
      pc.getSenders()[0],
      pc.getReceivers()[0],
      pc.getReceivers()[0].track,
      pc.getSenders()[0].dtmf,
    ])
      follow('parts', part);
    follow('closed connections', pc);
    pc.close();
  }
}

async function called() {
  const pair = new Pair();
  await pair.connect();
  await pair.talks();
  for (const { pc, ear, voice } of [pair.left, pair.right]) {
    follow('called connections', pc);
    follow('called ears', ear);
    follow('called tracks', voice.track);
    follow('called transports', pc.getSenders()[0].transport);
  }
  pair.end();
}

async function recorded() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'webphone-rtc-collected-'));
  const source = new rtc.PcmSource();
  const recorder = new rtc.CallRecorder({ left: source, path: path.join(folder, 'call.wav') });
  follow('recorders', recorder);
  await recorder.stop();
  fs.rmSync(folder, { recursive: true });
}

async function encoded() {
  for (let i = 0; i < COUNT; i++) {
    const pc = new rtc.RTCPeerConnection({ ...configuration, encodedInsertableStreams: true });
    const { sender, receiver } = pc.addTransceiver(new rtc.nonstandard.RTCEncodedAudioSource().createTrack());
    const { readable, writable } = sender.createEncodedStreams();
    const piped = readable.pipeTo(writable);
    const transformed = pc.addTransceiver('audio').receiver;
    transformed.transform = new rtc.RTCRtpScriptTransform({ postMessage() {} });
    follow('encoded streams', readable);
    follow('encoded streams', receiver.createEncodedStreams().readable);
    follow('encoded streams', transformed.transform);
    await pc.setLocalDescription();
    pc.close();
    await piped;
  }
}

async function certified() {
  for (const algorithm of [
    { name: 'ECDSA', namedCurve: 'P-256' },
    { ...RSA, hash: 'SHA-256' },
  ])
    follow('certificates', await rtc.RTCPeerConnection.generateCertificate(algorithm));
}

(async () => {
  unused();
  await closed();
  await called();
  await recorded();
  await encoded();
  await certified();
  const { facades, objects } = await settled();
  say({ facades, objects });
})();
