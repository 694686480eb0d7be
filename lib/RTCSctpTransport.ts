/**
 * RTCSctpTransport (webrtc-pc §6.1).
 * Invariant: the state is what the engine last reported, 'closed' once the connection is.
 */
import type { RTCDtlsTransport } from './RTCDtlsTransport';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

interface Slots {
  transport: RTCDtlsTransport;
  state: RTCSctpTransportState;
  maxMessageSize: number | null;
  maxChannels: number | null;
}

let slotsOf: (transport: RTCSctpTransport) => Slots;

export class RTCSctpTransport extends EventTarget {
  static {
    slotsOf = (transport) => transport.#slots;
  }
  readonly #slots: Slots;

  declare onstatechange: EventHandler;

  constructor(token: unknown = undefined, transport?: RTCDtlsTransport) {
    requireInternal(token, 'RTCSctpTransport');
    super();
    this.#slots = {
      transport: transport as RTCDtlsTransport,
      state: 'connecting',
      maxMessageSize: null,
      maxChannels: null,
    };
  }

  get transport(): RTCDtlsTransport {
    return this.#slots.transport;
  }
  get state(): RTCSctpTransportState {
    return this.#slots.state;
  }
  /** Null until an answer has told the far end's limit. */
  get maxMessageSize(): number | null {
    return this.#slots.maxMessageSize;
  }
  get maxChannels(): number | null {
    return this.#slots.maxChannels;
  }
}
defineEventHandlers(RTCSctpTransport, ['statechange']);
defineInterface(RTCSctpTransport, 'RTCSctpTransport');

export function createSctpTransport(transport: RTCDtlsTransport): RTCSctpTransport {
  return new RTCSctpTransport(INTERNAL, transport);
}

export function sctpSlots(transport: RTCSctpTransport): Slots {
  return slotsOf(transport);
}
