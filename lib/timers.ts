/**
 * Timers and microtasks as they were when the package was loaded.
 * Invariant: what mocks them afterwards (node:test, Jest, @sinonjs/fake-timers) stops the clock of an application's test, and
 * no negotiation and no sound: all of the library gets them here, but for the command, which is a process of its own.
 */
import timers from 'node:timers';

export const { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } = timers;

const settled = Promise.resolve();

/** Of a promise, which nobody mocks: Jest may have mocked the function before the package was loaded. */
export function queueMicrotask(task: () => void): void {
  settled.then(task).catch((error) => {
    setImmediate(() => {
      throw error;
    });
  });
}
