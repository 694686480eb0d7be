/**
 * What RTCEncodedAudioFrame and RTCEncodedVideoFrame have in common (webrtc-encoded-transform §6).
 * Invariant: a frame is written once; what it carried is gone from it then.
 */
import type { EncodedFrameData } from '../binding';
import { type Converter, DOMString, double, fail, octet, optional, sequence, unsignedLong } from '../webidl/converters';
import { domException } from '../webidl/exceptions';

/** The engine's frame, with the bytes and the metadata as they are now. */
export interface FrameSlots {
  native: Omit<EncodedFrameData, 'data' | 'ageMs'>;
  data: ArrayBuffer;
  /** DOMHighResTimeStamp */
  receiveTime: number | undefined;
  metadata: FrameMetadata;
  spent: boolean;
}

export interface FrameMetadata {
  captureTime?: number;
  contributingSources?: number[];
  mimeType?: string;
  payloadType?: number;
  receiveTime?: number;
  rtpTimestamp?: number;
  senderCaptureTimeOffset?: number;
  synchronizationSource?: number;
}

/** Members of RTCEncodedFrameMetadata, which the dictionaries of both kinds inherit. */
export const frameMetadata = {
  captureTime: optional(double),
  contributingSources: optional(sequence(unsignedLong)),
  mimeType: optional(DOMString),
  payloadType: optional(octet),
  receiveTime: optional(double),
  rtpTimestamp: optional(unsignedLong),
  senderCaptureTimeOffset: optional(double),
  synchronizationSource: optional(unsignedLong),
};

/** What the stream goes by, and an application cannot choose. */
const FIXED = ['contributingSources', 'mimeType', 'payloadType', 'sequenceNumber', 'synchronizationSource'] as const;

export function slotsFrom({ data, ageMs, ...native }: EncodedFrameData, kind: 'audio' | 'video'): FrameSlots {
  const receiveTime = typeof ageMs === 'number' ? performance.now() - ageMs : undefined;
  const metadata: FrameMetadata = {
    synchronizationSource: native.ssrc,
    payloadType: native.payloadType,
    contributingSources: native.csrc,
    rtpTimestamp: native.timestamp,
    mimeType: `${kind}/${native.codec}`,
    ...(receiveTime === undefined ? {} : { receiveTime }),
  };
  return { native, data, receiveTime, metadata, spent: false };
}

/** A frame of its own with the same content, and what `given` says otherwise. */
export function copyOf<M extends FrameMetadata>(from: FrameSlots, given: M | undefined): FrameSlots {
  const known: Record<string, unknown> = { ...from.metadata };
  for (const member of FIXED) {
    const value = (given as Record<string, unknown> | undefined)?.[member];
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(known[member])) {
      throw domException('InvalidModificationError', `${member} of an encoded frame cannot be changed`);
    }
  }
  return { ...from, data: from.data.slice(0), metadata: { ...from.metadata, ...given }, spent: from.spent };
}

export const toArrayBuffer: Converter<ArrayBuffer> = (value, context) => {
  if (!(Object.prototype.toString.call(value) === '[object ArrayBuffer]')) throw fail(context, 'not an ArrayBuffer.');
  return value as ArrayBuffer;
};
