// Waiting times between attempts. Invariant: the n-th delay lies between half of and all of min(first · 2ⁿ, most); the
// chance in it keeps many clients of a restarted server from coming back in one instant.

class Backoff {
  #failures = 0;

  constructor({ firstMs, mostMs, random = Math.random }) {
    Object.assign(this, { firstMs, mostMs, random });
  }

  /** Milliseconds until the next attempt. */
  next() {
    const full = Math.min(this.firstMs * 2 ** this.#failures, this.mostMs);
    if (full < this.mostMs) this.#failures++;
    return Math.round(full * (0.5 + this.random() / 2));
  }

  reset() {
    this.#failures = 0;
  }
}

module.exports = { Backoff };
