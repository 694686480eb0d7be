// What a person sees: one line per thing that happened, and level meters on one live line (a terminal) or now and then (a pipe).
const WIDTH = 16;
const QUIETEST_DB = -50;
const SPARSE_MS = 2500;
const tty = process.stdout.isTTY;
const paint = (code) => (text) => (tty && !process.env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text);
export const green = paint(32),
  red = paint(31),
  dim = paint(2),
  bold = paint(1);

/** Two meters. level: RMS 0…1. */
export class Screen {
  #start = Date.now();
  #levels = { caller: 0, bot: 0 };
  #live = false;
  #lastSparse = 0;

  restart() {
    this.#start = Date.now();
  }
  get clock() {
    return `${((Date.now() - this.#start) / 1000).toFixed(1).padStart(5)} s`;
  }

  #clear() {
    if (this.#live) process.stdout.write('\r\x1b[K');
    this.#live = false;
  }

  line(mark, text) {
    this.#clear();
    console.log(`${dim(this.clock)}  ${mark} ${text}`);
  }

  good(text) {
    this.line(green('✔'), text);
  }
  bad(text) {
    this.line(red('✘'), text);
  }
  note(text) {
    this.line(dim('·'), text);
  }
  plain(text = '') {
    this.#clear();
    console.log(text);
  }

  level(who, level) {
    this.#levels[who] = Math.max(level, this.#levels[who] * 0.7); // falls slowly enough for the eye
    if (tty) {
      process.stdout.write(`\r\x1b[K${dim(this.clock)}  ${this.#meters()}`);
      this.#live = true;
    } else if (Date.now() - this.#lastSparse > SPARSE_MS) {
      this.#lastSparse = Date.now();
      console.log(`${this.clock}    ${this.#meters()}`);
    }
  }

  #meters() {
    return `caller → bot ${bar(this.#levels.caller)}   bot → caller ${bar(this.#levels.bot)}`;
  }
}

function bar(level) {
  const db = level > 0 ? 20 * Math.log10(level) : -Infinity;
  const filled = Math.max(0, Math.min(WIDTH, Math.round(((db - QUIETEST_DB) / -QUIETEST_DB) * WIDTH)));
  return `${green('▮'.repeat(filled))}${dim('▯'.repeat(WIDTH - filled))} ${Number.isFinite(db) && db > -90 ? `${db.toFixed(0).padStart(3)} dB` : '     –'}`;
}
