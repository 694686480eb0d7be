/**
 * RTCRtpSender (webrtc-pc §5.2).
 * Invariant: the outbound stream lives as long as the transceiver; track, mute and replaceTrack change only what feeds it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Kind } from './binding';
import { capabilities, isKnownCodec, sameCodec } from './capabilities';
import type { RTCRtpScriptTransform } from './encoded/RTCRtpScriptTransform';
import {
  createEncodedStreams,
  type EncodedStreams,
  holdFrames,
  noTransform,
  setTransform,
  type TransformSlots,
  type Way,
} from './encoded/transforms';
import { queueTask, task } from './lane';
import { randomUUID } from './lazy';
import { isMediaStream, type MediaStream } from './MediaStream';
import {
  isMediaStreamTrack,
  type MediaStreamTrack,
  observe,
  type TrackObserver,
  trackSlots,
  unobserve,
} from './MediaStreamTrack';
import { createDtmfSender, type RTCDTMFSender } from './RTCDTMFSender';
import type { RTCDtlsTransport } from './RTCDtlsTransport';
import type { RTCRtpTransceiver } from './RTCRtpTransceiver';
import { negotiatedParameters, transceiverSlots } from './RTCRtpTransceiver';
import type { RTCStatsReport } from './RTCStatsReport';
import {
  codecParameters,
  type Encoding,
  extensionParameters,
  ordinaryEncoding,
  toSendParameters,
} from './rtp-parameters';
import {
  attribute,
  copyData,
  fail,
  interfaceType,
  isObject,
  method,
  nullable,
  requireArguments,
} from './webidl/converters';
import { domException } from './webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

type Parameters = RTCRtpSendParameters & { encodings: Encoding[] };

interface Slots {
  kind: Kind;
  transceiver: RTCRtpTransceiver;
  track: MediaStreamTrack | null;
  transport: RTCDtlsTransport | null;
  dtmf: RTCDTMFSender | null;
  /** What the track is announced with. */
  streams: MediaStream[];
  encodings: Encoding[];
  /** W3C [[LastReturnedParameters]] */
  lastReturned: Parameters | null;
  watch: TrackWatch | null;
  encoded: TransformSlots;
  /** Frames of the application are sent. */
  relays: boolean;
  /** Told when another track is sent, and when nothing will be any more. */
  followers: Set<() => void>;
}

const toTrackOrNull = nullable(interfaceType<MediaStreamTrack>('MediaStreamTrack', isMediaStreamTrack));
const toStream = interfaceType<MediaStream>('MediaStream', isMediaStream);

let slotsOf: (sender: RTCRtpSender) => Slots;
let is: (value: unknown) => value is RTCRtpSender;

export class RTCRtpSender {
  static {
    slotsOf = (sender) => sender.#slots;
    is = (value): value is RTCRtpSender => isObject(value) && #slots in value;
  }
  readonly #slots: Slots;

  constructor(token: unknown = undefined, slots?: Slots) {
    requireInternal(token, 'RTCRtpSender');
    this.#slots = slots as Slots;
    if (this.#slots.kind === 'audio') this.#slots.dtmf = createDtmfSender(this);
  }

  static getCapabilities(kind: string): RTCRtpCapabilities | null {
    return capabilities(arguments.length, kind, 'RTCRtpSender');
  }

  get track(): MediaStreamTrack | null {
    return this.#slots.track;
  }
  get transport(): RTCDtlsTransport | null {
    return this.#slots.transport;
  }
  get dtmf(): RTCDTMFSender | null {
    return this.#slots.dtmf;
  }

  get transform(): RTCRtpScriptTransform | null {
    return this.#slots.encoded.transform;
  }
  set transform(value: RTCRtpScriptTransform | null) {
    const slots = this.#slots;
    setTransform(this, slots.encoded, wayOf(slots), value, attribute('RTCRtpSender', 'transform'));
  }

  getParameters(): Parameters {
    const slots = this.#slots;
    const { sendCodecs, extensions, cname, reducedSizeRtcp } = negotiatedParameters(slots.transceiver);
    if (slots.lastReturned) return copyData(slots.lastReturned);
    slots.lastReturned = {
      codecs: sendCodecs.map(codecParameters),
      encodings: slots.encodings.map((encoding) => ({ ...encoding })),
      headerExtensions: extensions.map(extensionParameters),
      rtcp: { cname, reducedSize: reducedSizeRtcp },
      transactionId: randomUUID(),
    };
    const returned = slots.lastReturned;
    // Parameters are good for the task in which they were read.
    queueTask(() => {
      if (slots.lastReturned === returned) slots.lastReturned = null;
    });
    return copyData(returned);
  }

  async setParameters(parameters: RTCRtpSendParameters): Promise<void> {
    const slots = this.#slots;
    const context = method('RTCRtpSender', 'setParameters');
    requireArguments(arguments.length, 1, context);
    const given = toSendParameters(parameters, `${context} parameter 1`);
    const { peer, stopping, stopped } = transceiverSlots(slots.transceiver);
    if (stopping || stopped) throw domException('InvalidStateError', 'The transceiver is stopped');
    const encodings = validate(slots, given);
    await task(() => {
      slots.lastReturned = null;
      slots.encodings = encodings;
      if (!peer.closed) applyEncoding(this);
    });
  }

  async replaceTrack(withTrack: MediaStreamTrack | null): Promise<void> {
    const slots = this.#slots;
    const context = method('RTCRtpSender', 'replaceTrack');
    requireArguments(arguments.length, 1, context);
    const track = toTrackOrNull(withTrack, `${context} parameter 1`);
    if (track && track.kind !== slots.kind) throw fail(context, `the track is not of kind ${slots.kind}.`);
    const transceiver = transceiverSlots(slots.transceiver);
    await transceiver.peer.chain.run(async () => {
      if (transceiver.stopping || transceiver.stopped) {
        throw domException('InvalidStateError', 'The transceiver is stopped');
      }
      await transceiver.peer.task(() => {
        setSenderTrack(this, track);
        transceiver.peer.native.setTrack(transceiver.id, track?.id);
      });
    });
  }

  setStreams(...streams: MediaStream[]): void {
    const context = method('RTCRtpSender', 'setStreams');
    const slots = this.#slots;
    const given = streams.map((stream, index) => toStream(stream, `${context} parameter ${index + 1}`));
    const { peer, id, stopped } = transceiverSlots(slots.transceiver);
    peer.requireOpen();
    slots.streams = [...new Set(given)];
    const ids = slots.streams.map((stream) => stream.id);
    if (!stopped) peer.change((native) => native.setStreams(id, ids));
  }

  /** As in Chromium. */
  createEncodedStreams(): EncodedStreams {
    return createEncodedStreams(this.#slots.encoded, wayOf(this.#slots));
  }

  async getStats(): Promise<RTCStatsReport> {
    const { transceiver } = this.#slots;
    return transceiverSlots(transceiver).peer.getStats({ sender: transceiver });
  }
}
defineInterface(RTCRtpSender, 'RTCRtpSender');

export const isRTCRtpSender = is;

/** Tells a sender of its track, and holds neither: a track may outlive many connections that nobody has closed. */
class TrackWatch implements TrackObserver {
  readonly #sender: WeakRef<RTCRtpSender>;
  #track: WeakRef<MediaStreamTrack> | null = null;

  constructor(sender: RTCRtpSender) {
    this.#sender = new WeakRef(sender);
    forgotten.register(sender, this);
  }

  /** Watches this one, and no other. */
  follow(track: MediaStreamTrack | null): void {
    const before = this.#track?.deref();
    if (before) unobserve(before, this);
    this.#track = track && new WeakRef(track);
    if (track) observe(track, this);
  }

  trackChanged(): void {
    const sender = this.#sender.deref();
    if (sender) feed(sender);
  }

  guardsTrack(): boolean {
    const sender = this.#sender.deref();
    return sender !== undefined && transceiverSlots(slotsOf(sender).transceiver).peer.guardsTracks;
  }
}

const forgotten = new FinalizationRegistry<TrackWatch>((watch) => watch.follow(null));

export function createSender(transceiver: RTCRtpTransceiver, kind: Kind): RTCRtpSender {
  const sender: RTCRtpSender = new RTCRtpSender(INTERNAL, {
    kind,
    transceiver,
    track: null,
    transport: null,
    dtmf: null,
    streams: [],
    encodings: withScales(kind, validEncodings(kind, [ordinaryEncoding()])),
    lastReturned: null,
    encoded: noTransform(),
    relays: false,
    watch: null,
    followers: new Set(),
  });
  slotsOf(sender).watch = new TrackWatch(sender);
  return sender;
}

function wayOf({ transceiver, kind }: Slots): Way {
  const { peer, id } = transceiverSlots(transceiver);
  return { peer, id, kind, sending: true };
}

/** `encodedInsertableStreams` */
export function holdSent(sender: RTCRtpSender): void {
  const slots = slotsOf(sender);
  holdFrames(slots.encoded, wayOf(slots));
}

export function senderSlots(sender: RTCRtpSender): Slots {
  return slotsOf(sender);
}

/** Sets [[SenderTrack]] and feeds the stream from it. */
export function setSenderTrack(sender: RTCRtpSender, track: MediaStreamTrack | null): void {
  const slots = slotsOf(sender);
  slots.track = track;
  slots.watch?.follow(track);
  feed(sender);
  for (const follow of [...slots.followers]) follow();
}

/** The connection has closed: the track stays where it is, and is no longer ours to watch. */
export function detachSender(sender: RTCRtpSender): void {
  const { watch, followers } = slotsOf(sender);
  watch?.follow(null);
  for (const follow of [...followers]) follow();
}

/** `follow` is called when the sender has another track, and when its connection is closed. */
export function followSender(sender: RTCRtpSender, follow: () => void): void {
  slotsOf(sender).followers.add(follow);
}

export function unfollowSender(sender: RTCRtpSender, follow: () => void): void {
  slotsOf(sender).followers.delete(follow);
}

/** Nothing will be sent any more. */
export function isSenderOver(sender: RTCRtpSender): boolean {
  const { peer, stopping, stopped } = transceiverSlots(slotsOf(sender).transceiver);
  return peer.closed || stopping || stopped;
}

/** A track that is disabled or ended is sent as silence, encoded frames of it not at all; no track sends nothing. */
function feed(sender: RTCRtpSender): void {
  const slots = slotsOf(sender);
  const { kind, track, transceiver } = slots;
  const { peer, id } = transceiverSlots(transceiver);
  if (peer.closed) return;
  if (kind === 'video') {
    peer.native.setPicture(id, track?.readyState === 'live');
    return;
  }
  const signal = track ? trackSlots(track).signal : null;
  const audible = track?.readyState === 'live' && track.enabled;
  const frames = signal?.frames?.() ?? null;
  if (frames || slots.relays) peer.native.setFrames(id, frames);
  slots.relays = frames !== null;
  peer.native.setSource(id, signal?.ring() ?? null, audible);
}

/** Has the engine obey the first encoding. */
export function applyEncoding(sender: RTCRtpSender): void {
  const { transceiver, encodings } = slotsOf(sender);
  const { peer, id } = transceiverSlots(transceiver);
  const [{ active, maxBitrate, ptime, codec } = ordinaryEncoding()] = encodings as [Encoding?];
  peer.native.setEncoding(id, { active, maxBitrate, ptime });
  peer.invoke((native) => native.setSendCodec(id, codec));
}

/** The rules of setParameters; returns the encodings to use. */
function validate(slots: Slots, given: ReturnType<typeof toSendParameters>): Encoding[] {
  const last = slots.lastReturned;
  if (!last) throw domException('InvalidStateError', 'getParameters() must be called first, in the same task');
  const modified = (what: string) => domException('InvalidModificationError', `${what} cannot be changed`);
  if (given.transactionId !== last.transactionId) throw modified('transactionId');
  if (given.encodings.length !== slots.encodings.length) throw modified('The number of encodings');
  if (!given.codecs || !isDeepStrictEqual(plain(given.codecs), plain(last.codecs))) throw modified('codecs');
  if (!isDeepStrictEqual(plain(given.headerExtensions), plain(last.headerExtensions))) {
    throw modified('headerExtensions');
  }
  if (!isDeepStrictEqual(plain(given.rtcp), plain(last.rtcp))) throw modified('rtcp');
  given.encodings.forEach((encoding, index) => {
    if (encoding.rid !== slots.encodings[index]?.rid) throw modified('rid');
    if (encoding.codec) requireSendable(slots, encoding.codec);
  });
  const encodings = validEncodings(slots.kind, given.encodings);
  if (slots.kind === 'audio') return encodings;
  return encodings.map((encoding) => ({ scaleResolutionDownBy: 1, ...encoding }));
}

/** One of the negotiated codecs, or before negotiation any that we have. */
function requireSendable({ kind, transceiver }: Slots, codec: RTCRtpCodec): void {
  const { sendCodecs } = negotiatedParameters(transceiver);
  const negotiated = sendCodecs.map(codecParameters);
  const fits = negotiated.length > 0 ? negotiated.some((known) => sameCodec(known, codec)) : isKnownCodec(kind, codec);
  if (!fits) throw domException('InvalidModificationError', 'The codec is not supported, or was not negotiated');
}

/** The codecs that were negotiated have changed: an encoding does not keep one that is gone. */
export function codecsNegotiated(sender: RTCRtpSender): void {
  const slots = slotsOf(sender);
  if (!slots.encodings.some(({ codec }) => codec)) return;
  const { sendCodecs } = negotiatedParameters(slots.transceiver);
  if (sendCodecs.length === 0) return;
  const negotiated = sendCodecs.map(codecParameters);
  const gone = ({ codec }: Encoding) => codec && !negotiated.some((known) => sameCodec(known, codec));
  if (!slots.encodings.some(gone)) return;
  slots.encodings = slots.encodings.map((encoding) => {
    const { codec: _, ...rest } = encoding;
    return gone(encoding) ? rest : encoding;
  });
  applyEncoding(sender);
}

/** The far end has said which simulcast layers it takes: the others are no more, and one needs no name. */
export function layersNegotiated(sender: RTCRtpSender, rids: readonly string[]): void {
  const slots = slotsOf(sender);
  if (slots.encodings.length < 2) return;
  const kept = slots.encodings.filter(({ rid }) => rid !== undefined && rids.includes(rid));
  slots.encodings = kept.length > 0 ? kept : slots.encodings.slice(0, 1);
  if (slots.encodings.length === 1) slots.encodings = slots.encodings.map(({ rid: _, ...rest }) => rest);
}

/** What setParameters and addTransceiver check alike; members of the other kind are dropped. */
export function validEncodings(kind: Kind, encodings: Encoding[]): Encoding[] {
  return encodings.map((encoding) => {
    const { scaleResolutionDownBy, maxFramerate, ...rest } = encoding;
    if (kind === 'audio') return { adaptivePtime: false, ...rest };
    if (scaleResolutionDownBy !== undefined && scaleResolutionDownBy < 1) {
      throw new RangeError('scaleResolutionDownBy is below 1');
    }
    if (maxFramerate !== undefined && maxFramerate < 0) throw new RangeError('maxFramerate is negative');
    return encoding;
  });
}

/** Layers without a scale get one: powers of two, the last full size; 1 for each where any has one. */
export function withScales(kind: Kind, encodings: Encoding[]): Encoding[] {
  if (kind === 'audio') return encodings;
  const some = encodings.some(({ scaleResolutionDownBy }) => scaleResolutionDownBy !== undefined);
  return encodings.map((encoding, index) => {
    const scaleResolutionDownBy = encoding.scaleResolutionDownBy ?? (some ? 1 : 2 ** (encodings.length - 1 - index));
    return { ...encoding, scaleResolutionDownBy };
  });
}

/** Without the prototypes and order in which an application may have rebuilt it. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, item) => sorted(item)));
}

function sorted(item: unknown): unknown {
  if (!isObject(item) || Array.isArray(item)) return item;
  return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
}
