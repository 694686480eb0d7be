// A voice AI in the test's own hands: it keeps what the bridge says and says what it is told. No Python needed.

const { once } = require('node:events');
const http = require('node:http');
const { WebSocketServer } = require('ws');

class ScriptedAi {
  /** Connections, oldest first: { url, headers, texts, audioBytes, socket, closed }. */
  connections = [];
  /** Bodies of the notices. */
  notices = [];
  /** How many of the next notices are refused. */
  refuseNotices = 0;
  /** Notices are taken and never answered. */
  hangNotices = false;
  #waiting = new Set();

  /** subprotocol: false makes it accept without naming one, as many frameworks do. */
  static async start({ port = 0, subprotocol = true } = {}) {
    const ai = new ScriptedAi();
    ai.server = http.createServer((request, response) => ai.#notice(request, response));
    ai.sockets = new WebSocketServer({ server: ai.server, handleProtocols: () => subprotocol && 'audio.jambonz.org' });
    ai.sockets.on('connection', (socket, request) => ai.#connected(socket, request));
    ai.server.listen(port, '127.0.0.1');
    await once(ai.server, 'listening');
    ai.port = ai.server.address().port;
    return ai;
  }

  get env() {
    return { PYTHON_WS_URL: `ws://127.0.0.1:${this.port}`, PYTHON_HTTP_URL: `http://127.0.0.1:${this.port}/calls` };
  }

  /** Resolves with what `find` returns once that is truthy. */
  when(find, limitMs = 20_000) {
    const found = find();
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const look = () => {
        const now = find();
        if (!now) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(now);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(
          new Error(`the AI did not see it: ${find}; ${JSON.stringify(this.connections.at(-1)?.texts.slice(-5))}`),
        );
      }, limitMs);
      this.#waiting.add(look);
    });
  }

  /** The n-th connection once it has said something; the newest by default. */
  connection(index = -1) {
    return this.when(() => {
      const connection = this.connections.at(index);
      return connection?.texts.length > 0 && connection;
    });
  }

  #changed() {
    for (const look of [...this.#waiting]) look();
  }

  #connected(socket, request) {
    const connection = { url: request.url, headers: request.headers, texts: [], audio: [], audioBytes: 0, socket };
    this.connections.push(connection);
    socket.on('message', (data, isBinary) => {
      if (isBinary) {
        connection.audio.push(data.length);
        connection.audioBytes += data.length;
      } else connection.texts.push(JSON.parse(data));
      this.#changed();
    });
    socket.on('close', (code) => {
      connection.closed = code;
      this.#changed();
    });
  }

  async #notice(request, response) {
    let body = '';
    for await (const part of request) body += part;
    if (this.hangNotices) return;
    if (this.refuseNotices > 0) {
      this.refuseNotices--;
      response.writeHead(503).end();
      return;
    }
    this.notices.push(JSON.parse(body));
    response.writeHead(204).end();
    this.#changed();
  }

  async stop() {
    for (const socket of this.sockets.clients) socket.terminate();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

module.exports = { ScriptedAi };
