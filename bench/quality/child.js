// Child processes that are asked and answer, over Node's IPC.
// Invariant: each request is settled, at the latest when the child ends.

const { fork, spawnSync } = require('node:child_process');
const path = require('node:path');

/** Round-robin real-time priority, where it is allowed: on a busy machine timing is noise otherwise. */
const REAL_TIME = ['-r', '10'];
const realTime = spawnSync('chrt', [...REAL_TIME, 'true']).status === 0;

class Child {
  #process;
  #pending = new Map();
  #last = 0;

  constructor(file, env = {}) {
    this.#process = fork(path.join(__dirname, file), [], {
      ...(realTime ? { execPath: 'chrt', execArgv: [...REAL_TIME, process.execPath] } : {}),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: { ...process.env, ...env },
    });
    this.#process.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(`${file}: ${error}`));
    });
    this.#process.on('exit', (code, signal) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`${file} has ended (${signal ?? code})`));
      this.#pending.clear();
    });
  }

  ask(request, parameters = {}) {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#pending.set(id, { resolve, reject });
      this.#process.send({ id, request, parameters }, (error) => error && reject(error));
    });
  }

  /** At once: @roamhq/wrtc may crash when its process ends in an orderly way. */
  kill() {
    this.#process.kill('SIGKILL');
  }
}

/** The child's side: answers each request with what the handler of that name returns. */
function serve(handlers) {
  process.on('message', async ({ id, request, parameters }) => {
    try {
      process.send({ id, result: await handlers[request](parameters) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}

module.exports = { Child, realTime, serve };
