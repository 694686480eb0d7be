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

interface Range {
  min: number;
  max: number;
}

const isRange = (value: unknown): value is Range => isObject(value) && 'max' in value && 'min' in value;

/** What `limits` leave of `capability`; null: nothing. */
function within(capability: Range, limits: Limits): Range | null {
  const { min = -Infinity, max = Infinity } = limits;
  const exact = limits.exact === undefined ? [] : [Number(limits.exact)];
  const left = { min: Math.max(capability.min, min, ...exact), max: Math.min(capability.max, max, ...exact) };
  return left.min <= left.max ? left : null;
}

function meets(capability: unknown, limits: Limits): boolean {
  if (isRange(capability)) return within(capability, limits) !== null;
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
  return set.aspectRatio === undefined || ratiosOf(capabilities, set, bare) ? null : 'aspectRatio';
}

type Picture = 'width' | 'height' | 'frameRate' | 'aspectRatio';

/** What `set` leaves of a capability of pictures. */
function rangeOf(
  capabilities: MediaTrackCapabilities,
  name: Picture,
  set: MediaTrackConstraints,
  bare?: 'exact',
): Range | null {
  return within(capabilities[name] as Range, limitsOf(set[name], bare));
}

/** The aspect ratios that `set` allows, of those that its widths and heights can have; null: none. */
function ratiosOf(capabilities: MediaTrackCapabilities, set: MediaTrackConstraints, bare?: 'exact'): Range | null {
  if (!capabilities.aspectRatio) return { min: 0, max: Infinity };
  const width = rangeOf(capabilities, 'width', set, bare);
  const height = rangeOf(capabilities, 'height', set, bare);
  const ratio = rangeOf(capabilities, 'aspectRatio', set, bare);
  if (!width || !height || !ratio) return null;
  return within({ min: width.min / height.max, max: width.max / height.min }, ratio);
}

/** Settings of a camera under `set`, which it meets: as near as may be to what is wished, or else 640 × 480 and 30 a second. */
export function pictureFor(capabilities: MediaTrackCapabilities, set: MediaTrackConstraints) {
  const into = (name: Picture, value: number) => {
    const { min, max } = rangeOf(capabilities, name, set) ?? (capabilities[name] as Range);
    return Math.min(Math.max(value, min), max);
  };
  const chosen = (name: Picture, usual: number) => into(name, Number(wanted(set, name) ?? usual));
  let [width, height] = [chosen('width', 640), chosen('height', 480)];
  const ratios = ratiosOf(capabilities, set);
  const { exact, min, max } = limitsOf(set.aspectRatio);
  const sized = set.width !== undefined && set.height !== undefined;
  // A wish for a ratio gives way to wishes for both sides.
  if (ratios && set.aspectRatio !== undefined && !(sized && (exact ?? min ?? max) === undefined)) {
    const wish = Number(wanted(set, 'aspectRatio') ?? width / height);
    const ratio = Math.min(Math.max(wish, ratios.min), ratios.max);
    if (set.width === undefined && set.height !== undefined) width = into('width', Math.round(height * ratio));
    height = into('height', Math.round(width / ratio));
    width = into('width', Math.round(height * ratio));
  }
  return { width, height, aspectRatio: width / height, frameRate: chosen('frameRate', 30) };
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
