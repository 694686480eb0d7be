/**
 * What the engine can send and receive (webrtc-pc §5.2.2): RTCRtpSender.getCapabilities, RTCRtpReceiver.getCapabilities.
 * Invariant: the same codecs, in the same order, as the engine's offers.
 */
import { DOMString, method, requireArguments } from './webidl/converters';

const AUDIO: readonly RTCRtpCodec[] = [
  { mimeType: 'audio/opus', clockRate: 48000, channels: 2, sdpFmtpLine: 'minptime=10;useinbandfec=1' },
  { mimeType: 'audio/G722', clockRate: 8000, channels: 1 },
  { mimeType: 'audio/PCMU', clockRate: 8000, channels: 1 },
  { mimeType: 'audio/PCMA', clockRate: 8000, channels: 1 },
  { mimeType: 'audio/telephone-event', clockRate: 48000, channels: 1 },
  { mimeType: 'audio/telephone-event', clockRate: 8000, channels: 1 },
];

const AUDIO_EXTENSIONS: readonly RTCRtpHeaderExtensionCapability[] = [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' }];

/** null for a kind that is neither audio nor video; nothing for video, for which there is no codec. */
export function capabilities(given: number, kind: unknown, interfaceName: string): RTCRtpCapabilities | null {
  const context = method(interfaceName, 'getCapabilities');
  requireArguments(given, 1, context);
  const name = DOMString(kind, `${context} parameter 1`);
  if (name === 'audio') {
    return {
      codecs: AUDIO.map((codec) => ({ ...codec })),
      headerExtensions: AUDIO_EXTENSIONS.map((extension) => ({ ...extension })),
    };
  }
  return name === 'video' ? { codecs: [], headerExtensions: [] } : null;
}

/** W3C "codec match", with case ignored in the name. */
export function isKnownCodec(kind: string, codec: RTCRtpCodec): boolean {
  return (
    kind === 'audio' &&
    AUDIO.some(
      (known) =>
        known.mimeType.toLowerCase() === codec.mimeType.toLowerCase() &&
        known.clockRate === codec.clockRate &&
        (known.channels ?? 1) === (codec.channels ?? 1) &&
        (known.sdpFmtpLine ?? '') === (codec.sdpFmtpLine ?? ''),
    )
  );
}
