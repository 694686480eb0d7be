// The implementation under test, alone in its process, so that what the system counts is its own.

const { readFileSync, readdirSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');
const v8 = require('node:v8');
const vm = require('node:vm');
const { serve } = require('../quality/child');
const { quantile } = require('../quality/numbers');
const { loadImplementation } = require('./implementations');
const { offsetOf, speechFrames } = require('./signal');
const { PHASES, nowMs, pace } = require('./pace');
const { CODECS } = require('./rtp');

/** Above it speech is heard. */
const AUDIBLE = 300;

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

const calls = new Map();
let make;
let codec;
let frames = [];
let clock;

const audible = (samples) => {
  for (let n = 0; n < samples.length; n += 16) if (Math.abs(samples[n]) > AUDIBLE) return true;
  return false;
};

function heard(call, samples, rateHz) {
  if (call.first === null) {
    if (audible(samples)) call.first = nowMs();
    return;
  }
  const now = nowMs();
  call.longestMs = Math.max(call.longestMs, now - call.last);
  call.last = now;
  call.heardS += samples.length / rateHz;
}

function tick(phase, n) {
  for (const call of calls.values()) {
    if (call.id % PHASES === phase) call.end.push(frames[(n + offsetOf(call.id)) % frames.length]);
  }
}

const threads = () => Number(readFileSync('/proc/self/status', 'utf8').match(/Threads:\s+(\d+)/)[1]);
const descriptors = () => readdirSync('/proc/self/fd').length;

async function footprint() {
  collectGarbage();
  await sleep(200);
  collectGarbage();
  return { rssMB: process.memoryUsage.rss() / 1e6, threads: threads(), descriptors: descriptors() };
}

/** Share of a core that this process uses. */
async function load(ms) {
  const [began, before] = [nowMs(), process.cpuUsage()];
  await sleep(ms);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3 / (nowMs() - began);
}

serve({
  begin({ key, codec: wanted }) {
    codec = wanted;
    const began = nowMs();
    make = loadImplementation(key);
    const loadMs = nowMs() - began;
    frames = speechFrames(CODECS[codec].rateHz);
    clock = pace(tick);
    return loadMs;
  },
  async answer({ id, sdp }) {
    const call = { id, began: nowMs(), connected: null, first: null, last: 0, longestMs: 0, heardS: 0 };
    call.end = make(
      codec,
      (samples, rateHz) => heard(call, samples, rateHz),
      () => {
        call.connected ??= nowMs();
      },
    );
    const answer = await call.end.answer(sdp);
    calls.set(id, call);
    return answer;
  },
  /** Resolves once something is heard in the call: how long that and the connection took, or `null`. */
  async first({ id, limitMs }) {
    const call = calls.get(id);
    for (let waited = 0; call.first === null && waited < limitMs; waited += 20) await sleep(20);
    return call.first === null ? null : { connectedMs: call.connected - call.began, firstMs: call.first - call.began };
  },
  /** What this process uses with its clock alone. */
  async base({ ms }) {
    return { ...(await footprint()), load: await load(ms) };
  },
  async measure({ ms }) {
    collectGarbage();
    for (const call of calls.values()) Object.assign(call, { longestMs: 0, last: nowMs(), heardS: 0 });
    clock.late = [];
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const began = nowMs();
    const used = await load(ms);
    const tookS = (nowMs() - began) / 1000;
    delay.disable();
    const { late } = clock;
    clock.late = null;
    const all = [...calls.values()];
    return {
      ...(await footprint()),
      load: used,
      loopDelayMs: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6 },
      pushLateMs: { p50: quantile(late, 0.5), p99: quantile(late, 0.99) },
      heardShare: Math.min(...all.map(({ heardS }) => heardS / tookS)),
      longestGapMs: Math.max(...all.map(({ longestMs }) => longestMs)),
    };
  },
  close({ ids }) {
    for (const id of ids) calls.get(id)?.end.close();
    for (const id of ids) calls.delete(id);
  },
});
