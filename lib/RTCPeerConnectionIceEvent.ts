/** RTCPeerConnectionIceEvent (webrtc-pc §4.8.2): a local candidate, or null after the last one. */
import { isRTCIceCandidate, type RTCIceCandidate } from './RTCIceCandidate';
import { dictionary, interfaceType, nullable, optional, USVString } from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary(
  'RTCPeerConnectionIceEventInit',
  {
    candidate: optional(nullable(interfaceType<RTCIceCandidate>('RTCIceCandidate', isRTCIceCandidate))),
    url: optional(nullable(USVString)),
  },
  eventInit,
);

export class RTCPeerConnectionIceEvent extends Event {
  readonly #candidate: RTCIceCandidate | null;
  readonly #url: string | null;

  constructor(type: string, eventInitDict: { candidate?: RTCIceCandidate | null; url?: string | null } = {}) {
    const name = eventType('RTCPeerConnectionIceEvent', arguments.length, 1, type);
    const init = toInit(eventInitDict, initContext('RTCPeerConnectionIceEvent'));
    super(name, init);
    this.#candidate = init.candidate ?? null;
    this.#url = init.url ?? null;
  }

  get candidate(): RTCIceCandidate | null {
    return this.#candidate;
  }
  get url(): string | null {
    return this.#url;
  }
}
defineInterface(RTCPeerConnectionIceEvent, 'RTCPeerConnectionIceEvent');
