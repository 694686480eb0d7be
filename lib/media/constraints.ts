/**
 * Constraints against virtual devices (mediacapture-main §11).
 * Invariant: only `exact`, `min` and `max` can fail; ideal values are wishes, and so are advanced sets.
 */
import type { Kind } from '../binding';
import type { DeviceInit } from '../MediaDeviceInfo';
import { isObject } from '../webidl/converters';

/** Rates at which PCM may be written and read. */
export const SAMPLE_RATES = [8000, 16000, 24000, 32000, 44100, 48000] as const;

type Device = Pick<DeviceInit, 'deviceId' | 'groupId'>;

export function capabilitiesOf(kind: Kind, { deviceId, groupId }: Device): MediaTrackCapabilities {
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

/** A bare value is a wish, in an advanced set a requirement. */
function limitsOf(constraint: unknown, bare: 'exact' | 'ideal' = 'ideal'): Limits {
  if (isObject(constraint) && !Array.isArray(constraint)) return constraint as Limits;
  return { [bare]: constraint };
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

function allowedRates({ exact, min = 0, max = Infinity }: Limits): number[] {
  return SAMPLE_RATES.filter((rate) => (exact === undefined || rate === exact) && rate >= min && rate <= max);
}

/** The first constraint of `set` that `capabilities` cannot meet, or null. Unknown constraints are ignored. */
export function unmet(capabilities: MediaTrackCapabilities, set: MediaTrackConstraints, bare?: 'exact'): string | null {
  for (const [name, constraint] of Object.entries(set)) {
    if (name === 'advanced' || constraint === undefined || !(name in capabilities)) continue;
    const limits = limitsOf(constraint, bare);
    // Of their range only those rates can be met that PCM may have.
    if (name === 'sampleRate' && allowedRates(limits).length === 0) return name;
    if (!meets((capabilities as Record<string, unknown>)[name], limits)) return name;
  }
  return null;
}

/** Of those that meet what `set` requires, the one that fits its advanced sets, each in turn, and then most of its wishes. */
export function fittest<T>(
  choices: T[],
  capabilities: (choice: T) => MediaTrackCapabilities,
  set: MediaTrackConstraints,
): T {
  let left = choices;
  for (const advanced of set.advanced ?? []) {
    const fitting = left.filter((choice) => unmet(capabilities(choice), advanced, 'exact') === null);
    if (fitting.length > 0) left = fitting;
  }
  const granted = left.map((choice) => wishesMet(capabilities(choice), set));
  return left[granted.indexOf(Math.max(...granted))] as T;
}

function wishesMet(capabilities: MediaTrackCapabilities, set: MediaTrackConstraints): number {
  return Object.entries(set).filter(([name, constraint]) => {
    const { ideal } = limitsOf(constraint);
    const capability = (capabilities as Record<string, unknown>)[name];
    return capability !== undefined && ideal !== undefined && meets(capability, { exact: ideal });
  }).length;
}

/** What the application asked for by `exact`, bare or `ideal` value. */
export function wanted(set: MediaTrackConstraints, name: keyof MediaTrackConstraints): unknown {
  if (set[name] === undefined) return undefined;
  const limits = limitsOf(set[name]);
  return limits.exact ?? limits.ideal;
}

/** The sample rate to use for `set`: of those that it allows the nearest that PCM may have. */
export function sampleRateFor(set: MediaTrackConstraints): number {
  const rate = Number(wanted(set, 'sampleRate') ?? 16000);
  const allowed = allowedRates(limitsOf(set.sampleRate));
  return allowed.find((known) => known >= rate) ?? allowed.at(-1) ?? 48000;
}
