/**
 * A connection without its Web IDL face: the mirror of the engine's state and the algorithms of webrtc-pc §4.4.
 * Invariants: every change comes from a snapshot and is applied in one task, with its events in the order of the
 * standard; after close() no event is fired.
 */
import { emitWarning } from 'node:process';
import {
  binding,
  type ConnectionReport,
  type DescriptionData,
  type NativeConnection,
  type NativeRing,
  type Outcome,
  type SdpType,
  type Snapshot,
  type StatsData,
  type TransceiverSnapshot,
} from '../binding';
import { publish, type TrackMessage } from '../channels';
import { within } from '../context';
import { DTMFEvent } from '../DTMFEvent';
import { isGuardOn } from '../guard';
import { holdLoop, listen, queueTask, release, root, task, theEngine } from '../lane';
import { isLogged, log, withoutSecrets } from '../log';
import type { MediaStream } from '../MediaStream';
import {
  createTrack,
  endSignal,
  endSignalAbruptly,
  type MediaStreamTrack,
  releaseHeldStops,
  setSignalMuted,
  trackSlots,
} from '../MediaStreamTrack';
import { createSignal, type Signal } from '../media/signal';
import { toneChanged } from '../RTCDTMFSender';
import { createCandidate, RTCIceCandidate } from '../RTCIceCandidate';
import { RTCPeerConnectionIceErrorEvent } from '../RTCPeerConnectionIceErrorEvent';
import { RTCPeerConnectionIceEvent } from '../RTCPeerConnectionIceEvent';
import { receiverSlots } from '../RTCRtpReceiver';
import { codecsNegotiated, detachSender, layersNegotiated, senderSlots } from '../RTCRtpSender';
import { createTransceiver, type RTCRtpTransceiver, transceiverSlots } from '../RTCRtpTransceiver';
import { RTCSessionDescription } from '../RTCSessionDescription';
import type { RTCStatsReport } from '../RTCStatsReport';
import { RTCTrackEvent } from '../RTCTrackEvent';
import { fire } from '../webidl/event';
import { domException, unwrap } from '../webidl/exceptions';
import { type Configuration, toNative } from './configuration';
import { DataChannels } from './data-channels';
import { MediaStreamEvent } from './legacy';
import { OperationsChain } from './operations-chain';
import { RemoteStreams } from './remote-streams';
import { type Selection, statsReport } from './stats';
import { Transports } from './transports';

type Side = 'local' | 'remote';
type Slot = 'currentLocal' | 'pendingLocal' | 'currentRemote' | 'pendingRemote';
const NO_ID_LEFT = { detail: 'data-channel-failure', message: 'No id is left for the data channel' } as const;
const SLOTS: readonly Slot[] = ['currentLocal', 'pendingLocal', 'currentRemote', 'pendingRemote'];

export class Peer {
  // Not made in the constructor: a closure there could hold `this`.
  static readonly #deliver = (peer: Peer, report: ConnectionReport): void => peer.#report(report);

  readonly native: NativeConnection;
  /** The engine's name for it, and the log's. */
  readonly id: number;
  readonly chain = new OperationsChain(() => this.#chainEmptied());
  readonly transports = new Transports();
  readonly streams = new RemoteStreams();
  readonly channels: DataChannels;
  configuration: Configuration;
  /** Chromium's `encodedInsertableStreams`, which cannot be changed. */
  readonly holdsFrames: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt = Date.now();
  closed = false;
  signalingState: RTCSignalingState = 'stable';
  iceGatheringState: RTCIceGatheringState = 'new';
  iceConnectionState: RTCIceConnectionState = 'new';
  connectionState: RTCPeerConnectionState = 'new';
  canTrickleIceCandidates: boolean | null = null;
  /** Whether markActiveTracksAsLive() was called here; undefined: as for the process. */
  guard: boolean | undefined;

  readonly #target: EventTarget;
  /** As far as somebody has looked at them since they changed. */
  readonly #descriptions: Record<Slot, RTCSessionDescription | null> = {
    currentLocal: null,
    pendingLocal: null,
    currentRemote: null,
    pendingRemote: null,
  };
  #descriptionsChanged = false;
  /** Media may flow: there is an answer, and if it is provisional it is ours. */
  #answered = false;
  /** By the engine's id, in creation order. */
  readonly #transceivers = new Map<number, RTCRtpTransceiver>();
  /** The engine has lost the connection: nothing comes of what was under way. */
  #lost = false;
  /** What the engine said of that. */
  #fault: string | null = null;
  #negotiationNeeded = false;
  #updateOnEmptyChain = false;
  readonly #statsRequests = new Map<number, (stats: StatsData) => void>();
  #lastStatsRequest = 0;
  #lastStats: StatsData | null = null;

  constructor(target: EventTarget, configuration: Configuration) {
    this.#target = target;
    this.configuration = configuration;
    this.holdsFrames = configuration.encodedInsertableStreams ?? false;
    this.native = new binding.Connection(theEngine(), toNative(configuration));
    this.id = this.native.id;
    this.channels = new DataChannels(this, target);
    listen('connection', this.id, this, Peer.#deliver);
    log('connection', 'debug', this.id, 'opened');
  }

  // --- what the interfaces ask

  get transceivers(): RTCRtpTransceiver[] {
    return [...this.#transceivers.values()];
  }

  get guardsTracks(): boolean {
    return !this.closed && (this.guard ?? isGuardOn());
  }

  description(slot: Slot): RTCSessionDescription | null {
    if (this.#descriptionsChanged) {
      this.#descriptionsChanged = false;
      const descriptions = this.native.descriptions();
      for (const each of SLOTS) this.#descriptions[each] = refreshed(this.#descriptions[each], descriptions[each]);
    }
    return this.#descriptions[slot];
  }

  requireOpen(): void {
    if (this.closed) throw domException('InvalidStateError', 'The connection is closed');
  }

  transceiver(id: number): RTCRtpTransceiver | undefined {
    return this.#transceivers.get(id);
  }

  /** Calls the engine; its panic is this call's OperationError. */
  invoke<T>(call: (native: NativeConnection) => Outcome<T>): T {
    let outcome: Outcome<T>;
    try {
      outcome = call(this.native);
    } catch (error) {
      throw domException('OperationError', `The engine failed: ${error instanceof Error ? error.message : error}`);
    }
    return unwrap(outcome);
  }

  /** A synchronous change of what is wanted: mirrors it, and sees whether negotiation is needed. */
  change<T extends Snapshot | { snapshot: Snapshot }>(call: (native: NativeConnection) => Outcome<T>): T {
    const result = this.invoke(call);
    this.#mirror('snapshot' in result ? result.snapshot : result);
    this.updateNegotiationNeeded();
    return result;
  }

  /** Takes over what a call has changed besides: of itself it needs no negotiation. */
  mirror(): void {
    this.#mirror(this.native.snapshot());
  }

  /** W3C "in parallel … queue a task": the promise is settled in the task, never once the connection is closed. */
  task<T>(run: () => T): Promise<T> {
    if (this.connectionState !== 'failed') root(this);
    return within(this, () => task(run, () => !this.closed));
  }

  /** Applies a description in a task. Only inside the operations chain. */
  describe(side: Side, type: SdpType, sdp: string): Promise<void> {
    return this.task(() => {
      const snapshot = this.invoke((native) =>
        side === 'local' ? native.setLocalDescription(type, sdp) : native.setRemoteDescription(type, sdp),
      );
      if (isLogged('sdp', 'debug')) this.#logDescription(side, type, sdp);
      this.#apply(snapshot, side, type);
      if (type === 'rollback') this.#forgetGathering();
      this.#hold();
    });
  }

  #logDescription(side: Side, type: SdpType, given: string): void {
    const { pendingLocal, currentLocal } = this.native.descriptions();
    const sdp = side === 'local' ? (pendingLocal ?? currentLocal)?.sdp : given;
    log('sdp', 'debug', this.id, `${side} ${type}`, { sdp: withoutSecrets(sdp ?? '') });
  }

  addIceCandidate(init: RTCIceCandidateInit & { candidate: string }): Promise<void> {
    return this.task(() => {
      const { candidate, usernameFragment } = init;
      log('candidate', 'debug', this.id, candidate === '' ? 'no more remote candidates' : 'remote candidate', {
        candidate,
      });
      const data = {
        candidate,
        usernameFragment: usernameFragment ?? undefined,
        sdpMid: init.sdpMid ?? undefined,
        sdpMLineIndex: init.sdpMLineIndex ?? undefined,
      };
      this.#mirror(this.invoke((native) => native.addIceCandidate(data)));
      if (candidate !== '') this.#remoteCandidate(new RTCIceCandidate(init));
    });
  }

  /** Stops sending and receiving at once; negotiation makes it final. */
  stopped(transceiver: RTCRtpTransceiver): void {
    within(this, queueTask, () => endSignal(remoteSignal(transceiver)));
    transceiverSlots(transceiver).receptive = false;
  }

  async getStats(selection: Selection): Promise<RTCStatsReport> {
    const data = this.closed ? this.#lastStats : await this.#requestStats();
    // A closed connection's senders and receivers are stopped: there is no stream to select.
    return statsReport(this, data, this.closed && (selection.sender ?? selection.receiver) ? 'none' : selection);
  }

  /** W3C "update the negotiation-needed flag". */
  updateNegotiationNeeded(): void {
    if (!this.chain.isEmpty) {
      this.#updateOnEmptyChain = true;
      return;
    }
    // Whatever makes it stable asks again.
    if (this.signalingState !== 'stable') return;
    within(this, queueTask, () => {
      if (this.closed) return;
      if (!this.chain.isEmpty) {
        this.#updateOnEmptyChain = true;
        return;
      }
      if (this.signalingState !== 'stable') return;
      if (!this.native.negotiationNeeded()) {
        this.#negotiationNeeded = false;
        return;
      }
      if (this.#negotiationNeeded) return;
      this.#negotiationNeeded = true;
      fire(this.#target, 'negotiationneeded');
    });
  }

  /** webrtc-pc §4.4.1.10: states first, no events of the connection, everything let go. */
  close(): void {
    if (!this.closed) within(this, () => this.#close());
  }

  #close(): void {
    this.closed = true;
    this.#announce(this.connectionState, 'closed');
    this.signalingState = 'closed';
    this.iceConnectionState = 'closed';
    this.connectionState = 'closed';
    for (const transceiver of this.transceivers) {
      const slots = transceiverSlots(transceiver);
      endSignalAbruptly(remoteSignal(transceiver));
      Object.assign(slots, { stopping: true, stopped: true, receptive: false, dtmf: false });
      detachSender(slots.sender);
    }
    this.channels.close();
    this.transports.close();
    this.chain.close();
    this.native.close();
    for (const transceiver of this.transceivers) {
      const { sender, receiver } = transceiverSlots(transceiver);
      // Their streams have ended.
      senderSlots(sender).encoded.pipe?.look();
      receiverSlots(receiver).encoded.pipe?.look();
    }
    this.#answerStats(this.#lastStats);
    holdLoop(this, false);
    release(this);
    releaseHeldStops();
  }

  // --- snapshots

  #chainEmptied(): void {
    if (!this.#updateOnEmptyChain) return;
    this.#updateOnEmptyChain = false;
    this.updateNegotiationNeeded();
  }

  /** Takes over a snapshot. Fires nothing. */
  #mirror(snapshot: Snapshot): void {
    this.signalingState = snapshot.signalingState;
    this.canTrickleIceCandidates = snapshot.canTrickle ?? null;
    this.#answered = snapshot.answered;
    this.#descriptionsChanged = true;
    this.transports.refresh(snapshot.transports, snapshot.signalingState === 'stable');
    const listed = new Set<number>();
    for (const data of snapshot.transceivers) {
      if (data.stopped && !this.#transceivers.has(data.id)) continue;
      const transceiver = this.#transceivers.get(data.id) ?? this.#create(data);
      this.#refresh(transceiver, data);
      if (!data.stopped || snapshot.signalingState !== 'stable') listed.add(data.id);
    }
    for (const [id, transceiver] of this.#transceivers) if (!listed.has(id)) this.#remove(id, transceiver);
    this.channels.refresh(snapshot.data, this.transports.get(snapshot.data?.transport ?? null)?.dtls);
  }

  #create(data: TransceiverSnapshot): RTCRtpTransceiver {
    const { native } = this;
    let ring: NativeRing | null = null;
    const signal: Signal = createSignal({
      kind: data.kind,
      label: `remote ${data.kind}`,
      ring: () => {
        if (data.kind === 'audio' && !this.closed) ring ??= native.receiverRing(data.id);
        return ring;
      },
      muted: true,
      remote: true,
    });
    const transceiver = createTransceiver(
      this,
      data.id,
      data.kind,
      createTrack(signal, data.remoteTrackId ?? undefined),
    );
    this.#transceivers.set(data.id, transceiver);
    return transceiver;
  }

  #refresh(transceiver: RTCRtpTransceiver, data: TransceiverSnapshot): void {
    const slots = transceiverSlots(transceiver);
    slots.mid = data.mid ?? null;
    if (data.direction !== 'stopped') slots.direction = data.direction;
    slots.currentDirection = data.currentDirection ?? null;
    slots.stopping = data.stopping;
    slots.stopped = data.stopped;
    slots.dtmf = data.dtmf;
    slots.parameters = null;
    const transport = this.transports.get(data.transport ?? null)?.dtls ?? null;
    // The transport of a remote offer is there with our answer (webrtc-pc §4.4.1.5).
    if (transport === null || this.signalingState !== 'have-remote-offer') {
      senderSlots(slots.sender).transport = transport;
      receiverSlots(slots.receiver).transport = transport;
    }
    codecsNegotiated(slots.sender);
    if (data.rids) layersNegotiated(slots.sender, data.rids);
    if (data.stopped) this.stopped(transceiver);
  }

  /** Rolled back, or stopped for good: the engine knows it no more. */
  #remove(id: number, transceiver: RTCRtpTransceiver): void {
    const slots = transceiverSlots(transceiver);
    this.#transceivers.delete(id);
    this.stopped(transceiver);
    Object.assign(slots, { stopping: true, stopped: true, mid: null, dtmf: false, parameters: null });
    senderSlots(slots.sender).transport = null;
    receiverSlots(slots.receiver).transport = null;
    detachSender(slots.sender);
  }

  /** W3C "set a session description", the part after it has been applied. */
  #apply(snapshot: Snapshot, side: Side, type: SdpType): void {
    const before = this.signalingState;
    const known = this.transceivers;
    this.#mirror(snapshot);
    if (side === 'local' && type !== 'rollback') this.transports.describe();
    const answers = type === 'answer' || type === 'pranswer';
    const withoutId = answers ? this.channels.negotiated(snapshot.data) : [];
    const byId = new Map(snapshot.transceivers.map((data) => [data.id, data]));
    const added: RTCRtpTransceiver[] = [];
    const muted: MediaStreamTrack[] = [];
    for (const transceiver of new Set([...known, ...this.transceivers])) {
      const data = byId.get(transceiverSlots(transceiver).id);
      this.#receiving(transceiver, data, side, type, added, muted);
    }
    if (this.signalingState === 'stable') this.#negotiationNeeded = false;
    if (this.signalingState !== before) {
      log('signaling', 'debug', this.id, this.signalingState, { previous: before });
      fire(this.#target, 'signalingstatechange');
    }
    for (const track of muted) setSignalMuted(trackSlots(track).signal, true);
    const { fresh, emptied } = this.streams.flush();
    for (const transceiver of added) {
      if (this.closed) return;
      const { receiver } = transceiver;
      const { track } = receiver;
      log('media', 'info', this.id, 'a remote track was added', {
        kind: track.kind,
        mid: transceiver.mid ?? '',
      });
      this.#publishTrack('added', transceiver);
      const streams = receiverSlots(receiver).streams;
      fire(this.#target, 'track', () => new RTCTrackEvent('track', { receiver, track, streams, transceiver }));
      // What was taken back was never the engine's: it has nothing new to tell of the packets that come all the time.
      const { arriving } = transceiverSlots(transceiver);
      if (type === 'rollback' && arriving) setSignalMuted(remoteSignal(transceiver), false);
    }
    for (const stream of emptied) this.#fireStream('removestream', stream);
    for (const stream of fresh) this.#fireStream('addstream', stream);
    for (const channel of withoutId) this.channels.end(channel, NO_ID_LEFT);
    if (this.signalingState === 'stable') this.updateNegotiationNeeded();
    this.#derive()();
  }

  /** Unless a listener has closed the connection. */
  #fireStream(type: 'addstream' | 'removestream', stream: MediaStream): void {
    if (this.closed) return;
    fire(this.#target, type, () => new MediaStreamEvent(type, { stream }));
  }

  /** What a description means for the remote track of one transceiver. */
  #receiving(
    transceiver: RTCRtpTransceiver,
    data: TransceiverSnapshot | undefined,
    side: Side,
    type: SdpType,
    added: RTCRtpTransceiver[],
    muted: MediaStreamTrack[],
  ): void {
    const slots = transceiverSlots(transceiver);
    const receiver = receiverSlots(slots.receiver);
    const answers = type === 'answer' || type === 'pranswer';
    let receives = slots.fired;
    if (!data || data.stopped || (data.mid ?? null) === null) receives = false;
    else if (type === 'rollback') receives = (data.currentDirection ?? '').includes('recv');
    else if (side === 'remote') receives = data.receiving;
    else if (answers) receives = slots.fired && (data.currentDirection ?? '').includes('recv');
    slots.receptive = receives || (side === 'local' && slots.direction.includes('recv'));
    const streamsChange = side === 'remote' || type === 'rollback' || !receives;
    let grown = false;
    if (streamsChange) {
      const ids = receives ? (data?.remoteStreamIds ?? []) : [];
      const { streams, more } = this.streams.associate(slots.receiver.track, receiver.streams, ids);
      receiver.streams = streams;
      grown = more;
    }
    if (receives && (!slots.fired || grown)) added.push(transceiver);
    if (!receives && slots.fired) muted.push(slots.receiver.track);
    slots.fired = receives;
  }

  // --- reports

  #report(report: ConnectionReport): void {
    if (this.closed) return;
    switch (report.type) {
      case 'gathering':
        this.#gathering(report.state);
        break;
      case 'candidate':
        this.#localCandidate(report);
        break;
      case 'candidateerror':
        this.#candidateError(report);
        break;
      case 'ice':
        this.transports.setIce(report.transport, report.state, () => this.#derive());
        this.#hold();
        break;
      case 'dtls':
        this.transports.setDtls(report, () => this.#derive());
        this.#hold();
        break;
      case 'pair':
        this.transports.setPair(report.transport, report.local, report.remote, this.#place(report.transport));
        break;
      case 'stats':
        this.#lastStats = report.stats;
        this.#statsRequests.get(report.request)?.(report.stats);
        this.#statsRequests.delete(report.request);
        this.#hold();
        break;
      case 'crashed':
        this.#crashed(report.message);
        break;
      case 'sctp':
      case 'channelopened':
      case 'channelannounced':
      case 'channelmessage':
      case 'channeltransmitted':
      case 'channelclosing':
      case 'channelclosed':
        this.channels.report(report);
        break;
      default:
        this.#transceiverReport(report);
    }
  }

  #transceiverReport(report: Extract<ConnectionReport, { type: 'muted' | 'unmuted' | 'tonechange' | 'dtmf' }>): void {
    const transceiver = this.#transceivers.get(report.transceiver);
    if (!transceiver) return;
    const slots = transceiverSlots(transceiver);
    const { sender, receiver, receptive } = slots;
    if (report.type === 'muted' || report.type === 'unmuted') {
      slots.arriving = report.type === 'unmuted';
      this.#publishTrack(report.type, transceiver);
    }
    if (report.type === 'muted') setSignalMuted(remoteSignal(transceiver), true);
    else if (report.type === 'unmuted') {
      if (receptive) setSignalMuted(remoteSignal(transceiver), false);
    } else if (report.type === 'tonechange') {
      this.#noteSentTone(report.tone);
      if (sender.dtmf) toneChanged(sender.dtmf, report.tone, report.remaining);
    } else if (report.type === 'dtmf') {
      this.#noteHeardTone(report.digit, report.durationMs);
      const init = { tone: report.digit, duration: report.durationMs, receiver };
      for (const target of [receiver, this.#target]) fire(target, 'dtmf', () => new DTMFEvent('dtmf', init));
    }
  }

  #gathering(state: 'gathering' | 'complete'): void {
    if (this.closed || this.iceGatheringState === state) return;
    // Of a description that was rolled back meanwhile.
    if (this.transports.none) return;
    this.#descriptionsChanged = true;
    this.iceGatheringState = state;
    this.transports.setGathering(state);
    if (this.closed) return;
    this.#hold();
    fire(this.#target, 'icegatheringstatechange');
    if (state === 'complete' && !this.closed) {
      this.#fireCandidate({ candidate: null });
    }
  }

  /** The rollback has taken back the first local description: nothing is gathered any more. */
  #forgetGathering(): void {
    if (!this.transports.none || this.iceGatheringState === 'new') return;
    this.iceGatheringState = 'new';
    fire(this.#target, 'icegatheringstatechange');
  }

  #localCandidate(report: Extract<ConnectionReport, { type: 'candidate' }>): void {
    this.#descriptionsChanged = true;
    const candidate = createCandidate(report);
    this.#transportOf(candidate)?.localCandidates.push(candidate);
    this.#fireCandidate({ candidate, url: candidate.url });
  }

  #fireCandidate(init: { candidate: RTCIceCandidate | null; url?: string | null }): void {
    fire(this.#target, 'icecandidate', () => new RTCPeerConnectionIceEvent('icecandidate', init));
  }

  #candidateError(report: Extract<ConnectionReport, { type: 'candidateerror' }>): void {
    const { address, port, url, errorCode, errorText } = report;
    const init = { address: address ?? null, port: port ?? null, url, errorCode, errorText };
    fire(this.#target, 'icecandidateerror', () => new RTCPeerConnectionIceErrorEvent('icecandidateerror', init));
  }

  #crashed(message: string): void {
    this.#lost = true;
    this.#fault = message;
    emitWarning(`A connection has failed: ${message}`, { type: 'WebphoneRtcWarning', code: 'WEBPHONE_RTC_CRASHED' });
    this.transports.fail(() => this.#derive());
    this.channels.fail(`a fault of the engine: ${message}`);
    this.#answerStats(this.#lastStats);
    this.#hold();
  }

  /** Derives the states of the connection from those of its transports; the result fires what has changed. */
  #derive(): () => void {
    if (this.closed) return () => {};
    const ice = this.transports.iceConnectionState;
    const overall = this.transports.connectionState;
    const iceChanged = ice !== this.iceConnectionState;
    const overallChanged = overall !== this.connectionState;
    this.iceConnectionState = ice;
    if (overallChanged) this.#announce(this.connectionState, overall);
    this.connectionState = overall;
    return () => {
      if (iceChanged && !this.closed) fire(this.#target, 'iceconnectionstatechange');
      if (overallChanged && !this.closed) fire(this.#target, 'connectionstatechange');
    };
  }

  /** Tells people and monitors of a state, at the moment that it is reached. */
  #announce(previous: RTCPeerConnectionState, state: RTCPeerConnectionState): void {
    const level = state === 'failed' ? 'error' : state === 'disconnected' ? 'warn' : 'info';
    if (isLogged('connection', level)) {
      log('connection', level, this.id, state, { previous, reason: this.#reasonOf(state) });
    }
    publish('connection', () => ({ id: this.id, state, previous, reason: this.#reasonOf(state) }));
  }

  #reasonOf(state: RTCPeerConnectionState): string {
    if (state === 'failed' && this.#fault) return `a fault of the engine: ${this.#fault}`;
    return this.transports.reasonOf(state);
  }

  #publishTrack(event: TrackMessage['event'], transceiver: RTCRtpTransceiver): void {
    publish('track', () => {
      const { track } = transceiver.receiver;
      return { id: this.id, event, trackId: track.id, kind: track.kind, mid: transceiver.mid };
    });
  }

  // Digits may be somebody's secret: which one it was is for 'debug' only.
  #noteHeardTone(tone: string, duration: number): void {
    log('media', 'info', this.id, 'a digit was heard', { duration_ms: duration });
    log('media', 'debug', this.id, 'the digit that was heard', { tone });
    publish('dtmf', () => ({ id: this.id, direction: 'received', tone, duration }));
  }

  #noteSentTone(tone: string): void {
    if (tone === '') return;
    log('media', 'debug', this.id, 'a digit is sent', { tone });
    publish('dtmf', () => ({ id: this.id, direction: 'sent', tone }));
  }

  /** The process lives while something is under way or up; a failed connection may be collected. */
  #hold(): void {
    if (this.closed) return;
    const gathering = !this.#lost && (this.transports.willGather || this.iceGatheringState === 'gathering');
    const connecting = this.#answered && this.transports.waiting;
    holdLoop(this, gathering || connecting || this.transports.up || this.#statsRequests.size > 0);
    if (this.transports.connectionState === 'failed') release(this);
    else if (this.transports.up) root(this);
  }

  #transportOf(candidate: RTCIceCandidate) {
    const { sdpMid, sdpMLineIndex } = candidate;
    const found =
      sdpMid !== null
        ? this.transceivers.find((transceiver) => transceiver.mid === sdpMid)
        : this.transceivers[sdpMLineIndex ?? -1];
    const data = sdpMid !== null && sdpMid === this.channels.mid ? this.channels.sctp?.transport : undefined;
    const transport = found ? senderSlots(found.sender).transport : data;
    return transport ? this.transports.slotsOf(transport) : undefined;
  }

  #remoteCandidate(candidate: RTCIceCandidate): void {
    this.#transportOf(candidate)?.remoteCandidates.push(candidate);
  }

  /** The section that names a transport's candidates: the first that it carries. */
  #place(transport: number): { sdpMid: string | null; sdpMLineIndex: number | null } {
    const dtls = this.transports.get(transport)?.dtls;
    const index = this.transceivers.findIndex(({ sender }) => sender.transport === dtls);
    const mid = index < 0 ? this.channels.mid : (this.transceivers[index]?.mid ?? null);
    return { sdpMid: mid, sdpMLineIndex: Math.max(index, 0) };
  }

  #requestStats(): Promise<StatsData | null> {
    return new Promise((resolve) => {
      const request = ++this.#lastStatsRequest;
      this.#statsRequests.set(request, resolve);
      this.#hold();
      this.native.requestStats(request);
    });
  }

  #answerStats(stats: StatsData | null): void {
    for (const answer of this.#statsRequests.values()) (answer as (stats: StatsData | null) => void)(stats);
    this.#statsRequests.clear();
  }
}

function remoteSignal(transceiver: RTCRtpTransceiver): Signal {
  return trackSlots(transceiver.receiver.track).signal;
}

/** The same object as long as the description stays the same. */
function refreshed(
  present: RTCSessionDescription | null,
  data: DescriptionData | null | undefined,
): RTCSessionDescription | null {
  if (!data) return null;
  if (present && present.type === data.type && present.sdp === data.sdp) return present;
  return new RTCSessionDescription(data as RTCSessionDescriptionInit);
}
