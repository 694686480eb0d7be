/**
 * The native contract: what binding.js exports, as types.
 * Invariant: plain data crosses; expected failures come back as `error`, never as an exception. What is not known is
 * absent or null, so both mean the same here.
 */

import { arch, platform, version } from 'node:process';
import type { Fields, Level, Namespace } from './log';
import { whyNoBinary } from './no-binary';

export interface ErrorData {
  kind:
    | 'InvalidStateError'
    | 'InvalidAccessError'
    | 'InvalidModificationError'
    | 'OperationError'
    | 'NotSupportedError'
    | 'SyntaxError'
    | 'NetworkError'
    | 'TypeError'
    | 'RangeError'
    | 'SdpSyntaxError';
  message: string;
  /** 1-based; SdpSyntaxError only. */
  sdpLine?: number | null;
}

export type Outcome<T> = { ok: T } | { error: ErrorData };

export type Kind = 'audio' | 'video';
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive' | 'stopped';
export type SdpType = 'offer' | 'pranswer' | 'answer' | 'rollback';

export interface DescriptionData {
  type: SdpType;
  sdp: string;
}

export interface CodecData {
  payloadType: number;
  mimeType: string;
  clockRate: number;
  channels?: number | null;
  sdpFmtpLine?: string | null;
}

export interface TransceiverSnapshot {
  id: number;
  kind: Kind;
  mid?: string | null;
  direction: Direction;
  currentDirection?: Direction | null;
  stopping: boolean;
  stopped: boolean;
  transport?: number | null;
  /** The remote description makes us receive. */
  receiving: boolean;
  remoteTrackId?: string | null;
  remoteStreamIds: string[];
  /** telephone-event is negotiated for sending. */
  dtmf: boolean;
  /** Simulcast layers that the far end takes; absent before an answer. */
  rids?: string[] | null;
}

/** What getParameters() tells of a transceiver. */
export interface NegotiatedParameters {
  sendCodecs: CodecData[];
  recvCodecs: CodecData[];
  cname: string;
  reducedSizeRtcp: boolean;
  /** Header extensions in use. */
  extensions: { uri: string; id: number }[];
  /** URIs that the application has switched off. */
  stoppedExtensions: string[];
}

export interface Descriptions {
  currentLocal?: DescriptionData | null;
  pendingLocal?: DescriptionData | null;
  currentRemote?: DescriptionData | null;
  pendingRemote?: DescriptionData | null;
}

export interface Snapshot {
  signalingState: RTCSignalingState;
  /** Media may flow: there is an answer, and if it is provisional it is ours. */
  answered: boolean;
  canTrickle?: boolean | null;
  /** In creation order. */
  transceivers: TransceiverSnapshot[];
  data?: {
    mid: string;
    transport: number;
    /** 0: any; 65536 until the far end has told. */
    maxMessageSize: number;
    /** Ours, once an answer has fixed it. */
    dtlsRole?: 'client' | 'server' | null;
  } | null;
  transports: TransportSnapshot[];
}

export interface IceParametersData {
  usernameFragment: string;
  password: string;
}

export interface TransportSnapshot {
  id: number;
  local: IceParametersData;
  /** Once the far end has told them. */
  remote?: IceParametersData | null;
  /** We nominate. */
  controlling: boolean;
}

/** Who was heard in a remote track. */
export interface SourceData {
  /** SSRC or CSRC. */
  source: number;
  contributing: boolean;
  /** Milliseconds since the Unix epoch. */
  timestamp: number;
  rtpTimestamp: number;
  /** -dBov, 0 to 127 (RFC 6464). */
  level?: number | null;
}

export interface ConnectionConfig {
  iceServers: { urls: string[]; username?: string; credential?: string }[];
  iceTransportPolicy: 'all' | 'relay';
  bundlePolicy: 'balanced' | 'max-compat' | 'max-bundle';
  /** Who vouches for servers that are reached over TLS. */
  authorities?: NativeAuthorities;
  certificates: NativeCertificate[];
  loopback?: boolean;
  addresses?: string[];
  portRange?: [number, number];
}

export interface DtlsFailure {
  /** In plain words. */
  reason: string;
  errorDetail: 'dtls-failure' | 'fingerprint-failure';
  /** Number of the fatal alert that ended it, and of the one by which we ended it. */
  receivedAlert?: number;
  sentAlert?: number;
}

/** RTCDataChannelInit with its label. */
export interface ChannelData {
  label: string;
  protocol: string;
  ordered: boolean;
  maxRetransmits?: number | null;
  maxPacketLifeTime?: number | null;
  /** RFC 8831 §6.4. */
  priority: number;
  negotiated: boolean;
}

export interface ChannelErrorData {
  detail: 'sctp-failure' | 'data-channel-failure';
  /** Error cause of an SCTP ABORT. */
  cause?: number | null;
  message: string;
}

/** A candidate with its section. */
export interface CandidateData {
  candidate: string;
  sdpMid?: string | null;
  sdpMLineIndex?: number | null;
  usernameFragment?: string | null;
  relayProtocol?: string | null;
  url?: string | null;
}

export type ConnectionReport =
  | { type: 'gathering'; connection: number; state: 'gathering' | 'complete' }
  | ({ type: 'candidate'; connection: number } & CandidateData)
  | {
      type: 'candidateerror';
      connection: number;
      address?: string | null;
      port?: number | null;
      url: string;
      errorCode: number;
      errorText: string;
    }
  | { type: 'ice'; connection: number; transport: number; state: RTCIceTransportState }
  | {
      type: 'dtls';
      connection: number;
      transport: number;
      state: Exclude<RTCDtlsTransportState, 'failed'>;
      remoteCertificates?: Uint8Array[] | null;
    }
  | { type: 'dtls'; connection: number; transport: number; state: 'failed'; failure: DtlsFailure }
  | { type: 'pair'; connection: number; transport: number; local: string; remote: string }
  | { type: 'muted' | 'unmuted'; connection: number; transceiver: number }
  | { type: 'tonechange'; connection: number; transceiver: number; tone: string; remaining: string }
  | { type: 'dtmf'; connection: number; transceiver: number; digit: string; durationMs: number }
  | { type: 'sctp'; connection: number; state: RTCSctpTransportState; maxChannels?: number | null }
  | { type: 'channelopened' | 'channelclosing'; connection: number; channel: number }
  | { type: 'channelannounced'; connection: number; channel: number; stream: number; init: ChannelData }
  /** To be followed by handledMessage(bytes). */
  | { type: 'channelmessage'; connection: number; channel: number; bytes: number; data: string | ArrayBuffer }
  /** Since the last report of it. */
  | { type: 'channeltransmitted'; connection: number; channel: number; bytes: number; messages: number }
  | { type: 'channelclosed'; connection: number; channel: number; error?: ChannelErrorData | null }
  /** Answers requestStats(). */
  | { type: 'stats'; connection: number; request: number; stats: StatsData }
  | { type: 'crashed'; connection: number; message: string };

export type MediaReport =
  | { type: 'frames'; sinks: number[] }
  /** A fault of the engine: no more frames come. */
  | { type: 'sinklost'; sink: number; message: string }
  | { type: 'drain'; ring: number }
  | { type: 'mark'; ring: number; name: string }
  /** A file is closed, or could not be made. */
  | { type: 'recorded'; recorder: number; durationMs: number; droppedMs: number; error?: ErrorData | null }
  /** Positions count the samples of the sink's frames, dropped ones too. */
  | { type: 'speech'; sink: number; speaking: boolean; position: number; known: number; timestamp: number };

/** How loud signals and sinks are that are listened to: one report for all of them. */
export interface LevelsReport {
  type: 'levels';
  levels: LevelData[];
}

/** Of a ring as it is played, or of a sink as it hears; 1 is full scale. */
export interface LevelData {
  ring?: number | null;
  sink?: number | null;
  rms: number;
  peak: number;
}

/** For people, not for the connection's object, which may be gone when it comes. */
export interface LogReport {
  type: 'log';
  connection: number;
  unixMs: number;
  level: Level;
  namespace: Namespace;
  message: string;
  fields: Fields;
}

/** Of a FrameStream: frames can be read, a key frame is asked for, or it has ended. Of a FrameQueue: there is room again. */
export interface FramesReport {
  type: 'encoded' | 'framesdrained';
  frames: number;
}

export type Report = ConnectionReport | MediaReport | FramesReport | LevelsReport | LogReport;

/** Counters in W3C units (seconds, bytes, packets); times are milliseconds since the Unix epoch. Absent = not known. */
export interface StatsData {
  /** When the engine published these numbers. */
  timestamp: number;
  transports: TransportStatsData[];
  candidates: CandidateStatsData[];
  pairs: PairStatsData[];
  certificates: CertificateStatsData[];
  inbound: InboundStatsData[];
  outbound: OutboundStatsData[];
  remoteInbound: RemoteInboundStatsData[];
  remoteOutbound: RemoteOutboundStatsData[];
  /** Of all audio, of transceivers that are no more too; absent before there was any. */
  playout?: PlayoutData | null;
}

export interface PlayoutData {
  samples: number;
  durationS: number;
}

export interface TransportStatsData {
  transport: number;
  packetsSent: number;
  packetsReceived: number;
  bytesSent: number;
  bytesReceived: number;
  iceRole: 'controlling' | 'controlled' | 'unknown';
  iceState: RTCIceTransportState;
  iceLocalUsernameFragment?: string | null;
  dtlsState: RTCDtlsTransportState;
  dtlsRole?: 'client' | 'server' | 'unknown' | null;
  /** "FEFD" for DTLS 1.2. */
  tlsVersion?: string | null;
  dtlsCipher?: string | null;
  srtpCipher?: string | null;
  selectedCandidatePairChanges: number;
  /** `id` of an entry in `pairs`, `certificates`. */
  selectedPair?: string | null;
  localCertificate?: string | null;
  remoteCertificate?: string | null;
}

export interface CandidateStatsData {
  /** Any text unique in the connection. */
  id: string;
  transport: number;
  local: boolean;
  address: string | null;
  port: number;
  protocol: 'udp' | 'tcp';
  candidateType: RTCIceCandidateType;
  priority: number;
  foundation: string;
  usernameFragment?: string | null;
  relatedAddress?: string | null;
  relatedPort?: number | null;
  tcpType?: RTCIceTcpCandidateType | null;
  url?: string | null;
  relayProtocol?: string | null;
}

export interface PairStatsData {
  id: string;
  transport: number;
  /** `id`s of entries in `candidates`. */
  local: string;
  remote: string;
  state: RTCStatsIceCandidatePairState;
  nominated: boolean;
  packetsSent: number;
  packetsReceived: number;
  bytesSent: number;
  bytesReceived: number;
  lastPacketSentTimestamp?: number | null;
  lastPacketReceivedTimestamp?: number | null;
  /** Seconds. */
  totalRoundTripTime: number;
  currentRoundTripTime?: number | null;
  requestsReceived: number;
  requestsSent: number;
  responsesReceived: number;
  responsesSent: number;
  consentRequestsSent: number;
  packetsDiscardedOnSend: number;
  bytesDiscardedOnSend: number;
}

export interface CertificateStatsData {
  id: string;
  fingerprint: string;
  fingerprintAlgorithm: string;
  /** DER, base64. */
  base64Certificate: string;
}

interface RtpStreamStatsData {
  transceiver: number;
  ssrc: number;
  kind: Kind;
  transport: number;
  payloadType?: number | null;
}

export interface InboundStatsData extends RtpStreamStatsData {
  /** The how many-th of its transceiver. */
  stream: number;
  packetsReceived: number;
  bytesReceived: number;
  headerBytesReceived: number;
  packetsLost: number;
  packetsDiscarded: number;
  /** Seconds. */
  jitter: number;
  lastPacketReceivedTimestamp?: number | null;
  /** RTP timestamp of what was last played. */
  rtpTimestamp?: number | null;
  jitterBufferDelay: number;
  jitterBufferTargetDelay: number;
  jitterBufferMinimumDelay: number;
  jitterBufferEmittedCount: number;
  totalSamplesReceived: number;
  concealedSamples: number;
  silentConcealedSamples: number;
  concealmentEvents: number;
  insertedSamplesForDeceleration: number;
  removedSamplesForAcceleration: number;
  /** 0..1 */
  audioLevel: number;
  totalAudioEnergy: number;
  totalSamplesDuration: number;
  totalProcessingDelay?: number | null;
  /** Milliseconds since 1900. */
  estimatedPlayoutTimestamp?: number | null;
  /** Video only. */
  framesReceived?: number | null;
}

export interface OutboundStatsData extends RtpStreamStatsData {
  packetsSent: number;
  bytesSent: number;
  headerBytesSent: number;
  retransmittedPacketsSent: number;
  retransmittedBytesSent: number;
  targetBitrate?: number | null;
  totalPacketSendDelay: number;
  active: boolean;
  /** Of the track that feeds the sender; 0..1. */
  audioLevel: number;
  totalAudioEnergy: number;
  totalSamplesDuration: number;
  nackCount: number;
  /** These are for video only. */
  pliCount?: number | null;
  firCount?: number | null;
  framesSent?: number | null;
  framesPerSecond?: number | null;
  frameWidth?: number | null;
  frameHeight?: number | null;
}

export interface RemoteInboundStatsData extends RtpStreamStatsData {
  packetsReceived?: number | null;
  packetsLost: number;
  jitter: number;
  fractionLost: number;
  roundTripTime?: number | null;
  totalRoundTripTime: number;
  roundTripTimeMeasurements: number;
  /** When the report came. */
  timestamp: number;
}

export interface RemoteOutboundStatsData extends RtpStreamStatsData {
  packetsSent: number;
  bytesSent: number;
  reportsSent: number;
  /** NTP time of the sender report, as milliseconds since the Unix epoch. */
  remoteTimestamp?: number | null;
  roundTripTime?: number | null;
  totalRoundTripTime: number;
  roundTripTimeMeasurements: number;
  timestamp: number;
}

export interface NativeEngine {
  /**
   * What fills the array with ids of sinks that have frames, if that is what was told first. 16 bits of how many, and above
   * them whether drain() has something too.
   */
  frameDrain(): (into: Uint32Array) => number;
  drain(): Report[];
  /** 'off' at first. */
  setLogLevel(level: Level | 'off'): void;
  close(): void;
}

export interface NativeConnection {
  readonly id: number;
  addTrack(kind: Kind, trackId: string, streamIds: string[]): Outcome<{ transceiver: number; snapshot: Snapshot }>;
  removeTrack(transceiver: number): Outcome<Snapshot>;
  addTransceiver(
    kind: Kind,
    init: { direction: Direction; trackId?: string; streamIds: string[]; rids?: string[] },
  ): Outcome<{ transceiver: number; snapshot: Snapshot }>;
  setDirection(transceiver: number, direction: Direction): Outcome<Snapshot>;
  stopTransceiver(transceiver: number): Outcome<Snapshot>;
  setTrack(transceiver: number, trackId?: string): Outcome<Snapshot>;
  setStreams(transceiver: number, streamIds: string[]): Outcome<Snapshot>;
  setCodecPreferences(transceiver: number, codecs: Omit<CodecData, 'payloadType'>[]): Outcome<Snapshot>;
  setSendCodec(transceiver: number, codec?: Omit<CodecData, 'payloadType'>): Outcome<Snapshot>;
  /** URIs that shall not be negotiated. */
  stopExtensions(transceiver: number, uris: string[]): Outcome<Snapshot>;
  createDataSection(): Outcome<Snapshot>;
  createOffer(options: {
    iceRestart?: boolean;
    offerToReceiveAudio?: boolean;
    offerToReceiveVideo?: boolean;
  }): Outcome<string>;
  createAnswer(): Outcome<string>;
  setLocalDescription(type: SdpType, sdp: string): Outcome<Snapshot>;
  setRemoteDescription(type: SdpType, sdp: string): Outcome<Snapshot>;
  addIceCandidate(candidate: {
    candidate: string;
    sdpMid?: string;
    sdpMLineIndex?: number;
    usernameFragment?: string;
  }): Outcome<Snapshot>;
  restartIce(): Outcome<Snapshot>;
  setConfiguration(config: ConnectionConfig): Outcome<Snapshot>;
  snapshot(): Snapshot;
  parameters(transceiver: number): NegotiatedParameters;
  descriptions(): Descriptions;
  /** Whatever the signaling state. */
  negotiationNeeded(): boolean;
  /** `null` sends nothing; a ring that is not `enabled` sends silence. */
  setSource(transceiver: number, source: NativeRing | null, enabled: boolean): void;
  /** Encoded frames in place of a source. */
  setFrames(transceiver: number, frames: NativeFrameQueue | null): void;
  /** Encoded frames that are sent, or received, make this detour; null lets them go straight on. */
  setDetour(transceiver: number, video: boolean, sending: boolean, detour: NativeDetour | null): void;
  /** Whether a video sender has something to send. */
  setPicture(transceiver: number, picture: boolean): void;
  /** 0 leaves it to the network. */
  setLeastDelay(transceiver: number, leastMs: number): void;
  setEncoding(transceiver: number, encoding: { active: boolean; maxBitrate?: number; ptime?: number }): void;
  /** The remote track's signal, the same for the life of the transceiver. */
  receiverRing(transceiver: number): NativeRing;
  /** Who was heard lately in the remote track. */
  sources(transceiver: number): SourceData[];
  insertDtmf(transceiver: number, tones: string, durationMs: number, gapMs: number): void;
  /** Only while a data section is negotiated, on a stream that no other channel has. Returns the channel's name. */
  openChannel(stream: number, init: ChannelData): number;
  sendText(channel: number, text: string): void;
  sendBinary(channel: number, bytes: Uint8Array): void;
  /** Behind all its messages. */
  closeChannel(channel: number): void;
  /** Until then a message that was reported holds back the far end. */
  handledMessage(bytes: number): void;
  /** Answered by a 'stats' report. */
  requestStats(request: number): void;
  close(): void;
}

/** Certificate authorities. */
export type NativeAuthorities = object;

export interface NativeCertificate {
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
  fingerprints(): { algorithm: string; value: string }[];
}

export interface NativeRing {
  readonly id: number;
  /** What writes it: all or nothing; false arms one 'drain' report. */
  writer(): (pcm: Int16Array, sampleRate: number, channels: number) => boolean;
  /** Frames at that rate that fit now. */
  space(sampleRate: number): number;
  /** Drops what has not been played. `marks` are not reported any more. */
  clear(): { droppedMs: number; marks: string[] };
  queuedMs(): number;
  playedMs(): number;
  /** Reported when everything written before it has been played. */
  mark(name: string): void;
  end(): void;
  /** Reports levels, ten times a second while it is played. */
  setMetered(metered: boolean): void;
  level(): number;
}

/** What counts as speech. */
export interface SpeechData {
  onsetMs: number;
  hangoverMs: number;
  /** 0 to 1. */
  threshold: number;
  minDbfs: number;
}

export interface NativeSink {
  readonly id: number;
  /**
   * What fills the caller's array with one frame; -1 when there is none. Otherwise 32 bits of timestamp, 20 bits of frames lost just
   * before it, and one bit that says that another waits. After that bit was 0, or -1, the next frames are reported anew.
   */
  reader(): (into: Int16Array) => number;
  /** What is computed from the next frame on; nothing but frames at first. A track that is not enabled is silence. */
  listen(listeners: { levels: boolean; speech: SpeechData | undefined; enabled: boolean }): void;
  close(): void;
}

/** The way of encoded frames through the application; its id is good in every environment of the process. */
export interface NativeDetour {
  readonly id: number;
}

/** A frame that has left its stream. */
export interface EncodedFrameData {
  ssrc: number;
  csrc: number[];
  payloadType: number;
  codec: string;
  timestamp: number;
  sequence?: number | null;
  /** -dBov */
  level?: number | null;
  marker: boolean;
  /** How long ago its first packet came. */
  ageMs?: number | null;
  /** These are for pictures only. */
  key?: boolean | null;
  width?: number | null;
  height?: number | null;
  id?: number | null;
  data: ArrayBuffer;
}

/** Walks a detour. Frames beyond a bound are dropped, the oldest first. */
export interface NativeFrameStream {
  readonly id: number;
  read(): EncodedFrameData | null;
  write(
    frame: Pick<
      EncodedFrameData,
      'ssrc' | 'payloadType' | 'codec' | 'timestamp' | 'sequence' | 'level' | 'marker' | 'key'
    >,
    data: Uint8Array,
  ): void;
  /** The stream that frames come back to. */
  role(): { video: boolean; sending: boolean } | null;
  wantKeyFrame(): void;
  /** Whether the far end has asked for a key frame since the last call. */
  takeKeyFrameRequest(): boolean;
  /** Nothing more will come. */
  isEnded(): boolean;
  dropped(): number;
  close(): void;
}

/** Encoded frames that an application sends. */
export interface NativeFrameQueue {
  readonly id: number;
  /** null: no frame of its codec; false: it is full. */
  write(frame: Uint8Array): boolean | null;
  clear(): void;
  queuedMs(): number;
}

export interface NativeRecorder {
  readonly id: number;
  /** From now on a side is what the ring plays; null is silence. */
  listen(side: 'left' | 'right', ring: NativeRing | null): void;
  /** Whether what a side plays from now on is in the file; otherwise silence is. */
  setAudible(side: 'left' | 'right', audible: boolean): void;
  /** Milliseconds that are in the file. */
  writtenMs(): number;
  /** Answered by a 'recorded' report. */
  finish(): void;
  /** Blocks until the file is closed, at most for so long. */
  wait(limitMs: number): void;
}

export interface Binding {
  Engine: new (doorbell: () => void) => NativeEngine;
  Connection: new (engine: NativeEngine, config: ConnectionConfig) => NativeConnection;
  /** `lifetimeMs` from now. */
  Authorities: {
    /** From certificates (DER). */
    read(certificates: Uint8Array[]): Outcome<NativeAuthorities>;
  };
  Certificate: {
    generate(lifetimeMs: number): Outcome<NativeCertificate>;
    /** `pkcs8` is DER. */
    forRsaKey(pkcs8: Uint8Array, lifetimeMs: number): Outcome<NativeCertificate>;
  };
  Ring: new (
    engine: NativeEngine,
    sampleRate: number,
    channels: number,
    queueMs: number,
    captured?: boolean,
  ) => NativeRing;
  Sink: new (
    engine: NativeEngine,
    ring: NativeRing,
    sampleRate: number,
    frameMs: number,
    queueFrames: number,
  ) => NativeSink;
  Detour: new () => NativeDetour;
  FrameStream: new (engine: NativeEngine, detour: number) => NativeFrameStream;
  FrameQueue: new (engine: NativeEngine, codec: string, queueMs: number) => NativeFrameQueue;
  /** Ogg/Opus at `bitrate` (bit/s), WAV without one. Both sides are silent until `listen`. */
  Recorder: new (
    engine: NativeEngine,
    path: string,
    sampleRate: number,
    bitrate?: number,
  ) => NativeRecorder;
  version(): string;
  /** How many objects of each kind exist in this process, in all its threads: for leak tests. */
  liveObjects(): Record<string, number>;
}

export const binding: Binding = load();

function load(): Binding {
  try {
    // Outside rootDir, so not an import: written by `napi build` beside package.json.
    return require('../binding.js');
  } catch (cause) {
    throw new Error(adviceFor(cause), { cause });
  }
}

function adviceFor(cause: unknown): string {
  let hook: string;
  try {
    // Package managers may keep packages from running their install scripts, and ours would have said it.
    hook = require.resolve('../scripts/install.js');
  } catch {
    return (
      'webphone-rtc was bundled, and its binary was left behind. Let the bundler leave the package where it is: ' +
      "'webphone-rtc' is external, in Next.js one of the serverExternalPackages."
    );
  }
  return (
    `webphone-rtc has no binary that loads on this machine (${platform}-${arch}, Node ${version}): ` +
    `${whyNoBinary(cause)}. This compiles one, or says what is missing:\n  node ${hook}`
  );
}
