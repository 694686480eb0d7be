/**
 * What a meter shows. Invariant: decibels are finite; digital silence is -127 dBFS, as in RFC 6464.
 */
import type { LevelData } from '../binding';

const SILENCE_DBFS = -127;

export interface AudioLevel {
  /** Root mean square and highest magnitude of the last 100 ms, 0 to 1. */
  rms: number;
  peak: number;
  /** The same against full scale: 0 is the loudest. A full-scale sine has an RMS of -3. */
  rmsDbfs: number;
  peakDbfs: number;
}

export function toAudioLevel({ rms, peak }: LevelData): AudioLevel {
  return { rms, peak, rmsDbfs: dbfs(rms), peakDbfs: dbfs(peak) };
}

/** RFC 6464 levels are -dBov; 127 is silence. */
export function linearLevel(level: number): number {
  return level === 127 ? 0 : 10 ** (-level / 20);
}

function dbfs(value: number): number {
  return Math.max(20 * Math.log10(value), SILENCE_DBFS);
}
