/** RTCErrorEvent (webrtc-pc §11.2). */
import { isRTCError, type RTCError } from './RTCError';
import { dictionary, interfaceType, required } from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary(
  'RTCErrorEventInit',
  {
    error: required(interfaceType<RTCError>('RTCError', isRTCError)),
  },
  eventInit,
);

export class RTCErrorEvent extends Event {
  readonly #error: RTCError;

  constructor(type: string, eventInitDict: { error: RTCError }) {
    const name = eventType('RTCErrorEvent', arguments.length, 2, type);
    const init = toInit(eventInitDict, initContext('RTCErrorEvent'));
    super(name, init);
    this.#error = init.error;
  }

  get error(): RTCError {
    return this.#error;
  }
}
defineInterface(RTCErrorEvent, 'RTCErrorEvent');
