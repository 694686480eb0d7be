/**
 * RTP parameter dictionaries: conversion, and from the engine's codecs (webrtc-pc §5.2).
 * Invariant: a member that is not known is absent, never undefined.
 */
import type { CodecData } from './binding';
import {
  boolean,
  DOMString,
  dictionary,
  double,
  enumeration,
  octetEnforced,
  optional,
  required,
  sequence,
  unsignedLong,
  unsignedShort,
  withDefault,
} from './webidl/converters';

export function codecParameters(codec: CodecData): RTCRtpCodecParameters {
  const { payloadType, mimeType, clockRate, channels, sdpFmtpLine } = codec;
  return {
    payloadType,
    mimeType,
    clockRate,
    ...(channels ? { channels } : {}),
    ...(sdpFmtpLine ? { sdpFmtpLine } : {}),
  };
}

export function extensionParameters({ uri, id }: { uri: string; id: number }): RTCRtpHeaderExtensionParameters {
  return { uri, id, encrypted: false };
}

const codecMembers = {
  channels: optional(unsignedShort),
  clockRate: required(unsignedLong),
  mimeType: required(DOMString),
  sdpFmtpLine: optional(DOMString),
};

/** RTCRtpCodec */
export const toCodec = dictionary('RTCRtpCodec', codecMembers);

const toPriority = enumeration<RTCPriorityType>('RTCPriorityType', ['very-low', 'low', 'medium', 'high']);

/** RTCRtpEncodingParameters, with the priorities of webrtc-priority §4 and what webrtc-extensions has for sound. */
export const toEncoding = dictionary(
  'RTCRtpEncodingParameters',
  {
    active: withDefault(boolean, () => true),
    adaptivePtime: optional(boolean),
    codec: optional(toCodec),
    maxBitrate: optional(unsignedLong),
    maxFramerate: optional(double),
    networkPriority: optional(toPriority),
    priority: withDefault(toPriority, (): RTCPriorityType => 'low'),
    ptime: optional(unsignedLong),
    scaleResolutionDownBy: optional(double),
  },
  { rid: optional(DOMString) },
);
export type Encoding = ReturnType<typeof toEncoding>;

const ordinary = toEncoding({}, '');

/** What a dictionary without members is converted to. */
export function ordinaryEncoding(): Encoding {
  return { ...ordinary };
}

/** RTCRtpParameters */
const parameterMembers = {
  // Required by its IDL, but browsers agree on InvalidModificationError where it is missing.
  codecs: optional(
    sequence(dictionary('RTCRtpCodecParameters', { payloadType: required(octetEnforced) }, codecMembers)),
  ),
  headerExtensions: required(
    sequence(
      dictionary('RTCRtpHeaderExtensionParameters', {
        encrypted: withDefault(boolean, () => false),
        id: required(unsignedShort),
        uri: required(DOMString),
      }),
    ),
  ),
  rtcp: required(dictionary('RTCRtcpParameters', { cname: optional(DOMString), reducedSize: optional(boolean) })),
};

/** RTCRtpSendParameters */
export const toSendParameters = dictionary(
  'RTCRtpSendParameters',
  {
    degradationPreference: optional(
      enumeration('RTCDegradationPreference', [
        'balanced',
        'maintain-framerate',
        'maintain-resolution',
        'maintain-framerate-and-resolution',
      ]),
    ),
    encodings: required(sequence(toEncoding)),
    transactionId: required(DOMString),
  },
  parameterMembers,
);
