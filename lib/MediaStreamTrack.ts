/**
 * MediaStreamTrack (mediacapture-main §4.3), over a signal that clones share.
 * Invariant: stop() ends this track and nothing else: no other track, not the signal, not a connection.
 */
import { emitWarning } from 'node:process';
import type { Kind } from './binding';
import { queueTask } from './lane';
import { randomUUID } from './lazy';
import { toMediaTrackConstraints } from './media/constraint-dictionaries';
import { capabilitiesOf, pictureFor, unmet, wanted } from './media/constraints';
import type { PcmSource } from './media/PcmSource';
import type { Signal } from './media/signal';
import { OverconstrainedError } from './OverconstrainedError';
import { attribute, boolean, copyData, DOMString, isObject, method } from './webidl/converters';
import { fire } from './webidl/event';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

/** Whoever sends or reads a track. */
export interface TrackObserver {
  /** `enabled` or `readyState` has changed. */
  trackChanged(): void;
  /** A live connection sends this track under the guard of markActiveTracksAsLive(). */
  guardsTrack?(): boolean;
}

interface Slots {
  kind: Kind;
  id: string;
  enabled: boolean;
  muted: boolean;
  readyState: MediaStreamTrackState;
  signal: Signal;
  constraints: MediaTrackConstraints;
  contentHint: string;
  observers: Set<TrackObserver>;
}

/** Tracks whose stop() was called while they were guarded. */
const held = new Set<MediaStreamTrack>();

let slotsOf: (track: MediaStreamTrack) => Slots;
let is: (value: unknown) => value is MediaStreamTrack;

const AUDIO_HINTS = ['', 'speech', 'speech-recognition', 'music'];
const VIDEO_HINTS = ['', 'motion', 'detail', 'text'];

export class MediaStreamTrack extends EventTarget {
  static {
    slotsOf = (track) => track.#slots;
    is = (value): value is MediaStreamTrack => isObject(value) && #slots in value;
  }
  readonly #slots: Slots;

  declare onmute: EventHandler;
  declare onunmute: EventHandler;
  declare onended: EventHandler;

  constructor(token: unknown = undefined, signal?: Signal, id?: string, constraints: MediaTrackConstraints = {}) {
    requireInternal(token, 'MediaStreamTrack');
    super();
    const from = signal as Signal;
    this.#slots = {
      kind: from.kind,
      id: id ?? randomUUID(),
      enabled: true,
      muted: from.muted,
      readyState: 'live',
      signal: from,
      constraints,
      contentHint: '',
      observers: new Set(),
    };
    from.live++;
    if (from.remote) from.tracks.add(this);
  }

  get kind(): Kind {
    return this.#slots.kind;
  }
  get id(): string {
    return this.#slots.id;
  }
  get label(): string {
    return this.#slots.signal.label;
  }
  get enabled(): boolean {
    return this.#slots.enabled;
  }
  set enabled(value: boolean) {
    const slots = this.#slots;
    const enabled = boolean(value, '');
    if (slots.enabled === enabled) return;
    slots.enabled = enabled;
    notify(slots);
  }
  get muted(): boolean {
    return this.#slots.muted;
  }
  get readyState(): MediaStreamTrackState {
    return this.#slots.readyState;
  }
  get contentHint(): string {
    return this.#slots.contentHint;
  }
  set contentHint(value: string) {
    const hint = DOMString(value, attribute('MediaStreamTrack', 'contentHint'));
    // Unknown hints are ignored (mst-content-hint §2).
    if ((this.#slots.kind === 'audio' ? AUDIO_HINTS : VIDEO_HINTS).includes(hint)) this.#slots.contentHint = hint;
  }

  /** The writable end of a track made by getUserMedia or PcmSource; null for any other. Not in the standard. */
  get source(): PcmSource | null {
    return this.#slots.signal.source;
  }

  clone(): MediaStreamTrack {
    const slots = this.#slots;
    const clone = new MediaStreamTrack(INTERNAL, slots.signal, undefined, slots.constraints);
    const copy = slotsOf(clone);
    copy.enabled = slots.enabled;
    copy.muted = slots.muted;
    copy.contentHint = slots.contentHint;
    if (slots.readyState === 'ended') {
      copy.readyState = 'ended';
      leave(clone, slots.signal);
    }
    return clone;
  }

  stop(): void {
    const slots = this.#slots;
    if (slots.readyState === 'ended') return;
    if (isGuarded(slots)) {
      held.add(this);
      emitWarning(`stop() of ${slots.kind} track ${slots.id} is held back: a live call is sending it`, {
        type: 'WebphoneRtcWarning',
        code: 'WEBPHONE_RTC_STOP_HELD',
        detail: 'It takes effect when the call is disposed, or at once with allowTracksToStop() or forceStop().',
      });
      return;
    }
    end(this);
  }

  /** Stops the track even under the guard of markActiveTracksAsLive(). Not in the standard. */
  forceStop(): void {
    if (this.#slots.readyState === 'live') end(this);
  }

  getCapabilities(): MediaTrackCapabilities {
    const { kind, signal } = this.#slots;
    return signal.device ? capabilitiesOf(kind, signal.device) : {};
  }

  getConstraints(): MediaTrackConstraints {
    return copyData(this.#slots.constraints);
  }

  getSettings(): MediaTrackSettings {
    const { kind, signal, constraints } = this.#slots;
    const flag = (name: keyof MediaTrackConstraints) => Boolean(wanted(constraints, name) ?? false);
    const device = signal.device ? { deviceId: signal.device.deviceId, groupId: signal.device.groupId } : {};
    if (kind === 'video') {
      return {
        ...device,
        ...pictureFor(capabilitiesOf('video', { deviceId: '', groupId: '' }), constraints),
        ...{ resizeMode: 'none' },
      };
    }
    if (!signal.device) return {};
    return {
      ...device,
      autoGainControl: flag('autoGainControl'),
      channelCount: 1,
      echoCancellation: flag('echoCancellation'),
      ...{ latency: 0.02 },
      noiseSuppression: flag('noiseSuppression'),
      sampleRate: signal.sampleRate,
      sampleSize: 16,
      ...{ voiceIsolation: false },
    };
  }

  async applyConstraints(constraints: MediaTrackConstraints = {}): Promise<void> {
    const slots = this.#slots;
    const converted = toMediaTrackConstraints(
      constraints,
      `${method('MediaStreamTrack', 'applyConstraints')} parameter 1`,
    );
    if (slots.readyState === 'ended') return;
    const { kind, signal } = slots;
    // A source that is there keeps its rate.
    const fixed = { sampleRate: { min: signal.sampleRate, max: signal.sampleRate } };
    const capabilities = this.getCapabilities();
    const failed = unmet(kind === 'audio' && signal.device ? { ...capabilities, ...fixed } : capabilities, converted);
    if (failed) throw new OverconstrainedError(failed, `Cannot satisfy constraint '${failed}'`);
    slots.constraints = converted;
  }
}
defineEventHandlers(MediaStreamTrack, ['mute', 'unmute', 'ended']);
defineInterface(MediaStreamTrack, 'MediaStreamTrack');

export const isMediaStreamTrack = is;

/** Kind, signal and the flags, for whoever sends or reads the track. */
export function trackSlots(track: MediaStreamTrack): Readonly<Slots> {
  return slotsOf(track);
}

export function createTrack(signal: Signal, id?: string, constraints?: MediaTrackConstraints): MediaStreamTrack {
  return new MediaStreamTrack(INTERNAL, signal, id, constraints);
}

export function observe(track: MediaStreamTrack, observer: TrackObserver): void {
  slotsOf(track).observers.add(observer);
}

export function unobserve(track: MediaStreamTrack, observer: TrackObserver): void {
  slotsOf(track).observers.delete(observer);
}

/** Carries out each stop() that was held back and that no guard holds any more. */
export function releaseHeldStops(): void {
  for (const track of [...held]) if (!isGuarded(slotsOf(track))) end(track);
}

/** Ends every track of a signal that is gone for another reason than stop(). In a task: it fires 'ended'. */
export function endSignal(signal: Signal): void {
  for (const track of [...signal.tracks]) {
    end(track);
    fire(track, 'ended');
  }
}

/** The same with the state at once and the event in a task, when the connection closes. */
export function endSignalAbruptly(signal: Signal): void {
  for (const track of [...signal.tracks]) {
    end(track);
    queueTask(() => fire(track, 'ended'));
  }
}

/** W3C "set a track's muted state", for each track of the signal. */
export function setSignalMuted(signal: Signal, muted: boolean): void {
  signal.muted = muted;
  for (const track of [...signal.tracks]) {
    const slots = slotsOf(track);
    if (slots.muted === muted) continue;
    slots.muted = muted;
    fire(track, muted ? 'mute' : 'unmute');
  }
}

function isGuarded(slots: Slots): boolean {
  return [...slots.observers].some((observer) => observer.guardsTrack?.() ?? false);
}

function end(track: MediaStreamTrack): void {
  const slots = slotsOf(track);
  slots.readyState = 'ended';
  held.delete(track);
  leave(track, slots.signal);
  notify(slots);
  if (slots.signal.live === 0) slots.signal.ended?.();
}

/** It is not live any more. */
function leave(track: MediaStreamTrack, signal: Signal): void {
  signal.live--;
  signal.tracks.delete(track);
}

function notify(slots: Slots): void {
  for (const observer of [...slots.observers]) observer.trackChanged();
}
