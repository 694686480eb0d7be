/**
 * MediaStream (mediacapture-main §4.2): a set of tracks.
 * Invariant: changes by the application fire no events; changes by the engine go through addToStream/removeFromStream.
 */

import { randomUUID } from './lazy';
import { isMediaStreamTrack, type MediaStreamTrack } from './MediaStreamTrack';
import { MediaStreamTrackEvent } from './MediaStreamTrackEvent';
import {
  constructing,
  DOMString,
  fail,
  interfaceType,
  isObject,
  method,
  requireArguments,
  sequence,
} from './webidl/converters';
import { fire } from './webidl/event';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { defineInterface, INTERNAL } from './webidl/interface';

const toTrack = interfaceType<MediaStreamTrack>('MediaStreamTrack', isMediaStreamTrack);

type From = MediaStream | MediaStreamTrack[] | { id: string } | undefined;

let is: (value: unknown) => value is MediaStream;
let tracksOf: (stream: MediaStream) => Set<MediaStreamTrack>;

export class MediaStream extends EventTarget {
  static {
    is = (value): value is MediaStream => isObject(value) && #tracks in value;
    tracksOf = (stream) => stream.#tracks;
  }
  readonly #id: string;
  readonly #tracks: Set<MediaStreamTrack>;

  declare onaddtrack: EventHandler<MediaStreamTrackEvent>;
  declare onremovetrack: EventHandler<MediaStreamTrackEvent>;

  constructor(from: From = undefined, token?: unknown, id?: string) {
    super();
    const named = givenId(from);
    this.#id = token === INTERNAL && id !== undefined ? id : (named ?? randomUUID());
    this.#tracks = new Set(named === undefined ? initialTracks(from) : []);
  }

  get id(): string {
    return this.#id;
  }
  get active(): boolean {
    return [...this.#tracks].some((track) => track.readyState === 'live');
  }

  getAudioTracks(): MediaStreamTrack[] {
    return [...this.#tracks].filter((track) => track.kind === 'audio');
  }
  getVideoTracks(): MediaStreamTrack[] {
    return [...this.#tracks].filter((track) => track.kind === 'video');
  }
  getTracks(): MediaStreamTrack[] {
    return [...this.#tracks];
  }

  getTrackById(trackId: string): MediaStreamTrack | null {
    const context = method('MediaStream', 'getTrackById');
    requireArguments(arguments.length, 1, context);
    const id = DOMString(trackId, `${context} parameter 1`);
    return [...this.#tracks].find((track) => track.id === id) ?? null;
  }

  addTrack(track: MediaStreamTrack): void {
    const context = method('MediaStream', 'addTrack');
    requireArguments(arguments.length, 1, context);
    this.#tracks.add(toTrack(track, `${context} parameter 1`));
  }

  removeTrack(track: MediaStreamTrack): void {
    const context = method('MediaStream', 'removeTrack');
    requireArguments(arguments.length, 1, context);
    this.#tracks.delete(toTrack(track, `${context} parameter 1`));
  }

  clone(): MediaStream {
    return new MediaStream([...this.#tracks].map((track) => track.clone()));
  }
}
defineEventHandlers(MediaStream, ['addtrack', 'removetrack']);
defineInterface(MediaStream, 'MediaStream');

export const isMediaStream = is;

/** RFC 8830 section 2: it goes into descriptions as it is. */
const STREAM_ID = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}$/;

/** Of `new MediaStream({ id })`, which node-webrtc has beyond the standard. */
function givenId(from: unknown): string | undefined {
  if (!isObject(from) || is(from) || Symbol.iterator in from || !('id' in from)) return undefined;
  const context = `${constructing('MediaStream')} parameter 1`;
  const id = DOMString(from.id, context);
  if (!STREAM_ID.test(id)) throw fail(context, `has the id '${id}', which is not a token of up to 64 characters.`);
  return id;
}

function initialTracks(from: From): Iterable<MediaStreamTrack> {
  if (from === undefined) return [];
  if (is(from)) return tracksOf(from);
  const context = `${constructing('MediaStream')} parameter 1`;
  if (!isObject(from)) throw fail(context, 'is neither a MediaStream nor a sequence of MediaStreamTrack.');
  return sequence(toTrack)(from, context);
}

/** A stream of the far end, under the id that it announced. */
export function createRemoteStream(id: string): MediaStream {
  return new MediaStream(undefined, INTERNAL, id);
}

/** W3C "add a track": fires 'addtrack' if it was not there. */
export function addToStream(stream: MediaStream, track: MediaStreamTrack): void {
  if (tracksOf(stream).has(track)) return;
  tracksOf(stream).add(track);
  fire(stream, 'addtrack', () => new MediaStreamTrackEvent('addtrack', { track }));
}

/** W3C "remove a track": fires 'removetrack' if it was there. */
export function removeFromStream(stream: MediaStream, track: MediaStreamTrack): void {
  if (tracksOf(stream).delete(track)) {
    fire(stream, 'removetrack', () => new MediaStreamTrackEvent('removetrack', { track }));
  }
}
