// rtpengine on loopback, where this machine has it (Debian's rtpengine-daemon), in user space. Signaling asks it over its ng protocol:
// a cookie and a bencoded dictionary in one datagram, and the same back (https://rtpengine.readthedocs.io/en/latest/ng_control_protocol.html).

const { spawn, spawnSync } = require('node:child_process');
const { createSocket } = require('node:dgram');
const { once } = require('node:events');

const ADDRESS = '127.0.0.1';
const missing = spawnSync('rtpengine', ['--help'], { stdio: 'ignore' }).error
  ? 'rtpengine is not installed'
  : undefined;

/** Each has ports for media of its own: two that overlap may both bind a port, and one gets what is for the other. */
const FIRST_PORT = 10_000;
const PORTS = 200;
const RANGES = 100;

function bencode(value) {
  if (Array.isArray(value)) return `l${value.map(bencode).join('')}e`;
  if (typeof value === 'object') {
    const entries = Object.keys(value).sort();
    return `d${entries.map((key) => bencode(key) + bencode(value[key])).join('')}e`;
  }
  return typeof value === 'number' ? `i${value}e` : `${Buffer.byteLength(value)}:${value}`;
}

function bdecode(text) {
  let at = 0;
  const until = (end) => {
    const from = at;
    at = text.indexOf(end, from) + 1;
    return text.slice(from, at - 1);
  };
  const next = () => {
    const kind = text[at];
    if (kind === 'i') {
      at++;
      return Number(until('e'));
    }
    if (kind !== 'd' && kind !== 'l') {
      const length = Number(until(':'));
      at += length;
      return text.slice(at - length, at);
    }
    at++;
    const items = [];
    while (text[at] !== 'e') items.push(next());
    at++;
    if (kind === 'l') return items;
    return Object.fromEntries(items.flatMap((key, i) => (i % 2 ? [] : [[key, items[i + 1]]])));
  };
  return next();
}

async function freeUdpPort() {
  const socket = createSocket('udp4').bind(0, ADDRESS);
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise((done) => socket.close(done));
  return port;
}

class Rtpengine {
  static #started = 0;

  static async start() {
    const engine = new Rtpengine(await freeUdpPort());
    await engine.ask({ command: 'ping' });
    return engine;
  }

  constructor(port) {
    this.port = port;
    this.cookie = 0;
    const first = FIRST_PORT + PORTS * ((2 * process.pid + Rtpengine.#started++) % RANGES);
    const ports = [`--port-min=${first}`, `--port-max=${first + PORTS - 1}`];
    const where = ['--table=-1', `--interface=${ADDRESS}`, `--listen-ng=${ADDRESS}:${port}`, ...ports];
    const how = ['--config-file=none', '--foreground', '--log-stderr', '--num-threads=2'];
    this.child = spawn('rtpengine', [...where, ...how], { stdio: 'ignore' });
    this.socket = createSocket('udp4').bind(0, ADDRESS);
  }

  /** Its answer; it is asked until it gives one, under one cookie, so that it does once what it is asked. */
  async ask(question) {
    const cookie = `c${this.cookie++}`;
    const datagram = Buffer.from(`${cookie} ${bencode(question)}`);
    const send = () => this.socket.send(datagram, this.port, ADDRESS);
    const again = setInterval(send, 200);
    send();
    try {
      return await new Promise((resolve, reject) => {
        this.child.once('exit', (code) => reject(new Error(`rtpengine has ended with ${code}`)));
        this.child.once('error', reject);
        this.socket.on('message', (message) => {
          const text = message.toString('latin1');
          if (!text.startsWith(`${cookie} `)) return;
          const answer = bdecode(text.slice(cookie.length + 1));
          if (answer.result === 'error') reject(new Error(answer['error-reason']));
          else resolve(answer);
        });
      });
    } finally {
      clearInterval(again);
      this.socket.removeAllListeners('message');
      this.child.removeAllListeners('exit');
    }
  }

  async stop() {
    this.socket.close();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

module.exports = { Rtpengine, missing };
