// Two hosts that network namespaces stand for, each with a link of its own to a router that is a third.
// Invariant: `demolish()` leaves nothing of it behind, and ends whatever runs there.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PATH = fileURLToPath(new URL('path.py', import.meta.url));
const TABLE = 100;

export const [A, B, ROUTER] = ['a', 'b', 'r'].map((name) => `webphone-${process.pid}-${name}`);
const HOSTS = [
  { host: A, link: 'wa', net: '10.71.1' },
  { host: B, link: 'wb', net: '10.71.2' },
];

export const run = (command) =>
  execFileSync('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
export const inside = (host, command) => run(`ip netns exec ${host} ${command}`);

export function build() {
  for (const host of [A, B, ROUTER]) run(`ip netns add ${host} && ip -n ${host} link set lo up`);
  for (const { host, link, net } of HOSTS) {
    run(`ip -n ${ROUTER} link add ${link} type veth peer name eth0 netns ${host}`);
    run(`ip -n ${ROUTER} addr add ${net}.1/24 dev ${link} && ip -n ${ROUTER} link set ${link} up`);
    run(`ip -n ${host} addr add ${net}.2/24 dev eth0 && ip -n ${host} link set eth0 up`);
    run(`ip -n ${host} route add default via ${net}.1`);
  }
  for (const setting of ['ip_forward=1', 'conf.all.rp_filter=0', 'conf.default.rp_filter=0'])
    inside(ROUTER, `sysctl -q -w net.ipv4.${setting}`);
}

/** Ends all that runs on a host, at once. */
export function kill(host) {
  for (const pid of run(`ip netns pids ${host}`).split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended in the meantime.
    }
  }
}

export function demolish() {
  for (const host of [A, B, ROUTER]) {
    if (spawnSync('ip', ['netns', 'pids', host]).status === 0) kill(host);
    spawnSync('ip', ['netns', 'del', host]);
  }
}

/** The router drops what it should forward, and says nothing of it. */
export function cut(how) {
  for (const { net } of HOSTS)
    for (const half of ['0/25', '128/25']) run(`ip -n ${ROUTER} route ${how} blackhole ${net}.${half}`);
}

export function shorten(mtu) {
  for (const { link } of HOSTS) inside(ROUTER, `ip link set ${link} mtu ${mtu}`);
}

/** A host gets another address, and loses the one that it had. */
export function move(host) {
  const { net } = HOSTS.find((it) => it.host === host);
  run(`ip -n ${host} addr del ${net}.2/24 dev eth0 && ip -n ${host} addr add ${net}.77/24 dev eth0`);
  run(`ip -n ${host} route replace default via ${net}.1`);
}

/** The NAT that a host is behind. Another `binding`: it has forgotten all, and gives other ports. */
export const nat = (host, binding) => {
  const { net } = HOSTS.find((it) => it.host === host);
  return { inside: `${net}.2`, outside: net.replace('71', '72').concat('.1'), binding };
};

/**
 * What happens to all that the router forwards, both ways: path.py, beside the kernel. It is the same in every kernel, with the
 * same dice; netem is not there in each, and has no NAT.
 */
export class Path {
  static async open() {
    const path = new Path();
    path.process = spawn('ip', ['netns', 'exec', ROUTER, 'python3', PATH, 'path'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    path.answers = createInterface({ input: path.process.stdout });
    path.exited = once(path.process, 'exit');
    await path.#answer();
    run(`ip -n ${ROUTER} link set path up && ip -n ${ROUTER} route add default dev path table ${TABLE}`);
    for (const { link } of HOSTS) run(`ip -n ${ROUTER} rule add iif ${link} lookup ${TABLE} pref ${TABLE}`);
    return path;
  }

  /** @param {object} order as path.py takes it; resolves with what became of the packets since the last one */
  async order(order) {
    this.process.stdin.write(`${JSON.stringify(order)}\n`);
    return this.#answer();
  }

  async close() {
    this.process.stdin.end();
    await this.exited;
  }

  async #answer() {
    const line = once(this.answers, 'line').then(([text]) => text);
    const answer = await Promise.race([line, this.exited.then(() => null)]);
    if (answer === null) throw new Error('path.py has ended');
    return JSON.parse(answer);
  }
}
