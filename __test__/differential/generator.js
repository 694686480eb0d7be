// Programs over two connections, 'a' and 'b', as data: the same seed is the same program for ever.
// Invariant: a step names what it works on by numbers that any state gives a meaning to, so that a program with steps taken out is
// still a program.

const { mulberry32 } = require('../../bench/quality/random');

const DIRECTIONS = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];
const CODECS = [
  ['PCMU'],
  ['PCMA', 'PCMU', 'opus'],
  ['G722', 'telephone-event', 'opus'],
  ['opus', 'opus'],
  ['telephone-event'],
  ['telephone-event', 'PCMA'],
  ['VP8'],
  ['nothing'],
  [],
];
const CHANGES = [
  'active',
  'maxBitrate',
  'none',
  'lessEncodings',
  'transaction',
  'codecs',
  'noCodecs',
  'rid',
  'stale',
  'extensions',
];
const CANDIDATES = [
  'good',
  'goodByIndex',
  'end',
  'endOfMid',
  'null',
  'noPlace',
  'badMid',
  'badIndex',
  'garbage',
  'otherUfrag',
];
const CONFIGURATIONS = [
  {},
  { iceTransportPolicy: 'relay' },
  { iceCandidatePoolSize: 1 },
  { bundlePolicy: 'max-bundle' },
  { bundlePolicy: 'nonsense' },
  { certificates: [] },
  { iceServers: [{ urls: 'nonsense:127.0.0.1' }] },
  { iceServers: [{ urls: 'turn:127.0.0.1' }] },
];
const ENCODINGS = [
  [{ active: false }],
  [{ rid: 'x' }],
  [{ rid: 'x' }, { rid: 'y' }],
  [{ rid: 'x' }, { rid: 'x' }],
  [{}, { rid: 'y' }],
  [{ rid: 'no good' }],
  [{ scaleResolutionDownBy: 0.5 }],
  [{ maxBitrate: 20_000 }],
];
const CHANNELS = [
  {},
  { ordered: false, maxRetransmits: 0 },
  { maxPacketLifeTime: 100, maxRetransmits: 1 },
  { negotiated: true, id: 3 },
  { negotiated: true },
  { negotiated: true, id: 65535 },
  { id: 5 },
];

class Choice {
  #next;
  constructor(seed) {
    this.#next = mulberry32(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let n = 0; n < 8; n++) this.#next();
  }
  below(n) {
    return Math.floor(this.#next() * n);
  }
  chance(share) {
    return this.#next() < share;
  }
  of(list) {
    return list[this.below(list.length)];
  }
  /** From [weight, what] */
  weighed(list) {
    let at = this.#next() * list.reduce((sum, [weight]) => sum + weight, 0);
    return list.find(([weight]) => {
      at -= weight;
      return at < 0;
    })[1];
  }
}

const streams = (choice) => [[], [0], [0], [1], [0, 1], [0, 0]][choice.below(6)];
const nth = (choice) => choice.below(6);

const STEPS = {
  addTrack: (choice) => ({ track: choice.below(5), streams: streams(choice) }),
  addTransceiver: (choice) => ({
    what: choice.weighed([
      [4, 'audio'],
      [2, 'video'],
      [3, choice.below(5)],
      [0.2, 'nonsense'],
    ]),
    direction: choice.weighed([
      [3, undefined],
      [4, choice.of(DIRECTIONS)],
      [0.2, 'stopped'],
    ]),
    streams: streams(choice),
    encodings: choice.chance(0.2) ? choice.of(ENCODINGS) : undefined,
  }),
  removeTrack: (choice) => ({ n: nth(choice), foreign: choice.chance(0.05) }),
  direction: (choice) => ({ n: nth(choice), to: choice.chance(0.04) ? 'stopped' : choice.of(DIRECTIONS) }),
  stop: (choice) => ({ n: nth(choice) }),
  replaceTrack: (choice) => ({ n: nth(choice), track: choice.chance(0.3) ? null : choice.below(5) }),
  setStreams: (choice) => ({ n: nth(choice), streams: streams(choice) }),
  createDataChannel: (choice) => ({ init: choice.chance(0.5) ? {} : choice.of(CHANNELS) }),
  closeChannel: (choice) => ({ n: nth(choice) }),
  createOffer: (choice) => ({
    options: choice.weighed([
      [4, {}],
      [2, { iceRestart: true }],
      [1, { offerToReceiveAudio: choice.chance(0.7) }],
      [1, { offerToReceiveVideo: choice.chance(0.7) }],
    ]),
  }),
  createAnswer: () => ({}),
  setLocal: (choice) => ({
    what: choice.weighed([
      [6, 'implicit'],
      [2, 'offer'],
      [2, 'answer'],
      [1.5, 'rollback'],
      [0.5, 'emptyOffer'],
      [0.5, 'emptyAnswer'],
      [0.5, 'emptyPranswer'],
      [0.5, 'staleOffer'],
    ]),
  }),
  setRemote: (choice) => ({
    what: choice.weighed([
      [7, 'local'],
      [1.5, 'offer'],
      [1.5, 'answer'],
      [1, 'pranswer'],
      [1.5, 'rollback'],
      [0.5, 'current'],
      [0.4, 'garbage'],
    ]),
  }),
  exchange: () => ({}),
  offer: () => ({}),
  answer: () => ({}),
  glare: () => ({}),
  restartIce: () => ({}),
  setCodecPreferences: (choice) => ({ n: nth(choice), codecs: choice.of(CODECS) }),
  setParameters: (choice) => ({ n: nth(choice), change: choice.of(CHANGES) }),
  insertDTMF: (choice) => ({ n: nth(choice), tones: choice.of(['1', '12,#', '', 'x', 'abcd']) }),
  track: (choice) => ({ track: choice.below(5), how: choice.of(['enable', 'disable', 'clone', 'stop']) }),
  stopRemote: (choice) => ({ n: nth(choice) }),
  setConfiguration: (choice) => ({ configuration: choice.of(CONFIGURATIONS) }),
  addIceCandidate: (choice) => ({ candidate: choice.of(CANDIDATES) }),
  close: () => ({}),
};

const WEIGHTS = [
  [10, 'addTrack'],
  [10, 'addTransceiver'],
  [5, 'removeTrack'],
  [8, 'direction'],
  [4, 'stop'],
  [4, 'replaceTrack'],
  [2, 'setStreams'],
  [3, 'createDataChannel'],
  [0.5, 'closeChannel'],
  [5, 'createOffer'],
  [3, 'createAnswer'],
  [8, 'setLocal'],
  [8, 'setRemote'],
  [18, 'exchange'],
  [7, 'offer'],
  [7, 'answer'],
  [3, 'glare'],
  [2, 'restartIce'],
  [3, 'setCodecPreferences'],
  [3, 'setParameters'],
  [2, 'insertDTMF'],
  [2, 'track'],
  [0.5, 'stopRemote'],
  [2, 'setConfiguration'],
  [3, 'addIceCandidate'],
  [0.4, 'close'],
];

/** Those of the operations chain. */
const CHAINED = ['setLocal', 'setRemote', 'createOffer', 'createAnswer', 'replaceTrack', 'addIceCandidate'];
/** What a promise is made of, there in the call and here at its turn: whether a change comes in between is a race. */
const CHANGES_NOTHING = [...CHAINED, 'close', 'setConfiguration'];

function step(choice, ops) {
  const op = choice.weighed(WEIGHTS.filter(([, op]) => !ops || ops.includes(op)));
  return { op, peer: choice.of(['a', 'b']), ...STEPS[op](choice) };
}

/** @returns {{ seed: number, configuration: object, steps: object[] }} a step without `wait` is followed by the next one at once */
function generate(seed) {
  const choice = new Choice(seed);
  const length = 5 + choice.below(36);
  const configuration = choice.weighed([
    [6, {}],
    [1, { bundlePolicy: 'max-bundle' }],
    [1, { bundlePolicy: 'max-compat' }],
  ]);
  const steps = [];
  while (steps.length < length) {
    const underWay = steps.length > 0 && !steps.at(-1).wait && CHAINED.includes(steps.at(-1).op);
    const next = step(choice, underWay ? CHANGES_NOTHING : undefined);
    next.wait = !choice.chance(0.15) || ['exchange', 'offer', 'answer', 'glare', 'setParameters'].includes(next.op);
    steps.push(next);
  }
  return { seed, configuration, steps };
}

module.exports = { generate };
