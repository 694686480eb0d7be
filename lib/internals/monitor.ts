/**
 * The connections of this thread as somebody looks at them.
 * Invariants: it keeps no connection alive and holds no event loop; statistics are asked for only while somebody watches,
 * one connection after the other, so that fifty of them do not answer in one go.
 */
import { binding } from '../binding';
import { living, owner } from '../lane';
import { type Line, watchLines } from '../log';
import type { Peer } from '../peer/peer';
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../timers';
import { type ConnectionHistory, History, type HistoryEvent } from './history';
import { type Sample, type States, type Stats, sampleOf } from './sample';

const POLL_MS = 1000;
/** Lines of so long go out together. */
const GATHER_MS = 100;

export const FORMAT = 'webphone-rtc/internals';
export const FORMAT_VERSION = 1;

/** What a page shows, and what a dump is. */
export interface Dump {
  format: typeof FORMAT;
  formatVersion: typeof FORMAT_VERSION;
  takenMs: number;
  process: { pid: number; node: string; platform: string; version: string; upSeconds: number; rssBytes: number };
  connections: (ConnectionHistory & { states: States | null; stats?: Stats[] })[];
}

export interface Update {
  /** Whole records of connections that the watcher may not know. */
  opened: ConnectionHistory[];
  events: { id: number; endedMs: number | null; event: HistoryEvent; sdp?: string }[];
  samples: { id: number; sample: Sample }[];
  ended: { id: number; endedMs: number }[];
}

export type Watcher = (update: Update) => void;

export class Monitor {
  readonly #history = new History();
  readonly #watchers = new Set<Watcher>();
  readonly #reports = new Map<number, Stats[]>();
  readonly #endLines: () => void;
  #waiting: Update = nothing();
  #gather: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #polling = false;

  constructor() {
    this.#endLines = watchLines((line) => this.#line(line));
  }

  stop(): void {
    this.#endLines();
    this.#watchers.clear();
    this.#idle();
  }

  /** `watcher` is told of what happens from now on, until what is returned is called. */
  watch(watcher: Watcher): () => void {
    // What waits is older than this watcher, and in the dump that it begins with.
    if (this.#watchers.size > 0) this.#tell();
    this.#watchers.add(watcher);
    if (!this.#poll) {
      this.#poll = setInterval(() => void this.#round(), POLL_MS);
      this.#poll.unref();
      void this.#round();
    }
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#idle();
    };
  }

  /** All there is to show. */
  dump(): Dump {
    const peers = this.#look();
    return {
      format: FORMAT,
      formatVersion: FORMAT_VERSION,
      takenMs: Date.now(),
      process: {
        pid: process.pid,
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        version: binding.version(),
        upSeconds: Math.round(process.uptime()),
        rssBytes: process.memoryUsage.rss(),
      },
      connections: this.#history.records.map((record) => {
        const peer = peers.get(record.id);
        return { ...record, states: peer ? statesOf(peer) : null };
      }),
    };
  }

  /** With the statistics of this moment; of what is over, the last that were seen. */
  async fullDump(): Promise<Dump> {
    const dump = this.dump();
    for (const connection of dump.connections) connection.stats = await this.stats(connection.id);
    return dump;
  }

  /** undefined: nothing is known of such a connection. */
  async stats(id: number): Promise<Stats[] | undefined> {
    const peer = this.#look().get(id);
    if (!peer || peer.closed) return this.#reports.get(id);
    return entriesOf(peer);
  }

  #line(line: Line): void {
    const { connection: id } = line;
    const known = this.#history.get(id);
    // The last lines of one that was closed before this monitor began.
    if (!known && (owner('connection', id) as Peer | undefined)?.closed !== false) return;
    this.#history.line(line);
    if (this.#watchers.size === 0) return;
    const record = this.#history.get(id);
    const event = record?.events.at(-1);
    if (!record || !event) return;
    const sdp = line.namespace === 'sdp' ? record.descriptions.at(-1)?.sdp : undefined;
    if (!known) this.#waiting.opened.push({ ...record, events: [], descriptions: [], samples: [] });
    this.#waiting.events.push({ id, endedMs: record.endedMs, event, sdp });
    this.#gather ??= setTimeout(() => this.#tell(), GATHER_MS).unref();
  }

  /** The living connections; those that were there before this monitor, and those that died silently, are noted. */
  #look(): Map<number, Peer> {
    const peers = new Map(living('connection') as Iterable<[number, Peer]>);
    for (const [id, { closed, createdAt }] of peers) if (!closed) this.#history.of(id, createdAt);
    for (const record of this.#history.records) {
      if (record.endedMs !== null || peers.has(record.id)) continue;
      record.endedMs = Date.now();
      this.#waiting.ended.push({ id: record.id, endedMs: record.endedMs });
    }
    for (const id of this.#reports.keys()) if (!this.#history.get(id)) this.#reports.delete(id);
    return peers;
  }

  async #round(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      for (const id of this.#look().keys()) {
        if (this.#watchers.size === 0) return;
        await this.#sample(id);
      }
      this.#tell();
    } finally {
      this.#polling = false;
    }
  }

  async #sample(id: number): Promise<void> {
    const peer = this.#look().get(id);
    if (!peer || peer.closed) return;
    const stats = await entriesOf(peer);
    const sample = sampleOf(stats, this.#reports.get(id), statesOf(peer));
    this.#reports.set(id, stats);
    this.#history.sample(id, sample);
    this.#waiting.samples.push({ id, sample });
  }

  #tell(): void {
    clearTimeout(this.#gather);
    this.#gather = undefined;
    const update = this.#waiting;
    this.#waiting = nothing();
    for (const watcher of this.#watchers) watcher(update);
  }

  /** Nobody watches: nothing is done until somebody does. */
  #idle(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#gather);
    this.#poll = undefined;
    this.#gather = undefined;
    this.#waiting = nothing();
  }
}

function nothing(): Update {
  return { opened: [], events: [], samples: [], ended: [] };
}

function statesOf({ connectionState, iceConnectionState, iceGatheringState, signalingState }: Peer): States {
  return {
    connection: connectionState,
    ice: iceConnectionState,
    gathering: iceGatheringState,
    signaling: signalingState,
  };
}

async function entriesOf(peer: Peer): Promise<Stats[]> {
  return [...(await peer.getStats({})).values()] as Stats[];
}
