/**
 * RTCDataChannel (webrtc-pc §6.2).
 * Invariant: without SCTP in the engine a channel is 'connecting' until it is closed; what must be sent fails.
 */

import { queueTask } from './lane';
import type { RTCErrorEvent } from './RTCErrorEvent';
import {
  attribute,
  boolean,
  dictionary,
  enumeration,
  isObject,
  method,
  optional,
  requireArguments,
  USVString,
  unsignedLong,
  unsignedShortEnforced,
  withDefault,
} from './webidl/converters';
import { fire } from './webidl/event';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { domException } from './webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

/** RTCDataChannelInit */
export const toDataChannelInit = dictionary('RTCDataChannelInit', {
  id: optional(unsignedShortEnforced),
  maxPacketLifeTime: optional(unsignedShortEnforced),
  maxRetransmits: optional(unsignedShortEnforced),
  negotiated: withDefault(boolean, () => false),
  ordered: withDefault(boolean, () => true),
  protocol: withDefault(USVString, () => ''),
});
export type DataChannelInit = ReturnType<typeof toDataChannelInit>;

const toBinaryType = enumeration<BinaryType>('BinaryType', ['blob', 'arraybuffer']);

interface Slots extends DataChannelInit {
  label: string;
  readyState: RTCDataChannelState;
  binaryType: BinaryType;
  bufferedAmountLowThreshold: number;
}

let slotsOf: (channel: RTCDataChannel) => Slots;
let is: (value: unknown) => value is RTCDataChannel;

export class RTCDataChannel extends EventTarget {
  static {
    slotsOf = (channel) => channel.#slots;
    is = (value): value is RTCDataChannel => isObject(value) && #slots in value;
  }
  readonly #slots: Slots;

  declare onopen: EventHandler;
  declare onbufferedamountlow: EventHandler;
  declare onerror: EventHandler<RTCErrorEvent>;
  declare onclosing: EventHandler;
  declare onclose: EventHandler;
  declare onmessage: EventHandler<MessageEvent>;

  constructor(token: unknown = undefined, label = '', init: DataChannelInit = toDataChannelInit({}, '')) {
    requireInternal(token, 'RTCDataChannel');
    super();
    this.#slots = {
      ...init,
      label,
      // Chosen by the DTLS role when the channel is announced in band.
      id: init.negotiated ? init.id : undefined,
      readyState: 'connecting',
      binaryType: 'arraybuffer',
      bufferedAmountLowThreshold: 0,
    };
  }

  get label(): string {
    return this.#slots.label;
  }
  get ordered(): boolean {
    return this.#slots.ordered;
  }
  get maxPacketLifeTime(): number | null {
    return this.#slots.maxPacketLifeTime ?? null;
  }
  get maxRetransmits(): number | null {
    return this.#slots.maxRetransmits ?? null;
  }
  get protocol(): string {
    return this.#slots.protocol;
  }
  get negotiated(): boolean {
    return this.#slots.negotiated;
  }
  get id(): number | null {
    return this.#slots.id ?? null;
  }
  get readyState(): RTCDataChannelState {
    return this.#slots.readyState;
  }
  get bufferedAmount(): number {
    return slotsOf(this) && 0;
  }
  get bufferedAmountLowThreshold(): number {
    return this.#slots.bufferedAmountLowThreshold;
  }
  set bufferedAmountLowThreshold(value: number) {
    this.#slots.bufferedAmountLowThreshold = unsignedLong(
      value,
      attribute('RTCDataChannel', 'bufferedAmountLowThreshold'),
    );
  }
  get binaryType(): BinaryType {
    return this.#slots.binaryType;
  }
  set binaryType(value: BinaryType) {
    this.#slots.binaryType = toBinaryType(value, attribute('RTCDataChannel', 'binaryType'));
  }

  send(_data: string | Blob | ArrayBuffer | ArrayBufferView): void {
    const { readyState } = this.#slots;
    requireArguments(arguments.length, 1, method('RTCDataChannel', 'send'));
    throw domException('InvalidStateError', `The data channel is '${readyState}', not 'open'`);
  }

  /** There is no stream to reset, so closing takes a task. */
  close(): void {
    const slots = this.#slots;
    if (slots.readyState === 'closing' || slots.readyState === 'closed') return;
    slots.readyState = 'closing';
    queueTask(() => {
      if (slots.readyState === 'closed') return;
      fire(this, 'closing');
      slots.readyState = 'closed';
      fire(this, 'close');
    });
  }
}
defineEventHandlers(RTCDataChannel, ['open', 'bufferedamountlow', 'error', 'closing', 'close', 'message']);
defineInterface(RTCDataChannel, 'RTCDataChannel');

export const isRTCDataChannel = is;

export function createDataChannel(label: string, init: DataChannelInit): RTCDataChannel {
  return new RTCDataChannel(INTERNAL, label, init);
}

/** The connection closes: no closing procedure, the state at once and the event in a task. */
export function closeAbruptly(channel: RTCDataChannel): void {
  const slots = slotsOf(channel);
  if (slots.readyState === 'closed') return;
  slots.readyState = 'closed';
  queueTask(() => fire(channel, 'close'));
}
