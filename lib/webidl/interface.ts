/**
 * What Web IDL asks of an interface object and a class declaration does not give.
 * Invariant: internal slots are reached only through the brand-checking accessor of their class.
 */

/** Held by this package alone: the constructors of interfaces without a constructor ask for it. */
export const INTERNAL = Symbol('webphone-rtc internal');

export function requireInternal(token: unknown, name: string): void {
  if (token !== INTERNAL) throw new TypeError(`Failed to construct '${name}': Illegal constructor`);
}

/**
 * Operations and attributes enumerable, @@toStringTag set. Called once, after the class declaration.
 * `lengths`: of operations whose implementation names more arguments than they require.
 */
// biome-ignore lint/complexity/noBannedTypes: any interface object will do
export function defineInterface(target: Function, name: string, lengths: Record<string, number> = {}): void {
  const prototype = target.prototype as Record<string, unknown>;
  for (const [key, value] of Object.entries(lengths)) {
    Object.defineProperty(prototype[key], 'length', { value, configurable: true });
  }
  for (const owner of [prototype, target]) {
    for (const key of Object.getOwnPropertyNames(owner)) {
      if (['constructor', 'prototype', 'name', 'length'].includes(key)) continue;
      const descriptor = Object.getOwnPropertyDescriptor(owner, key);
      if (descriptor?.configurable) Object.defineProperty(owner, key, { ...descriptor, enumerable: true });
    }
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

/** Constants are on the interface object and on its prototype, read-only. */
// biome-ignore lint/complexity/noBannedTypes: any interface object will do
export function defineConstants(target: Function, constants: Record<string, number>): void {
  for (const [key, value] of Object.entries(constants)) {
    for (const owner of [target, target.prototype as object]) {
      Object.defineProperty(owner, key, { value, enumerable: true, writable: false, configurable: false });
    }
  }
}
