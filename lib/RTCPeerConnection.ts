/**
 * RTCPeerConnection (webrtc-pc §4.4): Web IDL conversions over a Peer.
 * Invariant: arguments are converted before anything happens; a promise-returning member never throws.
 */

import { isKnownCodec } from './capabilities';
import type { DTMFEvent } from './DTMFEvent';
import { isMediaStream, type MediaStream } from './MediaStream';
import { isMediaStreamTrack, type MediaStreamTrack, releaseHeldStops } from './MediaStreamTrack';
import { type Configuration, copyOf, requireUnchanged, toConfiguration, toNative } from './peer/configuration';
import { type MediaStreamEvent, withCallbacks } from './peer/legacy';
import { Peer } from './peer/peer';
import { generateCertificate, type RTCCertificate } from './RTCCertificate';
import { type RTCDataChannel, toDataChannelInit } from './RTCDataChannel';
import type { RTCDataChannelEvent } from './RTCDataChannelEvent';
import { toIceCandidateInit } from './RTCIceCandidate';
import type { RTCPeerConnectionIceErrorEvent } from './RTCPeerConnectionIceErrorEvent';
import type { RTCPeerConnectionIceEvent } from './RTCPeerConnectionIceEvent';
import type { RTCRtpReceiver } from './RTCRtpReceiver';
import {
  applyEncoding,
  isRTCRtpSender,
  type RTCRtpSender,
  senderSlots,
  setSenderTrack,
  validEncodings,
  withScales,
} from './RTCRtpSender';
import { type RTCRtpTransceiver, toDirection, transceiverSlots } from './RTCRtpTransceiver';
import type { RTCSctpTransport } from './RTCSctpTransport';
import {
  type RTCSessionDescription,
  toLocalSessionDescriptionInit,
  toSessionDescriptionInit,
} from './RTCSessionDescription';
import type { RTCStatsReport } from './RTCStatsReport';
import type { RTCTrackEvent } from './RTCTrackEvent';
import { type Encoding, ordinaryEncoding, toEncoding } from './rtp-parameters';
import {
  boolean,
  constructing,
  DOMString,
  dictionary,
  fail,
  interfaceType,
  isObject,
  method,
  nullable,
  optional,
  requireArguments,
  sequence,
  USVString,
  withDefault,
} from './webidl/converters';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { domException } from './webidl/exceptions';
import { defineInterface } from './webidl/interface';

const NAME = 'RTCPeerConnection';

const toTrack = interfaceType<MediaStreamTrack>('MediaStreamTrack', isMediaStreamTrack);
const toStream = interfaceType<MediaStream>('MediaStream', isMediaStream);
const toSender = interfaceType<RTCRtpSender>('RTCRtpSender', isRTCRtpSender);

const toOfferOptions = dictionary('RTCOfferOptions', {
  iceRestart: withDefault(boolean, () => false),
  offerToReceiveAudio: optional(boolean),
  offerToReceiveVideo: optional(boolean),
});

const toTransceiverInit = dictionary('RTCRtpTransceiverInit', {
  direction: withDefault(toDirection, (): RTCRtpTransceiverDirection => 'sendrecv'),
  sendEncodings: withDefault(sequence(toEncoding), (): Encoding[] => []),
  streams: withDefault(sequence(toStream), (): MediaStream[] => []),
});

type Success<T> = (value: T) => unknown;
type Failure = (reason: unknown) => unknown;
type DescriptionInit = { type: RTCSdpType; sdp: string };

let peerOf: (connection: RTCPeerConnection) => Peer;
let isRTCPeerConnection: (value: unknown) => value is RTCPeerConnection;

export class RTCPeerConnection extends EventTarget {
  static {
    peerOf = (connection) => connection.#peer;
    isRTCPeerConnection = (value): value is RTCPeerConnection => isObject(value) && #peer in value;
  }
  readonly #peer: Peer;

  declare onnegotiationneeded: EventHandler;
  declare onicecandidate: EventHandler<RTCPeerConnectionIceEvent>;
  declare onicecandidateerror: EventHandler<RTCPeerConnectionIceErrorEvent>;
  declare onsignalingstatechange: EventHandler;
  declare oniceconnectionstatechange: EventHandler;
  declare onicegatheringstatechange: EventHandler;
  declare onconnectionstatechange: EventHandler;
  declare ontrack: EventHandler<RTCTrackEvent>;
  declare ondatachannel: EventHandler<RTCDataChannelEvent>;
  declare onaddstream: EventHandler<MediaStreamEvent>;
  declare onremovestream: EventHandler<MediaStreamEvent>;
  declare ondtmf: EventHandler<DTMFEvent>;

  constructor(configuration: RTCConfiguration = {}) {
    const converted = toConfiguration(configuration, `${constructing(NAME)} parameter 1`);
    super();
    this.#peer = new Peer(this, converted);
  }

  /** ECDSA with P-256, or RSASSA-PKCS1-v1_5 with SHA-256. */
  static generateCertificate(keygenAlgorithm: AlgorithmIdentifier): Promise<RTCCertificate> {
    return generateCertificate(arguments.length, keygenAlgorithm);
  }

  // --- state

  get localDescription(): RTCSessionDescription | null {
    return this.#peer.description('pendingLocal') ?? this.#peer.description('currentLocal');
  }
  get currentLocalDescription(): RTCSessionDescription | null {
    return this.#peer.description('currentLocal');
  }
  get pendingLocalDescription(): RTCSessionDescription | null {
    return this.#peer.description('pendingLocal');
  }
  get remoteDescription(): RTCSessionDescription | null {
    return this.#peer.description('pendingRemote') ?? this.#peer.description('currentRemote');
  }
  get currentRemoteDescription(): RTCSessionDescription | null {
    return this.#peer.description('currentRemote');
  }
  get pendingRemoteDescription(): RTCSessionDescription | null {
    return this.#peer.description('pendingRemote');
  }
  get signalingState(): RTCSignalingState {
    return this.#peer.signalingState;
  }
  get iceGatheringState(): RTCIceGatheringState {
    return this.#peer.iceGatheringState;
  }
  get iceConnectionState(): RTCIceConnectionState {
    return this.#peer.iceConnectionState;
  }
  get connectionState(): RTCPeerConnectionState {
    return this.#peer.connectionState;
  }
  get canTrickleIceCandidates(): boolean | null {
    return this.#peer.canTrickleIceCandidates;
  }
  get sctp(): RTCSctpTransport | null {
    return this.#peer.channels.sctp;
  }

  getConfiguration(): Configuration {
    return copyOf(this.#peer.configuration);
  }

  setConfiguration(configuration: RTCConfiguration = {}): void {
    const peer = this.#peer;
    peer.requireOpen();
    const converted = toConfiguration(configuration, `${method(NAME, 'setConfiguration')} parameter 1`);
    const merged = {
      ...converted,
      certificates: peer.configuration.certificates,
      encodedInsertableStreams: peer.configuration.encodedInsertableStreams,
      loopback: converted.loopback ?? peer.configuration.loopback,
      addresses: converted.addresses ?? peer.configuration.addresses,
      portRange: converted.portRange ?? peer.configuration.portRange,
    };
    requireUnchanged(peer.configuration, converted, this.localDescription !== null);
    peer.invoke((native) => native.setConfiguration(toNative(merged)));
    peer.configuration = merged;
  }

  // --- negotiation

  async createOffer(
    options?: RTCOfferOptions | Success<DescriptionInit>,
    failure?: Failure,
    legacyOptions?: RTCOfferOptions,
  ): Promise<DescriptionInit> {
    const peer = this.#peer;
    if (isCallback(options)) {
      const offer = () => this.createOffer(legacyOptions);
      return withCallbacks(
        offer,
        options,
        requireFailure(failure, 'createOffer'),
      ) as unknown as Promise<DescriptionInit>;
    }
    const converted = toOfferOptions(options, `${method(NAME, 'createOffer')} parameter 1`);
    return peer.chain.run(() =>
      peer.task(() => {
        const sdp = peer.invoke((native) => native.createOffer(converted));
        const legacy = converted.offerToReceiveAudio ?? converted.offerToReceiveVideo;
        // These options may have added or changed a transceiver.
        if (legacy !== undefined) peer.mirror();
        return { type: 'offer' as const, sdp };
      }),
    );
  }

  async createAnswer(
    options?: RTCAnswerOptions | Success<DescriptionInit>,
    failure?: Failure,
  ): Promise<DescriptionInit> {
    const peer = this.#peer;
    if (isCallback(options)) {
      const answer = () => this.createAnswer();
      return withCallbacks(
        answer,
        options,
        requireFailure(failure, 'createAnswer'),
      ) as unknown as Promise<DescriptionInit>;
    }
    dictionary('RTCAnswerOptions', {})(options, `${method(NAME, 'createAnswer')} parameter 1`);
    return peer.chain.run(() =>
      peer.task(() => ({ type: 'answer' as const, sdp: peer.invoke((native) => native.createAnswer()) })),
    );
  }

  async setLocalDescription(
    description: RTCLocalSessionDescriptionInit = {},
    success?: Success<undefined>,
    failure?: Failure,
  ): Promise<void> {
    const peer = this.#peer;
    if (typeof success === 'function') {
      const set = () => this.setLocalDescription(description) as Promise<undefined>;
      return withCallbacks(set, success, requireFailure(failure, 'setLocalDescription'));
    }
    const { type, sdp } = toLocalSessionDescriptionInit(
      description,
      `${method(NAME, 'setLocalDescription')} parameter 1`,
    );
    return peer.chain.run(() => peer.describe('local', type ?? impliedType(peer), sdp));
  }

  async setRemoteDescription(
    description: RTCSessionDescriptionInit,
    success?: Success<undefined>,
    failure?: Failure,
  ): Promise<void> {
    const peer = this.#peer;
    const context = method(NAME, 'setRemoteDescription');
    requireArguments(arguments.length, 1, context);
    if (typeof success === 'function') {
      const set = () => this.setRemoteDescription(description) as Promise<undefined>;
      return withCallbacks(set, success, requireFailure(failure, 'setRemoteDescription'));
    }
    const { type, sdp } = toSessionDescriptionInit(description, `${context} parameter 1`);
    return peer.chain.run(async () => {
      // Glare: our offer gives way (webrtc-pc §4.4.1.5), and stays withdrawn if theirs turns out to be invalid.
      const glare = type === 'offer' && peer.signalingState === 'have-local-offer';
      if (glare) await peer.describe('local', 'rollback', '');
      await peer.describe('remote', type, sdp);
    });
  }

  async addIceCandidate(
    candidate?: RTCIceCandidateInit | null,
    success?: Success<undefined>,
    failure?: Failure,
  ): Promise<void> {
    const peer = this.#peer;
    const context = method(NAME, 'addIceCandidate');
    if (typeof success === 'function') {
      const add = () => this.addIceCandidate(candidate) as Promise<undefined>;
      return withCallbacks(add, success, requireFailure(failure, 'addIceCandidate'));
    }
    const init = toIceCandidateInit(candidate, `${context} parameter 1`);
    if (init.candidate !== '' && init.sdpMid === null && init.sdpMLineIndex === null) {
      throw fail(context, 'sdpMid and sdpMLineIndex are both null.');
    }
    return peer.chain.run(async () => {
      if (!this.remoteDescription) throw domException('InvalidStateError', 'There is no remote description');
      await peer.addIceCandidate(init);
    });
  }

  restartIce(): void {
    const peer = this.#peer;
    // On a closed connection nothing happens.
    if (peer.closed) return;
    peer.change((native) => native.restartIce());
  }

  close(): void {
    this.#peer.close();
  }

  // --- RTP

  getSenders(): RTCRtpSender[] {
    return this.#peer.transceivers.map(({ sender }) => sender);
  }
  getReceivers(): RTCRtpReceiver[] {
    return this.#peer.transceivers.map(({ receiver }) => receiver);
  }
  getTransceivers(): RTCRtpTransceiver[] {
    return this.#peer.transceivers;
  }

  addTrack(track: MediaStreamTrack, ...streams: MediaStream[]): RTCRtpSender {
    const peer = this.#peer;
    const context = method(NAME, 'addTrack');
    requireArguments(arguments.length, 1, context);
    const converted = toTrack(track, `${context} parameter 1`);
    const among = [...new Set(streams.map((stream, index) => toStream(stream, `${context} parameter ${index + 2}`)))];
    peer.requireOpen();
    if (this.getSenders().some((sender) => sender.track === converted)) {
      throw domException('InvalidAccessError', 'The track is already being sent');
    }
    const ids = among.map((stream) => stream.id);
    const { transceiver } = peer.change((native) => native.addTrack(converted.kind, converted.id, ids));
    const { sender } = peer.transceiver(transceiver) as RTCRtpTransceiver;
    senderSlots(sender).streams = among;
    setSenderTrack(sender, converted);
    return sender;
  }

  removeTrack(sender: RTCRtpSender): void {
    const peer = this.#peer;
    const context = method(NAME, 'removeTrack');
    requireArguments(arguments.length, 1, context);
    const converted = toSender(sender, `${context} parameter 1`);
    peer.requireOpen();
    const transceiver = transceiverSlots(senderSlots(converted).transceiver);
    if (transceiver.peer !== peer) throw domException('InvalidAccessError', 'The sender is of another connection');
    if (transceiver.stopping || transceiver.stopped || converted.track === null) return;
    setSenderTrack(converted, null);
    peer.change((native) => native.removeTrack(transceiver.id));
  }

  addTransceiver(trackOrKind: MediaStreamTrack | string, init: RTCRtpTransceiverInit = {}): RTCRtpTransceiver {
    const peer = this.#peer;
    const context = method(NAME, 'addTransceiver');
    requireArguments(arguments.length, 1, context);
    const track = isMediaStreamTrack(trackOrKind) ? trackOrKind : null;
    const kind = track ? track.kind : DOMString(trackOrKind, `${context} parameter 1`);
    const { direction, streams, sendEncodings } = toTransceiverInit(init, `${context} parameter 2`);
    if (kind !== 'audio' && kind !== 'video') throw fail(context, `'${kind}' is not a kind of track.`);
    if (direction === 'stopped') throw fail(context, "direction 'stopped' is set by stop() only.");
    const encodings = requireEncodings(kind, sendEncodings, context);
    peer.requireOpen();
    const { transceiver } = peer.change((native) =>
      native.addTransceiver(kind, {
        direction,
        trackId: track?.id,
        streamIds: [...new Set(streams)].map((stream) => stream.id),
        rids: encodings.flatMap(({ rid }) => rid ?? []),
      }),
    );
    const created = peer.transceiver(transceiver) as RTCRtpTransceiver;
    const slots = senderSlots(created.sender);
    slots.streams = [...new Set(streams)];
    slots.encodings = encodings;
    const [first] = encodings;
    if (first && (!first.active || first.maxBitrate !== undefined || first.codec)) applyEncoding(created.sender);
    if (track) setSenderTrack(created.sender, track);
    return created;
  }

  createDataChannel(label: string, dataChannelDict: RTCDataChannelInit = {}): RTCDataChannel {
    const peer = this.#peer;
    const context = method(NAME, 'createDataChannel');
    requireArguments(arguments.length, 1, context);
    const name = USVString(label, `${context} parameter 1`);
    const init = toDataChannelInit(dataChannelDict, `${context} parameter 2`);
    peer.requireOpen();
    if (Buffer.byteLength(name) > 65535 || Buffer.byteLength(init.protocol) > 65535) {
      throw fail(context, 'label or protocol is longer than 65535 bytes.');
    }
    if (init.negotiated && init.id === undefined) throw fail(context, 'a negotiated channel needs an id.');
    if (init.maxPacketLifeTime !== undefined && init.maxRetransmits !== undefined) {
      throw fail(context, 'maxPacketLifeTime and maxRetransmits exclude each other.');
    }
    if (init.negotiated && init.id === 65535) throw fail(context, 'id 65535 is not allowed.');
    const channel = peer.channels.create(name, init);
    peer.change((native) => native.createDataSection());
    return channel;
  }

  async getStats(
    selector: MediaStreamTrack | null = null,
    success?: Success<RTCStatsReport>,
    failure?: Failure,
  ): Promise<RTCStatsReport> {
    const peer = this.#peer;
    if (typeof selector === 'function') {
      // The oldest form: getStats(callback).
      const report = () => this.getStats();
      return withCallbacks(report, selector as Success<RTCStatsReport>, success as unknown as Failure) as never;
    }
    if (typeof success === 'function') {
      const report = () => this.getStats(selector);
      return withCallbacks(report, success, requireFailure(failure, 'getStats')) as never;
    }
    const track = nullable(toTrack)(selector, `${method(NAME, 'getStats')} parameter 1`);
    if (!track) return peer.getStats({});
    const found = peer.transceivers.flatMap((transceiver) => [
      ...(transceiver.sender.track === track ? [{ sender: transceiver }] : []),
      ...(transceiver.receiver.track === track ? [{ receiver: transceiver }] : []),
    ]);
    if (found.length !== 1) throw domException('InvalidAccessError', 'The track selects no stream, or several');
    return peer.getStats(found[0] as (typeof found)[number]);
  }

  // --- legacy streams

  addStream(stream: MediaStream): void {
    const context = method(NAME, 'addStream');
    requireArguments(arguments.length, 1, context);
    const converted = toStream(stream, `${context} parameter 1`);
    this.#peer.requireOpen();
    for (const track of converted.getTracks()) {
      if (!this.getSenders().some((sender) => sender.track === track)) this.addTrack(track, converted);
    }
  }

  removeStream(stream: MediaStream): void {
    const context = method(NAME, 'removeStream');
    requireArguments(arguments.length, 1, context);
    const converted = toStream(stream, `${context} parameter 1`);
    this.#peer.requireOpen();
    const tracks = converted.getTracks();
    for (const sender of this.getSenders()) {
      if (sender.track && tracks.includes(sender.track)) this.removeTrack(sender);
    }
  }

  getLocalStreams(): MediaStream[] {
    const sending = this.getSenders().filter((sender) => sender.track !== null);
    return [...new Set(sending.flatMap((sender) => senderSlots(sender).streams))];
  }

  getRemoteStreams(): MediaStream[] {
    return this.#peer.streams.all;
  }

  // --- the life of local tracks; not in the standard

  /** stop() on a track that this connection sends is held back, with a warning, until close() or allowTracksToStop(). */
  markActiveTracksAsLive(): void {
    this.#peer.guard = true;
  }

  /** Lifts the guard; each stop() that it held back takes effect now. */
  allowTracksToStop(): void {
    this.#peer.guard = false;
    releaseHeldStops();
  }
}
defineEventHandlers(RTCPeerConnection, [
  'negotiationneeded',
  'icecandidate',
  'icecandidateerror',
  'signalingstatechange',
  'iceconnectionstatechange',
  'icegatheringstatechange',
  'connectionstatechange',
  'track',
  'datachannel',
  'addstream',
  'removestream',
  'dtmf',
]);
defineInterface(RTCPeerConnection, NAME, {
  createOffer: 0,
  createAnswer: 0,
  addIceCandidate: 0,
  setRemoteDescription: 1,
});

/** What setLocalDescription() without a type means in this state. */
function impliedType(peer: Peer): 'offer' | 'answer' {
  return ['stable', 'have-local-offer', 'have-remote-pranswer'].includes(peer.signalingState) ? 'offer' : 'answer';
}

function isCallback(value: unknown): value is Success<DescriptionInit> {
  return typeof value === 'function';
}

function requireFailure(failure: unknown, member: string): Failure {
  if (typeof failure !== 'function') throw fail(method(NAME, member), 'the failure callback is not a function.');
  return failure as Failure;
}

/** More simulcast layers than any receiver takes. */
const MAX_LAYERS = 16;

/** RTCRtpTransceiverInit.sendEncodings (webrtc-pc §5.1, addTransceiver). */
function requireEncodings(kind: 'audio' | 'video', given: Encoding[], context: string): Encoding[] {
  const rids = given.map(({ rid }) => rid);
  if (rids.some((rid) => rid !== undefined && !/^[A-Za-z0-9]{1,16}$/.test(rid))) {
    throw fail(context, 'a rid is not made of 1 to 16 letters and digits.');
  }
  const named = rids.filter((rid) => rid !== undefined);
  if (given.length > 1 && named.length !== given.length) throw fail(context, 'several encodings need a rid each.');
  if (new Set(named).size !== named.length) throw fail(context, 'two encodings have the same rid.');
  if (given.some(({ codec }) => codec && !isKnownCodec(kind, codec))) {
    throw domException('OperationError', 'An encoding names a codec that is not supported');
  }
  const encodings = validEncodings(kind, given.length > 0 ? given : [ordinaryEncoding()]).slice(0, MAX_LAYERS);
  // Audio has one encoding, and a single one needs no name.
  if (kind === 'audio' || encodings.length === 1) {
    const { rid: _, ...first } = encodings[0] as Encoding;
    return withScales(kind, [first]);
  }
  return withScales(kind, encodings);
}

/** For callers that know the connection and not its insides. */
export function peerOfConnection(connection: RTCPeerConnection): Peer {
  return peerOf(connection);
}

const toConnection = interfaceType<RTCPeerConnection>(NAME, isRTCPeerConnection);

/** The number that log lines and diagnostics channels call `connection` by. */
export function connectionId(connection: RTCPeerConnection): number {
  return peerOf(toConnection(connection, 'connectionId')).id;
}
