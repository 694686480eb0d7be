// Data channels of one connection by their labels, written against the W3C API only, for our end in Node and for a browser's page.
// Invariant: what goes in and what comes out is plain JSON, so that a page can be asked from afar.

/** Bytes that tell what they are: byte i of message `seed` is seed + i. */
function pattern(length, seed) {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = seed + i;
  return bytes;
}

function isPattern(bytes) {
  return bytes.every((byte, i) => byte === ((bytes[0] + i) & 0xff));
}

class Channels {
  constructor(pc) {
    this.pc = pc;
    this.known = new Map();
    this.waiting = new Set();
    pc.addEventListener('datachannel', ({ channel }) => this.adopt(channel));
  }

  create(label, init) {
    this.adopt(this.pc.createDataChannel(label, init));
  }

  adopt(channel) {
    const entry = { channel, events: [], messages: [], bytes: 0 };
    this.known.set(channel.label, entry);
    channel.binaryType = 'arraybuffer';
    for (const type of ['open', 'closing', 'error', 'close', 'bufferedamountlow']) {
      channel.addEventListener(type, (event) => {
        const told = type === 'error' ? `error ${event.error.errorDetail} ${event.error.sctpCauseCode}` : type;
        if (type !== 'bufferedamountlow') entry.events.push(told);
        this.changed();
      });
    }
    channel.addEventListener('message', ({ data }) => {
      const text = typeof data === 'string';
      const bytes = text ? data.length : data.byteLength;
      entry.bytes += bytes;
      if (entry.counting && bytes > 1) entry.good &&= isPattern(new Uint8Array(data));
      else entry.messages.push(text ? data : { bytes, good: isPattern(new Uint8Array(data)) });
      this.changed();
    });
    this.changed();
  }

  changed() {
    for (const check of this.waiting) check();
  }

  /** Resolves with what `look` gives, as soon as that is not undefined. */
  until(look, what, limitMs = 30_000) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        this.waiting.delete(check);
        clearTimeout(limit);
        settle(value);
      };
      const check = () => {
        const found = look();
        if (found !== undefined) done(resolve, found);
      };
      const limit = setTimeout(() => done(reject, new Error(`waited in vain until ${what}`)), limitMs);
      this.waiting.add(check);
      check();
    });
  }

  opened(label) {
    const look = () => {
      const { channel } = this.known.get(label) ?? {};
      if (channel?.readyState !== 'open') return undefined;
      const { ordered, maxRetransmits, maxPacketLifeTime, protocol, negotiated, id } = channel;
      return { ordered, maxRetransmits, maxPacketLifeTime, protocol, negotiated, id };
    };
    return this.until(look, `channel ${label} is open`);
  }

  send(label, text) {
    this.known.get(label).channel.send(text);
  }

  sendBytes(label, length, seed) {
    this.known.get(label).channel.send(pattern(length, seed));
  }

  /** The first `count` messages: strings, or lengths of bytes and whether they are a pattern. */
  received(label, count) {
    const { messages } = this.known.get(label);
    return this.until(() => (messages.length >= count ? messages : undefined), `${count} messages came on ${label}`);
  }

  /** Sends `total` bytes in messages of `length`, as fast as the far end takes them. */
  async stream(label, total, length) {
    const { channel } = this.known.get(label);
    channel.bufferedAmountLowThreshold = 512 * 1024;
    let most = 0;
    for (let sent = 0, seed = 0; sent < total; sent += length, seed++) {
      if (channel.bufferedAmount > 1024 * 1024) {
        await this.until(() => (channel.bufferedAmount <= 512 * 1024 ? true : undefined), 'the buffer is low', 60_000);
      }
      channel.send(pattern(length, seed));
      most = Math.max(most, channel.bufferedAmount);
    }
    return most;
  }

  /** From now on patterns are checked and counted, and not kept. */
  count(label) {
    Object.assign(this.known.get(label), { counting: true, good: true, bytes: 0 });
  }

  counted(label, total) {
    const entry = this.known.get(label);
    return this.until(() => (entry.bytes >= total ? entry.good : undefined), `${total} bytes came on ${label}`, 60_000);
  }

  closeChannel(label) {
    this.known.get(label).channel.close();
  }

  /** The events of a channel, once it is closed. */
  closed(label) {
    const { channel, events } = this.known.get(label);
    return this.until(
      () => (channel.readyState === 'closed' && events.at(-1) === 'close' ? events : undefined),
      'closed',
    );
  }

  sctp() {
    const { state, maxChannels, maxMessageSize } = this.pc.sctp;
    return { state, maxChannels, maxMessageSize };
  }
}

module.exports = { Channels, pattern };
