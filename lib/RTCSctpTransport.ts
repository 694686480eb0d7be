/** RTCSctpTransport (webrtc-pc §6.1). The engine has no SCTP yet: it stays 'connecting' until the connection closes. */
import type { RTCDtlsTransport } from './RTCDtlsTransport';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

interface Slots {
  transport: RTCDtlsTransport;
  state: RTCSctpTransportState;
  maxMessageSize: number;
  maxChannels: number | null;
}

let slotsOf: (transport: RTCSctpTransport) => Slots;

export class RTCSctpTransport extends EventTarget {
  static {
    slotsOf = (transport) => transport.#slots;
  }
  readonly #slots: Slots;

  declare onstatechange: EventHandler;

  constructor(token: unknown = undefined, transport?: RTCDtlsTransport, maxMessageSize = 65536) {
    requireInternal(token, 'RTCSctpTransport');
    super();
    this.#slots = {
      transport: transport as RTCDtlsTransport,
      state: 'connecting',
      // 0 in a description means any size.
      maxMessageSize: maxMessageSize === 0 ? Number.POSITIVE_INFINITY : maxMessageSize,
      maxChannels: null,
    };
  }

  get transport(): RTCDtlsTransport {
    return this.#slots.transport;
  }
  get state(): RTCSctpTransportState {
    return this.#slots.state;
  }
  get maxMessageSize(): number {
    return this.#slots.maxMessageSize;
  }
  get maxChannels(): number | null {
    return this.#slots.maxChannels;
  }
}
defineEventHandlers(RTCSctpTransport, ['statechange']);
defineInterface(RTCSctpTransport, 'RTCSctpTransport');

export function createSctpTransport(transport: RTCDtlsTransport, maxMessageSize: number): RTCSctpTransport {
  return new RTCSctpTransport(INTERNAL, transport, maxMessageSize);
}

export function sctpSlots(transport: RTCSctpTransport): Slots {
  return slotsOf(transport);
}
