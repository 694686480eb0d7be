/**
 * RTCRtpScriptTransformer (webrtc-encoded-transform §7.3): the worker's end of a transform.
 * Invariant: it can do something as long as its transform is set on a sender or receiver.
 */
import type { ReadableStream, WritableStream } from 'node:stream/web';
import { release } from '../lane';
import { DOMString, method } from '../webidl/converters';
import { defineEventHandlers, type EventHandler } from '../webidl/event-handlers';
import { domException } from '../webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from '../webidl/interface';
import { type EncodedFrame, FramePipe } from './FramePipe';
import { KeyFrameRequestEvent } from './KeyFrameRequestEvent';

/** RFC 8851 section 10, with the limit of browsers. */
const RID = /^[a-z0-9]{1,255}$/i;

export class RTCRtpScriptTransformer extends EventTarget {
  readonly #pipe: FramePipe;
  readonly #options: unknown;

  declare onkeyframerequest: EventHandler<KeyFrameRequestEvent>;

  constructor(token: unknown = undefined, detour = 0, options: unknown = undefined) {
    requireInternal(token, 'RTCRtpScriptTransformer');
    super();
    const itself = new WeakRef(this);
    this.#pipe = new FramePipe(detour, {
      strict: false,
      ended: () => {
        const transformer = itself.deref();
        if (transformer) release(transformer);
      },
      keyFrameRequested: () => itself.deref()?.dispatchEvent(new KeyFrameRequestEvent('keyframerequest')),
    });
    this.#options = options;
  }

  get readable(): ReadableStream<EncodedFrame> {
    return this.#pipe.readable;
  }
  get writable(): WritableStream<EncodedFrame> {
    return this.#pipe.writable;
  }
  get options(): unknown {
    return this.#options;
  }

  /** Resolves, as browsers do, with the RTP timestamp of the key frame. */
  async generateKeyFrame(rid: string | undefined = undefined): Promise<number> {
    const context = `${method('RTCRtpScriptTransformer', 'generateKeyFrame')} parameter 1`;
    const layer = rid === undefined ? undefined : DOMString(rid, context);
    const role = this.#pipe.role;
    if (!role?.video || !role.sending) throw domException('InvalidStateError', 'This does not transform sent video');
    if (layer !== undefined) {
      if (!RID.test(layer)) throw domException('NotAllowedError', `'${layer}' is not a valid rid`);
      throw domException('NotFoundError', `No layer is called '${layer}'`);
    }
    return this.#pipe.nextKeyFrame();
  }

  async sendKeyFrameRequest(): Promise<void> {
    const role = this.#pipe.role;
    if (!role?.video || role.sending) throw domException('InvalidStateError', 'This does not transform received video');
    this.#pipe.wantKeyFrame();
  }
}
defineEventHandlers(RTCRtpScriptTransformer, ['keyframerequest']);
defineInterface(RTCRtpScriptTransformer, 'RTCRtpScriptTransformer');

export function createTransformer(detour: number, options: unknown): RTCRtpScriptTransformer {
  return new RTCRtpScriptTransformer(INTERNAL, detour, options);
}
