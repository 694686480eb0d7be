/**
 * RTCDataChannel (webrtc-pc §6.2).
 * Invariants: what send() was given leaves in the order of the calls, also after a Blob that is still being read;
 * bufferedAmount falls in tasks only.
 */
import { Blob } from 'node:buffer';
import { isArrayBuffer, isSharedArrayBuffer } from 'node:util/types';
import type { ChannelErrorData } from './binding';
import { queueTask } from './lane';
import { RTCError } from './RTCError';
import { RTCErrorEvent } from './RTCErrorEvent';
import {
  attribute,
  boolean,
  DOMString,
  dictionary,
  enumeration,
  fail,
  isObject,
  method,
  optional,
  requireArguments,
  USVString,
  unsignedLongEnforced,
  unsignedShortEnforced,
  withDefault,
} from './webidl/converters';
import { fire } from './webidl/event';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { domException } from './webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

const NAME = 'RTCDataChannel';

const toPriority = enumeration<RTCPriorityType>('RTCPriorityType', ['very-low', 'low', 'medium', 'high']);

/** RTCDataChannelInit, with the priority of webrtc-priority §4. */
export const toDataChannelInit = dictionary('RTCDataChannelInit', {
  id: optional(unsignedShortEnforced),
  maxPacketLifeTime: optional(unsignedShortEnforced),
  maxRetransmits: optional(unsignedShortEnforced),
  negotiated: withDefault(boolean, () => false),
  ordered: withDefault(boolean, () => true),
  priority: withDefault(toPriority, (): RTCPriorityType => 'low'),
  protocol: withDefault(USVString, () => ''),
});
export type DataChannelInit = ReturnType<typeof toDataChannelInit>;

/** A channel's underlying data transport. */
export interface Underlying {
  send(data: string | Uint8Array): void;
  close(): void;
  /** Bytes; what may be in one message, and what may wait altogether. */
  readonly maxMessageSize: number;
  readonly maxBufferSize: number;
}

type Sendable = string | Uint8Array | Blob;

export interface Slots extends DataChannelInit {
  /** Of this process; names it in statistics. */
  readonly number: number;
  label: string;
  readyState: RTCDataChannelState;
  binaryType: BinaryType;
  bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  /** Null once it has gone. */
  underlying: Underlying | null;
  /** It was 'open' at some time. */
  wasOpen: boolean;
  /** A Blob that is being read, and what was sent after it. */
  unread: Sendable[];
  /** For statistics. */
  messagesSent: number;
  bytesSent: number;
  messagesReceived: number;
  bytesReceived: number;
}

let lastNumber = 0;
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
    requireInternal(token, NAME);
    super();
    this.#slots = {
      ...init,
      number: ++lastNumber,
      label,
      readyState: 'connecting',
      binaryType: 'arraybuffer',
      bufferedAmount: 0,
      bufferedAmountLowThreshold: 0,
      underlying: null,
      wasOpen: false,
      unread: [],
      messagesSent: 0,
      bytesSent: 0,
      messagesReceived: 0,
      bytesReceived: 0,
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
  get priority(): RTCPriorityType {
    return this.#slots.priority;
  }
  get readyState(): RTCDataChannelState {
    return this.#slots.readyState;
  }
  get bufferedAmount(): number {
    return this.#slots.bufferedAmount;
  }
  get bufferedAmountLowThreshold(): number {
    return this.#slots.bufferedAmountLowThreshold;
  }
  set bufferedAmountLowThreshold(value: number) {
    this.#slots.bufferedAmountLowThreshold = unsignedLongEnforced(value, attribute(NAME, 'bufferedAmountLowThreshold'));
  }
  get binaryType(): BinaryType {
    return this.#slots.binaryType;
  }
  /** As for every attribute of an enumeration type, another value is ignored. */
  set binaryType(value: BinaryType) {
    const slots = this.#slots;
    const text = DOMString(value, attribute(NAME, 'binaryType'));
    if (text === 'blob' || text === 'arraybuffer') slots.binaryType = text;
  }

  send(data: string | Blob | ArrayBuffer | ArrayBufferView): void {
    const slots = this.#slots;
    const context = method(NAME, 'send');
    requireArguments(arguments.length, 1, context);
    const converted = toSendable(data, `${context} parameter 1`);
    const { readyState, underlying } = slots;
    if (readyState !== 'open' || !underlying) {
      throw domException('InvalidStateError', `The data channel is '${readyState}', not 'open'`);
    }
    const size = sizeOf(converted);
    if (size > underlying.maxMessageSize) {
      throw fail(context, `${size} bytes are more than maxMessageSize, ${underlying.maxMessageSize}.`);
    }
    if (slots.bufferedAmount + size > underlying.maxBufferSize) {
      throw domException('OperationError', `More than ${underlying.maxBufferSize} bytes would wait to be sent`);
    }
    slots.bufferedAmount += size;
    if (slots.unread.length === 0 && !isBlob(converted)) underlying.send(converted);
    // The caller may change its bytes while the Blob before them is being read.
    else if (slots.unread.push(isBytes(converted) ? converted.slice() : converted) === 1) readAndSend(slots);
  }

  close(): void {
    const slots = this.#slots;
    if (slots.readyState === 'closing' || slots.readyState === 'closed') return;
    slots.readyState = 'closing';
    if (slots.unread.length === 0) slots.underlying?.close();
  }
}
defineEventHandlers(RTCDataChannel, ['open', 'bufferedamountlow', 'error', 'closing', 'close', 'message']);
defineInterface(RTCDataChannel, NAME);

export const isRTCDataChannel = is;

export function createDataChannel(label: string, init: DataChannelInit): RTCDataChannel {
  return new RTCDataChannel(INTERNAL, label, init);
}

export function channelSlots(channel: RTCDataChannel): Slots {
  return slotsOf(channel);
}

// --- send()

/** The overloads of send(); what is none of the objects is a string. */
function toSendable(data: unknown, context: string): Sendable {
  if (isBlob(data)) return data;
  if (isArrayBuffer(data)) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) {
    if (isSharedArrayBuffer(data.buffer)) throw fail(context, 'is a view of shared memory.');
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return USVString(data, context);
}

function isBlob(data: unknown): data is Blob {
  return data instanceof Blob;
}

function isBytes(data: Sendable): data is Uint8Array {
  return typeof data !== 'string' && !isBlob(data);
}

function sizeOf(data: Sendable): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return isBlob(data) ? data.size : data.byteLength;
}

async function readAndSend(slots: Slots): Promise<void> {
  const { unread } = slots;
  while (unread.length > 0) {
    const next = unread[0] as Sendable;
    const read = isBlob(next) ? await next.arrayBuffer().catch(() => null) : next;
    // A Blob whose source has gone has nothing to send.
    if (read === null) slots.bufferedAmount -= sizeOf(next);
    else slots.underlying?.send(typeof read === 'string' ? read : new Uint8Array(read));
    unread.shift();
  }
  if (slots.readyState === 'closing') slots.underlying?.close();
}

// --- what happens to a channel; each in a task of its own

export function announceOpen(channel: RTCDataChannel): void {
  const slots = slotsOf(channel);
  if (slots.readyState === 'closing' || slots.readyState === 'closed') return;
  slots.readyState = 'open';
  slots.wasOpen = true;
  fire(channel, 'open');
}

export function receive(channel: RTCDataChannel, data: string | ArrayBuffer, bytes: number): void {
  const slots = slotsOf(channel);
  if (slots.readyState !== 'open') return;
  slots.messagesReceived++;
  slots.bytesReceived += bytes;
  const wrapped = typeof data !== 'string' && slots.binaryType === 'blob' ? new Blob([data]) : data;
  channel.dispatchEvent(new MessageEvent('message', { data: wrapped }));
}

export function noteTransmitted(channel: RTCDataChannel, bytes: number, messages: number): void {
  const slots = slotsOf(channel);
  const before = slots.bufferedAmount;
  slots.bufferedAmount -= bytes;
  slots.bytesSent += bytes;
  slots.messagesSent += messages;
  const low = slots.bufferedAmountLowThreshold;
  if (before > low && slots.bufferedAmount <= low) fire(channel, 'bufferedamountlow');
}

/** The far end closes the channel. */
export function announceClosing(channel: RTCDataChannel): void {
  const slots = slotsOf(channel);
  if (slots.readyState === 'closing' || slots.readyState === 'closed') return;
  slots.readyState = 'closing';
  fire(channel, 'closing');
}

export function announceClosed(channel: RTCDataChannel, error: ChannelErrorData | null): void {
  const slots = slotsOf(channel);
  if (slots.readyState === 'closed') return;
  closeSlots(slots);
  if (error) {
    const { detail: errorDetail, cause, message } = error;
    const init = { errorDetail, sctpCauseCode: cause ?? undefined };
    fire(channel, 'error', () => new RTCErrorEvent('error', { error: new RTCError(init, message) }));
  }
  fire(channel, 'close');
}

/** The connection closes: no closing procedure, the state at once and the event in a task. */
export function closeAbruptly(channel: RTCDataChannel): void {
  const slots = slotsOf(channel);
  if (slots.readyState === 'closed') return;
  closeSlots(slots);
  queueTask(() => fire(channel, 'close'));
}

function closeSlots(slots: Slots): void {
  slots.readyState = 'closed';
  slots.underlying = null;
  slots.unread.length = 0;
}
