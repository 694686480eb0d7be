/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="dom.asynciterable" />
/// <reference types="node" />
/**
 * webphone-rtc: WebRTC for audio calls in Node.
 * The W3C interfaces have the types of lib.dom; what is not in a standard is declared here.
 */
import type { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type * as web from 'node:stream/web';

type Interface<T, A extends unknown[] = never> = { prototype: T; new (...args: A): T };

// Node and lib.dom each have a type of their own for the same streams; what takes one of them takes these.
type ReadableStream<T> = globalThis.ReadableStream<T> & web.ReadableStream<T>;
type WritableStream<T> = globalThis.WritableStream<T> & web.WritableStream<T>;

/** An EventTarget whose events have types, as in lib.dom. */
interface Target<Events> extends EventTarget {
  addEventListener<K extends keyof Events>(
    type: K,
    listener: (this: this, event: Events[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof Events>(
    type: K,
    listener: (this: this, event: Events[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

// --- W3C interfaces with additions

export interface MediaStreamTrack extends globalThis.MediaStreamTrack {
  /** The writable end of a track made by getUserMedia() or PcmSource; null for any other. */
  readonly source: PcmSource | null;
  clone(): MediaStreamTrack;
  /** Stops the track even under the guard of markActiveTracksAsLive(). */
  forceStop(): void;
}
export declare const MediaStreamTrack: Interface<MediaStreamTrack>;

export interface MediaStream extends globalThis.MediaStream {
  clone(): MediaStream;
  getAudioTracks(): MediaStreamTrack[];
  getTracks(): MediaStreamTrack[];
  getTrackById(trackId: string): MediaStreamTrack | null;
  getVideoTracks(): MediaStreamTrack[];
}
export declare const MediaStream: {
  prototype: MediaStream;
  new (): MediaStream;
  new (stream: globalThis.MediaStream): MediaStream;
  new (tracks: globalThis.MediaStreamTrack[]): MediaStream;
  /** As in node-webrtc: an empty stream whose id is not chosen at random, a token (RFC 8830) of up to 64 characters. */
  new (init: { id: string }): MediaStream;
};

export interface MediaDevices extends globalThis.MediaDevices {
  getUserMedia(constraints?: MediaStreamConstraints): Promise<MediaStream>;
}
export declare const MediaDevices: Interface<MediaDevices>;
/** navigator.mediaDevices over virtual devices: a microphone that the application writes, a camera without a picture. */
export declare const mediaDevices: MediaDevices;
/** mediaDevices.getUserMedia(), as node-webrtc exports it. */
export declare function getUserMedia(constraints?: MediaStreamConstraints): Promise<MediaStream>;

export interface RTCIceCandidate extends globalThis.RTCIceCandidate {
  /** How the TURN server is reached; null if this is not a candidate of our own by one. */
  readonly relayProtocol: 'udp' | 'tcp' | 'tls' | null;
  /** The STUN or TURN server. */
  readonly url: string | null;
}
export declare const RTCIceCandidate: Interface<RTCIceCandidate, [candidateInitDict?: LocalIceCandidateInit]>;
/** RTCLocalIceCandidateInit */
export interface LocalIceCandidateInit extends RTCIceCandidateInit {
  relayProtocol?: 'udp' | 'tcp' | 'tls' | null;
  url?: string | null;
}

export interface RTCPeerConnectionIceEvent extends globalThis.RTCPeerConnectionIceEvent {
  readonly candidate: RTCIceCandidate | null;
  readonly url: string | null;
}
export declare const RTCPeerConnectionIceEvent: Interface<
  RTCPeerConnectionIceEvent,
  [type: string, eventInitDict?: RTCPeerConnectionIceEventInit]
>;

export interface RTCIceParameters {
  usernameFragment?: string;
  password?: string;
}
export interface RTCIceTransport extends globalThis.RTCIceTransport {
  readonly role: 'unknown' | 'controlling' | 'controlled';
  readonly component: RTCIceComponent;
  getLocalCandidates(): RTCIceCandidate[];
  getRemoteCandidates(): RTCIceCandidate[];
  getLocalParameters(): RTCIceParameters | null;
  getRemoteParameters(): RTCIceParameters | null;
}
export declare const RTCIceTransport: Interface<RTCIceTransport>;

export interface RTCDtlsTransport extends globalThis.RTCDtlsTransport {
  readonly iceTransport: RTCIceTransport;
}
export declare const RTCDtlsTransport: Interface<RTCDtlsTransport>;

export interface RTCSctpTransport extends globalThis.RTCSctpTransport {
  readonly transport: RTCDtlsTransport;
}
export declare const RTCSctpTransport: Interface<RTCSctpTransport>;

export interface RTCRtpReceiver extends globalThis.RTCRtpReceiver, Target<{ dtmf: DTMFEvent }> {
  readonly track: MediaStreamTrack;
  readonly transport: RTCDtlsTransport | null;
  /** A digit that the far end pressed. */
  ondtmf: ((this: RTCRtpReceiver, event: DTMFEvent) => unknown) | null;
  /** As in Chromium. */
  createEncodedStreams(): EncodedStreams;
}
export declare const RTCRtpReceiver: Interface<RTCRtpReceiver> & {
  getCapabilities(kind: string): RTCRtpCapabilities | null;
};

export interface RTCRtpSender extends globalThis.RTCRtpSender {
  readonly track: MediaStreamTrack | null;
  readonly transport: RTCDtlsTransport | null;
  /** As in Chromium. */
  createEncodedStreams(): EncodedStreams;
}
export declare const RTCRtpSender: Interface<RTCRtpSender> & {
  getCapabilities(kind: string): RTCRtpCapabilities | null;
};

export interface RTCRtpTransceiver extends globalThis.RTCRtpTransceiver {
  readonly receiver: RTCRtpReceiver;
  readonly sender: RTCRtpSender;
  /** webrtc-extensions: what the next negotiation will ask for; 'stopped' for what it will not. */
  getHeaderExtensionsToNegotiate(): HeaderExtension[];
  setHeaderExtensionsToNegotiate(extensions: HeaderExtension[]): void;
  getNegotiatedHeaderExtensions(): HeaderExtension[];
}
export interface HeaderExtension {
  uri: string;
  direction: RTCRtpTransceiverDirection;
}
export declare const RTCRtpTransceiver: Interface<RTCRtpTransceiver>;

// --- Encoded frames

export interface RTCEncodedAudioFrame extends globalThis.RTCEncodedAudioFrame {
  getMetadata(): RTCEncodedAudioFrameMetadata & EncodedFrameTimes & { audioLevel?: number };
}
export declare const RTCEncodedAudioFrame: Interface<
  RTCEncodedAudioFrame,
  [
    originalFrame: globalThis.RTCEncodedAudioFrame,
    options?: { metadata?: RTCEncodedAudioFrameMetadata & EncodedFrameTimes & { audioLevel?: number } },
  ]
> & {
  /** Throws; lib.dom does not know the arguments. */
  new (): never;
};
export interface RTCEncodedVideoFrame extends globalThis.RTCEncodedVideoFrame {
  getMetadata(): RTCEncodedVideoFrameMetadata & EncodedFrameTimes;
}
export declare const RTCEncodedVideoFrame: Interface<
  RTCEncodedVideoFrame,
  [
    originalFrame: globalThis.RTCEncodedVideoFrame,
    options?: { metadata?: RTCEncodedVideoFrameMetadata & EncodedFrameTimes },
  ]
> & {
  /** Throws; lib.dom does not know the arguments. */
  new (): never;
};
/** Milliseconds; `receiveTime` is on the clock of performance.now(). */
export interface EncodedFrameTimes {
  receiveTime?: number;
  captureTime?: number;
  senderCaptureTimeOffset?: number;
}
export type EncodedFrame = RTCEncodedAudioFrame | RTCEncodedVideoFrame;
export interface EncodedStreams {
  readable: ReadableStream<EncodedFrame>;
  writable: WritableStream<EncodedFrame>;
}

export interface RTCRtpScriptTransform extends globalThis.RTCRtpScriptTransform {}
export declare const RTCRtpScriptTransform: Interface<
  RTCRtpScriptTransform,
  // A worker of node:worker_threads, or of anything else that runs in this process and takes messages.
  // biome-ignore lint/suspicious/noExplicitAny: as in lib.dom, and the transfer lists of Node and lib.dom differ
  [worker: { postMessage(message: any, transfer: any): void }, options?: any, transfer?: any[]]
>;
export interface RTCRtpScriptTransformer extends Target<{ keyframerequest: KeyFrameRequestEvent }> {
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  // biome-ignore lint/suspicious/noExplicitAny: what the page has given
  readonly options: any;
  /** The far end asks for a key frame. */
  onkeyframerequest: ((this: RTCRtpScriptTransformer, event: KeyFrameRequestEvent) => unknown) | null;
  /** Resolves with the RTP timestamp of the key frame. */
  generateKeyFrame(rid?: string): Promise<number>;
  sendKeyFrameRequest(): Promise<void>;
}
export declare const RTCRtpScriptTransformer: Interface<RTCRtpScriptTransformer>;
export interface RTCTransformEvent extends Event {
  readonly transformer: RTCRtpScriptTransformer;
}
export declare const RTCTransformEvent: Interface<RTCTransformEvent>;
export interface KeyFrameRequestEvent extends Event {
  readonly rid: string | null;
}
export declare const KeyFrameRequestEvent: Interface<KeyFrameRequestEvent, [type: string, rid?: string]>;
/** In a worker: what its global scope has of encoded transforms. */
export declare const workerScope: Target<{ rtctransform: RTCTransformEvent }> & {
  onrtctransform: ((event: RTCTransformEvent) => unknown) | null;
};

/** Members beyond RTCConfiguration: where sockets may be bound, and Chromium's for encoded frames. */
export interface Configuration extends RTCConfiguration {
  /** No frame passes before createEncodedStreams() is called. */
  encodedInsertableStreams?: boolean;
  /** Gather candidates on the loopback interface too. */
  loopback?: boolean;
  /** Bind to these IP addresses only. */
  addresses?: string[];
  /** Lowest and highest UDP port; node-webrtc's form means the same, from 1024 on where no `min` is said. */
  portRange?: [number, number] | { min?: number; max?: number };
}

/** RTCDataChannelInit with the priority of webrtc-priority. */
export interface DataChannelInit extends RTCDataChannelInit {
  /** 'low' unless said otherwise. Channels that wait share the connection in proportion: 1, 2, 4, 8. */
  priority?: RTCPriorityType;
}

export interface RTCDataChannel extends globalThis.RTCDataChannel {
  readonly priority?: RTCPriorityType;
}
export declare const RTCDataChannel: Interface<RTCDataChannel>;

export interface RTCDataChannelEvent extends globalThis.RTCDataChannelEvent {
  readonly channel: RTCDataChannel;
}
export declare const RTCDataChannelEvent: Interface<
  RTCDataChannelEvent,
  [type: string, eventInitDict: RTCDataChannelEventInit]
>;

export interface RTCTrackEvent extends globalThis.RTCTrackEvent {
  readonly receiver: RTCRtpReceiver;
  readonly streams: readonly MediaStream[];
  readonly track: MediaStreamTrack;
  readonly transceiver: RTCRtpTransceiver;
}
export declare const RTCTrackEvent: Interface<RTCTrackEvent, [type: string, eventInitDict: RTCTrackEventInit]>;

export interface RTCPeerConnectionEventMap extends globalThis.RTCPeerConnectionEventMap {
  /** @deprecated Use 'track'. */
  addstream: MediaStreamEvent;
  datachannel: RTCDataChannelEvent;
  dtmf: DTMFEvent;
  icecandidate: RTCPeerConnectionIceEvent;
  removestream: MediaStreamEvent;
  track: RTCTrackEvent;
}

export interface RTCPeerConnection
  extends Omit<globalThis.RTCPeerConnection, 'addEventListener' | 'removeEventListener'>,
    Target<RTCPeerConnectionEventMap> {
  readonly sctp: RTCSctpTransport | null;
  createDataChannel(label: string, dataChannelDict?: DataChannelInit): RTCDataChannel;
  addTrack(track: globalThis.MediaStreamTrack, ...streams: globalThis.MediaStream[]): RTCRtpSender;
  addTransceiver(trackOrKind: globalThis.MediaStreamTrack | string, init?: RTCRtpTransceiverInit): RTCRtpTransceiver;
  getReceivers(): RTCRtpReceiver[];
  getSenders(): RTCRtpSender[];
  getTransceivers(): RTCRtpTransceiver[];

  // What is read has lib.dom's type: a property of ours that takes less than lib.dom's could not stand in for it.
  get ondatachannel(): globalThis.RTCPeerConnection['ondatachannel'];
  set ondatachannel(handler: ((this: RTCPeerConnection, event: RTCDataChannelEvent) => unknown) | null);
  get onicecandidate(): globalThis.RTCPeerConnection['onicecandidate'];
  set onicecandidate(handler: ((this: RTCPeerConnection, event: RTCPeerConnectionIceEvent) => unknown) | null);
  get ontrack(): globalThis.RTCPeerConnection['ontrack'];
  set ontrack(handler: ((this: RTCPeerConnection, event: RTCTrackEvent) => unknown) | null);

  /** A digit that the far end pressed. */
  ondtmf: ((this: globalThis.RTCPeerConnection, event: DTMFEvent) => unknown) | null;
  /** stop() on a track that this connection sends is held back, with a warning, until close() or allowTracksToStop(). */
  markActiveTracksAsLive(): void;
  /** Lifts the guard; each stop() that it held back takes effect now. */
  allowTracksToStop(): void;

  /** @deprecated Use addTrack(). */
  addStream(stream: globalThis.MediaStream): void;
  /** @deprecated Use removeTrack(). */
  removeStream(stream: globalThis.MediaStream): void;
  /** @deprecated Use getSenders(). */
  getLocalStreams(): MediaStream[];
  /** @deprecated Use getReceivers(). */
  getRemoteStreams(): MediaStream[];
  /** @deprecated Use ontrack. */
  onaddstream: ((this: globalThis.RTCPeerConnection, event: MediaStreamEvent) => unknown) | null;
  onremovestream: ((this: globalThis.RTCPeerConnection, event: MediaStreamEvent) => unknown) | null;
}
export declare const RTCPeerConnection: Interface<RTCPeerConnection, [configuration?: Configuration]> & {
  /** ECDSA with P-256, or RSASSA-PKCS1-v1_5 with SHA-256 and 2048, 3072 or 4096 bits. */
  generateCertificate(keygenAlgorithm: AlgorithmIdentifier): Promise<RTCCertificate>;
};

/** Interfaces that lib.dom does not have. */
export interface RTCIceCandidatePair {
  readonly local: RTCIceCandidate;
  readonly remote: RTCIceCandidate;
}
export declare const RTCIceCandidatePair: Interface<RTCIceCandidatePair>;
export interface DeviceChangeEvent extends Event {
  readonly devices: readonly MediaDeviceInfo[];
  readonly userInsertedDevices: readonly MediaDeviceInfo[];
}
export declare const DeviceChangeEvent: {
  new (type: string, eventInitDict?: EventInit & { devices?: MediaDeviceInfo[] }): DeviceChangeEvent;
  prototype: DeviceChangeEvent;
};

// --- W3C interfaces as they are

export type InputDeviceInfo = globalThis.InputDeviceInfo;
export declare const InputDeviceInfo: typeof globalThis.InputDeviceInfo;
export type MediaDeviceInfo = globalThis.MediaDeviceInfo;
export declare const MediaDeviceInfo: typeof globalThis.MediaDeviceInfo;
export type MediaStreamTrackEvent = globalThis.MediaStreamTrackEvent;
export declare const MediaStreamTrackEvent: typeof globalThis.MediaStreamTrackEvent;
export type OverconstrainedError = globalThis.OverconstrainedError;
export declare const OverconstrainedError: typeof globalThis.OverconstrainedError;
export type RTCCertificate = globalThis.RTCCertificate;
export declare const RTCCertificate: typeof globalThis.RTCCertificate;
export type RTCDTMFSender = globalThis.RTCDTMFSender;
export declare const RTCDTMFSender: typeof globalThis.RTCDTMFSender;
export type RTCDTMFToneChangeEvent = globalThis.RTCDTMFToneChangeEvent;
export declare const RTCDTMFToneChangeEvent: typeof globalThis.RTCDTMFToneChangeEvent;
export type RTCError = globalThis.RTCError;
export declare const RTCError: typeof globalThis.RTCError;
export type RTCErrorEvent = globalThis.RTCErrorEvent;
export declare const RTCErrorEvent: typeof globalThis.RTCErrorEvent;
export type RTCPeerConnectionIceErrorEvent = globalThis.RTCPeerConnectionIceErrorEvent;
export declare const RTCPeerConnectionIceErrorEvent: typeof globalThis.RTCPeerConnectionIceErrorEvent;
export type RTCSessionDescription = globalThis.RTCSessionDescription;
export declare const RTCSessionDescription: typeof globalThis.RTCSessionDescription;
export type RTCStatsReport = globalThis.RTCStatsReport;
export declare const RTCStatsReport: typeof globalThis.RTCStatsReport;

// --- events that are not in a standard

/** 'dtmf' at an RTCRtpReceiver and its RTCPeerConnection. */
export interface DTMFEvent extends Event {
  /** One of 0-9, A-D, * and #. */
  readonly tone: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly receiver: RTCRtpReceiver | null;
}
export declare const DTMFEvent: Interface<
  DTMFEvent,
  [type: string, init: EventInit & { tone: string; duration?: number; receiver?: RTCRtpReceiver | null }]
>;

/** 'addstream' and 'removestream' at an RTCPeerConnection. */
export interface MediaStreamEvent extends Event {
  readonly stream: MediaStream;
}
export declare const MediaStreamEvent: Interface<
  MediaStreamEvent,
  [type: string, init: EventInit & { stream: globalThis.MediaStream }]
>;

// --- PCM

/** 16-bit samples, or the same as little-endian bytes (Buffer). */
export type Pcm = Int16Array | Uint8Array;

/** What a meter shows: of the last 100 ms. */
export interface AudioLevel {
  /** Root mean square, 0 to 1. */
  rms: number;
  /** Highest magnitude, 0 to 1. */
  peak: number;
  /** The same in dB against full scale, -127 for silence. A full-scale sine has an RMS of -3. */
  rmsDbfs: number;
  peakDbfs: number;
}

export interface PcmSourceOptions {
  /** 8000, 16000, 24000, 32000, 44100 or 48000 Hz; 16000. */
  sampleRate?: number;
  /** 1 or 2, interleaved; 1. */
  channels?: number;
  /** How much may be queued before write() returns false; 1000. */
  queueMs?: number;
}

/** An audio signal that the application writes, for any number of tracks. */
export declare class PcmSource extends EventEmitter<{
  drain: [];
  mark: [name: string, reached: boolean];
  /** Ten times a second while it is played and somebody listens. */
  level: [level: AudioLevel];
}> {
  constructor(options?: PcmSourceOptions);
  readonly sampleRate: number;
  readonly channels: number;
  readonly queueMs: number;
  /**
   * A live track that carries this signal. When the last one has ended, clones too, what has not been played is cleared;
   * what is written then is dropped, and nobody waits for it, until there is another track.
   */
  createTrack(): MediaStreamTrack;
  /** Queues samples of any length. False: the queue is full, 'drain' tells when to go on; nothing is lost. */
  write(pcm: Pcm, options?: { sampleRate?: number }): boolean;
  /** Queues samples and resolves once the queue has taken them all. */
  captureFrame(pcm: Pcm, options?: { sampleRate?: number }): Promise<void>;
  /** Drops what has not been played (barge-in), as the end of the last track does; returns how many milliseconds. */
  clear(): number;
  /**
   * Takes little-endian bytes at `sampleRate`, cut anywhere, and waits for the queue. 'finish' comes when the queue has
   * taken all; destroy() before that is clear().
   */
  toNodeStream(options?: { sampleRate?: number }): Writable;
  /** Takes samples or bytes at `sampleRate`, or frames of a PcmSink, and waits for the queue. abort() is clear(). */
  toWebStream(options?: { sampleRate?: number }): WritableStream<Pcm | PcmFrame>;
  /**
   * Resolves when everything written so far has been played or cleared: it has left in packets, but for what a codec
   * holds back of the last one.
   */
  waitForPlayout(): Promise<void>;
  /** Emits 'mark' (name, reached) when everything written so far has been played, or cleared (reached = false). */
  mark(name: string): void;
  /** Milliseconds written and not yet played. */
  readonly queuedMs: number;
  /** Milliseconds of written samples played so far; silence in gaps does not count. */
  readonly playedMs: number;
  /** Loudness of what was last played: RMS, 0 to 1. */
  readonly level: number;
}

export interface SpeechOptions {
  /** So much speech is wanted before its start is told: less is sooner, and more often wrong; 32. */
  onsetMs?: number;
  /** So long without speech is its end: pauses between words must fit in; 500. */
  hangoverMs?: number;
  /** How much it must sound like speech, 0 to 1; 0.6. */
  threshold?: number;
  /** What is softer is nobody, whatever the background; -66. */
  minDbfs?: number;
}

export interface SpeechEvent {
  /** Where speech began or ended: samples since the sink's first, as in PcmFrame; to within some 20 ms. */
  position: number;
  /** Where the frames ended when that was noticed. */
  known: number;
  /** RTP timestamp of `position`. */
  timestamp: number;
}

export interface PcmSinkOptions {
  /** 8000, 16000, 24000, 32000, 44100 or 48000 Hz; 16000. */
  sampleRate?: number;
  /** 10, 20, 30, 40 or 60; 20. */
  frameMs?: number;
  /** How many frames are kept for a reader that is late; 50. */
  queueFrames?: number;
  /**
   * Detects speech from the start, or how it is to be detected. Without it, that begins with a listener to
   * 'speechstart' or 'speechend'.
   */
  speech?: boolean | SpeechOptions;
  /**
   * The frames of 'data' events share one memory, which is theirs until the listener returns: what is to be kept must be
   * copied, and a frame costs no allocation. Otherwise, and where frames are read or iterated over, each has its own.
   */
  reuseFrames?: boolean;
}

export interface PcmFrame {
  /** Mono; yours to keep, unless `reuseFrames` says otherwise. */
  samples: Int16Array;
  sampleRate: number;
  channels: 1;
  /** RTP timestamp of the first sample; of a local track, samples since the sink's first. */
  timestamp: number;
  /** Samples before it since the sink's first, those of dropped frames too. */
  position: number;
}

/** Reads a track as frames of one rate and one length, for life. One sink has one reader. */
export declare class PcmSink
  extends EventEmitter<{
    data: [frame: PcmFrame];
    /** Closed, or the track has ended; ends speech as well. What was not read when the track ended can be read after it. */
    end: [];
    /** Somebody begins to speak. Told before the frame in which that was noticed. */
    speechstart: [event: SpeechEvent];
    speechend: [event: SpeechEvent];
    /** Ten times a second while somebody listens. */
    level: [level: AudioLevel];
  }>
  implements AsyncIterable<PcmFrame>
{
  constructor(track: globalThis.MediaStreamTrack, options?: PcmSinkOptions);
  readonly sampleRate: number;
  readonly frameMs: number;
  readonly track: MediaStreamTrack;
  /** Frames lost because nobody read them in time. */
  readonly dropped: number;
  /** Between 'speechstart' and 'speechend'. */
  readonly speaking: boolean;
  readonly closed: boolean;
  /** The next frame; undefined once the sink is closed, or the track has ended and all was read. */
  read(): Promise<PcmFrame | undefined>;
  [Symbol.asyncIterator](): AsyncIterator<PcmFrame>;
  /** Frames as little-endian bytes. */
  toNodeStream(): Readable;
  toWebStream(): ReadableStream<PcmFrame>;
  /** Stops reading, and drops what waits. The track goes on. */
  close(): void;
}

// --- recordings (docs/recording.md)

/** What a side records: a track, all that a sender sends in turn, or a source. */
export type RecorderInput = globalThis.MediaStreamTrack | globalThis.RTCRtpSender | PcmSource;

export interface CallRecorderOptions {
  /** The caller: usually the remote track. Nothing is silence. */
  left?: RecorderInput | null;
  /** The bot: usually the sender, so that the recording follows replaceTrack(). */
  right?: RecorderInput | null;
  /** Ends in .wav, .opus or .ogg. A file that exists is replaced. */
  path: string;
  /** 8000, 16000, 24000, 32000, 44100 or 48000 Hz; 16000. Opus has neither 32000 nor 44100. */
  sampleRate?: number;
  /** Of Opus, both sides together, 32000 to 256000 bit/s; 48000. */
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

/** A call as one stereo file, caller left, bot right. Ends by itself with the call. */
export declare class CallRecorder extends EventEmitter<{ error: [error: Error]; end: [recorded: Recorded] }> {
  constructor(options: CallRecorderOptions);
  readonly path: string;
  readonly sampleRate: number;
  /** Milliseconds that are in the file. */
  readonly durationMs: number;
  readonly paused: boolean;
  readonly ended: boolean;
  /** From now on both sides are recorded as silence; the file goes on, so that its time stays that of the call. */
  pause(): void;
  resume(): void;
  /** Ends the file with what was heard up to now; resolves once it is closed. Never rejects. */
  stop(): Promise<Recorded>;
}

// --- the life of tracks, globals, node-webrtc's shapes

/** stop() on a track that an open connection sends is held back, with a warning, until the connection is closed. */
export declare function markActiveTracksAsLive(): void;
/** Lifts that guard; each stop() that it held back takes effect now. */
export declare function allowTracksToStop(): void;

/** Defines the browser globals, navigator.mediaDevices and document.createElement('audio'), where no browser did. */
export declare function install(): void;
/** Puts back what install() replaced. */
export declare function uninstall(): void;

// --- logs (docs/logging.md)

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
/** What pino, winston and the console have in common. */
// biome-ignore lint/suspicious/noExplicitAny: loggers overload these in ways that have nothing else in common
export type Logger = Record<LogLevel, (...args: any[]) => unknown>;
export interface LoggerOptions {
  /** The most that is told; 'info'. Addresses, descriptions and digits are 'debug'. */
  level?: LogLevel;
  /** What the methods are called with; 'fields-first' where the logger has pino's bindings(), else 'message-first'. */
  style?: 'fields-first' | 'message-first';
}
/** From now on the connections of this thread tell `logger` what they do; null ends that. */
export declare function setLogger(logger: Logger | null, options?: LoggerOptions): void;
/** The number by which log lines and diagnostics channels call a connection. */
export declare function connectionId(connection: globalThis.RTCPeerConnection): number;

/** Published on diagnostics_channel 'webphone-rtc:connection'. */
export interface ConnectionMessage {
  id: number;
  state: RTCPeerConnectionState;
  previous: RTCPeerConnectionState;
  /** Plain words. */
  reason: string;
}
/** Published on diagnostics_channel 'webphone-rtc:dtmf'. */
export interface DtmfMessage {
  id: number;
  direction: 'received' | 'sent';
  tone: string;
  /** Milliseconds; of received digits. */
  duration?: number;
}
/** Published on diagnostics_channel 'webphone-rtc:track', about remote tracks. */
export interface TrackMessage {
  id: number;
  event: 'added' | 'unmuted' | 'muted';
  trackId: string;
  kind: string;
  mid: string | null;
}

/** Version of the engine. */
export declare const version: string;

export interface RTCAudioData {
  /** 16-bit; bytes are little-endian. */
  samples: Int16Array | Uint8Array | ArrayBuffer;
  sampleRate: number;
  bitsPerSample?: number;
  channelCount?: number;
  numberOfFrames?: number;
}
export interface RTCAudioDataEvent extends Event, Required<RTCAudioData> {
  readonly samples: Int16Array;
}
export interface RTCAudioSource {
  createTrack(): MediaStreamTrack;
  /** 10 ms of samples; what does not fit into a full queue is dropped. */
  onData(data: RTCAudioData): void;
}
export interface RTCAudioSink extends Target<{ data: RTCAudioDataEvent }> {
  ondata: ((event: RTCAudioDataEvent) => unknown) | null;
  readonly stopped: boolean;
  stop(): void;
}

export interface RTCVideoSource {
  readonly isScreencast: boolean;
  readonly needsDenoising: boolean | null;
  /** Is sent as a black picture. */
  createTrack(): MediaStreamTrack;
  /** NotSupportedError: there is no video encoder. */
  onFrame(frame: unknown): void;
}

export interface VirtualDevice {
  deviceId: string;
  kind: MediaDeviceKind;
  label: string;
  groupId: string;
}

/** Encoded frames that are sent as they are. */
export interface RTCEncodedAudioSource extends EventEmitter {
  readonly mimeType: string;
  /** Written and not yet sent. */
  readonly queuedMs: number;
  /** A live track, for one sender at a time. */
  createTrack(): MediaStreamTrack;
  /** What one packet carries. False: the queue is full, the frame was not taken, and 'drain' tells when to go on. */
  write(frame: ArrayBuffer | Uint8Array): boolean;
  /** Drops what was not sent. */
  clear(): void;
}
export interface RTCEncodedAudioSourceOptions {
  /** 'audio/opus' unless said otherwise, 'audio/PCMU', 'audio/PCMA' or 'audio/G722'. */
  mimeType?: string;
  /** How much may be queued before write() refuses. */
  queueMs?: number;
}

export declare const nonstandard: {
  RTCEncodedAudioSource: Interface<RTCEncodedAudioSource, [options?: RTCEncodedAudioSourceOptions]>;
  RTCAudioSource: Interface<RTCAudioSource, []>;
  RTCAudioSink: Interface<RTCAudioSink, [track: globalThis.MediaStreamTrack, options?: { sampleRate?: number }]>;
  RTCAudioDataEvent: Interface<RTCAudioDataEvent>;
  RTCVideoSource: Interface<RTCVideoSource, [options?: { isScreencast?: boolean; needsDenoising?: boolean }]>;
  /** What enumerateDevices() lists. */
  virtualDevices: {
    list(): VirtualDevice[];
    /** Replaces the list and fires 'devicechange'. */
    set(list: (Pick<VirtualDevice, 'deviceId' | 'kind'> & Partial<VirtualDevice>)[]): void;
  };
};
