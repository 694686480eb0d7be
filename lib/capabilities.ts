/**
 * What can be negotiated (webrtc-pc §5.2.2): RTCRtpSender.getCapabilities, RTCRtpReceiver.getCapabilities.
 * Invariant: the same codecs and header extensions, in the same order, as the engine's offers.
 */
import { DOMString, method, requireArguments } from './webidl/converters';

type Kind = 'audio' | 'video';

const VIDEO_CLOCK_HZ = 90000;
const H264 = (mode: number, profile: string): RTCRtpCodec => ({
  mimeType: 'video/H264',
  clockRate: VIDEO_CLOCK_HZ,
  sdpFmtpLine: `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`,
});

const CODECS: Readonly<Record<Kind, readonly RTCRtpCodec[]>> = {
  audio: [
    { mimeType: 'audio/opus', clockRate: 48000, channels: 2, sdpFmtpLine: 'minptime=10;useinbandfec=1' },
    { mimeType: 'audio/red', clockRate: 48000, channels: 2, sdpFmtpLine: '111/111' },
    { mimeType: 'audio/G722', clockRate: 8000, channels: 1 },
    { mimeType: 'audio/PCMU', clockRate: 8000, channels: 1 },
    { mimeType: 'audio/PCMA', clockRate: 8000, channels: 1 },
    { mimeType: 'audio/telephone-event', clockRate: 48000, channels: 1 },
    { mimeType: 'audio/telephone-event', clockRate: 8000, channels: 1 },
  ],
  video: [
    { mimeType: 'video/VP8', clockRate: VIDEO_CLOCK_HZ },
    { mimeType: 'video/VP9', clockRate: VIDEO_CLOCK_HZ, sdpFmtpLine: 'profile-id=0' },
    { mimeType: 'video/VP9', clockRate: VIDEO_CLOCK_HZ, sdpFmtpLine: 'profile-id=2' },
    H264(1, '42001f'),
    H264(0, '42001f'),
    H264(1, '42e01f'),
    H264(0, '42e01f'),
    { mimeType: 'video/AV1', clockRate: VIDEO_CLOCK_HZ, sdpFmtpLine: 'level-idx=5;profile=0;tier=0' },
    { mimeType: 'video/red', clockRate: VIDEO_CLOCK_HZ },
    { mimeType: 'video/rtx', clockRate: VIDEO_CLOCK_HZ },
    { mimeType: 'video/ulpfec', clockRate: VIDEO_CLOCK_HZ },
  ],
};

export const MID_EXTENSION = 'urn:ietf:params:rtp-hdrext:sdes:mid';

const EXTENSIONS: Readonly<Record<Kind, readonly string[]>> = {
  audio: [MID_EXTENSION, 'urn:ietf:params:rtp-hdrext:ssrc-audio-level'],
  video: [
    MID_EXTENSION,
    'urn:3gpp:video-orientation',
    'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
    'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  ],
};

/** null for a kind that is neither audio nor video. */
export function capabilities(given: number, kind: unknown, interfaceName: string): RTCRtpCapabilities | null {
  const context = method(interfaceName, 'getCapabilities');
  requireArguments(given, 1, context);
  const name = DOMString(kind, `${context} parameter 1`);
  if (name !== 'audio' && name !== 'video') return null;
  return {
    codecs: CODECS[name].map((codec) => ({ ...codec })),
    headerExtensions: EXTENSIONS[name].map((uri) => ({ uri })),
  };
}

/** URIs of the header extensions of a kind. */
export function extensionsOf(kind: Kind): readonly string[] {
  return EXTENSIONS[kind];
}

/** W3C "codec match", with case ignored in the name. */
export function sameCodec(a: RTCRtpCodec, b: RTCRtpCodec): boolean {
  return (
    a.mimeType.toLowerCase() === b.mimeType.toLowerCase() &&
    a.clockRate === b.clockRate &&
    (a.channels ?? 1) === (b.channels ?? 1) &&
    (a.sdpFmtpLine ?? '') === (b.sdpFmtpLine ?? '')
  );
}

export function isKnownCodec(kind: Kind, codec: RTCRtpCodec): boolean {
  return CODECS[kind].some((known) => sameCodec(known, codec));
}

/** Repair, redundancy and signals: nothing can be sent with these alone. */
export function isAuxiliary(codec: RTCRtpCodec): boolean {
  return /\/(rtx|red|ulpfec|flexfec-03|cn|telephone-event)$/i.test(codec.mimeType);
}
