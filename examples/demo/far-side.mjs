// The demo's handle on caller.js: commands as promises, events with waiting.
import { fork } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';

const LIMIT_MS = 20_000;

/** Events: 'level' (0…1 of what the caller hears), 'event', and each event by its type. */
export class FarSide extends EventEmitter {
  #asked = new Map();
  #seq = 0;
  events = [];

  constructor() {
    super();
    this.child = fork(fileURLToPath(new URL('./caller.js', import.meta.url)));
    this.child.on('message', ({ seq, result, error, event, level }) => {
      if (level !== undefined) return this.emit('level', level);
      if (event) {
        this.events.push(event);
        this.emit('event', event);
        return this.emit(`event:${event.type}`, event);
      }
      const { resolve, reject } = this.#asked.get(seq);
      this.#asked.delete(seq);
      if (error) reject(new Error(error));
      else resolve(result);
    });
    this.exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.exited.then(() => {
      for (const { reject } of this.#asked.values()) reject(new Error('the switch process ended'));
    });
  }

  ask(command, detail = {}) {
    const seq = ++this.#seq;
    return new Promise((resolve, reject) => {
      this.#asked.set(seq, { resolve, reject });
      this.child.send({ seq, do: command, ...detail });
    });
  }

  /** The first event of that type, past or future. */
  seen(type) {
    const found = this.events.find((event) => event.type === type);
    return found
      ? Promise.resolve(found)
      : within(new Promise((resolve) => this.once(`event:${type}`, resolve)), `'${type}' was not seen at the switch`);
  }

  async stop() {
    await this.ask('stop').catch(() => {});
    await this.exited;
  }
}

/** Rejects after LIMIT_MS with a sentence that says what did not happen. */
export function within(promise, complaint, limitMs = LIMIT_MS) {
  let timer;
  return Promise.race([
    promise,
    new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${complaint} within ${limitMs / 1000} s`)), limitMs);
    }),
  ]).finally(() => clearTimeout(timer));
}
