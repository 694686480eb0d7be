/** RTCPeerConnectionIceErrorEvent (webrtc-pc §4.8.3): a STUN or TURN server did not do what it was asked. */
import {
  DOMString,
  dictionary,
  nullable,
  optional,
  required,
  USVString,
  unsignedShort,
  withDefault,
} from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary(
  'RTCPeerConnectionIceErrorEventInit',
  {
    address: optional(nullable(DOMString)),
    errorCode: required(unsignedShort),
    errorText: withDefault(USVString, () => ''),
    port: optional(nullable(unsignedShort)),
    url: withDefault(USVString, () => ''),
  },
  eventInit,
);

export class RTCPeerConnectionIceErrorEvent extends Event {
  readonly #init: ReturnType<typeof toInit>;

  constructor(type: string, eventInitDict: RTCPeerConnectionIceErrorEventInit) {
    const name = eventType('RTCPeerConnectionIceErrorEvent', arguments.length, 2, type);
    const init = toInit(eventInitDict, initContext('RTCPeerConnectionIceErrorEvent'));
    super(name, init);
    this.#init = init;
  }

  get address(): string | null {
    return this.#init.address ?? null;
  }
  get port(): number | null {
    return this.#init.port ?? null;
  }
  get url(): string {
    return this.#init.url;
  }
  get errorCode(): number {
    return this.#init.errorCode;
  }
  get errorText(): string {
    return this.#init.errorText;
  }
}
defineInterface(RTCPeerConnectionIceErrorEvent, 'RTCPeerConnectionIceErrorEvent');
