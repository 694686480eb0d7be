// `npm run faults`: calls between two hosts that network namespaces stand for, with a router between them that loses, repeats,
// reorders, cuts and shortens. Needs root and iproute2, and the kernel's netem for loss and order; says so and ends with 0 where
// it has not got them.
// With names as arguments, those cases alone.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const END = fileURLToPath(new URL('end.js', import.meta.url));
const [A_HZ, B_HZ] = [1000, 700];
const [A, B, ROUTER] = ['a', 'b', 'r'].map((name) => `webphone-${process.pid}-${name}`);

const run = (command) =>
  execFileSync('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
const inside = (host, command) => run(`ip netns exec ${host} ${command}`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Two hosts, each with a link of its own to the router. */
function build() {
  for (const host of [A, B, ROUTER]) run(`ip netns add ${host} && ip -n ${host} link set lo up`);
  for (const [host, link, net] of [
    [A, 'wa', '10.71.1'],
    [B, 'wb', '10.71.2'],
  ]) {
    run(`ip -n ${ROUTER} link add ${link} type veth peer name eth0 netns ${host}`);
    run(`ip -n ${ROUTER} addr add ${net}.1/24 dev ${link} && ip -n ${ROUTER} link set ${link} up`);
    run(`ip -n ${host} addr add ${net}.2/24 dev eth0 && ip -n ${host} link set eth0 up`);
    run(`ip -n ${host} route add default via ${net}.1`);
  }
  inside(ROUTER, 'sysctl -q -w net.ipv4.ip_forward=1');
}

const demolish = () => {
  for (const host of [A, B, ROUTER]) spawnSync('ip', ['netns', 'del', host]);
};

/** What the router does to all that it forwards, both ways, if the kernel has netem. */
function network(faults) {
  for (const link of ['wa', 'wb'])
    inside(ROUTER, `tc qdisc replace dev ${link} root netem limit 10000 delay 10ms ${faults}`);
}

/** The router drops what it should forward, and says nothing of it. */
function cut(how) {
  for (const address of ['10.71.1.0/24', '10.71.2.0/24'])
    for (const host of ['0/25', '128/25'])
      run(`ip -n ${ROUTER} route ${how} blackhole ${address.replace('0/24', host)}`);
}

class End {
  #last = 0;
  #waiting = new Map();

  constructor(host, hz, farHz, env = {}) {
    const args = ['netns', 'exec', host, process.execPath, END, String(hz), String(farHz)];
    this.child = spawn('ip', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, ...env } });
    this.exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve(signal ?? code)));
    this.ready = new Promise((resolve) => this.child.once('message', resolve));
    this.child.on('message', ({ id, result, error }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
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

async function negotiate(a, b, options) {
  const answer = await b.ask('answer', await a.ask('offer', options));
  await a.ask('accept', answer);
}

const bothHear = (a, b) => Promise.all([a.ask('hears'), b.ask('hears')]);

async function call(env) {
  const [a, b] = [new End(A, A_HZ, B_HZ, env), new End(B, B_HZ, A_HZ, env)];
  await Promise.all([a.ready, b.ready]);
  return { a, b };
}

async function connected(env) {
  const { a, b } = await call(env);
  await negotiate(a, b);
  await Promise.all([a.ask('connected'), b.ask('connected')]);
  return { a, b };
}

async function end({ a, b }) {
  await Promise.all([a, b].map((it) => it.ask('end')));
  const codes = await Promise.all([a.exited, b.exited]);
  if (codes.some((code) => code !== 0)) throw new Error(`the processes ended with ${codes}`);
}

const names = async (it) => (await it.ask('states')).map(([, state]) => state);
function expect(what, found, ...wanted) {
  if (!wanted.some((each) => JSON.stringify(each) === JSON.stringify(found)))
    throw new Error(`${what}: ${JSON.stringify(found)}`);
}

const USUAL = ['connecting', 'connected'];
const INTERRUPTED = [...USUAL, 'disconnected', 'connected'];

/** Nothing passes for so long; then the call must be there again by itself. */
const blackout =
  (seconds, ...allowed) =>
  async () => {
    const pair = await connected();
    await bothHear(pair.a, pair.b);
    cut('add');
    await sleep(seconds * 1000);
    cut('del');
    const began = Date.now();
    await bothHear(pair.a, pair.b);
    const states = await Promise.all([names(pair.a), names(pair.b)]);
    for (const each of states) expect('states', each, ...allowed);
    await end(pair);
    return `heard again, a whole clean second of it, ${((Date.now() - began) / 1000).toFixed(1)} s after; ${states[0].slice(2).join(', ') || 'no change of state'}`;
  };

const cases = {
  'nothing wrong': async () => {
    const pair = await connected();
    await bothHear(pair.a, pair.b);
    await end(pair);
  },
  'loss of 40 %': async () => {
    if (noNetem) return `skipped: ${noNetem}`;
    network('loss 40%');
    const pair = await connected();
    await sleep(20_000);
    const states = await Promise.all([names(pair.a), names(pair.b)]);
    for (const each of states) if (each.includes('failed')) throw new Error(`it failed: ${each}`);
    network('');
    await bothHear(pair.a, pair.b);
    await end(pair);
    return `connected, stayed (${states[0].slice(2).join(', ') || 'no change of state'}), and clean once the loss had gone`;
  },
  'half of all datagrams twice, a quarter out of order': async () => {
    if (noNetem) return `skipped: ${noNetem}`;
    network('2ms duplicate 50% reorder 75% 50%');
    const pair = await connected();
    await bothHear(pair.a, pair.b);
    await end(pair);
  },
  'a blackout of 1 s': blackout(1, USUAL),
  'a blackout of 5 s': blackout(5, USUAL, INTERRUPTED),
  'a blackout of 20 s': blackout(20, INTERRUPTED),
  'an MTU of 576': async () => {
    inside(ROUTER, 'ip link set wa mtu 576');
    inside(ROUTER, 'ip link set wb mtu 576');
    const pair = await connected();
    await bothHear(pair.a, pair.b);
    await end(pair);
  },
  'another address, and an ICE restart': async () => {
    const pair = await connected();
    await bothHear(pair.a, pair.b);
    run(`ip -n ${A} addr del 10.71.1.2/24 dev eth0 && ip -n ${A} addr add 10.71.1.77/24 dev eth0`);
    run(`ip -n ${A} route replace default via 10.71.1.1`);
    await pair.a.ask('until', 'disconnected');
    await negotiate(pair.a, pair.b, { iceRestart: true });
    await bothHear(pair.a, pair.b);
    expect('states', await names(pair.a), INTERRUPTED, [...USUAL, 'disconnected', 'connecting', 'connected']);
    await end(pair);
    return 'disconnected, then connected by the restart';
  },
  'a far end that vanishes': async () => {
    const pair = await connected();
    await bothHear(pair.a, pair.b);
    const began = Date.now();
    pair.b.child.kill('SIGKILL');
    await pair.a.ask('until', 'failed');
    const seconds = (await pair.a.ask('states'))
      .slice(2)
      .map(([at, state]) => `${state} after ${((at - began) / 1000).toFixed(1)} s`);
    expect('states', await names(pair.a), [...USUAL, 'disconnected', 'failed']);
    await pair.a.ask('end');
    expect('exit', await pair.a.exited, 0);
    return seconds.join(', ');
  },
  'STUN that is true (coturn), and silent': async () => {
    const server = await coturn();
    if (!server) return 'skipped: there is no coturn';
    try {
      const urls = ['stun:10.71.1.1:3478', 'stun:10.71.1.1:9'];
      const pair = await connected({ ICE_SERVERS: JSON.stringify([{ urls }]) });
      await bothHear(pair.a, pair.b);
      const errors = (await pair.a.ask('errors')).map(([code, url]) => `${code} ${url}`);
      expect('errors', errors, [`701 ${urls[1]}`]);
      await end(pair);
      return 'an error for the silent one, none for coturn';
    } finally {
      await server.stop();
    }
  },
  'TURN (coturn) over UDP, where the router forwards nothing': () => relayed('udp'),
  'TURN (coturn) over TCP, where the router forwards nothing and the server takes no UDP': () =>
    relayed('tcp', '--no-udp'),
};

/** coturn on the router; null where this machine has none. */
async function coturn(...options) {
  const where = ['--listening-ip', '10.71.1.1', '--relay-ip', '10.71.1.1', '--lt-cred-mech', '--realm', 'example.org'];
  const who = ['--user', 'ada:secret', '--no-tls', '--no-dtls', '--no-cli', '--userdb', '/dev/null'];
  const files = ['--log-file', 'stdout', '--pidfile', '/dev/null'];
  const args = ['netns', 'exec', ROUTER, 'turnserver', '-n', ...where, ...who, ...files, ...options];
  const server = spawn('ip', args, { stdio: 'ignore' });
  const gone = new Promise((resolve) => server.once('exit', resolve).once('error', resolve));
  await sleep(1000);
  const stop = () => {
    server.kill();
    return gone;
  };
  return server.exitCode !== null || server.pid === undefined ? null : { stop };
}

/** Both ends reach the server, and nobody else. */
async function relayed(over, ...options) {
  const server = await coturn(...options);
  if (!server) return 'skipped: there is no coturn';
  inside(ROUTER, 'sysctl -q -w net.ipv4.ip_forward=0');
  try {
    const urls = `turn:10.71.1.1:3478?transport=${over}`;
    const servers = [{ urls, username: 'ada', credential: 'secret' }];
    const pair = await connected({ ICE_SERVERS: JSON.stringify(servers) });
    await bothHear(pair.a, pair.b);
    expect('states', await names(pair.a), USUAL);
    const used = await Promise.all([pair.a, pair.b].map((it) => it.ask('path')));
    if (!used.some(([type, protocol]) => type === 'relay' && protocol === over)) throw new Error(`paths: ${used}`);
    await end(pair);
    return `they talk: ${used.map(([type, protocol]) => [type, protocol].filter(Boolean).join(' over ')).join(', and ')}`;
  } finally {
    inside(ROUTER, 'sysctl -q -w net.ipv4.ip_forward=1');
    await server.stop();
  }
}

let noNetem = null;

function whyNoNetem() {
  try {
    network('');
    return null;
  } catch (error) {
    return `no netem: ${String(error.stderr || error.message).trim()}`;
  }
}

function missing() {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid() !== 0) return 'not root';
  try {
    build();
    return null;
  } catch (error) {
    return String(error.stderr || error.message).trim();
  } finally {
    demolish();
  }
}

const reason = missing();
if (reason) {
  console.log(`skipped: ${reason}`);
} else {
  const wanted = process.argv.slice(2);
  let failed = 0;
  for (const [name, test] of Object.entries(cases)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    try {
      build();
      noNetem = whyNoNetem();
      const said = (await test()) ?? '';
      console.log(`- ${said.startsWith('skipped') ? '' : 'ok: '}${name}${said ? `: ${said}` : ''}`);
    } catch (error) {
      failed++;
      console.log(`- NOT OK: ${name}: ${error.message}`);
    } finally {
      for (const host of [A, B])
        for (const pid of run(`ip netns pids ${host}`).split('\n').filter(Boolean))
          process.kill(Number(pid), 'SIGKILL');
      demolish();
    }
  }
  process.exitCode = failed === 0 ? 0 : 1;
}
