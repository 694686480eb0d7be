/**
 * CallRecorder: a call as one stereo file, caller left, bot right. The engine writes it; no sample passes through here.
 * Invariants: a recording never ends a call and never throws at it, what goes wrong is told by 'error' and in the result;
 * it ends exactly once: with the call, by stop(), or by an error.
 */
import { EventEmitter } from 'node:events';
import { resolve as resolvePath } from 'node:path';
import process, { emitWarning } from 'node:process';
import { binding, type MediaReport, type NativeRecorder, type NativeRing } from '../binding';
import { holdLoop, listen, release, root, theEngine } from '../lane';
import { isMediaStreamTrack, type MediaStreamTrack, observe, trackSlots, unobserve } from '../MediaStreamTrack';
import { followSender, isRTCRtpSender, isSenderOver, type RTCRtpSender, unfollowSender } from '../RTCRtpSender';
import { domException, exceptionFrom } from '../webidl/exceptions';
import { isPcmSource, type PcmSource, sourceRing } from './PcmSource';
import { toIntegerBetween, toSampleRate } from './pcm';

/** What a side records: a track, all that a sender sends in turn, or a source. */
export type RecorderInput = MediaStreamTrack | RTCRtpSender | PcmSource;

export interface CallRecorderOptions {
  /** The caller: usually the remote track. Nothing is silence. */
  left?: RecorderInput | null;
  /** The bot: usually the sender, so that the recording follows replaceTrack(). */
  right?: RecorderInput | null;
  /** Ends in .wav, .opus or .ogg. A file that exists is replaced. */
  path: string;
  /** 8000, 16000, 24000, 32000, 44100 or 48000 Hz; Opus has neither 32000 nor 44100. */
  sampleRate?: number;
  /** Of Opus, both sides together, in bit/s. */
  bitrate?: number;
}

export interface Recorded {
  path: string;
  /** Length of the file. */
  durationMs: number;
  /** Sound missing in it because the disk was too slow; silence stands in its place. */
  droppedMs: number;
  /** Why the recording ended before its time. */
  error: Error | null;
}

type SideName = 'left' | 'right';
interface Side {
  readonly name: SideName;
  readonly input: RecorderInput;
  /** The one that is heard now, and its signal. */
  track: MediaStreamTrack | null;
  ring: NativeRing | null;
}
type RecordedReport = Extract<MediaReport, { type: 'recorded' }>;

const OPUS_RATES = [8000, 16000, 24000, 48000];
const DEFAULT_BITRATE = 48_000;
/** The less, the more alike libopus makes the two sides: at 32 kbit/s each is heard on the other 35 dB down, at 24 kbit/s 23 dB. */
const MIN_BITRATE = 32_000;
/** What a process that exits waits for its files. */
const LAST_WRITE_MS = 1000;

/** Files that are not closed yet. */
const open = new Set<NativeRecorder>();

function closeAll(): void {
  const deadline = performance.now() + LAST_WRITE_MS;
  for (const recorder of open) recorder.finish();
  for (const recorder of open) recorder.wait(Math.max(0, deadline - performance.now()));
}

function setOpen(recorder: NativeRecorder, isOpen: boolean): void {
  if (open.size === 0) process.on('exit', closeAll);
  if (isOpen) open.add(recorder);
  else open.delete(recorder);
  if (open.size === 0) process.off('exit', closeAll);
}

export class CallRecorder extends EventEmitter {
  // Not made in the constructor: a closure there would hold `this`, as its siblings do.
  static readonly #deliver = (recorder: CallRecorder, report: RecordedReport): void => recorder.#ended(report);

  readonly path: string;
  readonly sampleRate: number;
  readonly #native: NativeRecorder;
  readonly #sides: Side[];
  readonly #observer = { trackChanged: () => this.#follow() };
  readonly #follower = () => this.#follow();
  readonly #result: Promise<Recorded>;
  #settle: (result: Recorded) => void = () => {};
  #state: 'recording' | 'ending' | 'ended' = 'recording';
  #paused = false;

  constructor(options: CallRecorderOptions) {
    super();
    const { left = null, right = null, path, sampleRate = 16000, bitrate = DEFAULT_BITRATE } = options ?? {};
    if (typeof path !== 'string') throw new TypeError('path is not a string');
    const kind = /\.(wav|opus|ogg)$/i.exec(path)?.[1]?.toLowerCase();
    if (!kind) throw new TypeError(`path '${path}' does not end in .wav, .opus or .ogg`);
    this.path = path;
    this.sampleRate = toSampleRate(sampleRate, 'sampleRate');
    this.#sides = [toSide('left', left), toSide('right', right)].filter((side) => side !== null);
    if (this.#sides.length === 0) throw new TypeError('neither left nor right is given');
    const bits = kind === 'wav' ? undefined : toOpusBitrate(bitrate, this.sampleRate);
    try {
      this.#native = new binding.Recorder(theEngine(), resolvePath(path), this.sampleRate, bits);
    } catch (error) {
      throw domException('OperationError', error instanceof Error ? error.message : String(error));
    }
    this.#result = new Promise((resolve) => {
      this.#settle = resolve;
    });
    listen('recorder', this.#native.id, this, CallRecorder.#deliver);
    // It goes on until it ends, whoever holds it; it never keeps the process alive until then.
    root(this);
    setOpen(this.#native, true);
    for (const { input } of this.#sides) if (isRTCRtpSender(input)) followSender(input, this.#follower);
    this.#follow();
  }

  /** Milliseconds that are in the file. */
  get durationMs(): number {
    return this.#native.writtenMs();
  }

  get paused(): boolean {
    return this.#paused;
  }

  get ended(): boolean {
    return this.#state !== 'recording';
  }

  /** From now on both sides are recorded as silence; the file goes on, so that its time stays that of the call. */
  pause(): void {
    this.#paused = true;
    this.#follow();
  }

  resume(): void {
    this.#paused = false;
    this.#follow();
  }

  /** Ends the file with what was heard up to now; resolves once it is closed. Never rejects. */
  stop(): Promise<Recorded> {
    this.#end();
    return this.#result;
  }

  /** Records what the sides carry now, and ends when that is over. */
  #follow(): void {
    if (this.#state !== 'recording') return;
    for (const side of this.#sides) {
      const { name, input } = side;
      const track = isPcmSource(input) ? null : isRTCRtpSender(input) ? input.track : input;
      if (side.track !== track) {
        if (side.track) this.#unobserve(side);
        side.track = track;
        if (track) observe(track, this.#observer);
      }
      const ring = isPcmSource(input) ? sourceRing(input) : track && trackSlots(track).signal.ring();
      // As a sender does: a track that is disabled or has ended is silence.
      const silent = track !== null && (!track.enabled || track.readyState === 'ended');
      this.#native.setAudible(name, !this.#paused && !silent);
      if (side.ring !== ring) {
        side.ring = ring;
        this.#native.listen(name, ring);
      }
    }
    if (this.#isOver()) this.#end();
  }

  /** Where a connection is recorded, it decides; a local track goes on after its call. */
  #isOver(): boolean {
    const ofConnections = this.#sides.filter(isOfConnection);
    return (ofConnections.length > 0 ? ofConnections : this.#sides).every(isSideOver);
  }

  #end(): void {
    if (this.#state !== 'recording') return;
    this.#state = 'ending';
    this.#letGo();
    holdLoop(this, true);
    this.#native.finish();
  }

  #ended({ durationMs, droppedMs, error }: RecordedReport): void {
    this.#letGo();
    this.#state = 'ended';
    setOpen(this.#native, false);
    holdLoop(this, false);
    release(this);
    const result = { path: this.path, durationMs, droppedMs, error: error ? exceptionFrom(error) : null };
    this.#settle(result);
    if (result.error) this.#tell(result.error);
    this.emit('end', result);
  }

  #tell(error: Error): void {
    // An 'error' event that nobody listens to would end the process, and with it the call.
    if (this.listenerCount('error') > 0) this.emit('error', error);
    else emitWarning(error.message, 'WebphoneRtcWarning');
  }

  #letGo(): void {
    for (const side of this.#sides) {
      if (isRTCRtpSender(side.input)) unfollowSender(side.input, this.#follower);
      if (side.track) this.#unobserve(side);
    }
  }

  /** Both sides may be the same track. */
  #unobserve(side: Side): void {
    const { track } = side;
    side.track = null;
    if (track && !this.#sides.some((other) => other.track === track)) unobserve(track, this.#observer);
  }
}

function toSide(name: SideName, input: RecorderInput | null): Side | null {
  if (input === null) return null;
  if (isMediaStreamTrack(input) ? input.kind === 'audio' : isRTCRtpSender(input) ? input.dtmf : isPcmSource(input)) {
    return { name, input, track: null, ring: null };
  }
  throw new TypeError(`${name} is not an audio track, its sender or a PcmSource`);
}

function toOpusBitrate(bitrate: unknown, sampleRate: number): number {
  if (!OPUS_RATES.includes(sampleRate)) {
    throw new RangeError(`sampleRate is ${sampleRate}, not one of ${OPUS_RATES.join(', ')} Hz, which Opus has`);
  }
  return toIntegerBetween(bitrate, MIN_BITRATE, 256_000, 'bitrate');
}

function isOfConnection({ input }: Side): boolean {
  return isRTCRtpSender(input) || (isMediaStreamTrack(input) && trackSlots(input).signal.remote);
}

function isSideOver({ input }: Side): boolean {
  if (isRTCRtpSender(input)) return isSenderOver(input);
  return isMediaStreamTrack(input) && input.readyState === 'ended';
}
