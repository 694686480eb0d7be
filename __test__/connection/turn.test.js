// Calls over a true TURN server: coturn, where this machine has it (Debian's package of that name).

const { spawn, spawnSync } = require('node:child_process');
const { createSocket } = require('node:dgram');
const { once } = require('node:events');
const { Pair } = require('../support/pair');

const installed = spawnSync('turnserver', ['--version']).error === undefined;
const withCoturn = (name, run) =>
  (installed ? test : test.skip)(installed ? name : `${name} [coturn is not installed]`, run, 30_000);

const USER = { username: 'ada', credential: 'secret' };
let server;
let url;

async function freePort() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

/** Resolves when coturn answers a Binding request, however often it must be asked. */
async function answers(port) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const request = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
  const again = setInterval(() => socket.send(request, port, '127.0.0.1'), 50);
  await Promise.race([
    once(socket, 'message'),
    once(server, 'exit').then(([code]) => {
      throw new Error(`coturn has ended with ${code}`);
    }),
  ]).finally(() => clearInterval(again));
  socket.close();
}

beforeAll(async () => {
  if (!installed) return;
  const port = await freePort();
  const config = ['--no-tls', '--no-dtls', '--no-cli', '--allow-loopback-peers', '--lt-cred-mech'];
  const where = ['--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', String(port)];
  const who = ['--realm', 'example.org', '--user', `${USER.username}:${USER.credential}`];
  const files = ['--log-file', 'stdout', '--pidfile', '/dev/null', '--userdb', '/dev/null'];
  server = spawn('turnserver', ['-n', ...config, ...where, ...who, ...files], { stdio: 'ignore' });
  await answers(port);
  url = `turn:127.0.0.1:${port}?transport=udp`;
});

afterAll(async () => {
  if (!server || server.exitCode !== null) return;
  server.kill();
  await once(server, 'exit');
});

const network = (credential = USER.credential) => ({
  loopback: true,
  iceTransportPolicy: 'relay',
  iceServers: [{ urls: url, username: USER.username, credential }],
});

withCoturn('two ends that show only relayed addresses hear each other', async () => {
  const pair = new Pair({ network: network() });
  try {
    const candidates = [];
    pair.left.pc.addEventListener('icecandidate', ({ candidate }) => candidate && candidates.push(candidate));
    await pair.connect();
    await pair.talks();
    expect(candidates).toHaveLength(1);
    expect(candidates[0]).toMatchObject({ type: 'relay', relayProtocol: 'udp', url, relatedAddress: '0.0.0.0' });
    expect(pair.left.pc.localDescription.sdp).not.toContain('typ host');
    const stats = [...(await pair.left.pc.getStats()).values()];
    const local = stats.find(({ type }) => type === 'local-candidate');
    expect(local).toMatchObject({ candidateType: 'relay', relayProtocol: 'udp', url });
  } finally {
    pair.end();
  }
});

withCoturn('a wrong password is an icecandidateerror with the code of the server', async () => {
  const pair = new Pair({ network: network('guessed') });
  try {
    const errors = [];
    pair.left.pc.addEventListener('icecandidateerror', ({ errorCode, url }) => errors.push({ errorCode, url }));
    await pair.left.offer();
    expect(errors).toEqual([{ errorCode: 401, url }]);
  } finally {
    pair.end();
  }
});
