// What a network does to a stream: whether packet k is lost, and how long it travels.
// Invariant: the fate of a packet follows from the seed and its number alone, never from when or in what order packets are asked
// for. Two streams with one seed therefore meet the very same network.

const { random } = require('./random');

/** Packets; the Gilbert-Elliott model's mean stay in the state in which all is lost. */
const MEAN_BURST = 3;

/** Yields true for each lost packet. Both kinds lose the same share in the long run. */
function* losses(kind, share, next) {
  if (kind === 'random') for (;;) yield next() < share;
  const recover = 1 / MEAN_BURST;
  const fail = (recover * share) / (1 - share);
  let bad = next() < share;
  for (;;) {
    yield bad;
    bad = bad ? next() >= recover : next() < fail;
  }
}

class Trace {
  #lost = [];
  #delayMs = [];
  #losses;
  #nextDelay;

  /** @param {{ lossPct: number, jitterMs: number, delayMs: number, kind: 'random' | 'bursty', seed: string }} network */
  constructor({ lossPct, jitterMs, delayMs, kind, seed }) {
    if (!['random', 'bursty'].includes(kind)) throw new RangeError(`kind is neither random nor bursty: ${kind}`);
    // Two generators, so that networks of equal jitter and seed delay alike whatever they lose.
    this.#losses = losses(kind, lossPct / 100, random(`${seed} loss`));
    const next = random(`${seed} delay`);
    this.#nextDelay = () => delayMs + next() * jitterMs;
  }

  /** @returns {{ lost: boolean, delayMs: number }} */
  packet(k) {
    while (this.#lost.length <= k) {
      this.#lost.push(this.#losses.next().value);
      this.#delayMs.push(this.#nextDelay());
    }
    return { lost: this.#lost[k], delayMs: this.#delayMs[k] };
  }
}

/**
 * Numbers packets from the first one seen, by RTP timestamp. Sequence numbers would not do: libwebrtc probes for bandwidth with
 * padding in the same sequence, and not to every receiver alike.
 */
class PacketNumbers {
  #first = null;
  #newest = 0;

  /** @param {number} ticks of a packet */
  constructor(ticks) {
    this.ticks = ticks;
  }

  /** @returns {number} 0 for the first packet; negative for one from before it */
  of(timestamp) {
    this.#first ??= timestamp;
    const at = this.#newest + ((timestamp - this.#first - this.#newest) | 0); // 32 bits, wrapping
    this.#newest = Math.max(this.#newest, at);
    return Math.round(at / this.ticks);
  }
}

module.exports = { MEAN_BURST, PacketNumbers, Trace };
