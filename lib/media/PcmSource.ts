/**
 * PcmSource: an audio signal that the application writes, for any number of tracks.
 * Invariants: samples are played once, in order, with silence where nothing was written and no catch-up bursts; a
 * write that finds the queue full waits here and is never lost, as with a Node Writable; what waits is bounded. Where no
 * track is live any more nobody waits for ever: all is cleared, until there is another track.
 */
import { EventEmitter } from 'node:events';
import type { Writable } from 'node:stream';
import type { WritableStream } from 'node:stream/web';
import { binding, type LevelData, type MediaReport, type NativeRing } from '../binding';
import { outside, within } from '../context';
import { listen, queueTask, release, root, theEngine, throwLater } from '../lane';
import type { DeviceInit } from '../MediaDeviceInfo';
import { createTrack, type MediaStreamTrack } from '../MediaStreamTrack';
import { setTimeout } from '../timers';
import { isObject } from '../webidl/converters';
import { toAudioLevel } from './level';
import { watchListeners } from './listeners';
import type { PcmFrame } from './PcmSink';
import { type Pcm, toIntegerBetween, toSampleRate, toSamples } from './pcm';
import { createSignal, type Signal } from './signal';
import { writable, writableWeb } from './streams';

export interface PcmSourceOptions {
  /** 8000, 16000, 24000, 32000, 44100 or 48000 Hz. */
  sampleRate?: number;
  /** 1 or 2, interleaved. */
  channels?: number;
  /** How much may be queued before write() returns false. */
  queueMs?: number;
}

/** Beyond the queue so many bytes may wait: more than two hours at 16 kHz. */
const MAX_WAITING_BYTES = 256 * 2 ** 20;
/** What a write that waits costs besides its samples. */
const CHUNK_BYTES = 256;
/** How long a write takes that nobody will hear: who writes on and on after the call must leave time for others. */
const UNHEARD_MS = 20;

interface Chunk {
  pcm: Int16Array;
  sampleRate: number;
  /** Called once the whole chunk is in the queue, or was cleared. */
  taken?: () => void;
}
interface Mark {
  key: string;
}

let ringOf: (source: PcmSource) => NativeRing;
let is: (value: unknown) => value is PcmSource;

export class PcmSource extends EventEmitter {
  static {
    ringOf = (source) => source.#ring;
    is = (value): value is PcmSource => isObject(value) && #ring in value;
  }
  // Not made in the constructor: a closure there would hold `this`, as its siblings do.
  static readonly #deliver = (source: PcmSource, report: MediaReport | LevelData): void => source.#report(report);
  // Nor does the timer, nor its context: a source that its own 'drain' listener writes would never be collected.
  static readonly #refillSoon = (itself: WeakRef<PcmSource>): void => {
    const refill = () => {
      const source = itself.deref();
      if (source) within(source, () => source.#refill());
    };
    outside(() => setTimeout(refill, UNHEARD_MS)).unref();
  };

  readonly sampleRate: number;
  readonly channels: number;
  readonly queueMs: number;
  readonly #ring: NativeRing;
  readonly #write: ReturnType<NativeRing['writer']>;
  readonly #signal: Signal;
  /** What the queue has not taken yet. */
  #waiting: (Chunk | Mark)[] = [];
  /** What that costs. */
  #waitingBytes = 0;
  /** Marks not reached yet, by key; the engine knows only keys, names may repeat. */
  readonly #marks = new Map<string, (reached: boolean) => void>();
  #lastKey = 0;
  #full = false;
  /** All tracks have ended: what is written now waits for a moment, and nobody will hear it. */
  #over = false;

  constructor(options: PcmSourceOptions = {}, device: DeviceInit | null = null) {
    super();
    this.sampleRate = toSampleRate(options.sampleRate ?? 16000, 'sampleRate');
    this.channels = toIntegerBetween(options.channels ?? 1, 1, 2, 'channels');
    this.queueMs = toIntegerBetween(options.queueMs ?? 1000, 20, 3_600_000, 'queueMs');
    this.#ring = new binding.Ring(theEngine(), this.sampleRate, this.channels, this.queueMs);
    this.#write = this.#ring.writer();
    listen('ring', this.#ring.id, this, PcmSource.#deliver);
    this.#signal = createSignal({
      kind: 'audio',
      label: device?.label ?? 'PcmSource',
      ring: () => this.#ring,
      source: this,
      device,
      sampleRate: this.sampleRate,
      // In a task: stop() fires nothing, and may come just before the next track.
      ended: () => within(this, queueTask, () => this.#end()),
    });
    this.#watchListeners();
  }

  /** A live track that carries this signal. Every track hears the same; once all have ended another one begins anew. */
  createTrack(constraints?: MediaTrackConstraints): MediaStreamTrack {
    this.#over = false;
    return createTrack(this.#signal, undefined, constraints);
  }

  /**
   * Queues samples of any length; `sampleRate` says their rate where it is not the source's.
   * False: the queue is full; 'drain' tells when it is time to go on. Nothing is lost either way. Whoever writes on
   * regardless until 256 MiB wait gets a RangeError, and nothing of that write is taken. Once all tracks have ended, what
   * is written is cleared in a moment.
   */
  write(pcm: Pcm, options: { sampleRate?: number } = {}): boolean {
    this.#enqueue(pcm, options, undefined);
    return this.#waiting.length === 0;
  }

  /** Queues samples and resolves once the queue has taken them all: await it in a loop to keep the queue's pace. */
  async captureFrame(pcm: Pcm, options: { sampleRate?: number } = {}): Promise<void> {
    await new Promise<void>((resolve) => this.#enqueue(pcm, options, resolve));
  }

  /** Drops what has not been played (barge-in); returns how many milliseconds. Pending marks are told as cleared. */
  clear(): number {
    const waiting = this.#waiting;
    const { droppedMs, marks } = this.#ring.clear();
    const dropped = this.#waitingMs() + droppedMs;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const item of waiting) {
      if ('pcm' in item) item.taken?.();
      else marks.push(item.key);
    }
    // A mark that is in neither was reached just now: its report is on the way, and comes too late.
    for (const [key, settle] of [...this.#marks]) {
      this.#marks.delete(key);
      try {
        settle(!marks.includes(key));
      } catch (error) {
        throwLater(error);
      }
    }
    this.#drained();
    return dropped;
  }

  /**
   * Takes little-endian bytes at `sampleRate`, cut anywhere. 'finish' comes when the queue has taken all; destroy()
   * before that is clear().
   */
  toNodeStream(options: { sampleRate?: number } = {}): Writable {
    if (options.sampleRate !== undefined) toSampleRate(options.sampleRate, 'sampleRate');
    return writable(this, options);
  }

  /** Takes samples or bytes at `sampleRate`, or frames of a PcmSink. abort() is clear(). */
  toWebStream(options: { sampleRate?: number } = {}): WritableStream<Pcm | PcmFrame> {
    if (options.sampleRate !== undefined) toSampleRate(options.sampleRate, 'sampleRate');
    return writableWeb(this, options);
  }

  /** Resolves when everything written so far has been played or cleared. */
  async waitForPlayout(): Promise<void> {
    if (this.queuedMs === 0) return;
    await new Promise<void>((resolve) => this.#addMark(() => resolve()));
  }

  /** Emits 'mark' (name, reached) when everything written so far has been played, or was cleared (reached = false). */
  mark(name: string): void {
    if (typeof name !== 'string') throw new TypeError('name is not a string');
    this.#addMark((reached) => this.emit('mark', name, reached));
  }

  /** Milliseconds written and not yet played. */
  get queuedMs(): number {
    return this.#waitingMs() + this.#ring.queuedMs();
  }

  /** Milliseconds of written samples played so far; silence in gaps does not count. */
  get playedMs(): number {
    return this.#ring.playedMs();
  }

  /** Loudness of what was last played: RMS, 0 to 1. */
  get level(): number {
    return this.#ring.level();
  }

  override removeAllListeners(event?: string | symbol): this {
    if (event !== undefined) return super.removeAllListeners(event);
    super.removeAllListeners();
    this.#watchListeners();
    this.#meter();
    return this;
  }

  #watchListeners(): void {
    watchListeners(this, ['level'], () => this.#meter());
  }

  /** Has the engine measure levels while somebody listens to them. */
  #meter(): void {
    this.#ring.setMetered(this.listenerCount('level') > 0);
  }

  #enqueue(pcm: Pcm, options: { sampleRate?: number }, taken: (() => void) | undefined): void {
    const samples = toSamples(pcm, this.channels, 'pcm');
    const sampleRate =
      options.sampleRate === undefined ? this.sampleRate : toSampleRate(options.sampleRate, 'sampleRate');
    if (this.#over || this.#waiting.length > 0 || !this.#write(samples, sampleRate, this.channels)) {
      const bytes = samples.byteLength + CHUNK_BYTES;
      if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
        throw new RangeError(`pcm does not fit: at most ${MAX_WAITING_BYTES} bytes may wait for room in the queue`);
      }
      this.#waitingBytes += bytes;
      // The application may reuse its array once write() has returned.
      const chunk = { pcm: samples.slice(), sampleRate, taken };
      this.#wait(chunk);
      this.#full = true;
      if (this.#waiting.length === 1 && !this.#over) this.#fill(chunk);
    } else taken?.();
  }

  #addMark(settle: (reached: boolean) => void): void {
    const key = String(++this.#lastKey);
    this.#marks.set(key, settle);
    if (this.#over || this.#waiting.length > 0) this.#wait({ key });
    else this.#ring.mark(key);
  }

  /** The last live track has ended: nothing of what is left will be played. */
  #end(): void {
    if (this.#signal.live > 0) return;
    this.#over = true;
    this.clear();
  }

  #wait(item: Chunk | Mark): void {
    if (this.#over) {
      // Nobody else may hold it but who awaits this.
      if ('key' in item || item.taken) root(this);
      if (this.#waiting.length === 0) PcmSource.#refillSoon(new WeakRef(this));
    }
    this.#waiting.push(item);
  }

  /** Puts the part of a refused chunk that fits into the queue. */
  #fill(chunk: Chunk): void {
    const frames = this.#ring.space(chunk.sampleRate);
    const samples = Math.min(frames * this.channels, chunk.pcm.length);
    if (samples > 0 && this.#write(chunk.pcm.subarray(0, samples), chunk.sampleRate, this.channels)) {
      chunk.pcm = chunk.pcm.subarray(samples);
    }
  }

  /** The queue has room: hand over what waits. A refused write arms the next 'drain' report. */
  #refill(): void {
    release(this);
    if (this.#over) {
      this.clear();
      return;
    }
    for (let item = this.#waiting[0]; item; item = this.#waiting[0]) {
      if ('key' in item) this.#ring.mark(item.key);
      else if (this.#write(item.pcm, item.sampleRate, this.channels)) {
        // All of the copy was held until now, also where parts of it were taken before.
        this.#waitingBytes -= item.pcm.buffer.byteLength + CHUNK_BYTES;
        item.taken?.();
      } else {
        this.#fill(item);
        return;
      }
      this.#waiting.shift();
    }
    this.#drained();
  }

  #drained(): void {
    if (!this.#full) return;
    this.#full = false;
    this.emit('drain');
  }

  #waitingMs(): number {
    let ms = 0;
    for (const item of this.#waiting) {
      if ('pcm' in item) ms += (item.pcm.length / this.channels / item.sampleRate) * 1000;
    }
    return ms;
  }

  #report(report: MediaReport | LevelData): void {
    if (!('type' in report)) this.emit('level', toAudioLevel(report));
    else if (report.type === 'drain') this.#refill();
    else if (report.type === 'mark') {
      const settle = this.#marks.get(report.name);
      this.#marks.delete(report.name);
      settle?.(true);
    }
  }
}

export const isPcmSource = is;

/** What its tracks carry. */
export function sourceRing(source: PcmSource): NativeRing {
  return ringOf(source);
}
