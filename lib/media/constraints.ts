/**
 * Constraints against virtual devices (mediacapture-main §11).
 * Invariant: only `exact`, `min` and `max` can fail; ideal values are wishes.
 */
import type { Kind } from '../binding';
import { isObject } from '../webidl/converters';

/** Rates at which PCM may be written and read. */
export const SAMPLE_RATES = [8000, 16000, 24000, 32000, 44100, 48000] as const;

export function capabilitiesOf(kind: Kind, deviceId: string, groupId: string): MediaTrackCapabilities {
  if (kind === 'video') {
    return {
      aspectRatio: { max: 1920, min: 1 / 1080 },
      deviceId,
      facingMode: [],
      frameRate: { max: 30, min: 0 },
      groupId,
      height: { max: 1080, min: 1 },
      resizeMode: ['none', 'crop-and-scale'],
      width: { max: 1920, min: 1 },
    } as MediaTrackCapabilities;
  }
  return {
    autoGainControl: [true, false],
    channelCount: { max: 1, min: 1 },
    deviceId,
    echoCancellation: [true, false],
    groupId,
    latency: { max: 0.02, min: 0.02 },
    noiseSuppression: [true, false],
    sampleRate: { max: 48000, min: 8000 },
    sampleSize: { max: 16, min: 16 },
    voiceIsolation: [false],
  } as MediaTrackCapabilities;
}

type Limits = { exact?: unknown; ideal?: unknown; min?: number; max?: number };

function limitsOf(constraint: unknown): Limits {
  if (isObject(constraint) && !Array.isArray(constraint)) return constraint as Limits;
  return { ideal: constraint };
}

function meets(capability: unknown, limits: Limits): boolean {
  if (isObject(capability) && 'max' in capability && 'min' in capability) {
    const { min, max } = capability as { min: number; max: number };
    if (limits.exact !== undefined && !(Number(limits.exact) >= min && Number(limits.exact) <= max)) return false;
    if (limits.min !== undefined && limits.min > max) return false;
    return limits.max === undefined || limits.max >= min;
  }
  if (limits.exact === undefined) return true;
  const wanted = Array.isArray(limits.exact) ? limits.exact : [limits.exact];
  const offered = Array.isArray(capability) ? capability : [capability];
  return wanted.some((value) => offered.includes(value));
}

/** The first constraint of `set` that `capabilities` cannot meet, or null. Unknown constraints are ignored. */
export function unmet(capabilities: MediaTrackCapabilities, set: MediaTrackConstraints): string | null {
  for (const [name, constraint] of Object.entries(set)) {
    if (name === 'advanced' || constraint === undefined || !(name in capabilities)) continue;
    if (!meets((capabilities as Record<string, unknown>)[name], limitsOf(constraint))) return name;
  }
  return null;
}

/** What the application asked for by `exact`, bare or `ideal` value. */
export function wanted(set: MediaTrackConstraints, name: keyof MediaTrackConstraints): unknown {
  if (set[name] === undefined) return undefined;
  const limits = limitsOf(set[name]);
  return limits.exact ?? limits.ideal;
}

/** The sample rate to use for `set`: the nearest that PCM may have. */
export function sampleRateFor(set: MediaTrackConstraints): number {
  const rate = Number(wanted(set, 'sampleRate') ?? 16000);
  return SAMPLE_RATES.find((known) => known >= rate) ?? 48000;
}
