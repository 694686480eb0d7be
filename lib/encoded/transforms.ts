/**
 * What a sender and a receiver have of encoded transforms: `transform` and Chromium's createEncodedStreams().
 * Invariant: encoded frames make one detour at a time.
 */
import type { ReadableStream, WritableStream } from 'node:stream/web';
import { markAsUntransferable } from 'node:worker_threads';
import { binding, type Kind, type NativeDetour } from '../binding';
import type { Peer } from '../peer/peer';
import { interfaceType, nullable } from '../webidl/converters';
import { domException } from '../webidl/exceptions';
import { type EncodedFrame, FramePipe } from './FramePipe';
import { isRTCRtpScriptTransform, type RTCRtpScriptTransform, takeTransform } from './RTCRtpScriptTransform';

export interface EncodedStreams {
  readable: ReadableStream<EncodedFrame>;
  writable: WritableStream<EncodedFrame>;
}

export interface TransformSlots {
  transform: RTCRtpScriptTransform | null;
  /** Of createEncodedStreams(), which holds frames from the beginning where they were announced. */
  detour: NativeDetour | null;
  pipe: FramePipe | null;
}

/** The stream that is meant. */
export interface Way {
  peer: Peer;
  id: number;
  kind: Kind;
  sending: boolean;
}

const toTransform = nullable(interfaceType<RTCRtpScriptTransform>('RTCRtpScriptTransform', isRTCRtpScriptTransform));

export function noTransform(): TransformSlots {
  return { transform: null, detour: null, pipe: null };
}

export function setTransform(owner: object, slots: TransformSlots, way: Way, value: unknown, context: string): void {
  const transform = toTransform(value, context);
  if (slots.pipe) throw domException('InvalidStateError', 'createEncodedStreams() has been called');
  const detour = transform && takeTransform(transform, owner);
  slots.transform = transform;
  send(way, detour);
}

/** `encodedInsertableStreams`: nothing passes before createEncodedStreams() has been called. */
export function holdFrames(slots: TransformSlots, way: Way): void {
  slots.detour = new binding.Detour();
  send(way, slots.detour);
}

export function createEncodedStreams(slots: TransformSlots, way: Way): EncodedStreams {
  if (slots.pipe) throw domException('InvalidStateError', 'The streams have been created before');
  if (slots.transform) throw domException('InvalidStateError', 'There is a transform');
  if (way.peer.closed) throw domException('InvalidStateError', 'The connection is closed');
  if (!slots.detour) holdFrames(slots, way);
  slots.pipe = new FramePipe((slots.detour as NativeDetour).id, { strict: true });
  const { readable, writable } = slots.pipe;
  // Node cannot clone frames, so that at the other end of a transfer there would be empty objects.
  markAsUntransferable(readable);
  markAsUntransferable(writable);
  return { readable, writable };
}

function send({ peer, id, kind, sending }: Way, detour: NativeDetour | null): void {
  if (!peer.closed) peer.native.setDetour(id, kind === 'video', sending, detour);
}
