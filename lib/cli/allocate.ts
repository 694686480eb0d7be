/**
 * One TURN allocation (RFC 8656) with long-term credentials, given back at once: over UDP, TCP or TLS.
 * Invariant: the password is used for signing and never shown.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const MAGIC = 0x2112a442;
const ALLOCATE = 0x0003;
const REFRESH = 0x0004;
const SUCCESS = 0x0100;
const ERROR = 0x0110;
const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  realm: 0x0014,
  nonce: 0x0015,
  relayed: 0x0016,
  transport: 0x0019,
} as const;
const UDP = 17;
const RESEND_MS = [0, 500, 1500];

export interface TurnServer {
  url: string;
  username: string;
  credential: string;
}

export type Allocation = { relay: string } | { code: number; text: string } | { silent: string };

interface Message {
  type: number;
  transaction: Buffer;
  attributes: Map<number, Buffer>;
}

interface Wire {
  send(data: Buffer): void;
  close(): void;
}

const URL = /^(turns?):(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i;

/** What an address of a TURN server says; null if it is none. */
export function readUrl(url: string): { host: string; port: number; over: 'udp' | 'tcp' | 'tls' } | null {
  const [, scheme, host, port, transport] = URL.exec(url) ?? [];
  if (!scheme || !host) return null;
  const secure = scheme.toLowerCase() === 'turns';
  const over = secure ? 'tls' : transport?.toLowerCase() === 'tcp' ? 'tcp' : 'udp';
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? (secure ? 5349 : 3478)), over };
}

export async function allocate(server: TurnServer, limitMs: number): Promise<Allocation> {
  const where = readUrl(server.url);
  if (!where) throw new TypeError('no TURN URL');
  const waiting = new Map<string, (message: Message) => void>();
  let fail: (reason: string) => void = () => {};
  const failed = new Promise<Allocation>((resolve) => {
    fail = (reason) => resolve({ silent: reason });
  });
  const limit = setTimeout(() => fail(`no answer in ${limitMs / 1000} s`), limitMs);
  const heard = (data: Buffer) => {
    const message = parse(data);
    if (message) waiting.get(message.transaction.toString('hex'))?.(message);
  };
  const wire = where.over === 'udp' ? overUdp(where, heard, fail) : overStream(where, heard, fail);
  const timers: NodeJS.Timeout[] = [];
  const ask = (type: number, attributes: [number, Buffer][], key?: Buffer) => {
    const transaction = randomBytes(12);
    const request = build(type, transaction, attributes, key);
    const resends = where.over === 'udp' ? RESEND_MS : [0];
    timers.push(...resends.map((ms) => setTimeout(() => wire.send(request), ms)));
    return new Promise<Message>((resolve) => waiting.set(transaction.toString('hex'), resolve));
  };
  try {
    return await Promise.race([failed, dialogue(server, ask)]);
  } finally {
    clearTimeout(limit);
    for (const timer of timers) clearTimeout(timer);
    // What was sent last, the giving back, goes out first.
    setTimeout(() => wire.close(), 50);
  }
}

async function dialogue(
  { username, credential }: TurnServer,
  ask: (type: number, attributes: [number, Buffer][], key?: Buffer) => Promise<Message>,
): Promise<Allocation> {
  const transport: [number, Buffer] = [ATTRIBUTE.transport, Buffer.from([UDP, 0, 0, 0])];
  let answer = await ask(ALLOCATE, [transport]);
  const [realm, nonce] = [answer.attributes.get(ATTRIBUTE.realm), answer.attributes.get(ATTRIBUTE.nonce)];
  if (answer.type === (ALLOCATE | ERROR) && realm && nonce) {
    const key = createHash('md5').update(`${username}:${realm}:${credential}`).digest();
    const signed: [number, Buffer][] = [
      [ATTRIBUTE.username, Buffer.from(username)],
      [ATTRIBUTE.realm, realm],
      [ATTRIBUTE.nonce, nonce],
    ];
    answer = await ask(ALLOCATE, [transport, ...signed], key);
    if (answer.type === (ALLOCATE | SUCCESS))
      void ask(REFRESH, [[ATTRIBUTE.lifetime, Buffer.alloc(4)], ...signed], key);
  }
  if (answer.type === (ALLOCATE | SUCCESS)) return { relay: addressOf(answer.attributes.get(ATTRIBUTE.relayed)) };
  const error = answer.attributes.get(ATTRIBUTE.errorCode);
  if (!error || error.length < 4) return { code: 0, text: 'an answer that is none' };
  return { code: (error[2] ?? 0) * 100 + (error[3] ?? 0), text: error.subarray(4).toString('utf8').slice(0, 100) };
}

function overUdp(
  { host, port }: { host: string; port: number },
  heard: (data: Buffer) => void,
  fail: (reason: string) => void,
): Wire {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', heard);
  socket.on('error', (error) => fail(error.message));
  return {
    send: (data) => socket.send(data, port, host, (error) => error && fail(error.message)),
    close: () => socket.close(),
  };
}

function overStream(
  { host, port, over }: { host: string; port: number; over: string },
  heard: (data: Buffer) => void,
  fail: (reason: string) => void,
): Wire {
  const socket: Socket = over === 'tls' ? connectTls({ host, port, servername: host }) : connectTcp({ host, port });
  let rest = Buffer.alloc(0);
  socket.on('error', (error) => fail(error.message));
  socket.on('end', () => fail('the server has hung up'));
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 20 && rest.length >= 20 + rest.readUInt16BE(2)) {
      const length = 20 + rest.readUInt16BE(2);
      heard(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
  return { send: (data) => socket.write(data), close: () => socket.destroy() };
}

function build(type: number, transaction: Buffer, attributes: [number, Buffer][], key?: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(type, 0);
  header.writeUInt32BE(MAGIC, 4);
  transaction.copy(header, 8);
  const body = Buffer.concat(attributes.map(([name, value]) => attribute(name, value)));
  header.writeUInt16BE(body.length + (key ? 24 : 0), 2);
  const message = Buffer.concat([header, body]);
  if (!key) return message;
  return Buffer.concat([message, attribute(ATTRIBUTE.integrity, createHmac('sha1', key).update(message).digest())]);
}

function attribute(name: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(name, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function parse(data: Buffer): Message | null {
  if (data.length < 20 || data.readUInt32BE(4) !== MAGIC || 20 + data.readUInt16BE(2) !== data.length) return null;
  const attributes = new Map<number, Buffer>();
  for (let at = 20; at + 4 <= data.length; ) {
    const length = data.readUInt16BE(at + 2);
    if (at + 4 + length > data.length) return null;
    attributes.set(data.readUInt16BE(at), data.subarray(at + 4, at + 4 + length));
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return { type: data.readUInt16BE(0), transaction: data.subarray(8, 20), attributes };
}

/** XOR-ed as in STUN; only IPv4 is spelled out. */
function addressOf(value: Buffer | undefined): string {
  if (!value || value.length < 8) return 'an address that is none';
  const port = value.readUInt16BE(2) ^ (MAGIC >>> 16);
  if (value[1] !== 1) return `IPv6, port ${port}`;
  const bits = (value.readUInt32BE(4) ^ MAGIC) >>> 0;
  return `${[24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.')}:${port}`;
}
