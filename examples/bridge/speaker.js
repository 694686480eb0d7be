// What the caller hears: the AI, or the prompt while the AI is away, or silence. Stands before a PcmSource.
// Invariants: the prompt and the AI never mix; a mark is answered once, and only to the connection that set it; while the
// AI is held back nothing of it is heard.

const { STEADY_MS } = require('./ai-link.js');
const { MOST_AHEAD_MS } = require('./profiles');

class Speaker {
  /** Of what the AI said: what came while it was MOST_AHEAD_MS ahead. */
  droppedMs = 0;
  #source;
  #sampleRate;
  #prompt;
  #tell;
  #era = 0;
  #timer;
  /** When the next prompt is due, by performance.now(), while the AI is missed. */
  #dueAt = null;
  #prompting = false;
  /** The caller has cut in, and the AI has not noticed yet. */
  #held = false;
  #warned = false;
  #warn;

  /**
   * prompt: null or { samples, sampleRate, afterMs, pauseMs }; tell(name, played) answers marks; warn() is called when something is
   * dropped for the first time since away().
   */
  constructor(source, { sampleRate, prompt, tell, warn }) {
    this.#source = source;
    this.#sampleRate = sampleRate;
    this.#prompt = prompt;
    this.#tell = tell;
    this.#warn = warn;
    source.on('mark', this.#reached);
  }

  #reached = (key, played) => {
    const [era, name] = split(key);
    if (era === this.#era) this.#tell(name, played);
  };

  get queuedMs() {
    return this.#source.queuedMs;
  }

  write(samples) {
    if (this.#held) return;
    if (this.#source.queuedMs > MOST_AHEAD_MS) return this.#drop(samples);
    this.#endPrompt();
    this.#source.write(samples, { sampleRate: this.#sampleRate });
  }

  #drop(samples) {
    this.droppedMs += (samples.length * 1000) / this.#sampleRate;
    if (!this.#warned) this.#warn();
    this.#warned = true;
  }

  /** Silence now; marks that were not reached are told as cleared. An AI that was held back has noticed. */
  clear() {
    this.#held = false;
    this.#source.clear();
  }

  /** The AI is being heard, or about to be. */
  get speaking() {
    return !this.#prompting && this.#source.queuedMs > 0;
  }

  /** Resolves when all that has been written so far is played, or dropped. */
  saidAll() {
    return this.#source.waitForPlayout();
  }

  /** The caller speaks: what the AI was saying is dropped, and so is what it says until release() or its own clear(). */
  hold() {
    this.clear();
    this.#held = true;
  }

  release() {
    this.#held = false;
  }

  mark(name) {
    if (this.#held) return this.#tell(name, false);
    this.#endPrompt();
    this.#source.mark(`${this.#era}:${name}`);
  }

  forgetMarks() {
    this.#era++;
  }

  /** The AI is away: what it has said so far is played to its end, then the prompt, again and again. */
  away() {
    this.forgetMarks();
    this.#held = false;
    this.#warned = false;
    clearTimeout(this.#timer);
    if (this.#prompt) this.#playPromptAt(this.#dueAt ?? performance.now() + this.queuedMs + this.#prompt.afterMs);
  }

  /**
   * No prompt begins. One that is being played goes on until the AI speaks: it may fail at once. One that says nothing and is gone
   * sooner than STEADY_MS has not come back: the prompt is not put off for it.
   */
  back() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#dueAt = null;
    }, STEADY_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#source.off('mark', this.#reached);
  }

  #playPromptAt(dueAt) {
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.#playPrompt(), dueAt - performance.now());
  }

  #playPrompt() {
    const { samples, sampleRate, pauseMs } = this.#prompt;
    this.#prompting = true;
    this.#source.write(samples, { sampleRate });
    this.#playPromptAt(performance.now() + (samples.length * 1000) / sampleRate + pauseMs);
  }

  #endPrompt() {
    this.#dueAt = null;
    if (this.#prompting) this.clear();
    this.#prompting = false;
  }
}

function split(key) {
  const at = key.indexOf(':');
  return [Number(key.slice(0, at)), key.slice(at + 1)];
}

module.exports = { Speaker };
