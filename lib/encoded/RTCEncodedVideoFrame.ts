/** RTCEncodedVideoFrame (webrtc-encoded-transform §6.2). */
import {
  attribute,
  constructing,
  dictionary,
  interfaceType,
  isObject,
  longLong,
  optional,
  requireArguments,
  sequence,
  unsignedLong,
  unsignedLongLong,
  unsignedShort,
} from '../webidl/converters';
import { defineInterface, INTERNAL } from '../webidl/interface';
import { copyOf, type FrameMetadata, type FrameSlots, frameMetadata, toArrayBuffer } from './frame';

interface VideoMetadata extends FrameMetadata {
  dependencies?: number[];
  frameId?: number;
  height?: number;
  spatialIndex?: number;
  temporalIndex?: number;
  timestamp?: number;
  width?: number;
}

const toMetadata = dictionary(
  'RTCEncodedVideoFrameMetadata',
  {
    dependencies: optional(sequence(unsignedLongLong)),
    frameId: optional(unsignedLongLong),
    height: optional(unsignedShort),
    spatialIndex: optional(unsignedLong),
    temporalIndex: optional(unsignedLong),
    timestamp: optional(longLong),
    width: optional(unsignedShort),
  },
  frameMetadata,
);
const toOptions = dictionary('RTCEncodedVideoFrameOptions', { metadata: optional(toMetadata) });

let slotsOf: (frame: RTCEncodedVideoFrame) => FrameSlots;
let is: (value: unknown) => value is RTCEncodedVideoFrame;

export class RTCEncodedVideoFrame {
  static {
    slotsOf = (frame) => frame.#slots;
    is = (value): value is RTCEncodedVideoFrame => isObject(value) && #slots in value;
  }
  readonly #slots: FrameSlots;

  constructor(
    originalFrame: RTCEncodedVideoFrame | typeof INTERNAL,
    options: { metadata?: VideoMetadata } | FrameSlots = {},
  ) {
    if (originalFrame === INTERNAL) {
      this.#slots = options as FrameSlots;
      return;
    }
    const context = constructing('RTCEncodedVideoFrame');
    requireArguments(arguments.length, 1, context);
    const original = toFrame(originalFrame, `${context} parameter 1`);
    const { metadata } = toOptions(options, `${context} parameter 2`);
    this.#slots = copyOf(slotsOf(original), metadata);
  }

  get type(): EncodedVideoChunkType {
    return this.#slots.native.key ? 'key' : 'delta';
  }
  get data(): ArrayBuffer {
    return this.#slots.data;
  }
  set data(value: ArrayBuffer) {
    this.#slots.data = toArrayBuffer(value, attribute('RTCEncodedVideoFrame', 'data'));
  }
  /** As in Chromium: the RTP timestamp. */
  get timestamp(): number {
    return this.#slots.metadata.rtpTimestamp ?? 0;
  }

  getMetadata(): VideoMetadata {
    const { metadata } = this.#slots;
    return { ...metadata, contributingSources: [...(metadata.contributingSources ?? [])] };
  }
}
defineInterface(RTCEncodedVideoFrame, 'RTCEncodedVideoFrame');

const toFrame = interfaceType<RTCEncodedVideoFrame>('RTCEncodedVideoFrame', is);

export const isRTCEncodedVideoFrame = is;
export const videoFrameSlots = slotsOf;

export function createVideoFrame(slots: FrameSlots): RTCEncodedVideoFrame {
  const { id, width, height, key } = slots.native;
  const own: VideoMetadata = { spatialIndex: 0, temporalIndex: 0 };
  if (typeof id === 'number') own.frameId = id;
  if (typeof id === 'number') own.dependencies = key ? [] : [id - 1];
  if (typeof width === 'number' && typeof height === 'number') Object.assign(own, { width, height });
  return new RTCEncodedVideoFrame(INTERNAL, { ...slots, metadata: { ...slots.metadata, ...own } });
}
