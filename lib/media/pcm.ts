/**
 * Checks of what an application hands over as PCM.
 * Invariant: past this point PCM is 16-bit, interleaved, in an Int16Array on a 2-byte boundary.
 */
import { types } from 'node:util';
import { SAMPLE_RATES } from './constraints';

/** 16-bit samples, or the same as little-endian bytes (Buffer). */
export type Pcm = Int16Array | Uint8Array;

export function toSampleRate(value: unknown, name: string): number {
  if (typeof value !== 'number') throw new TypeError(`${name} is not a number`);
  if (!(SAMPLE_RATES as readonly number[]).includes(value)) {
    throw new RangeError(`${name} is ${value}, not one of ${SAMPLE_RATES.join(', ')} Hz`);
  }
  return value;
}

export function toIntegerBetween(value: unknown, min: number, max: number, name: string): number {
  if (typeof value !== 'number') throw new TypeError(`${name} is not a number`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} is ${value}, not an integer from ${min} to ${max}`);
  }
  return value;
}

export function toSamples(pcm: unknown, channels: number, name: string): Int16Array {
  const samples = asInt16(pcm, name);
  if (samples.length % channels !== 0) throw new RangeError(`${name} holds a part of a frame`);
  return samples;
}

function asInt16(pcm: unknown, name: string): Int16Array {
  // Not instanceof: the array may come from another realm.
  if (types.isInt16Array(pcm)) return pcm;
  if (!types.isUint8Array(pcm)) throw new TypeError(`${name} is neither an Int16Array nor a Buffer of 16-bit samples`);
  if (pcm.byteLength % 2 !== 0) throw new RangeError(`${name} holds an odd number of bytes`);
  if (pcm.byteOffset % 2 === 0) return new Int16Array(pcm.buffer, pcm.byteOffset, pcm.byteLength / 2);
  return new Int16Array(new Uint8Array(pcm).buffer);
}
