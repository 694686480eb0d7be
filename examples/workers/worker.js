// One worker of index.mjs, as a thread or as a process: makes calls with itself when told, and says how busy it is.
// Invariant: everything of a call lives here; what crosses to the parent is numbers.

const { monitorEventLoopDelay } = require('node:perf_hooks');
const { isMainThread, parentPort } = require('node:worker_threads');
const { PcmSink, PcmSource, RTCPeerConnection } = require('webphone-rtc');

const port = isMainThread ? process : parentPort;
const send = (message) => (isMainThread ? process.send(message) : parentPort.postMessage(message));
const RATE_HZ = 16000;
/** 2 s that never repeat within a frame: noise whose loudness goes up and down as syllables do. */
const voice = Int16Array.from({ length: 2 * RATE_HZ }, (_, n) =>
  Math.round(6000 * (Math.random() - 0.5) * (1 + Math.sin((2 * Math.PI * 4 * n) / RATE_HZ))),
);
const loop = monitorEventLoopDelay({ resolution: 10 });
loop.enable();
const calls = [];
let frames = 0;

/** Two connections, each speaks and each is listened to. */
async function call() {
  const ends = [1, 2].map(() => new RTCPeerConnection({ loopback: true }));
  const [one, other] = ends;
  one.onicecandidate = ({ candidate }) => other.addIceCandidate(candidate ?? undefined);
  other.onicecandidate = ({ candidate }) => one.addIceCandidate(candidate ?? undefined);
  for (const end of ends) {
    const source = new PcmSource({ sampleRate: RATE_HZ, queueMs: 2000 });
    const speak = () => {
      while (source.write(voice));
    };
    source.on('drain', speak);
    speak();
    end.addTrack(source.createTrack());
    end.ontrack = ({ track }) => new PcmSink(track).on('data', () => frames++);
  }
  const up = ends.map(
    (end) =>
      new Promise((resolve) => {
        end.onconnectionstatechange = () => end.connectionState === 'connected' && resolve();
      }),
  );
  await one.setLocalDescription();
  await other.setRemoteDescription(one.localDescription);
  await other.setLocalDescription();
  await one.setRemoteDescription(other.localDescription);
  await Promise.all(up);
  calls.push(ends);
}

const COMMANDS = {
  call,
  reset() {
    loop.reset();
    frames = 0;
  },
  report: () => ({
    calls: calls.length,
    frames,
    loopP99Ms: loop.percentile(99) / 1e6,
    // Of all threads of the process; of a worker thread the parent reads its own.
    cpu: process.cpuUsage(),
    rss: process.memoryUsage.rss(),
  }),
  stop() {
    for (const end of calls.flat()) end.close();
    loop.disable();
    if (isMainThread) process.disconnect();
    else port.close();
  },
};

port.on('message', async ({ command }) => {
  const result = await COMMANDS[command]();
  if (command !== 'stop') send({ command, result });
});
