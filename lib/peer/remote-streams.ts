/**
 * The streams that the far end announces (webrtc-pc §4.4.1.5, "set the associated remote streams").
 * Invariants: one MediaStream per id for the life of the connection; tracks move only in flush(), removals first.
 */
import { addToStream, createRemoteStream, type MediaStream, removeFromStream } from '../MediaStream';
import type { MediaStreamTrack } from '../MediaStreamTrack';

interface Move {
  stream: MediaStream;
  track: MediaStreamTrack;
}

export class RemoteStreams {
  readonly #byId = new Map<string, MediaStream>();
  #add: Move[] = [];
  #remove: Move[] = [];

  /** Streams with a remote track in them. */
  get all(): MediaStream[] {
    return [...this.#byId.values()].filter((stream) => stream.getTracks().length > 0);
  }

  /** Plans what makes `track` belong to the streams of `ids` and to no other; `more`: to one that it was not in. */
  associate(
    track: MediaStreamTrack,
    present: readonly MediaStream[],
    ids: readonly string[],
  ): { streams: MediaStream[]; more: boolean } {
    const streams = [...new Set(ids)].map((id) => this.#stream(id));
    for (const stream of present) if (!streams.includes(stream)) this.#remove.push({ stream, track });
    const joined = streams.filter((stream) => !present.includes(stream));
    for (const stream of joined) this.#add.push({ stream, track });
    return { streams, more: joined.length > 0 };
  }

  /** Carries out what was planned, with its events; returns streams that were empty before, and that are now. */
  flush(): { fresh: MediaStream[]; emptied: MediaStream[] } {
    const add = this.#add;
    const remove = this.#remove;
    this.#add = [];
    this.#remove = [];
    for (const { stream, track } of remove) removeFromStream(stream, track);
    const fresh = new Set(add.map(({ stream }) => stream).filter((stream) => stream.getTracks().length === 0));
    for (const { stream, track } of add) addToStream(stream, track);
    const emptied = new Set(remove.map(({ stream }) => stream).filter((stream) => stream.getTracks().length === 0));
    return { fresh: [...fresh], emptied: [...emptied] };
  }

  #stream(id: string): MediaStream {
    let stream = this.#byId.get(id);
    if (!stream) {
      stream = createRemoteStream(id);
      this.#byId.set(id, stream);
    }
    return stream;
  }
}
