// A conference: everybody hears all the others, and not himself. One sum is made, and each subtracts himself from it.

const { PcmSink, PcmSource } = require('webphone-rtc');

const RATE_HZ = 16000;
const FRAME = RATE_HZ / 50;
/** Frames that may wait for the slower ones. */
const MOST_WAITING = 5;
const members = new Set();
let timer;

module.exports = function mix(_connection, track) {
  const member = {
    source: new PcmSource({ sampleRate: RATE_HZ }),
    sink: new PcmSink(track, { sampleRate: RATE_HZ }),
    waiting: [],
  };
  member.sink.on('data', ({ samples }) => {
    member.waiting.push(samples);
    if (member.waiting.length > MOST_WAITING) member.waiting.shift();
  });
  members.add(member);
  timer ??= setInterval(tick, 10);
  const end = () => {
    member.sink.close();
    members.delete(member);
    if (members.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  return { track: member.source.createTrack(), end };
};

/** Whoever is heard to have played nearly everything gets the next frame: the calls' own clocks pace it. */
function tick() {
  const due = [...members].filter(({ source }) => source.queuedMs < 40);
  if (due.length < members.size) return;
  const frames = new Map([...members].map((member) => [member, member.waiting.shift()]));
  const sum = new Int32Array(FRAME);
  for (const samples of frames.values()) for (let n = 0; samples && n < FRAME; n++) sum[n] += samples[n];
  for (const [member, own] of frames)
    member.source.write(Int16Array.from(sum, (all, n) => Math.max(-32768, Math.min(32767, all - (own?.[n] ?? 0)))));
}
