// A browser's dedicated worker, as much of it as the tests of encoded transforms need, over one of Node's.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { SUITE } from './suite.mjs';

/** The class of the window of `base`, the page's URL. */
export function workerClass(base) {
  return class WebWorker extends EventTarget {
    #worker;
    #handler = null;

    constructor(url) {
      super();
      const file = path.join(SUITE, decodeURIComponent(new URL(url, base).pathname));
      this.#worker = new Worker(new URL('./worker-scope.cjs', import.meta.url), { workerData: file });
      this.#worker.unref();
      this.#worker.on('message', (data) => this.dispatchEvent(new MessageEvent('message', { data })));
      this.#worker.on('error', (error) => this.dispatchEvent(Object.assign(new Event('error'), { error })));
    }

    get onmessage() {
      return this.#handler;
    }
    set onmessage(handler) {
      if (this.#handler) this.removeEventListener('message', this.#handler);
      this.#handler = handler;
      if (handler) this.addEventListener('message', handler);
    }

    postMessage(message, transfer) {
      this.#worker.postMessage(message, transfer);
    }

    terminate() {
      this.#worker.terminate();
    }
  };
}
