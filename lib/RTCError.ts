/** RTCError (webrtc-pc §11.1): an OperationError that says which protocol failed. */
import {
  constructing,
  DOMString,
  dictionary,
  enumeration,
  long,
  optional,
  requireArguments,
  required,
  unsignedLong,
} from './webidl/converters';
import { defineInterface } from './webidl/interface';

const toErrorInit = dictionary('RTCErrorInit', {
  errorDetail: required(
    enumeration('RTCErrorDetailType', [
      'data-channel-failure',
      'dtls-failure',
      'fingerprint-failure',
      'hardware-encoder-error',
      'hardware-encoder-not-available',
      'sctp-failure',
      'sdp-syntax-error',
    ]),
  ),
  receivedAlert: optional(unsignedLong),
  sctpCauseCode: optional(long),
  sdpLineNumber: optional(long),
  sentAlert: optional(unsignedLong),
});

let is: (value: unknown) => value is RTCError;

export class RTCError extends globalThis.DOMException {
  static {
    is = (value): value is RTCError => typeof value === 'object' && value !== null && #init in value;
  }
  readonly #init: ReturnType<typeof toErrorInit>;

  constructor(init: RTCErrorInit | { errorDetail: string }, message = '') {
    requireArguments(arguments.length, 1, constructing('RTCError'));
    super(DOMString(message, `${constructing('RTCError')} parameter 2`), 'OperationError');
    this.#init = toErrorInit(init, `${constructing('RTCError')} parameter 1`);
  }

  get errorDetail(): string {
    return this.#init.errorDetail;
  }
  get sdpLineNumber(): number | null {
    return this.#init.sdpLineNumber ?? null;
  }
  get sctpCauseCode(): number | null {
    return this.#init.sctpCauseCode ?? null;
  }
  get receivedAlert(): number | null {
    return this.#init.receivedAlert ?? null;
  }
  get sentAlert(): number | null {
    return this.#init.sentAlert ?? null;
  }
}
defineInterface(RTCError, 'RTCError');

export const isRTCError = is;
