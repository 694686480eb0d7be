/**
 * PcmSink: reads a track as frames of one rate and one length, for life.
 * Invariants: frames are continuous (concealment or silence fills gaps); a slow reader loses the oldest frames, and
 * `dropped` counts them; what waits when the track ends is still delivered; one sink has one reader. Levels and speech are
 * looked at only while somebody listens.
 */
import { EventEmitter } from 'node:events';
import { emitWarning } from 'node:process';
import type { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { binding, type LevelData, type MediaReport, type NativeSink, type SpeechData } from '../binding';
import { within } from '../context';
import { listen, theEngine, throwLater } from '../lane';
import { isMediaStreamTrack, type MediaStreamTrack, observe, trackSlots, unobserve } from '../MediaStreamTrack';
import { queueMicrotask } from '../timers';
import { toAudioLevel } from './level';
import { watchListeners } from './listeners';
import { toIntegerBetween, toSampleRate } from './pcm';
import { type SpeechEvent, type SpeechOptions, toSpeechData } from './speech';
import { readable, readableWeb } from './streams';

export interface PcmSinkOptions {
  /** 8000, 16000, 24000, 32000, 44100 or 48000 Hz. */
  sampleRate?: number;
  /** 10, 20, 30, 40 or 60. */
  frameMs?: number;
  /** How many frames are kept for a reader that is late. */
  queueFrames?: number;
  /** Detects speech from the start, or how; without it that begins with a listener to 'speechstart' or 'speechend'. */
  speech?: boolean | SpeechOptions;
  /** The frames of 'data' events share one memory, which is theirs until the listener returns. Otherwise each has its own. */
  reuseFrames?: boolean;
}

export interface PcmFrame {
  /** Mono; yours to keep, unless `reuseFrames` says otherwise. */
  samples: Int16Array;
  sampleRate: number;
  channels: 1;
  /** RTP timestamp of the first sample; of a local track, samples since its start. */
  timestamp: number;
  /** Samples before it since the sink's first, those of dropped frames too. */
  position: number;
}

const FRAME_MS = [10, 20, 30, 40, 60];
/** What a number of NativeSink.reader() is made of. */
const DROPPED = { unit: 2 ** 32, mask: 2 ** 20 - 1 };
const MORE = 2 ** 52;
const HEARD = ['speechstart', 'speechend', 'level'];

export class PcmSink extends EventEmitter implements AsyncIterable<PcmFrame> {
  // Not made in the constructor: a closure there would hold `this`, as its siblings do.
  static readonly #deliver = (sink: PcmSink, report: MediaReport | LevelData): void => sink.#report(report);

  readonly sampleRate: number;
  readonly frameMs: number;
  readonly track: MediaStreamTrack;
  readonly #frameLength: number;
  /** null for a track that ended with its connection before anybody read it. */
  readonly #native: NativeSink | null;
  readonly #read: ReturnType<NativeSink['reader']> | undefined;
  readonly #observer = { trackChanged: () => this.#trackChanged() };
  #waiting: ((result: IteratorResult<PcmFrame>) => void)[] = [];
  /** What nobody had read when the track ended. */
  #rest: PcmFrame[] = [];
  #dropped = 0;
  /** Another frame waits. */
  #more = false;
  #position = 0;
  #closed = false;
  readonly #speech: { settings: SpeechData; always: boolean };
  #speaking = false;
  /** What all frames of 'data' events are read into. */
  #shared: Int16Array | null;

  constructor(track: MediaStreamTrack, options: PcmSinkOptions = {}) {
    super();
    if (!isMediaStreamTrack(track)) throw new TypeError('track is not a MediaStreamTrack');
    if (track.kind !== 'audio') throw new TypeError('track is not an audio track');
    this.track = track;
    this.sampleRate = toSampleRate(options.sampleRate ?? 16000, 'sampleRate');
    this.frameMs = options.frameMs ?? 20;
    if (!FRAME_MS.includes(this.frameMs)) throw new RangeError(`frameMs is not one of ${FRAME_MS.join(', ')}`);
    const queueFrames = toIntegerBetween(options.queueFrames ?? 50, 1, 10_000, 'queueFrames');
    this.#speech = { settings: toSpeechData(options.speech), always: Boolean(options.speech) };
    this.#frameLength = (this.sampleRate * this.frameMs) / 1000;
    this.#shared = options.reuseFrames ? new Int16Array(this.#frameLength) : null;
    const { signal } = trackSlots(track);
    const ring = signal.ring();
    this.#native = ring && new binding.Sink(theEngine(), ring, this.sampleRate, this.frameMs, queueFrames);
    this.#read = this.#native?.reader();
    if (this.#native) listen('sink', this.#native.id, this, PcmSink.#deliver);
    observe(track, this.#observer);
    // The signal holds the sink, and so its track: reading goes on without anybody else holding it.
    signal.readers.add(this);
    this.#watchListeners();
    if (track.readyState === 'ended') this.#trackEnded();
    else if (this.#speech.always || !track.enabled) this.#listen(); // Otherwise there is nobody yet.
  }

  /** Frames lost because nobody read them in time. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Between 'speechstart' and 'speechend'. */
  get speaking(): boolean {
    return this.#speaking;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The next frame; undefined once the sink is closed, or the track has ended and all was read. */
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
    return readable(this);
  }

  toWebStream(): ReadableStream<PcmFrame> {
    return readableWeb(this);
  }

  override removeAllListeners(event?: string | symbol): this {
    if (event !== undefined) return super.removeAllListeners(event);
    super.removeAllListeners();
    this.#watchListeners();
    this.#listen();
    return this;
  }

  /** Stops reading, and drops what waits. The track goes on. */
  close(): void {
    this.#rest = [];
    if (this.#closed) return;
    this.#stop();
    this.emit('end');
  }

  #stop(): void {
    this.#closed = true;
    this.#speaking = false;
    unobserve(this.track, this.#observer);
    trackSlots(this.track).signal.readers.delete(this);
    this.#native?.close();
    for (const resolve of this.#waiting.splice(0)) this.#next().then(resolve);
  }

  /** What waits is kept for whoever reads on: the native sink would go on with the signal. */
  #trackEnded(): void {
    for (let frame = this.#take(); frame; frame = this.#take()) this.#rest.push(frame);
    this.#stop();
    // Who ends a track is in the middle of something, and who has just made the sink does not listen yet.
    within(this, queueMicrotask, () => this.#end());
  }

  #end(): void {
    while (this.#rest.length > 0 && this.listenerCount('data') > 0) this.#tell(this.#rest.shift() as PcmFrame);
    this.emit('end');
  }

  /** A listener that throws does so on its own: the frames behind this one ring no more. */
  #tell(frame: PcmFrame): void {
    try {
      this.emit('data', frame);
    } catch (error) {
      throwLater(error);
    }
  }

  #next(): Promise<IteratorResult<PcmFrame>> {
    const frame = this.#closed ? this.#rest.shift() : this.#waiting.length === 0 && this.#take();
    if (frame) return Promise.resolve({ done: false, value: frame });
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Also when a listener comes after all have gone: what waits for nobody rings no more. */
  #flow(): void {
    // The listener is not added yet: what is already there comes in a moment.
    within(this, queueMicrotask, () => this.#pump());
  }

  #pump(): void {
    while (!this.#closed) {
      const flowing = this.listenerCount('data') > 0;
      if (!flowing && this.#waiting.length === 0) return;
      const frame = this.#take(this.#waiting.length > 0 ? null : this.#memory());
      if (!frame) return;
      const more = this.#more;
      const resolve = this.#waiting.shift();
      if (resolve) resolve({ done: false, value: frame });
      else this.#tell(frame);
      if (!more) return;
    }
  }

  /** Another one where a listener has transferred what all frames shared. */
  #memory(): Int16Array | null {
    if (this.#shared?.length === 0) this.#shared = new Int16Array(this.#frameLength);
    return this.#shared;
  }

  #take(into: Int16Array | null = null): PcmFrame | null {
    const samples = into ?? new Int16Array(this.#frameLength);
    const read = this.#read?.(samples) ?? -1;
    if (read < 0) return null;
    this.#more = read >= MORE;
    const dropped = Math.floor(read / DROPPED.unit) & DROPPED.mask;
    this.#dropped += dropped;
    const position = this.#position + dropped * this.#frameLength;
    this.#position = position + this.#frameLength;
    // Clones share the signal, `enabled` belongs to the track.
    if (!trackSlots(this.track).enabled) samples.fill(0);
    return { samples, sampleRate: this.sampleRate, channels: 1, timestamp: read >>> 0, position };
  }

  #watchListeners(): void {
    watchListeners(this, HEARD, () => this.#listen());
    this.on('newListener', (event) => {
      if (event === 'data') this.#flow();
    });
  }

  /** Has the engine compute what somebody listens to, and nothing else. */
  #listen(): void {
    if (this.#closed) return;
    const heard = this.listenerCount('speechstart') + this.listenerCount('speechend') > 0;
    const speech = this.#speech.always || heard ? this.#speech.settings : undefined;
    if (!speech) this.#speaking = false;
    const levels = this.listenerCount('level') > 0;
    this.#native?.listen({ levels, speech, enabled: trackSlots(this.track).enabled });
  }

  #report(report: MediaReport | LevelData): void {
    if (this.#closed) return;
    if (!('type' in report)) this.emit('level', toAudioLevel(report));
    else if (report.type === 'frames') this.#pump();
    else if (report.type === 'sinklost') this.#lost(report.message);
    else if (report.type === 'speech') {
      const { speaking, position, known, timestamp } = report;
      const event: SpeechEvent = { position, known, timestamp };
      this.#speaking = speaking;
      this.emit(speaking ? 'speechstart' : 'speechend', event);
    }
  }

  /** A fault of the engine: whoever reads must not wait for ever. */
  #lost(message: string): void {
    emitWarning(`A sink has failed: ${message}`, { type: 'WebphoneRtcWarning', code: 'WEBPHONE_RTC_CRASHED' });
    this.close();
  }

  #trackChanged(): void {
    if (this.track.readyState === 'ended') this.#trackEnded();
    else this.#listen();
  }
}
