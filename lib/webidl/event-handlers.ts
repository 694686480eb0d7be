/**
 * Event handler IDL attributes (https://html.spec.whatwg.org/#event-handler-idl-attributes).
 * Invariant: a handler keeps its place among the listeners while it is replaced, and loses it when it is set to null.
 */
import { isObject } from './converters';

interface Handler {
  value: object;
  listener: (event: Event) => void;
}

const handlers = new WeakMap<EventTarget, Map<string, Handler>>();

export type EventHandler<E extends Event = Event> = ((event: E) => unknown) | null;

function handlersOf(target: EventTarget): Map<string, Handler> {
  let map = handlers.get(target);
  if (!map) {
    map = new Map();
    handlers.set(target, map);
  }
  return map;
}

function setHandler(owner: EventTarget, type: string, value: unknown): void {
  const map = handlersOf(owner);
  const present = map.get(type);
  if (!isObject(value)) {
    if (present) owner.removeEventListener(type, present.listener);
    map.delete(type);
    return;
  }
  if (present) {
    present.value = value;
    return;
  }
  const handler: Handler = {
    value,
    listener: (event) => {
      const callback = handler.value;
      if (typeof callback !== 'function') return;
      if (callback.call(event.currentTarget, event) === false) event.preventDefault();
    },
  };
  map.set(type, handler);
  owner.addEventListener(type, handler.listener);
}

/** Defines `on<type>` for each type on the prototype of an EventTarget class. */
// biome-ignore lint/complexity/noBannedTypes: any interface object will do
export function defineEventHandlers(target: Function, types: readonly string[]): void {
  for (const type of types) {
    const name = `on${type}`;
    const accessors = {
      get [name](): object | null {
        if (!(this instanceof target)) throw new TypeError('Illegal invocation');
        return handlersOf(this as unknown as EventTarget).get(type)?.value ?? null;
      },
      set [name](value: unknown) {
        if (!(this instanceof target)) throw new TypeError('Illegal invocation');
        setHandler(this as unknown as EventTarget, type, value);
      },
    };
    Object.defineProperty(target.prototype, name, {
      ...(Object.getOwnPropertyDescriptor(accessors, name) as PropertyDescriptor),
      enumerable: true,
      configurable: true,
    });
  }
}
