// Several cells at the same time: for each a call to either implementation over the same network, all saying the same script.
// Invariant: every process of a batch is new and is gone when the batch is over.

const { readFileSync } = require('node:fs');
const { networkOf, nameOf } = require('./cells');
const { Child } = require('./child');
const { KEYS } = require('./implementation');
const { Recording } = require('./recording');
const { loopbackPort, offerOnly, reachedAt } = require('./sdp');
const { decodeWav } = require('./wav');

/** After the last word. */
const TAIL_MS = 500;
/** Until everybody is connected and for the tail. */
const SPARE_S = 10;
/** Wide-band and narrow-band PESQ are defined for these. */
const SCORED_RATE_HZ = { opus: 16_000, pcmu: 8000, red: 16_000 };
const CLOCK_HZ = { opus: 48_000, pcmu: 8000, red: 48_000 };
/** Timers later than this spoil what they pace: a single one is worth a bad window or two. */
const MAX_LATE_P99_MS = 10;
const MAX_LATE_MS = 50;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The processes of a batch. */
class Cast {
  #all = [];

  static async hire(jobs) {
    const cast = new Cast();
    const talking = [...new Set(jobs.flatMap(({ cell }) => (cell.talker === 'same' ? KEYS : [cell.talker])))];
    try {
      cast.network = cast.#start('network.js');
      cast.talkers = await cast.#startEach('talker.js', talking);
      cast.ears = await cast.#startEach('ear.js', KEYS);
    } catch (error) {
      cast.dismiss();
      throw error;
    }
    return cast;
  }

  dismiss() {
    for (const child of this.#all) child.kill();
  }

  #start(file) {
    const child = new Child(file);
    this.#all.push(child);
    return child;
  }

  /** One for each implementation. */
  async #startEach(file, implementations) {
    const children = new Map(implementations.map((key) => [key, this.#start(file)]));
    await Promise.all([...children].map(([implementation, child]) => child.ask('load', { implementation })));
    return children;
  }
}

/** Connects a call through the network. */
async function connect(call, cast, seconds) {
  const { id, job, talker: talking, ear: hearing } = call;
  const talker = cast.talkers.get(talking);
  const ear = cast.ears.get(hearing);
  const name = nameOf(job.cell);
  const network = networkOf(job.cell, job.run);
  const ports = await cast.network.ask('open', { id, network, clockHz: CLOCK_HZ[job.cell.codec] });
  const offer = offerOnly(job.cell.codec, await talker.ask('offer', { id, cell: `${name} ${job.run}` }));
  await cast.network.ask('know', { id, side: 'talker', port: loopbackPort(offer) });
  const answer = await ear.ask('answer', { id, offer: reachedAt(ports.talker, offer), seconds });
  await cast.network.ask('know', { id, side: 'ear', port: loopbackPort(answer) });
  await talker.ask('accept', { id, sdp: reachedAt(ports.ear, answer) });
  await ear.ask('connected', { id });
}

/** What the receiver says of itself, between two looks at its statistics. */
function countersOf(before, after) {
  const since = (name) => (name in after ? after[name] - (before[name] ?? 0) : null);
  const total = since('totalSamplesReceived');
  const share = (name) => (total > 0 && name in after ? since(name) / total : null);
  return {
    concealedShare: share('concealedSamples'),
    removedShare: share('removedSamplesForAcceleration'),
    insertedShare: share('insertedSamplesForDeceleration'),
    bufferDelayMs:
      since('jitterBufferEmittedCount') > 0
        ? (1000 * since('jitterBufferDelay')) / since('jitterBufferEmittedCount')
        : null,
    packetsLost: since('packetsLost'),
    packetsDiscarded: since('packetsDiscarded'),
  };
}

/** Lets everybody speak and listen. @returns what each call heard and what was said when */
async function converse(cast, calls, { script, scriptFile, folder }) {
  const everyEar = (request, parameters) =>
    Promise.all([...cast.ears.values()].map((ear) => ear.ask(request, parameters)));
  await cast.network.ask('begin');
  await everyEar('begin');
  const spoken = Promise.all(
    [...cast.talkers.values()].map((talker) =>
      talker.ask('speak', { file: scriptFile, sampleRate: script.sampleRate }),
    ),
  );
  // A talker that ends before its time is noticed where it is waited for, which is later.
  spoken.catch(() => {});
  const [scoredMs, overMs] = [script.parts[0].toMs, script.parts.at(-1).fromMs];
  await sleep(scoredMs);
  const before = new Map((await everyEar('stats')).flat());
  await sleep(overMs - scoredMs);
  const after = new Map((await everyEar('stats')).flat());
  const said = await spoken;
  await sleep(TAIL_MS);
  const network = await cast.network.ask('end');
  const ends = await everyEar('end');
  // Much at once, with real-time priority: nobody's punctuality is measured any more.
  const heard = await everyEar('write', { folder });
  return {
    pushedMs: new Map(calls.map((call) => [call.id, pushedMs(said, cast, call)])),
    sent: new Map(said.flatMap(({ sent }) => sent)),
    heard: new Map(heard.flat()),
    counters: new Map(calls.map(({ id }) => [id, countersOf(before.get(id), after.get(id))])),
    network: new Map(network.counts),
    punctuality: [network, ...said, ...ends].map(({ punctuality }) => punctuality),
  };
}

function pushedMs(said, cast, { job, talker }) {
  const spoken = said[[...cast.talkers.keys()].indexOf(talker)];
  return new Map(spoken.pushedMs).get(`${nameOf(job.cell)} ${job.run}`);
}

/** Everything about one call but its PESQ scores; those take a while and are asked for all segments at once. */
function measure(call, talk, script) {
  const { file, sampleRate, frames } = talk.heard.get(call.id);
  const { samples } = decodeWav(readFileSync(file));
  const recording = new Recording({ samples, sampleRate, frames }, script, talk.pushedMs.get(call.id));
  const { windows, bad, delaysMs } = recording.tone();
  const scoredRate = SCORED_RATE_HZ[call.job.cell.codec];
  const speech = recording.speech(scoredRate);
  const spanS = (frames.at(-1).heardMs - frames[0].heardMs) / 1000;
  return {
    windows,
    bad,
    toneDelaysMs: delaysMs,
    speechDelaysMs: speech.delaysMs,
    segments: speech.segments.map((segment) => ({ ...segment, sampleRate: scoredRate })),
    deliveredShare: frames.at(-1).at / sampleRate / spanS,
    sinkRateHz: sampleRate,
    bitrate: (talk.sent.get(call.id) * 8 * 1000) / script.lengthMs,
    network: talk.network.get(call.id),
    ...talk.counters.get(call.id),
  };
}

/**
 * @param {{ cell: import('./cells').Cell, run: number }[]} jobs
 * @param {{ script: object, scriptFile: string, folder: string }} material
 * @returns {Promise<{ results: object[], starved: boolean, lateP99Ms: number, lateMaxMs: number, cores: number }>} `cores` used on average
 */
async function runBatch(jobs, material) {
  const calls = jobs.flatMap((job) =>
    KEYS.map((ear) => ({
      id: `${nameOf(job.cell)}-${job.run}-${ear}`,
      job,
      ear,
      talker: job.cell.talker === 'same' ? ear : job.cell.talker,
    })),
  );
  const cast = await Cast.hire(jobs);
  let talk;
  try {
    const seconds = Math.ceil(material.script.lengthMs / 1000) + SPARE_S;
    await Promise.all(calls.map((call) => connect(call, cast, seconds)));
    talk = await converse(cast, calls, material);
  } finally {
    cast.dismiss();
  }
  const lateP99Ms = Math.max(...talk.punctuality.map((it) => it.lateP99Ms));
  const lateMaxMs = Math.max(...talk.punctuality.map((it) => it.lateMaxMs));
  return {
    results: jobs.map((job) => ({
      ...job,
      receivers: Object.fromEntries(
        calls.filter((call) => call.job === job).map((call) => [call.ear, measure(call, talk, material.script)]),
      ),
    })),
    starved: lateP99Ms > MAX_LATE_P99_MS || lateMaxMs > MAX_LATE_MS,
    lateP99Ms,
    lateMaxMs,
    cores: talk.punctuality.reduce((sum, it) => sum + it.cpuShare, 0),
  };
}

module.exports = { runBatch };
