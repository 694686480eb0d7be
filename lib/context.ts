/**
 * The async context (AsyncLocalStorage) in which an object was made, and in which its events run, as with Node's sockets.
 * Invariant: a context is held by its object alone, and by nothing that outlives a call.
 */
import { AsyncResource } from 'node:async_hooks';

const TYPE = 'webphone-rtc';

/** Weak: a store may hold the object itself, as that of a call holds its connection. */
const contexts = new WeakMap<object, AsyncResource>();

/** As far outside of any store as one gets: that of loading the package. */
const loaded = contextOfNow();

/** The context of now is that of `owner`. */
export function remember(owner: object): void {
  contexts.set(owner, contextOfNow());
}

/** Calls `run` in the context of `owner`, or as it is where none is remembered. */
export function within<A extends unknown[], R>(owner: object, run: (...args: A) => R, ...args: A): R {
  const context = contexts.get(owner);
  return context ? context.runInAsyncScope(run, undefined, ...args) : run(...args);
}

/** Calls `run` outside of any context: what it makes is everybody's. */
export function outside<R>(run: () => R): R {
  return loaded.runInAsyncScope(run);
}

/** Destroyed at once for those who count what is open (Jest's detectOpenHandles): nothing is under way in it. */
function contextOfNow(): AsyncResource {
  return new AsyncResource(TYPE, { requireManualDestroy: true }).emitDestroy();
}
