/** RTCEncodedAudioFrame (webrtc-encoded-transform §6.5). */
import { linearLevel } from '../media/level';
import {
  attribute,
  constructing,
  dictionary,
  double,
  interfaceType,
  isObject,
  optional,
  requireArguments,
  unsignedShort,
} from '../webidl/converters';
import { defineInterface, INTERNAL } from '../webidl/interface';
import { copyOf, type FrameMetadata, type FrameSlots, frameMetadata, toArrayBuffer } from './frame';

interface AudioMetadata extends FrameMetadata {
  audioLevel?: number;
  sequenceNumber?: number;
}

const toMetadata = dictionary(
  'RTCEncodedAudioFrameMetadata',
  { audioLevel: optional(double), sequenceNumber: optional(unsignedShort) },
  frameMetadata,
);
const toOptions = dictionary('RTCEncodedAudioFrameOptions', { metadata: optional(toMetadata) });

let slotsOf: (frame: RTCEncodedAudioFrame) => FrameSlots;
let is: (value: unknown) => value is RTCEncodedAudioFrame;

export class RTCEncodedAudioFrame {
  static {
    slotsOf = (frame) => frame.#slots;
    is = (value): value is RTCEncodedAudioFrame => isObject(value) && #slots in value;
  }
  readonly #slots: FrameSlots;

  constructor(
    originalFrame: RTCEncodedAudioFrame | typeof INTERNAL,
    options: { metadata?: AudioMetadata } | FrameSlots = {},
  ) {
    if (originalFrame === INTERNAL) {
      this.#slots = options as FrameSlots;
      return;
    }
    const context = constructing('RTCEncodedAudioFrame');
    requireArguments(arguments.length, 1, context);
    const original = toFrame(originalFrame, `${context} parameter 1`);
    const { metadata } = toOptions(options, `${context} parameter 2`);
    this.#slots = copyOf(slotsOf(original), metadata);
  }

  get data(): ArrayBuffer {
    return this.#slots.data;
  }
  set data(value: ArrayBuffer) {
    this.#slots.data = toArrayBuffer(value, attribute('RTCEncodedAudioFrame', 'data'));
  }
  /** As in Chromium: the RTP timestamp. */
  get timestamp(): number {
    return this.#slots.metadata.rtpTimestamp ?? 0;
  }

  getMetadata(): AudioMetadata {
    const { metadata } = this.#slots;
    return { ...metadata, contributingSources: [...(metadata.contributingSources ?? [])] };
  }
}
defineInterface(RTCEncodedAudioFrame, 'RTCEncodedAudioFrame');

const toFrame = interfaceType<RTCEncodedAudioFrame>('RTCEncodedAudioFrame', is);

export const isRTCEncodedAudioFrame = is;
export const audioFrameSlots = slotsOf;

export function createAudioFrame(slots: FrameSlots): RTCEncodedAudioFrame {
  const { sequence, level } = slots.native;
  const own: AudioMetadata = {};
  if (typeof sequence === 'number') own.sequenceNumber = sequence;
  if (typeof level === 'number') own.audioLevel = linearLevel(level);
  return new RTCEncodedAudioFrame(INTERNAL, { ...slots, metadata: { ...slots.metadata, ...own } });
}
