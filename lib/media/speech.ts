/**
 * Options of speech detection, and what its events carry.
 * Invariant: past toSpeechData() every setting is a number in its range.
 */
import type { SpeechData } from '../binding';
import { isObject } from '../webidl/converters';
import { toIntegerBetween } from './pcm';

export interface SpeechOptions {
  /** So much speech is wanted before its start is told: less is sooner, and more often wrong; 32. */
  onsetMs?: number;
  /** So long without speech is its end; 500. */
  hangoverMs?: number;
  /** How much it must sound like speech, 0 to 1; 0.6. */
  threshold?: number;
  /** What is softer is nobody, whatever the background; -66. */
  minDbfs?: number;
}

export interface SpeechEvent {
  /** Where speech began or ended: samples since the sink's first, as in PcmFrame. */
  position: number;
  /** Where the frames ended when that was noticed. */
  known: number;
  /** RTP timestamp of `position`, as in PcmFrame. */
  timestamp: number;
}

/** Settings for the engine from what the application has said; `true` and undefined are the defaults. */
export function toSpeechData(options: unknown): SpeechData {
  if (options !== undefined && typeof options !== 'boolean' && !isObject(options)) {
    throw new TypeError('speech is neither a boolean nor an object');
  }
  const { onsetMs, hangoverMs, threshold, minDbfs } = (isObject(options) ? options : {}) as SpeechOptions;
  return {
    onsetMs: toIntegerBetween(onsetMs ?? 32, 0, 2000, 'speech.onsetMs'),
    hangoverMs: toIntegerBetween(hangoverMs ?? 500, 0, 10_000, 'speech.hangoverMs'),
    threshold: toNumberBetween(threshold ?? 0.6, 0, 1, 'speech.threshold'),
    minDbfs: toNumberBetween(minDbfs ?? -66, -100, 0, 'speech.minDbfs'),
  };
}

function toNumberBetween(value: unknown, min: number, max: number, name: string): number {
  if (typeof value !== 'number') throw new TypeError(`${name} is not a number`);
  if (!(value >= min && value <= max)) throw new RangeError(`${name} is ${value}, not from ${min} to ${max}`);
  return value;
}
