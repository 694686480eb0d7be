/**
 * The one place where engine errors become exceptions.
 * Invariant: every exception is made by this realm's own constructors, with the stack of the JavaScript caller.
 */
import type { ErrorData } from '../binding';
import { RTCError } from '../RTCError';

type DOMExceptionName =
  | 'InvalidStateError'
  | 'InvalidAccessError'
  | 'InvalidModificationError'
  | 'InvalidCharacterError'
  | 'OperationError'
  | 'NotSupportedError'
  | 'NotAllowedError'
  | 'NotFoundError'
  | 'SyntaxError'
  | 'NetworkError'
  | 'AbortError';

export function domException(name: DOMExceptionName, message: string): DOMException {
  return new globalThis.DOMException(message, name);
}

/** The exception for an error that the engine returned as data. */
export function exceptionFrom(data: ErrorData): Error {
  switch (data.kind) {
    case 'TypeError':
      return new TypeError(data.message);
    case 'RangeError':
      return new RangeError(data.message);
    case 'SdpSyntaxError':
      return new RTCError({ errorDetail: 'sdp-syntax-error', sdpLineNumber: data.sdpLine ?? undefined }, data.message);
    default:
      return domException(data.kind, data.message);
  }
}

/** Takes the value out of an outcome or throws its error. */
export function unwrap<T>(outcome: { ok: T } | { error: ErrorData }): T {
  if ('error' in outcome) throw exceptionFrom(outcome.error);
  return outcome.ok;
}
