/**
 * RTCAudioSource, RTCAudioSink and RTCVideoSource in the shape of node-webrtc's `nonstandard`.
 * Invariant: audio frames of 10 ms both ways; the sink's rate is fixed for life.
 */
import { types } from 'node:util';
import { binding, type NativeRing } from './binding';
import { theEngine } from './lane';
import { createTrack, type MediaStreamTrack } from './MediaStreamTrack';
import { type PcmFrame, PcmSink } from './media/PcmSink';
import { toIntegerBetween, toSampleRate, toSamples } from './media/pcm';
import { blankVideo, createSignal, type Signal } from './media/signal';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { domException } from './webidl/exceptions';

export interface RTCAudioData {
  samples: Int16Array | Uint8Array | ArrayBuffer;
  sampleRate: number;
  bitsPerSample?: number;
  channelCount?: number;
  numberOfFrames?: number;
}

// node-webrtc has no queue of its own; the engine keeps no more of this than the jitter of the writer's timer needs.
const QUEUE_MS = 1000;

export class RTCAudioSource {
  readonly #ring: NativeRing = new binding.Ring(theEngine(), 48000, 1, QUEUE_MS, true);
  readonly #write = this.#ring.writer();
  readonly #signal: Signal = createSignal({ kind: 'audio', label: 'RTCAudioSource', ring: () => this.#ring });

  createTrack(): MediaStreamTrack {
    return createTrack(this.#signal);
  }

  /** 10 ms of samples. What does not fit into a full queue is dropped: a live source cannot wait. */
  onData(data: RTCAudioData): void {
    const channels = toIntegerBetween(data?.channelCount ?? 1, 1, 2, 'channelCount');
    if ((data.bitsPerSample ?? 16) !== 16) throw new TypeError('bitsPerSample is not 16');
    const sampleRate = toSampleRate(data.sampleRate, 'sampleRate');
    const given = types.isAnyArrayBuffer(data.samples) ? new Uint8Array(data.samples) : data.samples;
    const samples = toSamples(given, channels, 'samples');
    const frames = samples.length / channels;
    if (frames !== sampleRate / 100 || frames !== (data.numberOfFrames ?? frames)) {
      throw new RangeError(`samples holds ${frames} frames, not 10 ms at ${sampleRate} Hz`);
    }
    this.#write(samples, sampleRate, channels);
  }
}

/** What RTCAudioSink hands out: an event that carries the members of RTCAudioData. */
export class RTCAudioDataEvent extends Event implements Required<RTCAudioData> {
  readonly samples: Int16Array;
  readonly sampleRate: number;
  readonly bitsPerSample = 16;
  readonly channelCount = 1;
  readonly numberOfFrames: number;

  constructor(frame: PcmFrame) {
    super('data');
    this.samples = frame.samples;
    this.sampleRate = frame.sampleRate;
    this.numberOfFrames = frame.samples.length;
  }
}

export class RTCAudioSink extends EventTarget {
  declare ondata: EventHandler<RTCAudioDataEvent>;
  readonly #sink: PcmSink;

  constructor(track: MediaStreamTrack, options: { sampleRate?: number } = {}) {
    super();
    this.#sink = new PcmSink(track, { sampleRate: options.sampleRate ?? 48000, frameMs: 10 });
    this.#sink.on('data', (frame: PcmFrame) => this.dispatchEvent(new RTCAudioDataEvent(frame)));
  }

  get stopped(): boolean {
    return this.#sink.closed;
  }

  stop(): void {
    this.#sink.close();
  }
}
defineEventHandlers(RTCAudioSink, ['data']);

/** A camera without a picture: nothing encodes video here, so its tracks are sent as black. */
export class RTCVideoSource {
  readonly isScreencast: boolean;
  readonly needsDenoising: boolean | null;
  readonly #signal: Signal = blankVideo('RTCVideoSource');

  constructor(options: { isScreencast?: boolean; needsDenoising?: boolean } = {}) {
    this.isScreencast = Boolean(options.isScreencast);
    this.needsDenoising = options.needsDenoising === undefined ? null : Boolean(options.needsDenoising);
  }

  createTrack(): MediaStreamTrack {
    return createTrack(this.#signal);
  }

  onFrame(_frame: unknown): void {
    throw domException('NotSupportedError', 'There is no video encoder: tracks of RTCVideoSource are sent as black');
  }
}
