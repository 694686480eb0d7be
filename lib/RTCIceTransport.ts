/**
 * RTCIceTransport (webrtc-pc §5.6).
 * Invariant: states and candidates are what the engine reported; nothing is computed here.
 */
import type { RTCIceCandidate } from './RTCIceCandidate';
import type { RTCIceCandidatePair } from './RTCIceCandidatePair';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

interface IceParameters {
  usernameFragment: string;
  password: string;
}

/** RTCIceRole, under which name the lib.dom of TypeScript 5.4 does not have it. */
type Role = 'controlled' | 'controlling' | 'unknown';

export interface IceSlots {
  state: RTCIceTransportState;
  gatheringState: RTCIceGathererState;
  role: Role;
  localCandidates: RTCIceCandidate[];
  remoteCandidates: RTCIceCandidate[];
  localParameters: IceParameters | null;
  remoteParameters: IceParameters | null;
  selectedPair: RTCIceCandidatePair | null;
}

let slotsOf: (transport: RTCIceTransport) => IceSlots;

export class RTCIceTransport extends EventTarget {
  static {
    slotsOf = (transport) => transport.#slots;
  }
  readonly #slots: IceSlots;

  declare onstatechange: EventHandler;
  declare ongatheringstatechange: EventHandler;
  declare onselectedcandidatepairchange: EventHandler;

  constructor(token: unknown = undefined) {
    requireInternal(token, 'RTCIceTransport');
    super();
    this.#slots = {
      state: 'new',
      gatheringState: 'new',
      role: 'unknown',
      localCandidates: [],
      remoteCandidates: [],
      localParameters: null,
      remoteParameters: null,
      selectedPair: null,
    };
  }

  get role(): Role {
    return this.#slots.role;
  }
  /** RTCP is always multiplexed, so there is one component. */
  get component(): RTCIceComponent {
    return slotsOf(this) && 'rtp';
  }
  get state(): RTCIceTransportState {
    return this.#slots.state;
  }
  get gatheringState(): RTCIceGathererState {
    return this.#slots.gatheringState;
  }
  getLocalCandidates(): RTCIceCandidate[] {
    return [...this.#slots.localCandidates];
  }
  getRemoteCandidates(): RTCIceCandidate[] {
    return [...this.#slots.remoteCandidates];
  }
  getSelectedCandidatePair(): RTCIceCandidatePair | null {
    return this.#slots.selectedPair;
  }
  getLocalParameters(): IceParameters | null {
    const { localParameters } = this.#slots;
    return localParameters && { ...localParameters };
  }
  getRemoteParameters(): IceParameters | null {
    const { remoteParameters } = this.#slots;
    return remoteParameters && { ...remoteParameters };
  }
}
defineEventHandlers(RTCIceTransport, ['statechange', 'gatheringstatechange', 'selectedcandidatepairchange']);
defineInterface(RTCIceTransport, 'RTCIceTransport');

export function createIceTransport(): RTCIceTransport {
  return new RTCIceTransport(INTERNAL);
}

export function iceSlots(transport: RTCIceTransport): IceSlots {
  return slotsOf(transport);
}
