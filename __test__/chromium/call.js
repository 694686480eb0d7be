// A call between one of our connections and a page, with a tone in each direction, over signaling that is two function calls.
// Invariant: `end()` leaves nothing behind, whatever state the call is in.

const { Talker } = require('../support/talker');

const NEAR_HZ = 1000;
const FAR_HZ = 700;

class Call {
  /** @param {{ browser: import('./browser').Browser, trickle?: boolean, nearHz?: number | null, farHz?: number | null, certificates?: RTCCertificate[] }} options certificates: of the near end */
  static async open({ browser, trickle = false, nearHz = NEAR_HZ, farHz = FAR_HZ, certificates }) {
    const call = new Call();
    // A candidate may overtake the description that it belongs to; it waits for it as any signaling makes it wait.
    call.described = Promise.resolve();
    const carry = (to) => (candidate) =>
      call.described.then(() => call[to].addCandidate(candidate)).catch((error) => call.errors.push(error));
    call.errors = [];
    call.near = new Talker({ hz: nearHz, trickle, onCandidate: carry('far'), certificates });
    call.far = await browser.openPhone({ hz: farHz, trickle, onCandidate: carry('near') });
    return call;
  }

  /** One offer and answer, offered by `from` ('near' or 'far'). */
  async negotiate(from, offerOptions) {
    const [offerer, answerer] = from === 'near' ? [this.near, this.far] : [this.far, this.near];
    let described;
    this.described = new Promise((resolve) => {
      described = resolve;
    });
    try {
      const offer = await offerer.offer(offerOptions);
      const answer = await answerer.answer(offer);
      await offerer.accept(answer);
    } finally {
      described();
    }
  }

  async connect(from) {
    await this.negotiate(from);
    await Promise.all([this.near.connected(), this.far.connected()]);
  }

  /** Both ends hear what the other says. */
  async talks() {
    const [atNear, atFar] = await Promise.all([this.near.hears(FAR_HZ), this.far.hears(NEAR_HZ)]);
    return { atNear, atFar };
  }

  async end() {
    this.near.end();
    await this.far.closePage();
  }
}

/** Runs `body` with a call and ends it afterwards, also when the body throws. */
async function withCall(options, body) {
  const call = await Call.open(options);
  try {
    await body(call);
    expect([...call.errors, ...call.far.errors]).toEqual([]);
  } finally {
    await call.end();
  }
}

module.exports = { FAR_HZ, NEAR_HZ, withCall };
