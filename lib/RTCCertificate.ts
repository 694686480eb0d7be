/** RTCCertificate (webrtc-pc §4.9). */
import { binding, type NativeCertificate } from './binding';
import { DOMString, isObject, method, requireArguments, unsignedLongLongEnforced } from './webidl/converters';
import { domException, unwrap } from './webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

// webrtc-pc §4.9.1: the default is up to the implementation, at most a year.
const DEFAULT_LIFETIME_MS = 30 * 24 * 3600 * 1000;
const MAX_LIFETIME_MS = 365 * 24 * 3600 * 1000;

let is: (value: unknown) => value is RTCCertificate;
let nativeOf: (certificate: RTCCertificate) => NativeCertificate;

export class RTCCertificate {
  static {
    is = (value): value is RTCCertificate => isObject(value) && #native in value;
    nativeOf = (certificate) => certificate.#native;
  }
  readonly #native: NativeCertificate;

  constructor(token: unknown = undefined, native?: NativeCertificate) {
    requireInternal(token, 'RTCCertificate');
    this.#native = native as NativeCertificate;
  }

  /** Milliseconds since the Unix epoch. */
  get expires(): number {
    return this.#native.expires;
  }

  getFingerprints(): RTCDtlsFingerprint[] {
    return this.#native.fingerprints().map(({ algorithm, value }) => ({ algorithm, value }));
  }
}
defineInterface(RTCCertificate, 'RTCCertificate');

export const isRTCCertificate = is;
export const nativeCertificate = nativeOf;

/** RTCPeerConnection.generateCertificate(): ECDSA P-256, as "ECDSA" or in full. */
export async function generateCertificate(given: number, keygenAlgorithm: unknown): Promise<RTCCertificate> {
  const context = method('RTCPeerConnection', 'generateCertificate');
  requireArguments(given, 1, context);
  const algorithm = isObject(keygenAlgorithm)
    ? (keygenAlgorithm as Record<string, unknown>)
    : { name: DOMString(keygenAlgorithm, context), namedCurve: 'P-256' };
  const name = DOMString(algorithm.name, `${context} member 'name'`).toUpperCase();
  if (name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') {
    throw domException('NotSupportedError', 'Only ECDSA with P-256 is supported');
  }
  const expires =
    algorithm.expires === undefined
      ? DEFAULT_LIFETIME_MS
      : unsignedLongLongEnforced(algorithm.expires, `${context} member 'expires'`);
  const native = unwrap(binding.Certificate.generate(Math.min(expires, MAX_LIFETIME_MS)));
  return new RTCCertificate(INTERNAL, native);
}
