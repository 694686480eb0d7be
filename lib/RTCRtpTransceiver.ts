/**
 * RTCRtpTransceiver (webrtc-pc §5.4).
 * Invariant: its negotiated members mirror the engine's last snapshot.
 */
import type { Kind, NegotiatedParameters } from './binding';
import { extensionsOf, isAuxiliary, isKnownCodec, MID_EXTENSION, sameCodec } from './capabilities';
import type { MediaStreamTrack } from './MediaStreamTrack';
import type { Peer } from './peer/peer';
import { createReceiver, holdReceived, type RTCRtpReceiver } from './RTCRtpReceiver';
import { createSender, holdSent, type RTCRtpSender } from './RTCRtpSender';
import { toCodec } from './rtp-parameters';
import {
  attribute,
  DOMString,
  dictionary,
  enumeration,
  fail,
  isObject,
  method,
  requireArguments,
  required,
  sequence,
} from './webidl/converters';
import { domException } from './webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

interface Slots {
  peer: Peer;
  /** The engine's name for it. */
  id: number;
  kind: Kind;
  sender: RTCRtpSender;
  receiver: RTCRtpReceiver;
  mid: string | null;
  direction: RTCRtpTransceiverDirection;
  currentDirection: RTCRtpTransceiverDirection | null;
  stopping: boolean;
  stopped: boolean;
  /** W3C [[FiredDirection]], as far as it matters: a 'track' event was fired and not taken back. */
  fired: boolean;
  /** W3C [[Receptive]] */
  receptive: boolean;
  /** The engine's last word: packets come. */
  arriving: boolean;
  dtmf: boolean;
  /** As far as somebody has asked since they may have changed. */
  parameters: NegotiatedParameters | null;
}

export const toDirection = enumeration<RTCRtpTransceiverDirection>('RTCRtpTransceiverDirection', [
  'sendrecv',
  'sendonly',
  'recvonly',
  'inactive',
  'stopped',
]);
const toCodecs = sequence(toCodec);

interface HeaderExtension {
  uri: string;
  direction: RTCRtpTransceiverDirection;
}
const toExtensions = sequence(
  dictionary('RTCRtpHeaderExtensionCapability', { direction: required(toDirection), uri: required(DOMString) }),
);

let slotsOf: (transceiver: RTCRtpTransceiver) => Slots;
let is: (value: unknown) => value is RTCRtpTransceiver;

export class RTCRtpTransceiver {
  static {
    slotsOf = (transceiver) => transceiver.#slots;
    is = (value): value is RTCRtpTransceiver => isObject(value) && #slots in value;
  }
  readonly #slots: Slots;

  constructor(token: unknown = undefined, peer?: Peer, id = 0, kind: Kind = 'audio', track?: MediaStreamTrack) {
    requireInternal(token, 'RTCRtpTransceiver');
    this.#slots = {
      peer: peer as Peer,
      id,
      kind,
      sender: createSender(this, kind),
      receiver: createReceiver(this, track as MediaStreamTrack),
      mid: null,
      direction: 'sendrecv',
      currentDirection: null,
      stopping: false,
      stopped: false,
      fired: false,
      receptive: false,
      arriving: false,
      dtmf: false,
      parameters: null,
    };
  }

  get mid(): string | null {
    return this.#slots.mid;
  }
  get sender(): RTCRtpSender {
    return this.#slots.sender;
  }
  get receiver(): RTCRtpReceiver {
    return this.#slots.receiver;
  }
  /** Legacy: `direction` says 'stopped'. */
  get stopped(): boolean {
    return this.#slots.stopped;
  }
  get direction(): RTCRtpTransceiverDirection {
    const { stopping, stopped, direction } = this.#slots;
    return stopping || stopped ? 'stopped' : direction;
  }
  set direction(value: RTCRtpTransceiverDirection) {
    const slots = this.#slots;
    const context = attribute('RTCRtpTransceiver', 'direction');
    const text = DOMString(value, context);
    // An attribute ignores what is not in its enumeration (Web IDL).
    if (!['sendrecv', 'sendonly', 'recvonly', 'inactive', 'stopped'].includes(text)) return;
    slots.peer.requireOpen();
    if (slots.stopping || slots.stopped) throw domException('InvalidStateError', 'The transceiver is stopped');
    if (text === slots.direction) return;
    if (text === 'stopped') throw fail(context, "'stopped' is set by stop() only.");
    slots.peer.change((native) => native.setDirection(slots.id, text as RTCRtpTransceiverDirection));
  }
  get currentDirection(): RTCRtpTransceiverDirection | null {
    const { stopped, currentDirection } = this.#slots;
    return stopped ? 'stopped' : currentDirection;
  }

  stop(): void {
    const slots = this.#slots;
    slots.peer.requireOpen();
    if (slots.stopping || slots.stopped) return;
    // 'ended' comes before 'negotiationneeded'.
    slots.peer.stopped(this);
    slots.peer.change((native) => native.stopTransceiver(slots.id));
  }

  setCodecPreferences(codecs: RTCRtpCodec[]): void {
    const slots = this.#slots;
    const context = method('RTCRtpTransceiver', 'setCodecPreferences');
    requireArguments(arguments.length, 1, context);
    const wanted = toCodecs(codecs, `${context} parameter 1`);
    const unique = wanted.filter((codec, index) => wanted.findIndex((other) => sameCodec(other, codec)) === index);
    const unknown = unique.find((codec) => !isKnownCodec(slots.kind, codec));
    if (unknown) throw domException('InvalidModificationError', `${unknown.mimeType} is not supported`);
    if (unique.length > 0 && unique.every(isAuxiliary)) {
      throw domException('InvalidModificationError', 'There is no codec for media among the preferences');
    }
    // The standard has no error here for a closed connection, nor for a transceiver that is stopped.
    if (slots.peer.closed || slots.stopped) return;
    slots.peer.change((native) => native.setCodecPreferences(slots.id, unique));
  }

  /** webrtc-extensions §5.2. */
  getHeaderExtensionsToNegotiate(): HeaderExtension[] {
    const { kind } = this.#slots;
    const { stoppedExtensions } = negotiatedParameters(this);
    return extensionsOf(kind).map((uri) => ({
      uri,
      direction: stoppedExtensions.includes(uri) ? 'stopped' : 'sendrecv',
    }));
  }

  getNegotiatedHeaderExtensions(): HeaderExtension[] {
    const { kind } = this.#slots;
    const used = negotiatedParameters(this).extensions.map(({ uri }) => uri);
    return extensionsOf(kind).map((uri) => ({ uri, direction: used.includes(uri) ? 'sendrecv' : 'stopped' }));
  }

  /** An extension is negotiated both ways or not at all. */
  setHeaderExtensionsToNegotiate(extensions: HeaderExtension[]): void {
    const slots = this.#slots;
    const context = method('RTCRtpTransceiver', 'setHeaderExtensionsToNegotiate');
    requireArguments(arguments.length, 1, context);
    const wanted = toExtensions(extensions, `${context} parameter 1`);
    if (wanted.some(({ uri }) => uri === '')) throw fail(context, 'an extension has an empty uri.');
    const known = extensionsOf(slots.kind);
    if (wanted.length !== known.length || wanted.some(({ uri }, index) => uri !== known[index])) {
      throw domException('InvalidModificationError', 'The extensions are not those that can be negotiated');
    }
    if (wanted.some(({ uri, direction }) => uri === MID_EXTENSION && direction !== 'sendrecv')) {
      throw domException('InvalidModificationError', 'The mid extension cannot be switched off');
    }
    const stopped = wanted.filter(({ direction }) => direction === 'stopped').map(({ uri }) => uri);
    if (!slots.stopped) slots.peer.change((native) => native.stopExtensions(slots.id, stopped));
  }
}
defineInterface(RTCRtpTransceiver, 'RTCRtpTransceiver');

export const isRTCRtpTransceiver = is;

export function createTransceiver(peer: Peer, id: number, kind: Kind, track: MediaStreamTrack): RTCRtpTransceiver {
  const transceiver = new RTCRtpTransceiver(INTERNAL, peer, id, kind, track);
  if (peer.holdsFrames) {
    holdSent(transceiver.sender);
    holdReceived(transceiver.receiver);
  }
  return transceiver;
}

export function transceiverSlots(transceiver: RTCRtpTransceiver): Slots {
  return slotsOf(transceiver);
}

/** Codecs, header extensions and RTCP, as the last description has them. */
export function negotiatedParameters(transceiver: RTCRtpTransceiver): NegotiatedParameters {
  const slots = slotsOf(transceiver);
  slots.parameters ??= slots.peer.native.parameters(slots.id);
  return slots.parameters;
}
