/**
 * The common part of the event classes.
 * Invariant: an event's own dictionary is converted before the event exists.
 */
import { getEventListeners } from 'node:events';
import { boolean, constructing, DOMString, requireArguments, withDefault } from './converters';

/** Members of EventInit, which the dictionary of each event inherits. */
export const eventInit = {
  bubbles: withDefault(boolean, () => false),
  cancelable: withDefault(boolean, () => false),
  composed: withDefault(boolean, () => false),
};

export function eventType(interfaceName: string, given: number, required: number, type: unknown): string {
  requireArguments(given, required, constructing(interfaceName));
  return DOMString(type, `${constructing(interfaceName)} parameter 1`);
}

export function initContext(interfaceName: string): string {
  return `${constructing(interfaceName)} parameter 2`;
}

/** Node's EventTarget does; that of jsdom or of a polyfill, which our classes extend where it is the global one, does not. */
const tellsListeners = (() => {
  try {
    return getEventListeners(new EventTarget(), 'any').length === 0;
  } catch {
    return false;
  }
})();

/** Fires what `make` makes, or a plain event. Nothing is made where nobody listens: a call that begins has a dozen of those. */
export function fire(target: EventTarget, type: string, make?: () => Event): void {
  if (tellsListeners && getEventListeners(target, type).length === 0) return;
  target.dispatchEvent(make ? make() : new Event(type));
}
