// The far end of a call that is an aiortc in a process of its own, with the methods of a Talker.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { createInterface } = require('node:readline');
const path = require('node:path');
const { Ear } = require('../support/ear');

const SAMPLE_RATE_HZ = 16_000;

class Aiortc {
  /** @param {string} python a Python that has aiortc */
  constructor(python) {
    this.child = spawn(python, [path.join(__dirname, 'aiortc_phone.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.ear = new Ear(SAMPLE_RATE_HZ);
    this.events = [];
    this.pending = new Map();
    this.waiting = new Set();
    this.sent = 0;
    createInterface({ input: this.child.stdout }).on('line', (line) => this.heard(JSON.parse(line)));
  }

  heard({ id, result, error, ...event }) {
    if (id !== undefined) {
      const { resolve, reject } = this.pending.get(id);
      this.pending.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    } else if (event.event === 'audio') {
      const bytes = Buffer.from(event.samples, 'base64');
      this.ear.push(Int16Array.from({ length: bytes.length / 2 }, (_, at) => bytes.readInt16LE(2 * at)));
    } else {
      this.events.push(event);
      for (const check of this.waiting) check();
    }
  }

  ask(what, args = {}) {
    const id = this.sent++;
    this.child.stdin.write(`${JSON.stringify({ id, do: what, with: args })}\n`);
    return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }));
  }

  /** Resolves with the events that fit, once there are `count` of them. */
  told(wanted, count = 1, limitMs = 30_000) {
    const fits = (event) => Object.entries(wanted).every(([name, value]) => event[name] === value);
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        this.waiting.delete(check);
        clearTimeout(limit);
        settle(value);
      };
      const check = () => {
        const found = this.events.filter(fits);
        if (found.length >= count) done(resolve, found);
      };
      const limit = setTimeout(
        () => done(reject, new Error(`waited in vain for ${JSON.stringify(wanted)}: ${JSON.stringify(this.events)}`)),
        limitMs,
      );
      this.waiting.add(check);
      check();
    });
  }

  offer() {
    return this.ask('offer');
  }

  answer(offer) {
    return this.ask('answer', offer);
  }

  accept(answer) {
    return this.ask('accept', answer);
  }

  connected() {
    return this.told({ event: 'state', name: 'connectionState', value: 'connected' });
  }

  hears(...args) {
    return this.ear.hears(...args);
  }

  async end() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

module.exports = { Aiortc };
