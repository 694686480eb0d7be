// Run by Jest in the project of a new user, beside the installed packages. FAR_SIDE is the demo's switch process, SWITCH its
// folder, SWITCH_NODE the Node that it was installed for.

const { fork } = require('node:child_process');
const { EventEmitter, once } = require('node:events');

globalThis.WebSocket = require(process.env.SWITCH).localWebSocket();

const HEARD = 0.01; // RMS; -40 dB

class FarSide extends EventEmitter {
  #child = fork(process.env.FAR_SIDE, { execPath: process.env.SWITCH_NODE, execArgv: [] });
  #seq = 0;

  constructor() {
    super();
    this.#child.on('message', ({ event, level, seq, result, error }) => {
      if (event) this.emit(event.type, event);
      else if (seq) this.emit(`answer ${seq}`, error ? Promise.reject(new Error(error)) : result);
      else if (level > HEARD) this.emit('heard');
    });
  }
  async ask(command) {
    const seq = ++this.#seq;
    this.#child.send({ seq, do: command });
    const [answer] = await once(this, `answer ${seq}`);
    return answer;
  }
  /** The process ends instead of an answer. */
  async stop() {
    const exited = once(this.#child, 'exit');
    this.#child.send({ do: 'stop' });
    await exited;
  }
}

let far;
let phone;
afterEach(async () => {
  await phone?.dispose();
  await far.stop();
});

test('a caller gets through, is heard and hears, until the caller hangs up', async () => {
  const startBridge = require('./bridge.js');
  far = new FarSide();
  const { sipInfo } = await far.ask('start');
  let answered;
  const call = new Promise((resolve) => {
    answered = resolve;
  });
  phone = await startBridge(sipInfo, answered);
  const outcome = Promise.race([once(far, 'dtls'), once(far, 'ended')]);
  await far.ask('call');
  const [{ type, verdict }] = await outcome;
  expect({ type, verdict }).toEqual({ type: 'dtls', verdict: undefined });

  const { callAudio } = require('webphone-rtc/webphone');
  const session = await call;
  const { source, sink } = callAudio(session);
  const heard = once(far, 'heard');
  const ramp = Int16Array.from({ length: 320 }, (_, n) => (n % 32) * 500 - 8000);
  const speaking = setInterval(() => source.write(ramp), 20);
  for await (const { samples } of sink)
    if (Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length) / 32768 > HEARD) break;
  await heard;
  clearInterval(speaking);

  const disposed = once(session, 'disposed');
  const ended = once(far, 'ended');
  await far.ask('hangup');
  expect((await ended)[0].verdict).toBe('completed');
  await disposed;
}, 60_000);
