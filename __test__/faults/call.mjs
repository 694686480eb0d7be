// A call between the two hosts, its ends in processes of their own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { A, B } from './net.mjs';

const END = fileURLToPath(new URL('end.js', import.meta.url));
const [A_HZ, B_HZ] = [1000, 700];

/** One end, 'ours' or 'chromium', and what it is told to do: the commands of end.js. */
class End {
  #last = 0;
  #waiting = new Map();

  constructor(host, who, hz, farHz, env) {
    this.who = who;
    const args = ['netns', 'exec', host, process.execPath, END, who, String(hz), String(farHz)];
    this.child = spawn('ip', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, ...env } });
    this.exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve(signal ?? code)));
    const gone = this.exited.then((how) => Promise.reject(new Error(`${who} ended at once: ${how}`)));
    this.ready = Promise.race([new Promise((resolve) => this.child.once('message', resolve)), gone]);
    this.child.on('message', ({ id, result, error }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(`${who}: ${error}`));
    });
  }

  ask(name, ...args) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.child.send({ id, name, args });
    });
  }
}

export class Call {
  /** @param {string[]} who calls, and who is called; @param {object} env of both processes */
  static async open([caller, callee], env) {
    const call = new Call();
    call.a = new End(A, caller, A_HZ, B_HZ, env);
    call.b = new End(B, callee, B_HZ, A_HZ, env);
    call.ends = [call.a, call.b];
    await Promise.all(call.ends.map((end) => end.ready));
    await call.negotiate();
    await call.each('connected');
    return call;
  }

  /** Both ends do it; resolves with what each says. */
  each(name, ...args) {
    return Promise.all(this.ends.map((end) => end.ask(name, ...args)));
  }

  async negotiate(options) {
    const answer = await this.b.ask('answer', await this.a.ask('offer', options));
    await this.a.ask('accept', answer);
  }

  /** Each hears the other's tone, a whole clean second of it. */
  async talks() {
    await this.each('hears');
  }

  async end() {
    await this.each('end');
    const codes = await Promise.all(this.ends.map((end) => end.exited));
    if (codes.some((code) => code !== 0)) throw new Error(`the processes ended with ${codes}`);
  }
}
