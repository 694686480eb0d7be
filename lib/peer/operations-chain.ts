/**
 * The operations chain of a connection (webrtc-pc §4.4.1.2).
 * Invariant: one operation at a time, in call order; after close() nothing settles any more.
 */
import { queueMicrotask } from '../timers';
import { domException } from '../webidl/exceptions';

type Operation = () => Promise<unknown>;

export class OperationsChain {
  readonly #operations: Operation[] = [];
  #closed = false;
  /** Runs each time the last operation has settled. */
  readonly #onEmpty: () => void;

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#operations.length === 0;
  }

  close(): void {
    this.#closed = true;
    this.#operations.length = 0;
  }

  run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(domException('InvalidStateError', 'The connection is closed'));
    return new Promise<T>((resolve, reject) => {
      this.#operations.push(() => {
        const running = start(operation);
        running.then(
          (value) => this.#settle(() => resolve(value)),
          (reason) => this.#settle(() => reject(reason)),
        );
        return running;
      });
      if (this.#operations.length === 1) this.#operations[0]?.();
    });
  }

  #settle(settle: () => void): void {
    if (this.#closed) return;
    settle();
    // One microtask later, so that whoever awaits the promise comes first.
    queueMicrotask(() => {
      if (this.#closed) return;
      this.#operations.shift();
      const next = this.#operations[0];
      if (next) next();
      else this.#onEmpty();
    });
  }
}

function start<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return operation();
  } catch (error) {
    return Promise.reject(error);
  }
}
