/** RTCTransformEvent (webrtc-encoded-transform §7.3): a page has made a transform that runs in this worker. */
import { defineInterface, INTERNAL, requireInternal } from '../webidl/interface';
import type { RTCRtpScriptTransformer } from './RTCRtpScriptTransformer';

export class RTCTransformEvent extends Event {
  readonly #transformer: RTCRtpScriptTransformer;

  constructor(token: unknown = undefined, transformer?: RTCRtpScriptTransformer) {
    requireInternal(token, 'RTCTransformEvent');
    super('rtctransform');
    this.#transformer = transformer as RTCRtpScriptTransformer;
  }

  get transformer(): RTCRtpScriptTransformer {
    return this.#transformer;
  }
}
defineInterface(RTCTransformEvent, 'RTCTransformEvent');

export function createTransformEvent(transformer: RTCRtpScriptTransformer): RTCTransformEvent {
  return new RTCTransformEvent(INTERNAL, transformer);
}
