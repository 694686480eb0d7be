// A call between one of our connections and a page, with a tone in each direction, over signaling that is two function calls.
// Invariant: `end()` leaves nothing behind, whatever state the call is in.

const { Talker } = require('../support/talker');

const NEAR_HZ = 1000;
const FAR_HZ = 700;

class Call {
  /** @param {{ browser: import('./browser').Browser, trickle?: boolean, nearHz?: number | null, farHz?: number | null, certificates?: RTCCertificate[], network?: RTCConfiguration, farConfiguration?: RTCConfiguration }} options certificates, network: of the near end */
  static async open({
    browser,
    trickle = false,
    nearHz = NEAR_HZ,
    farHz = FAR_HZ,
    certificates,
    network,
    farConfiguration,
  }) {
    const call = new Call();
    // A candidate may overtake the description that it belongs to; it waits for it as any signaling makes it wait.
    call.described = Promise.resolve();
    const carry = (to) => (candidate) =>
      call.described.then(() => call[to].addCandidate(candidate)).catch((error) => call.errors.push(error));
    call.errors = [];
    call.near = new Talker({ hz: nearHz, trickle, onCandidate: carry('far'), certificates, network });
    call.far = await browser.openPhone({
      hz: farHz,
      trickle,
      configuration: farConfiguration,
      onCandidate: carry('near'),
    });
    return call;
  }

  /** One offer and answer, offered by `from` ('near' or 'far'); `edit` is what the offer's text goes through on its way. */
  async negotiate(from, offerOptions, edit = (sdp) => sdp) {
    const [offerer, answerer] = from === 'near' ? [this.near, this.far] : [this.far, this.near];
    let described;
    this.described = new Promise((resolve) => {
      described = resolve;
    });
    try {
      const offer = await offerer.offer(offerOptions);
      const answer = await answerer.answer({ ...offer, sdp: edit(offer.sdp) });
      await offerer.accept(answer);
      return { offer, answer };
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

/** What `condition` gives, as soon as that is true. */
async function until(condition, limitMs = 30_000) {
  const deadline = Date.now() + limitMs;
  for (let value = await condition(); ; value = await condition()) {
    if (value) return value;
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

module.exports = { FAR_HZ, NEAR_HZ, until, withCall };
