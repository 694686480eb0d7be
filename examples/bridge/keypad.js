// The keys the AI presses, one order after the other: insertDTMF() would replace what is still being sent.
// Invariant: an order begins only when the one before has ended.

const MOST_ORDERS = 32;

class Keypad {
  #connection;
  #log;
  #orders = [];
  #dtmf = null;

  constructor(connection, { log }) {
    this.#connection = connection;
    this.#log = log;
  }

  press(digits, durationMs) {
    if (this.#orders.length < MOST_ORDERS) this.#orders.push({ digits, durationMs });
    if (!this.#dtmf) this.#next();
  }

  close() {
    this.#orders = [];
    this.#dtmf?.removeEventListener('tonechange', this.#changed);
  }

  /** The empty tone is the end of an order, its last gap included. */
  #changed = ({ tone }) => {
    if (tone !== '') return;
    this.#dtmf.removeEventListener('tonechange', this.#changed);
    this.#dtmf = null;
    this.#next();
  };

  #next() {
    const order = this.#orders.shift();
    if (!order) return;
    const sender = this.#connection.getSenders().find(({ dtmf }) => dtmf?.canInsertDTMF);
    if (!sender) {
      this.#orders = [];
      this.#log('warn', 'the far end takes no digits now');
      return;
    }
    this.#dtmf = sender.dtmf;
    this.#dtmf.addEventListener('tonechange', this.#changed);
    this.#dtmf.insertDTMF(order.digits, order.durationMs);
  }
}

module.exports = { Keypad };
