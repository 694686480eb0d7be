/** What webrtc-pc §13 and older pages still use. */
import { throwLater } from '../lane';
import { isMediaStream, type MediaStream } from '../MediaStream';
import { dictionary, interfaceType, required } from '../webidl/converters';
import { eventInit, eventType, initContext } from '../webidl/event';
import { defineInterface } from '../webidl/interface';

const toInit = dictionary(
  'MediaStreamEventInit',
  {
    stream: required(interfaceType<MediaStream>('MediaStream', isMediaStream)),
  },
  eventInit,
);

/** Of the 'addstream' and 'removestream' events. */
export class MediaStreamEvent extends Event {
  readonly #stream: MediaStream;

  constructor(type: string, eventInitDict: { stream: MediaStream }) {
    const name = eventType('MediaStreamEvent', arguments.length, 2, type);
    const init = toInit(eventInitDict, initContext('MediaStreamEvent'));
    super(name, init);
    this.#stream = init.stream;
  }

  get stream(): MediaStream {
    return this.#stream;
  }
}
defineInterface(MediaStreamEvent, 'MediaStreamEvent');

/** The callback form of an operation: it settles through the callbacks alone (webrtc-pc §4.4.3). What one throws is nobody's to catch. */
export async function withCallbacks<T>(
  operation: () => Promise<T>,
  success: (value: T) => unknown,
  failure: (reason: unknown) => unknown,
): Promise<void> {
  operation().then(success, failure).catch(throwLater);
}
