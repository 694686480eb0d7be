/**
 * What a track carries, apart from the track: an audio ring, or a picture that is never there.
 * Invariant: clones share the signal; ending or disabling one track changes nothing here.
 */
import type { Kind, NativeFrameQueue, NativeRing } from '../binding';
import type { DeviceInit } from '../MediaDeviceInfo';
import type { MediaStreamTrack } from '../MediaStreamTrack';
import type { PcmSink } from './PcmSink';
import type { PcmSource } from './PcmSource';

export interface Signal {
  readonly kind: Kind;
  readonly label: string;
  /** Samples; null for video, and for a remote track whose connection has gone. */
  ring(): NativeRing | null;
  /** Encoded frames in place of samples. */
  frames?(): NativeFrameQueue;
  /** The writable end, where the application has one. */
  readonly source: PcmSource | null;
  /** W3C muted: nothing comes from the far end. */
  muted: boolean;
  /**
   * Live tracks of a connection's signal, which is muted and ends for all of them; a track leaves when it ends. Those of
   * this machine end by themselves: a source that lives long would only keep what its calls have let go.
   */
  readonly tracks: Set<MediaStreamTrack>;
  /** How many tracks are live, also of those that were let go without stop(). */
  live: number;
  /** The last live track has ended. */
  ended?(): void;
  /** Open sinks: they read on without anybody else holding them. */
  readonly readers: Set<PcmSink>;
  /** The virtual device that it comes from. */
  readonly device: DeviceInit | null;
  /** A connection plays it. */
  readonly remote: boolean;
  readonly sampleRate: number;
}

type Members = Pick<Signal, 'kind' | 'label' | 'ring'> & Partial<Signal>;

/** A signal of this machine at 48 kHz that nobody writes to, but for what is said otherwise. */
export function createSignal(members: Members): Signal {
  return {
    source: null,
    muted: false,
    tracks: new Set(),
    live: 0,
    readers: new Set(),
    device: null,
    remote: false,
    sampleRate: 48000,
    ...members,
  };
}

/** A live video signal without a picture. */
export function blankVideo(label: string, device: DeviceInit | null = null): Signal {
  return createSignal({ kind: 'video', label, ring: () => null, device, sampleRate: 0 });
}
