// A SIP proxy and registrar over WebSocket (RFC 3261 section 16, RFC 7118) for two user agents on 127.0.0.1.
// Invariant: what a message says passes unchanged but for the proxy's own Via; whoever a request names by address of record or
// by contact gets it.
import { randomUUID } from 'node:crypto';
import { WebSocketServer } from './page.mjs';

/** Resolves with `{ url, methods, close }`; `methods` lists the requests that were passed on. */
export async function startProxy() {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (offered) => offered.has('sip') && 'sip',
  });
  await new Promise((resolve) => server.on('listening', resolve));
  const proxy = new SipProxy(server);
  return { url: `ws://127.0.0.1:${server.address().port}`, methods: proxy.methods, close: () => server.close() };
}

class SipProxy {
  /** Sockets by user part: of the address of record, and of contacts. */
  #users = new Map();
  /** Where the response to a branch of ours goes. */
  #branches = new Map();
  methods = [];

  constructor(server) {
    server.on('connection', (socket) => socket.on('message', (data) => this.#take(socket, String(data))));
  }

  #take(socket, text) {
    if (text.trim() === '') return;
    const contact = /^(?:Contact|m):.*?sips?:([^@;>\s]+)@/im.exec(text)?.[1];
    if (contact) this.#users.set(contact, socket);
    if (text.startsWith('SIP/2.0 ')) this.#passResponse(text);
    else if (text.startsWith('REGISTER ')) this.#register(socket, text);
    else this.#passRequest(socket, text);
  }

  #register(socket, text) {
    this.#users.set(/^To:.*?sips?:([^@]+)@/im.exec(text)[1], socket);
    const copied = text.match(/^(Via|From|Call-ID|CSeq|Contact): .*\r\n/gim).join('');
    const to = /^To: .*(?=\r\n)/im.exec(text)[0];
    socket.send(`SIP/2.0 200 OK\r\n${copied}${to};tag=${randomUUID()}\r\nContent-Length: 0\r\n\r\n`);
  }

  #passRequest(from, text) {
    const [, method, user] = /^(\S+) sips?:([^@\s]+)@/.exec(text);
    this.methods.push(method);
    const target = this.#users.get(user);
    if (!target) throw new Error(`nobody is called ${user}`);
    // A CANCEL, and the ACK of a refusal, belong to the INVITE's branch.
    const theirs = /^Via:.*?branch=([^;\s]+)/im.exec(text)[1];
    this.#branches.set(theirs, from);
    const hop = text.replace('\r\n', `\r\nVia: SIP/2.0/WS proxy.invalid;branch=${theirs}.p\r\n`);
    target.send(hop);
  }

  #passResponse(text) {
    const [via, branch] = /^Via:.*?branch=([^;\s]+)\.p\b.*\r\n/im.exec(text);
    this.#branches.get(branch)?.send(text.replace(via, ''));
  }
}
