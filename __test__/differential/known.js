// What is known to differ, each with its reason. A view makes two observations of a connection alike where they differ for that reason
// only; a cut is a difference after which the two are in different states, so that the program is not compared any further.
// Invariant: a rule explains no more than its reason says.

const NEEDED = /^negotiationneeded$/;
const OF_THEIR_OWN = /^(negotiationneeded|t\d+ ended)$/;
const TOO_EARLY = /^#\d+ (create(Offer|Answer)|setLocal): InvalidStateError$/;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const without = (log, what) => log.filter((it) => !what.test(it));
const count = (log, what) => log.length - without(log, what).length;

function forgetNeeded(ours, theirs) {
  if (count(ours.log, NEEDED) === count(theirs.log, NEEDED)) return;
  for (const side of [ours, theirs]) side.log = without(side.log, NEEDED);
}

/** The logs but for the place of some entries. */
function forgetPlaces(ours, theirs, what) {
  const parted = ({ log }) => [without(log, what), log.filter((it) => what.test(it)).sort()];
  if (same(parted(ours), parted(theirs))) theirs.log = ours.log;
}

function eachTransceiver(ours, theirs, visit) {
  for (const our of ours.state.transceivers) {
    const their = theirs.state.transceivers.find(({ name }) => name === our.name);
    if (their) visit(our, their);
  }
}

const DESCRIPTIONS = ['pendingLocal', 'currentLocal', 'pendingRemote', 'currentRemote'];
const sections = ({ made, state }) =>
  [...made, ...DESCRIPTIONS.map((slot) => state[slot])].map((it) => it?.sections ?? []);

const VIEWS = [
  {
    why: 'a transceiver that is stopped before it was in a description is gone with the next answer; in Chromium it stays and always needs negotiation',
    alike(ours, theirs, { memory }) {
      const here = ours.state.transceivers.map(({ name }) => name);
      const kept = ({ name, section, direction }) =>
        section === null && direction === 'stopped' && !here.includes(name);
      const names = theirs.state.transceivers.filter(kept).map(({ name }) => name);
      memory.kept ||= names.length > 0;
      if (!memory.kept) return;
      theirs.state.transceivers = theirs.state.transceivers.filter((it) => !kept(it));
      theirs.state.sendersFit = ours.state.sendersFit;
      ours.state.gone = ours.state.gone.filter((it) => !names.includes(it.split(',')[0]));
      forgetNeeded(ours, theirs);
    },
  },
  {
    why: 'Chromium has no encodings and codecs in getParameters() of a sender that a remote description has made, or that is stopped or inactive',
    alike(ours, theirs) {
      eachTransceiver(ours, theirs, (our, their) => {
        if (their.encodings.length === 0) their.encodings = our.encodings;
        if (their.sendCodecs === '') their.sendCodecs = our.sendCodecs;
      });
    },
  },
  {
    why: 'Chromium keeps the rid of a single encoding',
    alike(ours, theirs) {
      eachTransceiver(ours, theirs, (our, their) => {
        if (their.encodings.length === 1 && our.encodings.length === 1)
          their.encodings = their.encodings.map((encoding) => encoding.replace(/^\w+ /, ' '));
      });
    },
  },
  {
    why: "Chromium's legacy stopped is true from stop() on",
    alike(ours, theirs) {
      eachTransceiver(ours, theirs, (our, their) => {
        if (their.stopped && our.direction === 'stopped') their.stopped = our.stopped;
      });
    },
  },
  {
    why: 'Chromium takes the transport of a stopped transceiver away with the local offer that tells of it',
    alike(ours, theirs) {
      eachTransceiver(ours, theirs, (our, their) => {
        if (our.direction === 'stopped' && their.direction === 'stopped') their.transport = our.transport;
      });
    },
  },
  {
    why: 'Chromium takes the mid of transceivers away when the connection closes',
    alike(ours, theirs) {
      if (theirs.state.signalingState !== 'closed') return;
      eachTransceiver(ours, theirs, (our, their) => {
        their.section ??= our.section;
      });
    },
  },
  {
    why: 'Chromium answers canTrickleIceCandidates from the current description, and knows nothing where that has no sections',
    alike(ours, theirs) {
      if (theirs.state.canTrickle === null) theirs.state.canTrickle = ours.state.canTrickle;
    },
  },
  {
    why: 'Chromium needs negotiation as long as there is no current local description',
    alike(ours, theirs, { memory }) {
      if (theirs.state.currentLocal !== null) memory.spurious = false;
      else memory.spurious ||= count(theirs.log, NEEDED) > count(ours.log, NEEDED);
      if (memory.spurious) forgetNeeded(ours, theirs);
    },
  },
  {
    why: 'Chromium needs negotiation for ever after setStreams() without a stream',
    alike(ours, theirs, { memory, steps, side }) {
      memory.emptied ||= steps.some(
        ({ op, streams, peer }) => op === 'setStreams' && peer === side && streams.length === 0,
      );
      if (memory.emptied) forgetNeeded(ours, theirs);
    },
  },
  {
    why: 'Chromium has ICE credentials in refused sections too, and wants to replace them after restartIce()',
    alike(ours, theirs, { memory, steps, side }) {
      const lives = ours.state.currentLocal?.sections.some(({ port }) => port !== 0);
      memory.replaces ||= !lives && steps.some(({ op, peer }) => op === 'restartIce' && peer === side);
      if (memory.replaces) forgetNeeded(ours, theirs);
    },
  },
  {
    why: 'Chromium fires negotiationneeded in the task between an answer and the next offer, though the operations chain is not empty',
    alike(ours, theirs) {
      const offered = ours.log.findLastIndex((it) => /^signalingstatechange have-/.test(it));
      if (ours.log.slice(0, Math.max(offered, 0)).includes('signalingstatechange stable')) forgetNeeded(ours, theirs);
    },
  },
  {
    why: 'Chromium asks for negotiation again after addTrack() has changed the streams of a transceiver that is being offered',
    alike(ours, theirs, { memory, steps, side }) {
      memory.offering ||=
        ours.state.signalingState === 'have-local-offer' &&
        steps.some(({ op, peer }) => op === 'addTrack' && peer === side);
      if (memory.offering) forgetNeeded(ours, theirs);
      if (ours.state.signalingState === 'stable') memory.offering = false;
    },
  },
  {
    why: 'Chromium makes no section bundle-only',
    alike(ours, theirs) {
      for (const [n, list] of sections(theirs).entries())
        for (const [m, section] of list.entries()) {
          const our = sections(ours)[n]?.[m];
          if (our?.bundleOnly && section.port === 'some') Object.assign(section, { port: our.port, bundleOnly: true });
        }
    },
  },
  {
    why: 'Chromium does not fire negotiationneeded and ended in a task of their own',
    alike: (ours, theirs) => forgetPlaces(ours, theirs, OF_THEIR_OWN),
  },
  {
    why: 'Chromium rejects createOffer(), createAnswer() and setLocalDescription() in a wrong state before their turn',
    alike: (ours, theirs) => forgetPlaces(ours, theirs, TOO_EARLY),
  },
  {
    why: 'Chromium sends any codec of an offer, before it answers and though its answer leaves it out',
    alike(ours, theirs) {
      eachTransceiver(ours, theirs, (our, their) => {
        const [here, there] = [our, their].map(({ sendCodecs }) => sendCodecs.split(' '));
        const within = (few, many) => few.every((name) => many.includes(name));
        if (our.sendCodecs !== '' && (within(here, there) || within(there, here))) their.sendCodecs = our.sendCodecs;
      });
    },
  },
  {
    why: 'Chromium leaves a data channel without a transport closing',
    alike(ours, theirs) {
      theirs.state.channels = theirs.state.channels.map((it, n) =>
        it === ours.state.channels[n]?.replace('closed', 'closing') ? ours.state.channels[n] : it,
      );
    },
  },
  {
    why: 'after an answer with another order of codecs, Chromium offers its own again',
    alike(ours, theirs) {
      const here = sections(ours);
      for (const [n, list] of sections(theirs).entries())
        for (const [m, section] of list.entries()) {
          const codecs = here[n]?.[m]?.codecs ?? '';
          if (same(codecs.split(' ').sort(), section.codecs?.split(' ').sort())) section.codecs = codecs;
        }
    },
  },
];

const outcome = (op, ours, theirs) => {
  const told = (name) => `"#\\d+ (${op}): (${name})"`;
  return new RegExp(`\\.log\\.\\d+: ${told(ours)} \\| ${told(theirs)}`);
};
/** One of ours fails or goes well, and theirs does otherwise; the rest of the log comes after. */
const first = ({ found }, expression) => expression.test(found[0]);
const any = ({ found }, expression) => found.some((it) => expression.test(it));
const did = ({ steps }, op, condition = () => true) => steps.some((step) => step.op === op && condition(step));

const CUTS = [
  {
    why: 'preferences without a codec for media are an InvalidModificationError; the standard does not count telephone-event among what cannot be alone',
    explains: (it) => did(it, 'setCodecPreferences', ({ codecs }) => codecs.join() === 'telephone-event'),
  },
  {
    why: 'parameters without codecs are an InvalidModificationError, as in the web-platform-tests; in Chromium, and by the IDL, a TypeError',
    explains: (it) =>
      did(it, 'setParameters', ({ change }) => change === 'noCodecs') &&
      first(it, outcome('setParameters', 'Invalid\\w+', 'TypeError')),
  },
  {
    why: 'Chromium takes anything for the parameters of a sender that has no encodings there',
    explains: (it) => first(it, outcome('setParameters', 'Invalid\\w+', 'done')),
  },
  {
    why: 'Chromium takes an empty candidate in any state',
    explains: (it) => did(it, 'addIceCandidate', ({ candidate }) => /^(end|endOfMid|null)$/.test(candidate)),
  },
  {
    why: 'Chromium takes candidates of another generation of ICE',
    explains: (it) =>
      did(it, 'addIceCandidate', ({ candidate }) => candidate === 'otherUfrag') &&
      first(it, outcome('addIceCandidate', 'OperationError', 'done')),
  },
  {
    why: 'Chromium cannot set a max-bundle description without a section that lives',
    explains: (it) => it.program.configuration.bundlePolicy === 'max-bundle' && any(it, / \| ".*: OperationError"/),
  },
  {
    why: "Chromium takes the direction 'stopped' for none",
    explains: (it) => did(it, 'addTransceiver', ({ direction }) => direction === 'stopped'),
  },
  {
    why: 'Chromium does not check that the names of encodings are different, of audio nothing of them, and has InvalidAccessError where some have none',
    explains: (it) =>
      did(
        it,
        'addTransceiver',
        ({ what, encodings }) => encodings !== undefined && (what !== 'video' || encodings.length > 1),
      ),
  },
  {
    why: "Chromium refuses the direction 'stopped' before it sees that the connection is closed",
    explains: (it) =>
      did(it, 'direction', ({ to }) => to === 'stopped') &&
      first(it, outcome('direction', 'InvalidStateError', 'TypeError')),
  },
  {
    why: 'Chromium lets an offer that was made before the last answer be set',
    explains: (it) => first(it, /"#\d+ setLocal: InvalidModificationError/),
  },
  {
    why: 'Chromium takes an offer that has fewer sections than the pending one before',
    explains: (it) => any(it, outcome('\\w+', 'InvalidAccessError', '\\w+')) && any(it, /\.pendingRemote\.bundle/),
  },
  {
    why: 'Chromium takes a transceiver that is stopped for a remote offer, and for a track that is added',
    explains: (it) =>
      it.program.steps.some(({ op }) => op === 'stop') &&
      any(
        it,
        /\| "track t\d+ \w+ muted ended|addTrack: done" \| "#\d+ addTrack: InvalidAccessError|section: null \| \d/,
      ),
  },
  {
    why: 'Chromium has a stopped transceiver for each refused section that it had none for',
    explains: (it) => any(it, /transceivers\.\d+: undefined \| \{.*"direction":"stopped"/),
  },
  {
    why: 'a transceiver that addTrack() has taken into use may be associated by a remote offer',
    explains: (it) => any(it, /\.section: \d+ \| null/),
  },
  {
    why: 'a refused m-line is used again for its own kind only, for gateways that take a line for what it was',
    explains: (it) => any(it, /sections\.\d+\.kind: /),
  },
  {
    why: 'Chromium makes the streams of a remote track anew when its transceiver no longer wants to receive',
    explains: (it) =>
      it.program.steps.some(
        ({ op, to }) => op === 'stop' || op === 'createOffer' || /^(sendonly|inactive)$/.test(to),
      ) && any(it, /\.remoteStreams\.\d+: /),
  },
  {
    why: 'Chromium forgets data channels when an offer is rolled back',
    explains: (it) => any(it, /\.sctp: true \| false|\.sections\.\d+: \{"kind":"application".* \| undefined/),
  },
  {
    why: 'Chromium keeps the SCTP transport of an offer that was rolled back',
    explains: (it) => any(it, /\.sctp: false \| true/),
  },
  {
    why: 'Chromium parses a description before its turn, and rolls nothing back for one that cannot be parsed',
    explains: (it) => did(it, 'setRemote', ({ what }) => what === 'garbage'),
  },
  {
    why: 'Chromium takes a provisional answer without a text for an answer',
    explains: (it) => did(it, 'setLocal', ({ what }) => what === 'emptyPranswer'),
  },
  {
    why: 'Chromium gives a section another mid with each offer until one is answered, and takes it for another section',
    explains: (it) =>
      any(it, /\.section: \d+ \| -1/) ||
      (did(it, 'setRemote', ({ what }) => what === 'offer') && any(it, /"#\d+ setRemote: InvalidAccessError"$/)),
  },
  {
    why: 'Chromium refuses an answer from an end that has rolled back what it had answered',
    explains: (it) => any(it, /(signalingstatechange stable|: done)" \| "#\d+ \w+: InvalidAccessError/),
  },
];

/** Makes what is known alike, in place. */
function makeAlike(ours, theirs, context, used) {
  for (const { why, alike } of VIEWS) {
    const before = JSON.stringify([ours, theirs]);
    alike(ours, theirs, context);
    if (JSON.stringify([ours, theirs]) !== before) used(why);
  }
}

/** @returns {string | undefined} the reason of a difference that ends a comparison */
function reasonOf(difference) {
  return CUTS.find(({ explains }) => explains(difference))?.why;
}

module.exports = { CUTS, VIEWS, makeAlike, reasonOf };
