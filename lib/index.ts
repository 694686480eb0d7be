/** The package: the W3C interfaces, PCM in and out, and what is not in the standards. */
import { binding } from './binding';
import { virtualDevices } from './MediaDevices';
import { RTCEncodedAudioSource } from './media/RTCEncodedAudioSource';
import { RTCAudioDataEvent, RTCAudioSink, RTCAudioSource, RTCVideoSource } from './nonstandard';

export { DeviceChangeEvent } from './DeviceChangeEvent';
export { DTMFEvent } from './DTMFEvent';
export { KeyFrameRequestEvent } from './encoded/KeyFrameRequestEvent';
export { RTCEncodedAudioFrame } from './encoded/RTCEncodedAudioFrame';
export { RTCEncodedVideoFrame } from './encoded/RTCEncodedVideoFrame';
export { RTCRtpScriptTransform } from './encoded/RTCRtpScriptTransform';
export { RTCRtpScriptTransformer } from './encoded/RTCRtpScriptTransformer';
export { RTCTransformEvent } from './encoded/RTCTransformEvent';
export { workerScope } from './encoded/worker-scope';
export { install, uninstall } from './globals';
export { allowTracksToStop, markActiveTracksAsLive } from './guard';
export { InputDeviceInfo } from './InputDeviceInfo';
export { setLogger } from './log';
export { MediaDeviceInfo } from './MediaDeviceInfo';
export { getUserMedia, MediaDevices, mediaDevices } from './MediaDevices';
export { MediaStream } from './MediaStream';
export { MediaStreamTrack } from './MediaStreamTrack';
export { MediaStreamTrackEvent } from './MediaStreamTrackEvent';
export { CallRecorder } from './media/CallRecorder';
export { PcmSink } from './media/PcmSink';
export { PcmSource } from './media/PcmSource';
export { OverconstrainedError } from './OverconstrainedError';
export { MediaStreamEvent } from './peer/legacy';
export { RTCCertificate } from './RTCCertificate';
export { RTCDataChannel } from './RTCDataChannel';
export { RTCDataChannelEvent } from './RTCDataChannelEvent';
export { RTCDTMFSender } from './RTCDTMFSender';
export { RTCDTMFToneChangeEvent } from './RTCDTMFToneChangeEvent';
export { RTCDtlsTransport } from './RTCDtlsTransport';
export { RTCError } from './RTCError';
export { RTCErrorEvent } from './RTCErrorEvent';
export { RTCIceCandidate } from './RTCIceCandidate';
export { RTCIceCandidatePair } from './RTCIceCandidatePair';
export { RTCIceTransport } from './RTCIceTransport';
export { connectionId, RTCPeerConnection } from './RTCPeerConnection';
export { RTCPeerConnectionIceErrorEvent } from './RTCPeerConnectionIceErrorEvent';
export { RTCPeerConnectionIceEvent } from './RTCPeerConnectionIceEvent';
export { RTCRtpReceiver } from './RTCRtpReceiver';
export { RTCRtpSender } from './RTCRtpSender';
export { RTCRtpTransceiver } from './RTCRtpTransceiver';
export { RTCSctpTransport } from './RTCSctpTransport';
export { RTCSessionDescription } from './RTCSessionDescription';
export { RTCStatsReport } from './RTCStatsReport';
export { RTCTrackEvent } from './RTCTrackEvent';

export const nonstandard = {
  RTCAudioSource,
  RTCAudioSink,
  RTCAudioDataEvent,
  RTCEncodedAudioSource,
  RTCVideoSource,
  virtualDevices,
};

/** Version of the engine. */
export const version: string = binding.version();
