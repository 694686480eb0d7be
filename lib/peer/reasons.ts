/**
 * Why a connection is in its state, in plain words.
 * Invariant: pure; no address, no description.
 */

export interface Circumstances {
  ice: readonly RTCIceTransportState[];
  /** A candidate pair has worked at some time. */
  hadPair: boolean;
  /** Of the transports whose DTLS has failed, why. */
  dtlsFailures: readonly string[];
}

export function reasonOf(state: RTCPeerConnectionState, { ice, hadPair, dtlsFailures }: Circumstances): string {
  switch (state) {
    case 'new':
      return 'nothing has begun';
    case 'connecting':
      return ice.some((it) => it === 'new' || it === 'checking')
        ? 'looking for a way to the far end'
        : 'agreeing on keys with the far end';
    case 'connected':
      return 'the far end answers and keys are agreed: media can flow';
    case 'disconnected':
      return 'the far end has not answered for 5 s; it may come back';
    case 'closed':
      return 'closed by the application';
    case 'failed':
      if (!ice.includes('failed')) return [...new Set(dtlsFailures)].join('; ');
      return hadPair ? 'the far end has not answered for 30 s' : 'no candidate pair has worked within 30 s';
  }
}
