/**
 * RTCEncodedAudioSource: encoded frames that an application sends as they are, with no encoder in between.
 * Invariants: frames are sent once, in order, each for as long as it plays, with timestamps that follow the clock; what does
 * not fit is refused whole.
 */
import { EventEmitter } from 'node:events';
import { binding, type FramesReport, type NativeFrameQueue } from '../binding';
import { listen, theEngine } from '../lane';
import { createTrack, type MediaStreamTrack } from '../MediaStreamTrack';
import { toIntegerBetween } from './pcm';
import { createSignal } from './signal';

export interface RTCEncodedAudioSourceOptions {
  /** 'audio/opus' unless said otherwise, 'audio/PCMU', 'audio/PCMA' or 'audio/G722'. */
  mimeType?: string;
  /** How much may be queued before write() refuses. */
  queueMs?: number;
}

const CODEC = /^audio\/(opus|PCMU|PCMA|G722)$/i;

export class RTCEncodedAudioSource extends EventEmitter {
  static readonly #deliver = (source: RTCEncodedAudioSource, _report: FramesReport): void => {
    source.emit('drain');
  };

  readonly mimeType: string;
  readonly #queue: NativeFrameQueue;

  constructor(options: RTCEncodedAudioSourceOptions = {}) {
    super();
    this.mimeType = String(options.mimeType ?? 'audio/opus');
    const codec = CODEC.exec(this.mimeType)?.[1];
    if (!codec) throw new TypeError(`mimeType '${this.mimeType}' is not of a codec that can be sent`);
    const queueMs = toIntegerBetween(options.queueMs ?? 1000, 20, 3_600_000, 'queueMs');
    this.#queue = new binding.FrameQueue(theEngine(), codec, queueMs);
    listen('frames', this.#queue.id, this, RTCEncodedAudioSource.#deliver);
  }

  /** A live track; it is sent where its codec was negotiated, by one sender at a time. */
  createTrack(): MediaStreamTrack {
    // A function, and so the track holds this source: 'drain' comes as long as it is sent.
    const frames = () => this.#queue;
    return createTrack(createSignal({ kind: 'audio', label: 'RTCEncodedAudioSource', ring: () => null, frames }));
  }

  /** One frame: what one packet carries. False: the queue is full, the frame is not taken, and 'drain' tells when to go on. */
  write(frame: ArrayBuffer | Uint8Array): boolean {
    const bytes = frame instanceof Uint8Array ? frame : new Uint8Array(frame);
    const taken = this.#queue.write(bytes);
    if (typeof taken !== 'boolean') throw new TypeError(`frame is not a frame of ${this.mimeType}`);
    return taken;
  }

  /** Drops what has not been sent. */
  clear(): void {
    this.#queue.clear();
  }

  /** Written and not yet sent, in milliseconds. */
  get queuedMs(): number {
    return this.#queue.queuedMs();
  }
}
