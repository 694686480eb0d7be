// The keys the AI presses, one order after the other: insertDTMF() would replace what is still being sent.
// Invariant: an order begins only when the one before has ended; one that comes before the connection is up waits for it.

const MOST_ORDERS = 32;
/** Digits may be possible soon. */
const COMING = ['new', 'connecting', 'disconnected'];

class Keypad {
  #connection;
  #log;
  #orders = [];
  #dtmf = null;

  constructor(connection, { log }) {
    this.#connection = connection;
    this.#log = log;
    connection.addEventListener('connectionstatechange', this.#resume);
  }

  press(digits, durationMs) {
    if (this.#orders.length < MOST_ORDERS) this.#orders.push({ digits, durationMs });
    this.#resume();
  }

  close() {
    this.#orders = [];
    this.#connection.removeEventListener('connectionstatechange', this.#resume);
    this.#dtmf?.removeEventListener('tonechange', this.#changed);
  }

  #resume = () => {
    if (!this.#dtmf && this.#orders.length > 0) this.#next();
  };

  /** The empty tone is the end of an order, its last gap included. */
  #changed = ({ tone }) => {
    if (tone !== '') return;
    this.#dtmf.removeEventListener('tonechange', this.#changed);
    this.#dtmf = null;
    this.#resume();
  };

  #next() {
    const sender = this.#connection.getSenders().find(({ dtmf }) => dtmf?.canInsertDTMF);
    if (!sender) {
      if (COMING.includes(this.#connection.connectionState)) return;
      this.#orders = [];
      this.#log('warn', 'the far end takes no digits now');
      return;
    }
    const order = this.#orders.shift();
    this.#dtmf = sender.dtmf;
    this.#dtmf.addEventListener('tonechange', this.#changed);
    this.#dtmf.insertDTMF(order.digits, order.durationMs);
  }
}

module.exports = { Keypad };
