// How long the AI has been away, and when that is too long.
// Invariant: `tooLong` is called when it has been away for limitMs, and never while it is there. An AI that is gone again sooner
// than STEADY_MS has not been back.

const { STEADY_MS } = require('./ai-link.js');

class Absence {
  /** By performance.now(). */
  #since = null;
  #timer;
  #limitMs;
  #tooLong;

  constructor(limitMs, tooLong) {
    this.#limitMs = limitMs;
    this.#tooLong = tooLong;
  }

  away() {
    this.#since ??= performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#tooLong, this.#since + this.#limitMs - performance.now());
  }

  back() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#since = null;
    }, STEADY_MS);
  }

  close() {
    clearTimeout(this.#timer);
  }
}

module.exports = { Absence };
