/**
 * RTCDtlsTransport (webrtc-pc §5.5).
 * Invariant: the state is what the engine last reported, 'closed' once the connection is.
 */
import type { RTCErrorEvent } from './RTCErrorEvent';
import type { RTCIceTransport } from './RTCIceTransport';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

interface Slots {
  iceTransport: RTCIceTransport;
  state: RTCDtlsTransportState;
  remoteCertificates: ArrayBuffer[];
  /** Why the state is 'failed', in plain words; null in every other. */
  failure: string | null;
}

let slotsOf: (transport: RTCDtlsTransport) => Slots;

export class RTCDtlsTransport extends EventTarget {
  static {
    slotsOf = (transport) => transport.#slots;
  }
  readonly #slots: Slots;

  declare onstatechange: EventHandler;
  declare onerror: EventHandler<RTCErrorEvent>;

  constructor(token: unknown = undefined, iceTransport?: RTCIceTransport) {
    requireInternal(token, 'RTCDtlsTransport');
    super();
    const ice = iceTransport as RTCIceTransport;
    this.#slots = { iceTransport: ice, state: 'new', remoteCertificates: [], failure: null };
  }

  get iceTransport(): RTCIceTransport {
    return this.#slots.iceTransport;
  }
  get state(): RTCDtlsTransportState {
    return this.#slots.state;
  }
  getRemoteCertificates(): ArrayBuffer[] {
    return [...this.#slots.remoteCertificates];
  }
}
defineEventHandlers(RTCDtlsTransport, ['statechange', 'error']);
defineInterface(RTCDtlsTransport, 'RTCDtlsTransport');

export function createDtlsTransport(iceTransport: RTCIceTransport): RTCDtlsTransport {
  return new RTCDtlsTransport(INTERNAL, iceTransport);
}

export function dtlsSlots(transport: RTCDtlsTransport): Slots {
  return slotsOf(transport);
}
