// A telephone without WebRTC: RTP/AVP over a UDP socket, PCMU and telephone-event (RFC 3551, RFC 4733), no RTCP.

const { createSocket } = require('node:dgram');
const { once } = require('node:events');
const { Ear } = require('../support/ear');
const { Tone } = require('../support/tone');

const ADDRESS = '127.0.0.1';
const RATE_HZ = 8000;
const PTIME_MS = 20;
const FRAMES = (RATE_HZ * PTIME_MS) / 1000;
const KEYS = '0123456789*#ABCD';

/** G.711 μ-law. */
function linear(code) {
  const u = ~code & 0xff;
  const magnitude = ((((u & 15) << 3) + 0x84) << ((u >> 4) & 7)) - 0x84;
  return u & 0x80 ? -magnitude : magnitude;
}

function ulaw(sample) {
  const magnitude = Math.min(Math.abs(sample), 32635) + 0x84;
  const exponent = 24 - Math.clz32(magnitude);
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)) & 0xff;
}

class RtpPhone {
  static async open(hz) {
    const phone = new RtpPhone(hz);
    await once(phone.socket, 'listening');
    return phone;
  }

  constructor(hz) {
    this.socket = createSocket('udp4').bind(0, ADDRESS);
    this.socket.on('message', (packet) => this.take(packet));
    this.tone = new Tone(hz, RATE_HZ);
    this.ear = new Ear(RATE_HZ);
    this.keys = '';
    this.seen = new Set();
    this.version = 1;
    this.eventType = 101;
    this.renew();
  }

  /** Another stream, as another device that the switch has put in the place of this one. */
  renew() {
    this.ssrc = Math.floor(Math.random() * 2 ** 32);
    this.sequence = Math.floor(Math.random() * 2 ** 16);
    this.timestamp = Math.floor(Math.random() * 2 ** 32);
    this.begins = true;
  }

  describe(direction = 'sendrecv') {
    const { port } = this.socket.address();
    const session = ['v=0', `o=- 1 ${this.version++} IN IP4 ${ADDRESS}`, 's=-', `c=IN IP4 ${ADDRESS}`, 't=0 0'];
    const media = [
      `m=audio ${port} RTP/AVP 0 ${this.eventType}`,
      'a=rtpmap:0 PCMU/8000',
      `a=rtpmap:${this.eventType} telephone-event/8000`,
      `a=fmtp:${this.eventType} 0-15`,
      `a=ptime:${PTIME_MS}`,
      `a=${direction}`,
    ];
    return `${[...session, ...media].join('\r\n')}\r\n`;
  }

  /** Talks to where a description says, and has its payload type of digits for its own. */
  talkTo(sdp) {
    this.port = Number(/^m=audio (\d+)/m.exec(sdp)[1]);
    this.eventType = Number(/^a=rtpmap:(\d+) telephone-event\/8000/m.exec(sdp)?.[1]);
    if (this.timer) return;
    const began = performance.now();
    let sent = 0;
    this.timer = setInterval(() => {
      for (; sent * PTIME_MS < performance.now() - began; sent++) this.speak();
    }, PTIME_MS / 4);
  }

  speak() {
    const samples = this.tone.next(FRAMES);
    if (this.event) this.sendEvent();
    else if (!this.silent) this.send(0, Buffer.from(Array.from(samples, ulaw)), this.timestamp);
    this.timestamp = (this.timestamp + FRAMES) >>> 0;
  }

  send(payloadType, payload, timestamp) {
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = payloadType | (this.begins ? 0x80 : 0);
    header.writeUInt16BE(this.sequence, 2);
    header.writeUInt32BE(timestamp, 4);
    header.writeUInt32BE(this.ssrc, 8);
    this.begins = false;
    this.sequence = (this.sequence + 1) & 0xffff;
    this.socket.send(Buffer.concat([header, payload]), this.port, ADDRESS);
  }

  sendEvent() {
    const event = this.event;
    event.timestamp ??= this.timestamp;
    this.begins = event.duration === 0;
    event.duration += FRAMES;
    const over = event.duration >= event.total;
    for (let copies = over ? 3 : 1; copies > 0; copies--) {
      const payload = Buffer.from([event.code, (over ? 0x80 : 0) | 10, event.duration >> 8, event.duration & 0xff]);
      this.send(this.eventType, payload, event.timestamp);
    }
    if (over) {
      this.event = null;
      event.done();
    }
  }

  async press(keys, ms = 100) {
    for (const key of keys) {
      await new Promise((done) => {
        this.event = { code: KEYS.indexOf(key), duration: 0, total: (RATE_HZ * ms) / 1000, done };
      });
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }

  take(packet) {
    const payloadType = packet[1] & 0x7f;
    const payload = packet.subarray(12 + 4 * (packet[0] & 15));
    if (payloadType === 0) {
      this.ear.push(Int16Array.from(payload, linear));
    } else if (payloadType === this.eventType) {
      const timestamp = packet.readUInt32BE(4);
      if (payload[1] & 0x80 && !this.seen.has(timestamp)) this.keys += KEYS[payload[0]];
      if (payload[1] & 0x80) this.seen.add(timestamp);
    }
  }

  async hearsKeys(keys) {
    while (this.keys !== keys) await once(this.socket, 'message');
  }

  hears(...args) {
    return this.ear.hears(...args);
  }

  end() {
    clearInterval(this.timer);
    this.socket.close();
  }
}

module.exports = { RtpPhone };
