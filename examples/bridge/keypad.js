// The keys the AI presses, one order after the other: insertDTMF() would replace what is still being sent.
// Invariants: an order begins only when the one before has ended; one that comes before the connection is up, or during a
// hold, waits; what a hold breaks off is pressed to its end afterwards; what a far end does not take is dropped and told.

const MOST_ORDERS = 32;
/** Digits may be possible soon. */
const COMING = ['new', 'connecting', 'disconnected'];

class Keypad {
  #connection;
  #log;
  #orders = [];
  #dtmf = null;
  #durationMs;
  #held;

  constructor(connection, { log }) {
    this.#connection = connection;
    this.#log = log;
    this.#held = isHeld(connection);
    connection.addEventListener('connectionstatechange', this.#resume);
    connection.addEventListener('signalingstatechange', this.#negotiated);
  }

  press(digits, durationMs) {
    if (this.#orders.length < MOST_ORDERS) this.#orders.push({ digits, durationMs });
    this.#resume();
  }

  close() {
    this.#orders = [];
    this.#connection.removeEventListener('connectionstatechange', this.#resume);
    this.#connection.removeEventListener('signalingstatechange', this.#negotiated);
    this.#dtmf?.removeEventListener('tonechange', this.#changed);
  }

  #resume = () => {
    if (!this.#dtmf && this.#orders.length > 0) this.#next();
  };

  /** The empty tone is the end of an order, its last gap included. */
  #changed = ({ tone }) => {
    if (tone !== '') return;
    this.#over();
    this.#resume();
  };

  #over() {
    this.#dtmf.removeEventListener('tonechange', this.#changed);
    this.#dtmf = null;
  }

  /**
   * A hold breaks an order off, and so does a far end that takes no digits any more; no empty tone tells so. What was left of
   * the order comes first after the hold.
   */
  #negotiated = () => {
    if (this.#connection.signalingState !== 'stable') return;
    const wasHeld = this.#held;
    this.#held = isHeld(this.#connection);
    const { connectionState } = this.#connection;
    if (this.#dtmf && (wasHeld || (connectionState === 'connected' && !this.#dtmf.canInsertDTMF))) this.#brokenOff();
    if (!this.#held) this.#resume();
  };

  #brokenOff() {
    const digits = this.#dtmf.toneBuffer;
    if (digits) this.#orders.unshift({ digits, durationMs: this.#durationMs });
    this.#over();
  }

  #next() {
    const sender = this.#connection.getSenders().find(({ dtmf }) => dtmf?.canInsertDTMF);
    if (!sender) {
      if (this.#held || COMING.includes(this.#connection.connectionState)) return;
      this.#orders = [];
      this.#log('warn', 'the far end takes no digits now');
      return;
    }
    const { digits, durationMs } = this.#orders.shift();
    this.#dtmf = sender.dtmf;
    this.#durationMs = durationMs;
    this.#dtmf.addEventListener('tonechange', this.#changed);
    this.#dtmf.insertDTMF(digits, durationMs);
  }
}

/** The far end takes no sound now, and so no digits. */
function isHeld(connection) {
  return connection
    .getTransceivers()
    .some(({ currentDirection }) => currentDirection === 'recvonly' || currentDirection === 'inactive');
}

module.exports = { Keypad };
