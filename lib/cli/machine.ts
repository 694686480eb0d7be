/**
 * Checks of the machine alone: Node, the binary, interfaces, ports.
 * Invariant: nothing here needs the binary, so that the doctor also speaks where there is none.
 */
import { createSocket } from 'node:dgram';
import type { NetworkInterfaceInfo } from 'node:os';
import { whyNoBinary } from '../no-binary';
import type { Finding } from './finding';

const OLDEST_NODE = 20;

export function checkNode(version: string): Finding {
  const major = Number.parseInt(version.replace(/^v/, ''), 10);
  const data = { version };
  if (major >= OLDEST_NODE) return { id: 'node', status: 'ok', says: `Node ${version}`, data };
  return {
    id: 'node',
    status: 'failure',
    says: `Node ${version} is too old`,
    advice: `Install Node ${OLDEST_NODE} or newer: https://nodejs.org, or your version manager.`,
    data,
  };
}

/** `load` requires the addon. */
export function checkBinary(load: () => { version(): string }, platform: string): Finding {
  try {
    const version = load().version();
    return {
      id: 'binary',
      status: 'ok',
      says: `The engine ${version} loads on ${platform}`,
      data: { version, platform },
    };
  } catch (error) {
    const reason = whyNoBinary(error);
    return {
      id: 'binary',
      status: 'failure',
      says: `The engine does not load on ${platform}: ${reason}`,
      advice:
        'Run `npm rebuild webphone-rtc --foreground-scripts`: it compiles the engine, or says what that needs. After a copy of ' +
        'node_modules from another kind of machine, or an install with --omit=optional, run `npm install` here instead.',
      data: { platform, reason },
    };
  }
}

export function checkInterfaces(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): Finding {
  const all = Object.entries(interfaces).flatMap(([name, infos]) => (infos ?? []).map((info) => ({ name, ...info })));
  const usable = all.filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/i.test(address));
  const addresses = usable.map(({ name, address }) => `${address} (${name})`);
  const data = { addresses: usable.map(({ name, address, family }) => ({ name, address, family })) };
  if (usable.length === 0) {
    return {
      id: 'interfaces',
      status: 'failure',
      says: 'No interface has an address that others can reach: calls stay on this machine',
      advice: 'Connect a network. In a container, do not run it with --network=none.',
      data,
    };
  }
  if (usable.every(({ family }) => family === 'IPv6')) {
    return {
      id: 'interfaces',
      status: 'warning',
      says: `There are only IPv6 addresses: ${addresses.join(', ')}`,
      advice:
        'Many telephone networks answer by IPv4 only; give the machine an IPv4 address, or a TURN server that has one.',
      data,
    };
  }
  return { id: 'interfaces', status: 'ok', says: `Candidates would be ${addresses.join(', ')}`, data };
}

/** Sockets that a call takes on each address; a restart has both generations for a moment. */
const SOCKETS_PER_CALL = 2;
/** As many as are tried: enough to know, and few enough not to be in anybody's way. */
const MOST_TRIED = 512;

export async function checkPorts(range: readonly [number, number] | null): Promise<Finding> {
  if (!range) {
    const free = await isFree(0);
    if (free === true) return { id: 'ports', status: 'ok', says: 'UDP ports of the system’s choice can be had' };
    return {
      id: 'ports',
      status: 'failure',
      says: `No UDP port can be had: ${free}`,
      advice:
        'See the limits of open files and the sandbox of this process (`ulimit -n`, seccomp, container policy), and whether the ' +
        'system’s own range is used up (`sysctl net.ipv4.ip_local_port_range`).',
    };
  }
  const [low, high] = range;
  const tried = Math.min(high - low + 1, MOST_TRIED);
  let free = 0;
  let reason = '';
  for (let port = low; port < low + tried; port++) {
    const result = await isFree(port);
    if (result === true) free += 1;
    else reason = result;
  }
  const share = `${free} of ${tried} UDP ports from ${low} on are free`;
  const data = { low, high, tried, free };
  if (free === 0) {
    return {
      id: 'ports',
      status: 'failure',
      says: `${share}: ${reason}`,
      advice: 'Choose another `portRange`, or end what has these ports (`ss -lunp`, on Windows `netstat -ano -p udp`).',
      data,
    };
  }
  if (free < 2 * SOCKETS_PER_CALL || free < tried / 2) {
    return {
      id: 'ports',
      status: 'warning',
      says: share,
      advice: `A call takes ${SOCKETS_PER_CALL} ports on each address while it restarts: widen \`portRange\`, or end what has the others.`,
      data,
    };
  }
  return { id: 'ports', status: 'ok', says: share, data };
}

/** true, or why not. */
function isFree(port: number): Promise<true | string> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code === 'EADDRINUSE' ? 'another socket has them' : error.message);
    });
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
