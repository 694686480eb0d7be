// Which facades the garbage collector takes, once nobody holds them.

const { configuration, rtc } = require('../../support/implementation');
const { Pair } = require('../../support/pair');
const say = require('./say');

const COUNT = 50;
const alive = {};
const registry = new FinalizationRegistry((name) => {
  alive[name]--;
});
function follow(name, object) {
  alive[name] = (alive[name] ?? 0) + 1;
  registry.register(object, name);
}

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

(async () => {
  unused();
  await closed();
  await called();
  for (let i = 0; i < 100 && Object.values(alive).some((n) => n > 0); i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  say(alive);
})();
