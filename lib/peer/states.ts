/**
 * The states of a connection, derived from those of its transports (webrtc-pc §4.3.3, §4.3.4).
 * Invariant: pure; 'closed' is the connection's own and is not derived.
 */

type Ice = RTCIceTransportState;
type Dtls = RTCDtlsTransportState;

export function deriveIceConnectionState(ice: readonly Ice[]): RTCIceConnectionState {
  const every = (...states: Ice[]) => ice.every((state) => states.includes(state));
  if (ice.includes('failed')) return 'failed';
  if (ice.includes('disconnected')) return 'disconnected';
  if (every('new', 'closed')) return 'new';
  if (ice.includes('new') || ice.includes('checking')) return 'checking';
  if (every('completed', 'closed')) return 'completed';
  return 'connected';
}

export function deriveConnectionState(ice: readonly Ice[], dtls: readonly Dtls[]): RTCPeerConnectionState {
  if (ice.includes('failed') || dtls.includes('failed')) return 'failed';
  if (ice.includes('disconnected')) return 'disconnected';
  const idle = (state: string) => state === 'new' || state === 'closed';
  if (ice.every(idle) && dtls.every(idle)) return 'new';
  const iceUp = ice.every((state) => state === 'connected' || state === 'completed' || state === 'closed');
  const dtlsUp = dtls.every((state) => state === 'connected' || state === 'closed');
  return iceUp && dtlsUp ? 'connected' : 'connecting';
}
