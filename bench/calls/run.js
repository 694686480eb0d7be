// One measure: an implementation, a codec, a number of calls.
// Invariant: whatever fails ends this measure alone, and no child outlives it.

const { setTimeout: sleep } = require('node:timers/promises');
const { Child } = require('../quality/child');
const { quantile } = require('../quality/numbers');

/** What is found here is taken from every measure: an error of a tenth is 0.01 % of a core for each of 25 calls. */
const IDLE_MS = 3000;
/** JavaScript is compiled meanwhile. */
const WARM_UP_MS = 2000;
const SETTLE_MS = 1000;
const FIRST_LIMIT_MS = 8000;
/** Calls that are being set up at one time. */
const AT_ONCE = 2;
/** Calls begin anywhere between two packets of the far end, evenly: the first speech may have to wait for the next one. */
const PACKET_MS = 20;
const PHASE_STEP_MS = 7;
/** Id of the call that starts what is started once. */
const WARM_UP = 100_000;
const PACKETS_PER_SECOND = 50;

/** Whoever takes longer does not keep up with so many calls, and might never answer. */
const limitMs = ({ calls, seconds }) => 30_000 + 300 * calls + 1000 * seconds;

/** A call has a glitch that lost so much, or was silent for so long, or whose JavaScript came so late. */
const LEAST_SHARE = 0.98;
const LONGEST_GAP_MS = 150;
const LATEST_PUSH_MS = 15;

/** @returns {Promise<object | null>} milliseconds from the start of the answer to the connection and to the first speech */
async function open(caller, callee, id) {
  const offer = await caller.ask('offer', { id });
  const answer = await callee.ask('answer', { id, sdp: offer });
  await caller.ask('accept', { id, sdp: answer });
  return callee.ask('first', { id, limitMs: FIRST_LIMIT_MS });
}

async function openAll(caller, callee, count) {
  const took = [];
  let next = 0;
  const work = async () => {
    while (next < count) {
      const id = next++;
      await sleep((id * PHASE_STEP_MS) % PACKET_MS);
      took.push(await open(caller, callee, id));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return took;
}

async function sentShare(caller, ms, during) {
  const before = new Map((await caller.ask('received')).packets);
  const began = Date.now();
  const result = await during(ms);
  const seconds = (Date.now() - began) / 1000;
  const { packets, bytes, configurations } = await caller.ask('received');
  const shares = packets.map(([id, n]) => (n - before.get(id)) / (PACKETS_PER_SECOND * seconds));
  const kbps = (8 * bytes) / 1000 / seconds / packets.length;
  return { ...result, sentShare: Math.min(...shares), kbps, configurations };
}

const hasNoGlitch = ({ unheard, heardShare, sentShare, longestGapMs, pushLateMs }) =>
  unheard === 0 &&
  heardShare > LEAST_SHARE &&
  sentShare > LEAST_SHARE &&
  longestGapMs < LONGEST_GAP_MS &&
  pushLateMs.p99 < LATEST_PUSH_MS;

async function measureWith(caller, callee, { key, codec, calls, seconds }) {
  const [loadMs] = await Promise.all([callee.ask('begin', { key, codec }), caller.ask('begin', { codec })]);
  await open(caller, callee, WARM_UP);
  await sleep(WARM_UP_MS);
  for (const end of [callee, caller]) await end.ask('close', { ids: [WARM_UP] });
  await sleep(SETTLE_MS / 2);
  const base = await callee.ask('base', { ms: IDLE_MS });
  const took = await openAll(caller, callee, calls);
  await sleep(SETTLE_MS);
  const got = await sentShare(caller, seconds * 1000, (ms) => callee.ask('measure', { ms }));
  const heard = took.filter((times) => times !== null);
  const spread = (all) => ({ p50: quantile(all, 0.5), p95: quantile(all, 0.95) });
  const result = {
    ...{ key, codec, calls, loadMs },
    cpuPercent: (100 * (got.load - base.load)) / calls,
    /** Of the whole process with its timers alone. */
    idlePercent: 100 * base.load,
    memoryMB: (got.rssMB - base.rssMB) / calls,
    threads: (got.threads - base.threads) / calls,
    descriptors: (got.descriptors - base.descriptors) / calls,
    setupMs: spread(heard.map(({ connectedMs }) => connectedMs)),
    firstMs: spread(heard.map(({ firstMs }) => firstMs)),
    loopDelayMs: got.loopDelayMs,
    pushLateMs: got.pushLateMs,
    heardShare: got.heardShare,
    sentShare: got.sentShare,
    kbps: got.kbps,
    configurations: got.configurations,
    longestGapMs: got.longestGapMs,
    unheard: calls - heard.length,
  };
  return { ...result, sound: hasNoGlitch(result) };
}

/** @returns the numbers, or `{ error }` in their place */
async function measure(parameters) {
  const [caller, callee] = ['../calls/caller.js', '../calls/callee.js'].map((file) => new Child(file));
  const limit = new AbortController();
  const tooSlow = sleep(limitMs(parameters), null, { signal: limit.signal }).then(() => {
    throw new Error('did not keep up');
  });
  try {
    return await Promise.race([measureWith(caller, callee, parameters), tooSlow]);
  } catch (error) {
    return { ...parameters, error: error.message.split('\n')[0], sound: false };
  } finally {
    limit.abort();
    caller.kill();
    callee.kill();
  }
}

module.exports = { measure };
