/**
 * RTCEncodedAudioSource: encoded frames that an application sends as they are, with no encoder in between.
 * Invariants: frames are sent once, in order, each for as long as it plays, with timestamps that follow the clock; what does
 * not fit is refused whole. Where no track is live any more nobody waits for ever: all is cleared, until there is another
 * track.
 */
import { EventEmitter } from 'node:events';
import { binding, type FramesReport, type NativeFrameQueue } from '../binding';
import { outside, within } from '../context';
import { listen, queueTask, theEngine } from '../lane';
import { createTrack, type MediaStreamTrack } from '../MediaStreamTrack';
import { setTimeout } from '../timers';
import { toIntegerBetween } from './pcm';
import { createSignal, type Signal } from './signal';

export interface RTCEncodedAudioSourceOptions {
  /** 'audio/opus' unless said otherwise, 'audio/PCMU', 'audio/PCMA' or 'audio/G722'. */
  mimeType?: string;
  /** How much may be queued before write() refuses. */
  queueMs?: number;
}

/** How long a refused frame takes that nobody will hear: who writes on and on after the call must leave time for others. */
const UNHEARD_MS = 20;
const CODEC = /^audio\/(opus|PCMU|PCMA|G722)$/i;

export class RTCEncodedAudioSource extends EventEmitter {
  static readonly #deliver = (source: RTCEncodedAudioSource, _report: FramesReport): void => {
    // Where all tracks have ended, room is made here, and told.
    if (!source.#over) source.#drained();
  };
  // Made here, or else the timer would hold the source, as would its context: one that its own 'drain' listener writes would never be collected.
  static readonly #endSoon = (itself: WeakRef<RTCEncodedAudioSource>): void => {
    const end = () => {
      const source = itself.deref();
      if (source) within(source, () => source.#end());
    };
    outside(() => setTimeout(end, UNHEARD_MS)).unref();
  };

  readonly mimeType: string;
  readonly #queue: NativeFrameQueue;
  readonly #signal: Signal;
  /** Who writes was refused, and waits for 'drain'. */
  #full = false;
  /** All tracks have ended: nobody will hear what is written now. */
  #over = false;

  constructor(options: RTCEncodedAudioSourceOptions = {}) {
    super();
    this.mimeType = String(options.mimeType ?? 'audio/opus');
    const codec = CODEC.exec(this.mimeType)?.[1];
    if (!codec) throw new TypeError(`mimeType '${this.mimeType}' is not of a codec that can be sent`);
    const queueMs = toIntegerBetween(options.queueMs ?? 1000, 20, 3_600_000, 'queueMs');
    this.#queue = new binding.FrameQueue(theEngine(), codec, queueMs);
    listen('frames', this.#queue.id, this, RTCEncodedAudioSource.#deliver);
    // Functions, and so the tracks hold this source: 'drain' comes as long as one is sent.
    this.#signal = createSignal({
      kind: 'audio',
      label: 'RTCEncodedAudioSource',
      ring: () => null,
      frames: () => this.#queue,
      // In a task: stop() fires nothing, and may come just before the next track.
      ended: () => within(this, queueTask, () => this.#end()),
    });
  }

  /** A live track; it is sent where its codec was negotiated, by one sender at a time. Once all have ended another begins anew. */
  createTrack(): MediaStreamTrack {
    if (this.#over) this.#queue.clear();
    this.#over = false;
    return createTrack(this.#signal);
  }

  /**
   * One frame: what one packet carries. False: the queue is full, the frame is not taken, and 'drain' tells when to go on. Once
   * all tracks have ended, what is written is cleared in a moment.
   */
  write(frame: ArrayBuffer | Uint8Array): boolean {
    const bytes = frame instanceof Uint8Array ? frame : new Uint8Array(frame);
    const taken = this.#queue.write(bytes);
    if (typeof taken !== 'boolean') throw new TypeError(`frame is not a frame of ${this.mimeType}`);
    if (!taken) {
      if (this.#over && !this.#full) RTCEncodedAudioSource.#endSoon(new WeakRef(this));
      this.#full = true;
    }
    return taken;
  }

  /** Drops what has not been sent. */
  clear(): void {
    this.#queue.clear();
  }

  /** The last live track has ended: nothing of what is left will be sent. */
  #end(): void {
    if (this.#signal.live > 0) return;
    this.#over = true;
    this.#queue.clear();
    // At once: the report of the engine would not find a source that only its waiting writer knows.
    if (this.#full) this.#drained();
  }

  #drained(): void {
    this.#full = false;
    this.emit('drain');
  }

  /** Written and not yet sent, in milliseconds. */
  get queuedMs(): number {
    return this.#queue.queuedMs();
  }
}
