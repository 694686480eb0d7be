/**
 * PcmSink: reads a track as frames of one rate and one length, for life.
 * Invariants: frames are continuous (concealment or silence fills gaps); a slow reader loses the oldest frames, and
 * `dropped` counts them; one sink has one reader.
 */
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { binding, type NativeSink } from '../binding';
import { listen, theEngine } from '../lane';
import { isMediaStreamTrack, type MediaStreamTrack, observe, trackSlots, unobserve } from '../MediaStreamTrack';
import { toIntegerBetween, toSampleRate } from './pcm';

export interface PcmSinkOptions {
  /** 8000, 16000, 24000, 32000, 44100 or 48000 Hz. */
  sampleRate?: number;
  /** 10, 20, 30, 40 or 60. */
  frameMs?: number;
  /** How many frames are kept for a reader that is late. */
  queueFrames?: number;
}

export interface PcmFrame {
  /** Mono; yours to keep. */
  samples: Int16Array;
  sampleRate: number;
  channels: 1;
  /** RTP timestamp of the first sample; of a local track, samples since its start. */
  timestamp: number;
}

const FRAME_MS = [10, 20, 30, 40, 60];

export class PcmSink extends EventEmitter implements AsyncIterable<PcmFrame> {
  // Not made in the constructor: a closure there would hold `this`, as its siblings do.
  static readonly #deliver = (sink: PcmSink): void => sink.#pump();

  readonly sampleRate: number;
  readonly frameMs: number;
  readonly track: MediaStreamTrack;
  readonly #frameLength: number;
  /** null for a track that ended with its connection before anybody read it. */
  readonly #native: NativeSink | null;
  readonly #observer = { trackChanged: () => this.#trackChanged() };
  #waiting: ((result: IteratorResult<PcmFrame>) => void)[] = [];
  #dropped = 0;
  #closed = false;
  #flowing = false;

  constructor(track: MediaStreamTrack, options: PcmSinkOptions = {}) {
    super();
    if (!isMediaStreamTrack(track)) throw new TypeError('track is not a MediaStreamTrack');
    if (track.kind !== 'audio') throw new TypeError('track is not an audio track');
    this.track = track;
    this.sampleRate = toSampleRate(options.sampleRate ?? 16000, 'sampleRate');
    this.frameMs = options.frameMs ?? 20;
    if (!FRAME_MS.includes(this.frameMs)) throw new RangeError(`frameMs is not one of ${FRAME_MS.join(', ')}`);
    const queueFrames = toIntegerBetween(options.queueFrames ?? 50, 1, 10_000, 'queueFrames');
    this.#frameLength = (this.sampleRate * this.frameMs) / 1000;
    const ring = trackSlots(track).signal.ring();
    this.#native = ring && new binding.Sink(theEngine(), ring, this.sampleRate, this.frameMs, queueFrames);
    if (this.#native) listen('sink', this.#native.id, this, PcmSink.#deliver);
    // The track holds the sink: reading goes on without anybody else holding it.
    observe(track, this.#observer);
    this.on('newListener', (event) => {
      if (event === 'data') this.#flow();
    });
    if (track.readyState === 'ended') this.close();
  }

  /** Frames lost because nobody read them in time. */
  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The next frame; undefined once the sink is closed. */
  async read(): Promise<PcmFrame | undefined> {
    const result = await this.#next();
    return result.done ? undefined : result.value;
  }

  [Symbol.asyncIterator](): AsyncIterator<PcmFrame> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Frames as little-endian bytes. */
  toNodeStream(): Readable {
    return Readable.from(
      (async function* (sink: PcmSink) {
        for await (const { samples } of sink) {
          yield Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
        }
      })(this),
      { objectMode: false },
    );
  }

  toWebStream(): ReadableStream<PcmFrame> {
    return new ReadableStream<PcmFrame>({
      pull: async (controller) => {
        const result = await this.#next();
        if (result.done) controller.close();
        else controller.enqueue(result.value);
      },
      cancel: () => this.close(),
    });
  }

  /** Stops reading. The track goes on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    unobserve(this.track, this.#observer);
    this.#native?.close();
    for (const resolve of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
    this.emit('end');
  }

  #next(): Promise<IteratorResult<PcmFrame>> {
    const frame = this.#waiting.length === 0 && !this.#closed ? this.#take() : null;
    if (frame) return Promise.resolve({ done: false, value: frame });
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #flow(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    // The listener is not added yet: what is already there comes in a moment.
    queueMicrotask(() => this.#pump());
  }

  #pump(): void {
    while (!this.#closed) {
      const flowing = this.listenerCount('data') > 0;
      if (!flowing && this.#waiting.length === 0) return;
      const frame = this.#take();
      if (!frame) return;
      const resolve = this.#waiting.shift();
      if (resolve) resolve({ done: false, value: frame });
      else this.emit('data', frame);
    }
  }

  #take(): PcmFrame | null {
    const samples = new Int16Array(this.#frameLength);
    const read = this.#native?.read(samples);
    if (!read) return null;
    this.#dropped += read.dropped;
    // Clones share the signal, `enabled` belongs to the track.
    if (!trackSlots(this.track).enabled) samples.fill(0);
    return { samples, sampleRate: this.sampleRate, channels: 1, timestamp: read.timestamp };
  }

  #trackChanged(): void {
    if (this.track.readyState === 'ended') this.close();
  }
}
