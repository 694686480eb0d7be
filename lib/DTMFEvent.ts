/**
 * DTMFEvent: a digit that the far end pressed (RFC 4733). Not in any W3C standard.
 * Fired as 'dtmf' at the RTCRtpReceiver, then at its RTCPeerConnection.
 */
import { isRTCRtpReceiver, type RTCRtpReceiver } from './RTCRtpReceiver';
import {
  DOMString,
  dictionary,
  double,
  interfaceType,
  nullable,
  optional,
  required,
  withDefault,
} from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary(
  'DTMFEventInit',
  {
    duration: withDefault(double, () => 0),
    receiver: optional(nullable(interfaceType<RTCRtpReceiver>('RTCRtpReceiver', isRTCRtpReceiver))),
    tone: required(DOMString),
  },
  eventInit,
);

export class DTMFEvent extends Event {
  readonly #init: ReturnType<typeof toInit>;

  constructor(type: string, eventInitDict: { tone: string; duration?: number; receiver?: RTCRtpReceiver | null }) {
    const name = eventType('DTMFEvent', arguments.length, 2, type);
    const init = toInit(eventInitDict, initContext('DTMFEvent'));
    super(name, init);
    this.#init = init;
  }

  /** One of 0-9, A-D, * and #. */
  get tone(): string {
    return this.#init.tone;
  }
  /** Milliseconds. */
  get duration(): number {
    return this.#init.duration;
  }
  get receiver(): RTCRtpReceiver | null {
    return this.#init.receiver ?? null;
  }
}
defineInterface(DTMFEvent, 'DTMFEvent');
