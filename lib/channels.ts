/**
 * What happens in a connection, for programs: `diagnostics_channel`, in the process's own terms instead of the W3C's events,
 * so that a monitor need not get hold of each connection.
 * Invariant: nothing is made or published while nobody subscribes.
 */
import { channel } from 'node:diagnostics_channel';

export interface ConnectionMessage {
  /** As in the log, and as connectionId() tells. */
  id: number;
  state: RTCPeerConnectionState;
  previous: RTCPeerConnectionState;
  /** Plain words. */
  reason: string;
}

export interface DtmfMessage {
  id: number;
  direction: 'received' | 'sent';
  tone: string;
  /** Milliseconds; of received digits. */
  duration?: number;
}

export interface TrackMessage {
  id: number;
  /** A remote track: it was added, packets come, none come. */
  event: 'added' | 'unmuted' | 'muted';
  trackId: string;
  kind: string;
  mid: string | null;
}

const channels = {
  connection: channel('webphone-rtc:connection'),
  dtmf: channel('webphone-rtc:dtmf'),
  track: channel('webphone-rtc:track'),
};

interface Messages {
  connection: ConnectionMessage;
  dtmf: DtmfMessage;
  track: TrackMessage;
}

/** Publishes what `message` makes, if anyone listens. */
export function publish<K extends keyof Messages>(name: K, message: () => Messages[K]): void {
  const to = channels[name];
  if (to.hasSubscribers) to.publish(message());
}
