/** RTCIceCandidatePair (webrtc-pc §5.6.3). */
import type { RTCIceCandidate } from './RTCIceCandidate';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

export class RTCIceCandidatePair {
  readonly #local: RTCIceCandidate;
  readonly #remote: RTCIceCandidate;

  constructor(token: unknown = undefined, local?: RTCIceCandidate, remote?: RTCIceCandidate) {
    requireInternal(token, 'RTCIceCandidatePair');
    this.#local = local as RTCIceCandidate;
    this.#remote = remote as RTCIceCandidate;
  }

  get local(): RTCIceCandidate {
    return this.#local;
  }
  get remote(): RTCIceCandidate {
    return this.#remote;
  }
}
defineInterface(RTCIceCandidatePair, 'RTCIceCandidatePair');

export function createCandidatePair(local: RTCIceCandidate, remote: RTCIceCandidate): RTCIceCandidatePair {
  return new RTCIceCandidatePair(INTERNAL, local, remote);
}
