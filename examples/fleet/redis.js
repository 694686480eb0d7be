// As much of Redis' protocol (RESP2) as a fleet needs: commands in, replies out, in order, over one connection that comes back.
// Invariant: command() settles within `limitMs`; while the server is away it rejects at once.

const net = require('node:net');

const RETRY_MS = 500;

class Redis {
  #url;
  #socket = null;
  #limitMs;
  #waiting = [];
  #rest = Buffer.alloc(0);
  #closed = false;
  #timer;

  /** url: redis://[:password@]host:port */
  constructor(url, { limitMs = 300 } = {}) {
    this.#url = new URL(url);
    this.#limitMs = limitMs;
    this.#connect();
  }

  get connected() {
    return this.#socket !== null;
  }

  command(...words) {
    if (!this.#socket) return Promise.reject(new Error('Redis is away'));
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      waiting.timer = setTimeout(() => {
        reject(new Error('Redis is too slow'));
        // Its replies come in order: with one missing the connection is of no use.
        this.#socket?.destroy();
      }, this.#limitMs);
      this.#waiting.push(waiting);
      this.#socket.write(encode(words));
    });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #connect() {
    const { hostname, port, password } = this.#url;
    const socket = net.connect({ host: hostname, port: Number(port || 6379), noDelay: true });
    socket.on('connect', () => {
      this.#socket = socket;
      if (password) this.command('AUTH', decodeURIComponent(password)).catch(() => socket.destroy());
    });
    socket.on('data', (data) => this.#read(data));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      this.#socket = null;
      this.#rest = Buffer.alloc(0);
      for (const { reject, timer } of this.#waiting.splice(0)) {
        clearTimeout(timer);
        reject(new Error('Redis is away'));
      }
      if (!this.#closed) this.#timer = setTimeout(() => this.#connect(), RETRY_MS);
    });
  }

  #read(data) {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (;;) {
      const reply = decode(this.#rest, 0);
      if (!reply) return;
      this.#rest = this.#rest.subarray(reply.end);
      const waiting = this.#waiting.shift();
      if (!waiting) continue;
      clearTimeout(waiting.timer);
      if (reply.value instanceof Error) waiting.reject(reply.value);
      else waiting.resolve(reply.value);
    }
  }
}

function encode(words) {
  const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

/** { value, end }, or null while it is not all there. */
function decode(data, at) {
  const line = data.indexOf('\r\n', at);
  if (line < 0) return null;
  const [kind, text] = [String.fromCharCode(data[at]), data.toString('utf8', at + 1, line)];
  const end = line + 2;
  if (kind === '+') return { value: text, end };
  if (kind === '-') return { value: new Error(text), end };
  if (kind === ':') return { value: Number(text), end };
  const count = Number(text);
  if (count < 0) return { value: null, end };
  if (kind === '$') {
    if (data.length < end + count + 2) return null;
    return { value: data.toString('utf8', end, end + count), end: end + count + 2 };
  }
  const items = [];
  let next = end;
  while (items.length < count) {
    const item = decode(data, next);
    if (!item) return null;
    items.push(item.value);
    next = item.end;
  }
  return { value: items, end: next };
}

module.exports = { Redis };
