/** RTCSessionDescription (webrtc-pc §4.7.1). */
import type { SdpType } from './binding';
import {
  constructing,
  DOMString,
  dictionary,
  enumeration,
  optional,
  requireArguments,
  required,
  withDefault,
} from './webidl/converters';
import { defineInterface } from './webidl/interface';

const toSdpType = enumeration<SdpType>('RTCSdpType', ['offer', 'pranswer', 'answer', 'rollback']);

/** RTCSessionDescriptionInit */
export const toSessionDescriptionInit = dictionary('RTCSessionDescriptionInit', {
  sdp: withDefault(DOMString, () => ''),
  type: required(toSdpType),
});

/** RTCLocalSessionDescriptionInit: the type may be left to setLocalDescription. */
export const toLocalSessionDescriptionInit = dictionary('RTCLocalSessionDescriptionInit', {
  sdp: withDefault(DOMString, () => ''),
  type: optional(toSdpType),
});

export class RTCSessionDescription {
  readonly #type: SdpType;
  readonly #sdp: string;

  constructor(descriptionInitDict: RTCSessionDescriptionInit) {
    requireArguments(arguments.length, 1, constructing('RTCSessionDescription'));
    const init = toSessionDescriptionInit(descriptionInitDict, `${constructing('RTCSessionDescription')} parameter 1`);
    this.#type = init.type;
    this.#sdp = init.sdp;
  }

  get type(): SdpType {
    return this.#type;
  }
  get sdp(): string {
    return this.#sdp;
  }

  toJSON(): { type: SdpType; sdp: string } {
    return { type: this.#type, sdp: this.#sdp };
  }
}
defineInterface(RTCSessionDescription, 'RTCSessionDescription');
