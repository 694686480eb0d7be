// coturn on loopback, where this machine has it (Debian's package of that name): one port for UDP, TCP and TLS.

const { spawn, spawnSync } = require('node:child_process');
const { createSocket } = require('node:dgram');
const { once } = require('node:events');
const { createServer } = require('node:net');
const { join } = require('node:path');

const installed = spawnSync('turnserver', ['--version']).error === undefined;
const file = (name) => join(__dirname, '../connection/turn', name);
const USER = { username: 'ada', credential: 'secret' };

/** One that neither UDP nor TCP has in use. */
async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  const free = await Promise.race([
    once(socket, 'listening').then(() => true),
    once(socket, 'error').then(() => false),
  ]);
  await Promise.all([new Promise((done) => socket.close(done)), new Promise((done) => listener.close(done))]);
  return free ? port : freePort();
}

class Coturn {
  /** @param {string[]} options further ones of turnserver */
  static async start(...options) {
    const server = new Coturn(await freePort(), options);
    await server.run();
    return server;
  }

  constructor(port, options) {
    this.port = port;
    this.options = options;
  }

  async run() {
    const config = ['--no-dtls', '--no-cli', '--allow-loopback-peers', '--lt-cred-mech'];
    const where = ['--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', String(this.port)];
    const who = ['--realm', 'example.org', '--user', `${USER.username}:${USER.credential}`];
    const files = ['--log-file', 'stdout', '--pidfile', '/dev/null', '--userdb', '/dev/null'];
    const tls = ['--cert', file('server.pem'), '--pkey', file('server.key')];
    this.child = spawn('turnserver', ['-n', ...config, ...where, ...who, ...files, ...tls, ...this.options], {
      stdio: 'ignore',
    });
    await this.answers();
  }

  /** Resolves when it answers a Binding request, however often it must be asked. */
  async answers() {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const request = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
    const again = setInterval(() => socket.send(request, this.port, '127.0.0.1'), 50);
    await Promise.race([
      once(socket, 'message'),
      once(this.child, 'exit').then(([code]) => {
        throw new Error(`coturn has ended with ${code}`);
      }),
    ]).finally(() => clearInterval(again));
    socket.close();
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  url(over) {
    return over === 'tls' ? `turns:127.0.0.1:${this.port}` : `turn:127.0.0.1:${this.port}?transport=${over}`;
  }

  /** A configuration in which nothing but this server is used. */
  relayOnly(over, credential = USER.credential) {
    return {
      loopback: true,
      iceTransportPolicy: 'relay',
      iceServers: [{ urls: this.url(over), username: USER.username, credential }],
    };
  }
}

module.exports = { AUTHORITY: file('ca.pem'), Coturn, installed };
