/**
 * The common part of the event classes.
 * Invariant: an event's own dictionary is converted before the event exists.
 */
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

/** Fires a plain event. */
export function fire(target: EventTarget, type: string): void {
  target.dispatchEvent(new Event(type));
}
