/** RTCStatsReport (webrtc-pc §8.6): a read-only map from id to statistics. */
import { callback, DOMString, method } from './webidl/converters';
import { defineInterface, requireInternal } from './webidl/interface';

/** RTCStats and what its type adds. */
export interface StatsEntry extends Record<string, unknown> {
  id: string;
  timestamp: DOMHighResTimeStamp;
  type: string;
}

export class RTCStatsReport {
  readonly #map: ReadonlyMap<string, StatsEntry>;

  constructor(token: unknown = undefined, entries: Iterable<StatsEntry> = []) {
    requireInternal(token, 'RTCStatsReport');
    this.#map = new Map([...entries].map((entry) => [entry.id, entry]));
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: string): StatsEntry | undefined {
    return this.#map.get(DOMString(key, method('RTCStatsReport', 'get')));
  }
  has(key: string): boolean {
    return this.#map.has(DOMString(key, method('RTCStatsReport', 'has')));
  }
  // Not MapIterator, which TypeScript before 5.6 does not know.
  entries(): IterableIterator<[string, StatsEntry]> {
    return this.#map.entries();
  }
  keys(): IterableIterator<string> {
    return this.#map.keys();
  }
  values(): IterableIterator<StatsEntry> {
    return this.#map.values();
  }

  forEach(callbackFn: (value: StatsEntry, key: string, report: RTCStatsReport) => void, thisArg?: unknown): void {
    const call = callback<typeof callbackFn>(callbackFn, `${method('RTCStatsReport', 'forEach')} parameter 1`);
    for (const [key, value] of this.#map) call.call(thisArg, value, key, this);
  }
}
// A maplike's @@iterator is its entries method itself.
Object.defineProperty(RTCStatsReport.prototype, Symbol.iterator, {
  value: RTCStatsReport.prototype.entries,
  writable: true,
  configurable: true,
});
defineInterface(RTCStatsReport, 'RTCStatsReport', { forEach: 1 });
