/**
 * A detour of encoded frames as the two streams of webrtc-encoded-transform.
 * Invariants: frames wait in the engine, where their number is bounded, and never here; a frame that nobody reads in time is
 * lost; what is written goes on at once.
 */
import type { ReadableStream, ReadableStreamDefaultController, WritableStream } from 'node:stream/web';
import { binding, type FramesReport, type NativeFrameStream } from '../binding';
import { listen, theEngine } from '../lane';
import { loadWebStreams } from '../lazy';
import { domException } from '../webidl/exceptions';
import type { FrameSlots } from './frame';
import { slotsFrom } from './frame';
import {
  audioFrameSlots,
  createAudioFrame,
  isRTCEncodedAudioFrame,
  type RTCEncodedAudioFrame,
} from './RTCEncodedAudioFrame';
import {
  createVideoFrame,
  isRTCEncodedVideoFrame,
  type RTCEncodedVideoFrame,
  videoFrameSlots,
} from './RTCEncodedVideoFrame';

export type EncodedFrame = RTCEncodedAudioFrame | RTCEncodedVideoFrame;

interface Options {
  /** Writing a frame again is an error, as with createEncodedStreams() in Chromium; otherwise it is without effect. */
  strict: boolean;
  keyFrameRequested?: () => void;
  /** No more frames will come. */
  ended?: () => void;
}

export class FramePipe {
  // Not made in the constructor: a closure there would hold `this`.
  static readonly #deliver = (pipe: FramePipe, _report: FramesReport): void => pipe.#report();

  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  readonly #native: NativeFrameStream;
  readonly #options: Options;
  #controller: ReadableStreamDefaultController<EncodedFrame> | null = null;
  /** The reader has found nothing and waits. */
  #hungry = false;
  /** Those who wait for a key frame. */
  #keyFrames: { resolve: (timestamp: number) => void; reject: (reason: unknown) => void }[] = [];

  constructor(detour: number, options: Options) {
    const { ReadableStream, WritableStream } = loadWebStreams();
    this.#options = options;
    this.#native = new binding.FrameStream(theEngine(), detour);
    listen('frames', this.#native.id, this, FramePipe.#deliver);
    // Nothing is queued here: the engine's queue is the only one.
    this.readable = new ReadableStream<EncodedFrame>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#feed(),
        cancel: () => this.close(),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<EncodedFrame>({ write: (frame) => this.#write(frame) });
  }

  /** Looks at once for what has happened: nothing else may keep the process alive until it is told. */
  look(): void {
    this.#report();
  }

  /** Nobody will read any more. */
  close(): void {
    this.#native.close();
    this.#controller = null;
    // The engine tells nothing more.
    this.#options.ended?.();
  }

  get role(): { video: boolean; sending: boolean } | null {
    return this.#native.role() ?? null;
  }

  /** Resolves with the RTP timestamp of the next key frame that is read, which is asked for. */
  nextKeyFrame(): Promise<number> {
    this.#native.wantKeyFrame();
    return new Promise((resolve, reject) => this.#keyFrames.push({ resolve, reject }));
  }

  wantKeyFrame(): void {
    this.#native.wantKeyFrame();
  }

  #report(): void {
    if (this.#native.takeKeyFrameRequest()) this.#options.keyFrameRequested?.();
    if (!this.role) this.#refuseKeyFrames();
    if (!this.#native.isEnded()) {
      if (this.#hungry) this.#feed();
      return;
    }
    // What is left is for whoever still reads.
    while (this.#controller) this.#feed();
    this.#options.ended?.();
  }

  #refuseKeyFrames(): void {
    for (const { reject } of this.#keyFrames.splice(0)) {
      reject(domException('InvalidStateError', 'No video is sent any more'));
    }
  }

  /** Gives the reader a frame, or remembers that it waits for one. */
  #feed(): void {
    const controller = this.#controller;
    if (!controller) return;
    const frame = this.#native.read();
    this.#hungry = !frame;
    if (!frame) {
      if (!this.#native.isEnded()) return;
      this.#controller = null;
      controller.close();
      return;
    }
    if (typeof frame.key !== 'boolean') {
      controller.enqueue(createAudioFrame(slotsFrom(frame, 'audio')));
      return;
    }
    controller.enqueue(createVideoFrame(slotsFrom(frame, 'video')));
    if (frame.key) for (const { resolve } of this.#keyFrames.splice(0)) resolve(frame.timestamp);
  }

  #write(frame: EncodedFrame): void {
    const slots = slotsOf(frame);
    if (slots.spent) {
      if (this.#options.strict) throw domException('OperationError', 'The frame was written before');
      return;
    }
    const { ssrc, payloadType, codec, sequence, level, marker, key } = slots.native;
    const timestamp = slots.metadata.rtpTimestamp ?? slots.native.timestamp;
    this.#native.write(
      { ssrc, payloadType, codec, timestamp, sequence, level, marker, key },
      new Uint8Array(slots.data),
    );
    slots.spent = true;
    slots.data = new ArrayBuffer(0);
  }
}

function slotsOf(frame: unknown): FrameSlots {
  if (isRTCEncodedAudioFrame(frame)) return audioFrameSlots(frame);
  if (isRTCEncodedVideoFrame(frame)) return videoFrameSlots(frame);
  throw new TypeError('What was written is not an encoded frame');
}
