/**
 * markActiveTracksAsLive() and allowTracksToStop() for all connections of this process.
 * Invariant: off by default; a connection's own setting wins over this one.
 */
import { releaseHeldStops } from './MediaStreamTrack';

let on = false;

export function isGuardOn(): boolean {
  return on;
}

/**
 * From now on stop() on a track that an open connection is sending is held back, with a warning, until that connection
 * is closed or the guard is lifted. track.forceStop() is not held back.
 */
export function markActiveTracksAsLive(): void {
  on = true;
}

/** Lifts the guard. Each stop() that it held back takes effect now. */
export function allowTracksToStop(): void {
  on = false;
  releaseHeldStops();
}
