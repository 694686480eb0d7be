// The bad network, a process of its own: every call goes through two UDP sockets of it on 127.0.0.1.
// Invariant: RTP from the talker to the ear meets the trace of its cell; everything else (STUN, DTLS, RTCP, the way back) is only
// delayed by the base delay, so that calls connect alike and reports are not lost by chance.

const { createSocket } = require('node:dgram');
const { once } = require('node:events');
const { serve } = require('./child');
const { Punctuality, nowMs } = require('./clock');
const { PacketNumbers, Trace } = require('./trace');

const HOST = '127.0.0.1';
/** What both implementations send. */
const PACKET_MS = 20;
const RTCP_TYPES = [192, 223]; // RFC 5761, section 4

const links = new Map();
let punctuality;

const isMedia = (datagram) => datagram[0] >= 128 && datagram[0] <= 191; // RFC 7983
const isRtp = (datagram) => isMedia(datagram) && (datagram[1] < RTCP_TYPES[0] || datagram[1] > RTCP_TYPES[1]);

async function socket() {
  const it = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  it.bind(0, HOST);
  await once(it, 'listening');
  return it;
}

class Link {
  #trace;
  #delayMs;
  #numbers;
  #begun = false;
  #counts = { packets: 0, lost: 0, lateMs: [] };
  #ports = { talker: null, ear: null };

  static async open(network, clockHz) {
    const link = new Link();
    link.#trace = new Trace(network);
    link.#delayMs = network.delayMs;
    link.#numbers = new PacketNumbers((clockHz * PACKET_MS) / 1000);
    link.talkerSide = await socket();
    link.earSide = await socket();
    link.talkerSide.on('message', (datagram, from) => link.#fromTalker(datagram, from));
    link.earSide.on('message', (datagram, from) => link.#fromEar(datagram, from));
    return link;
  }

  know(side, port) {
    this.#ports[side] = port;
  }

  /** Packets count from the next one on. */
  begin() {
    this.#begun = true;
  }

  counts() {
    const late = this.#counts.lateMs.sort((a, b) => a - b);
    return { ...this.#counts, lateMs: late[Math.floor(0.99 * late.length)] ?? 0 };
  }

  // Peers try each of their addresses; only the one that was signalled is let in.
  #fromTalker(datagram, { port }) {
    if (port !== this.#ports.talker) return;
    const forward = () => this.earSide.send(datagram, this.#ports.ear, HOST);
    if (!this.#begun || !isRtp(datagram)) return void setTimeout(forward, this.#delayMs);
    const k = this.#numbers.of(datagram.readUInt32BE(4));
    const { lost, delayMs } = this.#trace.packet(Math.max(0, k));
    this.#counts.packets++;
    if (lost) return void this.#counts.lost++;
    const dueMs = nowMs() + delayMs;
    setTimeout(() => {
      this.#counts.lateMs.push(nowMs() - dueMs);
      forward();
    }, delayMs);
  }

  #fromEar(datagram, { port }) {
    if (port !== this.#ports.ear) return;
    setTimeout(() => this.talkerSide.send(datagram, this.#ports.talker, HOST), this.#delayMs);
  }
}

serve({
  /** @returns the ports of the socket that stands for the ear, and of the one that stands for the talker */
  async open({ id, network, clockHz }) {
    const link = await Link.open(network, clockHz);
    links.set(id, link);
    return { ear: link.talkerSide.address().port, talker: link.earSide.address().port };
  },
  know: ({ id, side, port }) => links.get(id).know(side, port),
  begin() {
    punctuality = new Punctuality();
    for (const link of links.values()) link.begin();
  },
  end: () => ({ punctuality: punctuality.stop(), counts: [...links].map(([id, link]) => [id, link.counts()]) }),
});
