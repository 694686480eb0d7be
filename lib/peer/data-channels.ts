/**
 * The data channels of a connection and the SCTP transport that carries them (webrtc-pc §6).
 * Invariants: no two channels that are not closed have the same id; the engine knows a channel from the moment that its
 * id is known and a data section is negotiated.
 */
import type { ChannelData, ChannelErrorData, ConnectionReport, NativeConnection, Snapshot } from '../binding';
import { within } from '../context';
import { queueTask } from '../lane';
import {
  announceClosed,
  announceClosing,
  announceOpen,
  channelSlots,
  closeAbruptly,
  createDataChannel,
  type DataChannelInit,
  noteTransmitted,
  type RTCDataChannel,
  receive,
  type Underlying,
} from '../RTCDataChannel';
import { RTCDataChannelEvent } from '../RTCDataChannelEvent';
import type { RTCDtlsTransport } from '../RTCDtlsTransport';
import { createSctpTransport, type RTCSctpTransport, sctpSlots } from '../RTCSctpTransport';
import { fire } from '../webidl/event';
import { domException } from '../webidl/exceptions';
import type { Peer } from './peer';

/** What the engine lets wait to be sent, in bytes; as in Chromium. */
const SEND_BUFFER_BYTES = 16 * 1024 * 1024;
/** RFC 8832 §6: 65535 is no stream. */
const MAX_ID = 65534;
/** RFC 8831 §6.4. */
const PRIORITIES: Record<RTCPriorityType, number> = { 'very-low': 128, low: 256, medium: 512, high: 1024 };

export type DataReport = Extract<ConnectionReport, { type: 'sctp' | `channel${string}` }>;
type DataSection = NonNullable<Snapshot['data']>;

export class DataChannels {
  /** Null while no data section is described. */
  sctp: RTCSctpTransport | null = null;
  /** Of the data section. */
  mid: string | null = null;

  readonly #peer: Peer;
  readonly #native: NativeConnection;
  readonly #target: EventTarget;
  /** Those that are not closed. */
  readonly #all = new Set<RTCDataChannel>();
  readonly #ids = new Set<number>();
  /** By the engine's name. */
  readonly #named = new Map<number, RTCDataChannel>();
  /** How many were open at some time and are closed. */
  #gone = 0;
  /** The transport that reports are about; it outlives a data section that was taken back. */
  #association: RTCSctpTransport | null = null;
  /** As the transport is to be, or is already: known before a data section is agreed on where others share it. */
  #role: 'client' | 'server' | null = null;
  /** There is an answer: the engine carries channels. */
  #agreed = false;

  constructor(peer: Peer, target: EventTarget) {
    this.#peer = peer;
    this.#native = peer.native;
    this.#target = target;
  }

  get all(): RTCDataChannel[] {
    return [...this.#all];
  }

  /** How many were open at some time, and how many of these are not any more: for statistics. */
  get counts(): { opened: number; closed: number } {
    const known = this.all.filter((channel) => channelSlots(channel).wasOpen);
    const leaving = known.filter(({ readyState }) => readyState !== 'open');
    return { opened: this.#gone + known.length, closed: this.#gone + leaving.length };
  }

  /** createDataChannel(), from the choice of an id on. */
  create(label: string, init: DataChannelInit): RTCDataChannel {
    const id = init.negotiated ? init.id : this.#role ? this.#freeId(this.#role) : undefined;
    if (id === null) throw domException('OperationError', 'No id is left for another data channel');
    if (id !== undefined && this.#ids.has(id)) throw domException('OperationError', `The id ${id} is in use`);
    const maxChannels = this.sctp?.maxChannels ?? Number.POSITIVE_INFINITY;
    if (id !== undefined && id >= maxChannels) {
      throw domException('OperationError', `The id ${id} is not below maxChannels, ${maxChannels}`);
    }
    const channel = createDataChannel(label, { ...init, id });
    this.#add(channel);
    const closing = () => within(this.#peer, queueTask, () => this.end(channel, null));
    channelSlots(channel).underlying = { send() {}, close: closing, maxMessageSize: 0, maxBufferSize: 0 };
    if (this.#agreed) this.#open(channel);
    return channel;
  }

  /** Mirrors what is described; `dtls` carries it. */
  refresh(data: DataSection | null | undefined, dtls: RTCDtlsTransport | undefined): void {
    this.#role = data?.dtlsRole ?? null;
    this.mid = data?.mid ?? null;
    if (!data || !dtls) {
      this.sctp = null;
      this.#agreed = false;
      return;
    }
    this.sctp ??= createSctpTransport(dtls);
    sctpSlots(this.sctp).transport = dtls;
  }

  /** An answer was applied: the limit is known, and who has which ids. Returns channels for which none was left. */
  negotiated(data: DataSection | null | undefined): RTCDataChannel[] {
    if (!data || !this.sctp) return [];
    const { maxMessageSize } = data;
    sctpSlots(this.sctp).maxMessageSize = Math.min(maxMessageSize || SEND_BUFFER_BYTES, SEND_BUFFER_BYTES);
    if (!this.#role) return [];
    this.#agreed = true;
    const known = new Set(this.#named.values());
    const without: RTCDataChannel[] = [];
    for (const channel of this.#all) {
      const slots = channelSlots(channel);
      if (known.has(channel) || slots.readyState !== 'connecting') continue;
      slots.id ??= this.#freeId(this.#role) ?? undefined;
      this.#add(channel);
      if (slots.id === undefined) without.push(channel);
      else this.#open(channel);
    }
    return without;
  }

  report(report: DataReport): void {
    if (report.type === 'sctp') {
      this.#transportChanged(report.state, report.maxChannels ?? null);
      return;
    }
    if (report.type === 'channelannounced') {
      this.#announce(report.channel, report.stream, report.init);
      return;
    }
    const channel = this.#named.get(report.channel);
    switch (report.type) {
      case 'channelopened':
        if (channel) announceOpen(channel);
        break;
      case 'channelmessage':
        if (channel) receive(channel, report.data, report.bytes);
        this.#native.handledMessage(report.bytes);
        break;
      case 'channeltransmitted':
        if (channel) noteTransmitted(channel, report.bytes, report.messages);
        break;
      case 'channelclosing':
        if (channel) announceClosing(channel);
        break;
      case 'channelclosed':
        if (channel) this.end(channel, report.error ?? null);
        break;
    }
  }

  /** A channel is closed, or could not be made. */
  end(channel: RTCDataChannel, error: ChannelErrorData | null): void {
    if (!this.#all.delete(channel)) return;
    if (channel.id !== null) this.#ids.delete(channel.id);
    for (const [name, named] of this.#named) if (named === channel) this.#named.delete(name);
    if (channelSlots(channel).wasOpen) this.#gone++;
    announceClosed(channel, error);
  }

  /** The engine has lost the connection. */
  fail(message: string): void {
    this.#transportChanged('closed', null);
    for (const channel of this.all) this.end(channel, { detail: 'sctp-failure', message });
  }

  /** The connection closes: no event but the channels' own. */
  close(): void {
    for (const transport of [this.sctp, this.#association]) if (transport) sctpSlots(transport).state = 'closed';
    for (const channel of this.#all) closeAbruptly(channel);
    this.#named.clear();
  }

  #open(channel: RTCDataChannel): void {
    const native = this.#native;
    const slots = channelSlots(channel);
    const name = native.openChannel(slots.id as number, {
      label: slots.label,
      protocol: slots.protocol,
      ordered: slots.ordered,
      maxRetransmits: slots.maxRetransmits,
      maxPacketLifeTime: slots.maxPacketLifeTime,
      priority: PRIORITIES[slots.priority],
      negotiated: slots.negotiated,
    });
    this.#name(channel, name);
  }

  #name(channel: RTCDataChannel, name: number): void {
    const native = this.#native;
    const transport = () => this.sctp ?? this.#association;
    const underlying: Underlying = {
      send: (data) => (typeof data === 'string' ? native.sendText(name, data) : native.sendBinary(name, data)),
      close: () => native.closeChannel(name),
      get maxMessageSize() {
        return transport()?.maxMessageSize ?? SEND_BUFFER_BYTES;
      },
      maxBufferSize: SEND_BUFFER_BYTES,
    };
    this.#named.set(name, channel);
    channelSlots(channel).underlying = underlying;
  }

  /** The far end has created a channel; that it is open is the next report. */
  #announce(name: number, id: number, data: ChannelData): void {
    const channel = createDataChannel(data.label, {
      id,
      negotiated: false,
      ordered: data.ordered,
      protocol: data.protocol,
      priority: priorityOf(data.priority),
      ...(typeof data.maxRetransmits === 'number' && { maxRetransmits: data.maxRetransmits }),
      ...(typeof data.maxPacketLifeTime === 'number' && { maxPacketLifeTime: data.maxPacketLifeTime }),
    });
    this.#add(channel);
    this.#name(channel, name);
    Object.assign(channelSlots(channel), { readyState: 'open', wasOpen: true });
    fire(this.#target, 'datachannel', () => new RTCDataChannelEvent('datachannel', { channel }));
  }

  #transportChanged(state: RTCSctpTransportState, maxChannels: number | null): void {
    const known = this.#association;
    if (state === 'connecting') {
      // A transport that was closed stays so; the next association has another.
      if (this.sctp?.state === 'closed') {
        const { transport, maxMessageSize } = this.sctp;
        this.sctp = createSctpTransport(transport);
        sctpSlots(this.sctp).maxMessageSize = maxMessageSize;
      }
      this.#association = this.sctp;
      return;
    }
    if (!known || known.state === state || known.state === 'closed') return;
    const slots = sctpSlots(known);
    slots.state = state;
    slots.maxChannels = maxChannels ?? slots.maxChannels;
    fire(known, 'statechange');
  }

  #add(channel: RTCDataChannel): void {
    this.#all.add(channel);
    if (channel.id !== null) this.#ids.add(channel.id);
  }

  /** RFC 8832 §6: even ids are the DTLS client's, odd ones the server's. */
  #freeId(role: 'client' | 'server'): number | null {
    const limit = Math.min(this.sctp?.maxChannels ?? MAX_ID + 1, MAX_ID + 1);
    for (let id = role === 'client' ? 0 : 1; id < limit; id += 2) if (!this.#ids.has(id)) return id;
    return null;
  }
}

/** The far end may write any number. */
function priorityOf(value: number): RTCPriorityType {
  if (value <= PRIORITIES['very-low']) return 'very-low';
  if (value <= PRIORITIES.low) return 'low';
  return value <= PRIORITIES.medium ? 'medium' : 'high';
}
