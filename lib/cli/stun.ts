/**
 * Whether STUN servers answer, and what the NAT between does (RFC 5389, RFC 5780 §4.3: mapping behaviour).
 * Invariants: an answer counts only with the transaction that was asked and an address that can be one; all servers are asked
 * from one socket, for only that tells mappings apart.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Finding } from './finding';

const MAGIC = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;
const MAPPED_ADDRESS = 0x0001;
/** RFC 5389 §7.2.1 has seven in 39.5 s; who looks at a terminal waits for three. */
const RESEND_MS = [0, 300, 900];
const LIMIT_MS = 2500;

export interface Mapped {
  address: string;
  port: number;
}

type Problem = 'no socket' | 'unknown name' | 'silent' | 'nonsense';

type Answer = { server: string; mapped: Mapped; ms: number } | { server: string; problem: Problem; reason: string };

/** What can stand behind `stun:`, with a port or without. */
export function isHostPort(text: string): boolean {
  return /^[^\s,/?#@]+$/.test(text) && !/:0+$/.test(text) && URL.canParse(`wss://${text}`);
}

/** `host:port`, with or without `stun:`. */
export async function askServers(
  servers: readonly string[],
  limitMs = LIMIT_MS,
): Promise<{ answers: Answer[]; localPort: number }> {
  const socket = createSocket('udp4');
  const refused = await new Promise<Error | null>((resolve) => {
    socket.once('error', resolve);
    socket.bind(0, () => resolve(null));
  });
  if (refused) {
    const [problem, reason] = ['no socket' as const, refused.message];
    return { answers: servers.map((server) => ({ server, problem, reason })), localPort: 0 };
  }
  socket.removeAllListeners('error').on('error', () => {});
  const localPort = socket.address().port;
  try {
    return { answers: await Promise.all(servers.map((server) => ask(socket, server, limitMs))), localPort };
  } finally {
    socket.close();
  }
}

async function ask(socket: Socket, server: string, limitMs: number): Promise<Answer> {
  const [, host = '', port = '3478'] = /^(?:stun:)?\[?([^\]]+?)\]?(?::(\d+))?$/.exec(server) ?? [];
  let address: string;
  try {
    ({ address } = await lookup(host, { family: 4 }));
  } catch (error) {
    return { server, problem: 'unknown name', reason: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
  return exchange(socket, { server, address, port: Number(port) }, limitMs);
}

function exchange(
  socket: Socket,
  to: { server: string; address: string; port: number },
  limitMs: number,
): Promise<Answer> {
  const { server, address, port } = to;
  const transaction = randomBytes(12);
  const request = Buffer.alloc(20);
  request.writeUInt16BE(BINDING_REQUEST, 0);
  request.writeUInt32BE(MAGIC, 4);
  transaction.copy(request, 8);
  const began = performance.now();
  return new Promise((resolve) => {
    let nonsense: string | null = null;
    const timers = RESEND_MS.map((ms) => setTimeout(() => socket.send(request, port, address, () => {}), ms));
    const done = (answer: Answer) => {
      for (const timer of timers) clearTimeout(timer);
      socket.off('message', hear);
      resolve(answer);
    };
    const hear = (data: Buffer, from: RemoteInfo) => {
      if (from.address !== address || from.port !== port) return;
      const result = parse(data, transaction);
      if (typeof result === 'string') nonsense = result;
      else done({ server, mapped: result, ms: Math.round(performance.now() - began) });
    };
    socket.on('message', hear);
    timers.push(
      setTimeout(() => {
        if (nonsense !== null) done({ server, problem: 'nonsense', reason: nonsense });
        else done({ server, problem: 'silent', reason: `no answer in ${limitMs} ms` });
      }, limitMs),
    );
  });
}

/** The mapped address, or what is wrong with the message. */
export function parse(data: Buffer, transaction: Buffer): Mapped | string {
  if (data.length < 20 || data.readUInt32BE(4) !== MAGIC) return 'it is no STUN message';
  if (!data.subarray(8, 20).equals(transaction)) return 'it answers a question that was not asked';
  if (data.readUInt16BE(0) !== BINDING_SUCCESS) return 'it refuses to answer';
  if (20 + data.readUInt16BE(2) !== data.length) return 'its length is wrong';
  let plain: Mapped | undefined;
  for (let at = 20; at + 4 <= data.length; ) {
    const [type, length] = [data.readUInt16BE(at), data.readUInt16BE(at + 2)];
    const value = data.subarray(at + 4, at + 4 + length);
    if (value.length < length) return 'an attribute is cut off';
    if (type === XOR_MAPPED_ADDRESS && length === 8 && value[1] === 1) {
      return possible(value.readUInt16BE(2) ^ (MAGIC >>> 16), (value.readUInt32BE(4) ^ MAGIC) >>> 0);
    }
    if (type === MAPPED_ADDRESS && length === 8 && value[1] === 1) {
      const found = possible(value.readUInt16BE(2), value.readUInt32BE(4));
      if (typeof found === 'object') plain = found;
    }
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return plain ?? 'it names no address';
}

function possible(port: number, bits: number): Mapped | string {
  const first = bits >>> 24;
  const address = [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
  if (port === 0 || first === 0 || first >= 224) return `it says that we are ${address}:${port}, which nobody can be`;
  return { address, port };
}

/** Two findings: who answers, and what is between. `own`: the addresses of this machine. */
export function judge(answers: Answer[], localPort: number, own = ownAddresses()): Finding[] {
  const heard = answers.filter((answer) => 'mapped' in answer);
  const bad = answers.filter((answer) => 'problem' in answer);
  const told = heard.map(({ server, mapped, ms }) => `${server} in ${ms} ms: ${mapped.address}:${mapped.port}`);
  const troubles = bad.map(({ server, problem, reason }) => `${server}: ${problem}, ${reason}`);
  const data = { answers };
  if (heard.length === 0) {
    return [
      {
        id: 'stun',
        status: 'failure',
        says: `No STUN server gives a usable answer. ${troubles.join('; ')}`,
        advice: adviceFor(bad),
        data,
      },
      { id: 'nat', status: 'skipped', says: 'Without an answer nothing is known of the NAT' },
    ];
  }
  const stun: Finding =
    bad.length === 0
      ? { id: 'stun', status: 'ok', says: `STUN answers. ${told.join('; ')}`, data }
      : {
          id: 'stun',
          status: 'warning',
          says: `Some STUN servers do not do. ${[...troubles, ...told].join('; ')}`,
          advice: adviceFor(bad),
          data,
        };
  return [
    stun,
    natOf(
      heard.map(({ mapped }) => mapped),
      localPort,
      own,
    ),
  ];
}

function adviceFor(bad: { problem: Problem }[]): string {
  const words: Record<Problem, string> = {
    'no socket': 'See what is said of the ports above.',
    'unknown name': 'Check the name and the resolver of this machine (`getent hosts NAME`).',
    silent:
      'Let UDP out to the server’s port, and answers in: the firewall, the security group, the container’s network. Calls ' +
      'to a public edge may work without, for the edge sees the address by itself.',
    nonsense:
      'Something else answers there, or changes the answers on their way: use another server, and look for an ALG in the router.',
  };
  return [...new Set(bad.map(({ problem }) => words[problem]))].join(' ');
}

function natOf(mapped: Mapped[], localPort: number, own: ReadonlySet<string>): Finding {
  const [first] = mapped as [Mapped];
  const data = { mapped, localPort };
  if (mapped.some(({ address }) => address !== first.address)) {
    return {
      id: 'nat',
      status: 'warning',
      says: `The servers see different addresses of this machine: ${[...new Set(mapped.map(({ address }) => address))].join(', ')}`,
      advice:
        'Either a server lies, or there are several ways out (VPN, carrier-grade NAT): choose one with `addresses`, or use TURN.',
      data: { ...data, kind: 'several addresses' },
    };
  }
  if (mapped.every(({ address, port }) => own.has(address) && port === localPort)) {
    return { id: 'nat', status: 'ok', says: 'There is no NAT', data: { ...data, kind: 'none' } };
  }
  if (mapped.length < 2) {
    return {
      id: 'nat',
      status: 'ok',
      says: `There is a NAT; the world sees ${first.address}. Of which kind it is takes two servers to tell`,
      data: { ...data, kind: 'unknown' },
    };
  }
  if (mapped.every(({ port }) => port === first.port)) {
    return {
      id: 'nat',
      status: 'ok',
      says: `The NAT gives one port for all destinations (${first.address}:${first.port}): calls get through with STUN`,
      data: { ...data, kind: 'endpoint-independent mapping' },
    };
  }
  return {
    id: 'nat',
    status: 'warning',
    says: 'The NAT gives another port for each destination (symmetric): STUN alone does not get through to ends that are behind one too',
    advice:
      'Calls to a public edge, as RingCentral’s, work. For calls to browsers and phones behind NATs configure a TURN server.',
    data: { ...data, kind: 'address-dependent mapping' },
  };
}

function ownAddresses(): Set<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((infos) => (infos ?? []).map(({ address }) => address)));
}
