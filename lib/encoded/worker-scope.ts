/**
 * What a worker's global scope has of encoded transforms: the event 'rtctransform' and its handler.
 * Invariants: messages are listened to from the first listener for 'rtctransform' on, which also keeps the worker alive as
 * any listener for messages does; those of transforms are hidden from listeners that were added later.
 */
import { parentPort } from 'node:worker_threads';
import { root } from '../lane';
import { isObject } from '../webidl/converters';
import { defineEventHandlers, type EventHandler } from '../webidl/event-handlers';
import { TRANSFORM_MESSAGE } from './message';
import { createTransformer } from './RTCRtpScriptTransformer';
import { createTransformEvent, type RTCTransformEvent } from './RTCTransformEvent';

class WorkerScope extends EventTarget {
  declare onrtctransform: EventHandler<RTCTransformEvent>;
  #listening = false;

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    super.addEventListener(...args);
    if (String(args[0]) === 'rtctransform' && !this.#listening) this.#listen();
  }

  #listen(): void {
    this.#listening = true;
    // A worker that is not of worker_threads has a global scope with messages of its own; a main thread has neither.
    const source: EventTarget | undefined = parentPort ?? scopeWithMessages();
    source?.addEventListener('message', (event) => this.#take(event));
  }

  #take(event: Event): void {
    const message: unknown = Reflect.get(event, 'data');
    const made: unknown = isObject(message) && Reflect.get(message, TRANSFORM_MESSAGE);
    if (!isObject(made)) return;
    event.stopImmediatePropagation();
    const transformer = createTransformer(Number(Reflect.get(made, 'detour')), Reflect.get(made, 'options'));
    // Until its end, which it tells itself.
    root(transformer);
    this.dispatchEvent(createTransformEvent(transformer));
  }
}
defineEventHandlers(WorkerScope, ['rtctransform']);

function scopeWithMessages(): EventTarget | undefined {
  const scope: unknown = globalThis;
  return scope instanceof EventTarget ? scope : undefined;
}

export const workerScope: EventTarget & { onrtctransform: EventHandler<RTCTransformEvent> } = new WorkerScope();
