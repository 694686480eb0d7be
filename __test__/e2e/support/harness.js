// The tests' side: a switch, and phones in child processes whose sessions are driven like objects.

const { EventEmitter } = require('node:events');
const { fork } = require('node:child_process');
const path = require('node:path');
const { startSwitch, signal, GENERATIONS } = require('../../../examples/switch');

/** 'package' (default) or 'roamhq', an independent implementation: a test that fails with both is a wrong test. */
const IMPLEMENTATION = process.env.WEBPHONE_TEST_IMPL ?? 'package';
const LIMIT_MS = 30_000;
const SDKS = {
  2.1: 'web-phone-2.1',
  2.2: 'web-phone-2.2',
  2.3: 'web-phone-2.3',
  2.4: 'web-phone-2.4',
  2.5: 'ringcentral-web-phone',
};

/** Something with a history: waitFor finds past events too. */
class Story extends EventEmitter {
  events = [];

  add(name, detail) {
    const event = { name, detail };
    this.events.push(event);
    this.emit('any', event);
  }

  waitFor(name, { since = 0, limitMs = LIMIT_MS } = {}) {
    const found = this.events.slice(since).find((event) => event.name === name);
    if (found) return Promise.resolve(found.detail);
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        this.off('any', listener);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`no '${name}' in ${limitMs} ms after: ${this.events.map((e) => e.name).join(' ')}`));
      }, limitMs);
      const listener = (event) => {
        if (event.name === name) {
          stop();
          resolve(event.detail);
        }
      };
      this.on('any', listener);
    });
  }
}

/** A call as the SDK sees it. Any SDK method is session.do('hold'), its public field session.get('state'). */
class Session extends Story {
  constructor(phone, id) {
    super();
    this.phone = phone;
    this.id = id;
  }
  do(method, ...args) {
    return this.phone.ask('do', { id: this.id, method, args });
  }
  get(name) {
    return this.phone.ask('get', { id: this.id, name });
  }
  /** Says a tone from now on (hz 0: silence) and begins to listen. */
  talk(hz, amplitude) {
    return this.phone.ask('talk', { id: this.id, hz, amplitude });
  }
  measure(hz, options) {
    return this.phone.ask('measure', { id: this.id, hz, ...options });
  }
  trackStates() {
    return this.phone.ask('trackStates', { id: this.id });
  }
  connectionState() {
    return this.phone.ask('connectionState', { id: this.id });
  }
}

class Phone extends Story {
  problems = [];
  /** Resolves when the process has loaded its SDK, rejects if it ends before. */
  ready;
  #readyDone;
  #readyFailed;
  #seq = 0;
  #asked = new Map();
  #sessions = new Map();

  constructor(sw, { sdk = '2.5', door = 'globals', implementation = IMPLEMENTATION, env } = {}) {
    super();
    this.sw = sw;
    this.child = fork(path.join(__dirname, 'phone.js'), [JSON.stringify({ sdk: SDKS[sdk], door, implementation })], {
      env: { ...process.env, WEBPHONE_RTC_LOOPBACK: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    });
    this.output = '';
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on('data', (data) => {
        this.output += data;
        if (process.env.E2E_VERBOSE) process.stderr.write(data);
      });
    this.exited = new Promise((resolve) =>
      this.child.on('exit', (code, sig) => {
        resolve({ code, signal: sig });
        const ended = new Error(`the phone process ended (${sig ?? code}): ${this.output.slice(-2000)}`);
        for (const { reject } of this.#asked.values()) reject(ended);
        this.#readyFailed(ended);
      }),
    );
    this.ready = new Promise((resolve, reject) => {
      this.#readyDone = resolve;
      this.#readyFailed = reject;
    });
    this.ready.catch(() => {});
    this.child.on('message', (message) => this.#receive(message));
  }

  #receive(message) {
    if (message.seq !== undefined) {
      const { resolve, reject } = this.#asked.get(message.seq);
      this.#asked.delete(message.seq);
      if (message.error)
        reject(
          Object.assign(new Error(message.error.message), {
            name: message.error.name,
            remoteStack: message.error.stack,
          }),
        );
      else resolve(message.result);
      return;
    }
    if (message.event === 'problem') this.problems.push(`${message.kind}: ${message.text}`);
    else if (message.event === 'session') this.session(message.id).add(message.name, message.detail);
    else if (message.event === 'ready') this.#readyDone();
    else this.add(message.event, this.session(message.id));
  }

  session(id) {
    if (!this.#sessions.has(id)) this.#sessions.set(id, new Session(this, id));
    return this.#sessions.get(id);
  }

  ask(command, args = {}) {
    const seq = ++this.#seq;
    return new Promise((resolve, reject) => {
      this.#asked.set(seq, { resolve, reject });
      this.child.send({ seq, command, ...args }, (error) => {
        if (error) {
          this.#asked.delete(seq);
          reject(error);
        }
      });
    });
  }

  start(options) {
    return this.ask('start', { sipInfo: this.sw.sipInfo, options });
  }
  async call(number) {
    return this.session((await this.ask('call', { number })).id);
  }

  /** Leaves as an application does: dispose, close the audio, and let the process end by itself. */
  async leave({ disposed = false } = {}) {
    if (!disposed) await this.ask('dispose');
    await this.ask('leave').catch(() => {});
    const timer = setTimeout(() => {
      this.stuck = true;
      this.child.kill('SIGKILL');
    }, LIMIT_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }
}

/** A switch and one registered phone; `close()` checks what must hold after every scenario. */
async function startPair({ sdk, door, implementation, phoneOptions, env, ...switchOptions } = {}) {
  const sw = await startSwitch(switchOptions);
  const phone = new Phone(sw, { sdk, door, implementation, env });
  try {
    await phone.ready;
    await phone.start({ autoAnswer: true, ...phoneOptions });
  } catch (error) {
    phone.child.kill('SIGKILL');
    await sw.stop();
    throw error;
  }
  const pair = {
    sw,
    phone,
    closed: false,
    /** An inbound call: the switch's view and the SDK's. */
    async ring(options) {
      const since = phone.events.length;
      const call = await sw.call(options);
      const session = await phone.waitFor('inboundCall', { since });
      return { call, session };
    },
    async close(options) {
      pair.closed = true;
      const exit = await phone.leave(options);
      const errors = sw.events.filter((event) => event.type === 'switch-error').map((event) => event.message);
      await sw.stop();
      expect({ problems: phone.problems, switchErrors: errors, exit, stuck: Boolean(phone.stuck) }).toEqual({
        problems: [],
        switchErrors: [],
        exit: { code: 0, signal: null },
        stuck: false,
      });
    },
    /** After a failed test: nothing is checked, nothing stays behind. */
    async abandon() {
      pair.closed = true;
      phone.child.kill('SIGKILL');
      await sw.stop();
    },
  };
  return pair;
}

module.exports = { startPair, startSwitch, Phone, signal, GENERATIONS, IMPLEMENTATION };
