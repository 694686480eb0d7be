// RFC 4733 telephone events, both ways.

const EVENTS = '0123456789*#ABCD';
const FRAME_MS = 20;

/** Payloads and timing of one digit: a list of {payload, marker, first} to be sent one per 20 ms; the end is sent three times. */
function digitPackets(digit, durationMs, clockRate) {
  const event = EVENTS.indexOf(digit.toUpperCase());
  if (event < 0) throw new RangeError(`not a DTMF digit: ${digit}`);
  const steps = Math.max(2, Math.round(durationMs / FRAME_MS));
  const packet = (duration, end) => {
    const p = Buffer.alloc(4);
    p[0] = event;
    p[1] = (end ? 0x80 : 0) | 10;
    p.writeUInt16BE(Math.min(0xffff, duration), 2);
    return p;
  };
  const unit = (clockRate * FRAME_MS) / 1000;
  return [
    ...Array.from({ length: steps - 1 }, (_, i) => ({ payload: packet(unit * (i + 1), false), marker: i === 0 })),
    ...Array.from({ length: 3 }, () => ({ payload: packet(unit * steps, true), marker: false })),
  ];
}

/** Collects received events; `onDigit({digit, durationMs, volume, packets, timestamp})` once per digit, at its first end packet. */
class DtmfReceiver {
  #timestamp = null;
  #packets = 0;
  #done = false;

  constructor(onDigit) {
    this.onDigit = onDigit;
  }

  receive({ payload, timestamp }, clockRate) {
    if (payload.length < 4) return;
    if (timestamp !== this.#timestamp) {
      this.#timestamp = timestamp;
      this.#packets = 0;
      this.#done = false;
    }
    this.#packets++;
    if (!(payload[1] & 0x80) || this.#done) return;
    this.#done = true;
    this.onDigit({
      digit: EVENTS[payload[0]] ?? `event ${payload[0]}`,
      durationMs: Math.round((payload.readUInt16BE(2) * 1000) / clockRate),
      volume: payload[1] & 63,
      packets: this.#packets,
      timestamp,
    });
  }
}

module.exports = { digitPackets, DtmfReceiver, FRAME_MS };
