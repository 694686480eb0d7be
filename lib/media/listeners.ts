import type { EventEmitter } from 'node:events';
import { queueMicrotask } from '../timers';

/** Calls `changed` whenever one of `events` has got a listener or lost one, until removeAllListeners() without a name. */
export function watchListeners(emitter: EventEmitter, events: readonly string[], changed: () => void): void {
  // A new listener is counted only after this event.
  emitter.on('newListener', (event) => {
    if (events.includes(event as string)) queueMicrotask(changed);
  });
  emitter.on('removeListener', (event) => {
    if (events.includes(event as string)) changed();
  });
}
