/**
 * What has happened in the connections of this thread, put together from the lines that the log has anyway.
 * Invariants: it holds no connection, only what was said of it; what it keeps is bounded, whatever the connections do:
 * the oldest goes first, and how much went is counted.
 */
import type { Fields, Level, Line, Namespace } from '../log';
import type { Sample } from './sample';

/** Of one connection. */
const MAX_EVENTS = 300;
const MAX_DESCRIPTIONS = 24;
/** Five minutes at one a second. */
const MAX_SAMPLES = 300;
/** Connections; those that are over go first. */
const MAX_RECORDS = 200;
/** UTF-16 units: of one value in a line, of one description, of all descriptions. */
const MAX_VALUE = 500;
const MAX_DESCRIPTION = 64 * 1024;
const MAX_TEXT = 8 * 1024 * 1024;

export interface HistoryEvent {
  unixMs: number;
  namespace: Namespace;
  level: Level;
  message: string;
  fields: Fields;
}

export interface Description {
  unixMs: number;
  side: 'local' | 'remote';
  type: string;
  sdp: string;
}

export interface ConnectionHistory {
  id: number;
  /** Milliseconds since the Unix epoch. */
  openedMs: number;
  endedMs: number | null;
  events: HistoryEvent[];
  descriptions: Description[];
  samples: Sample[];
  /** What went for want of room. */
  forgotten: { events: number; descriptions: number; samples: number };
}

export class History {
  readonly #records = new Map<number, ConnectionHistory>();
  #text = 0;

  get records(): ConnectionHistory[] {
    return [...this.#records.values()];
  }

  get(id: number): ConnectionHistory | undefined {
    return this.#records.get(id);
  }

  /** The record of a connection, a new one if it has none yet. */
  of(id: number, openedMs: number): ConnectionHistory {
    const known = this.#records.get(id);
    if (known) return known;
    const forgotten = { events: 0, descriptions: 0, samples: 0 };
    const record = { id, openedMs, endedMs: null, events: [], descriptions: [], samples: [], forgotten };
    this.#records.set(id, record);
    if (this.#records.size > MAX_RECORDS) this.#forgetOne(id);
    return record;
  }

  line({ connection, unixMs, namespace, level, message, fields }: Line): void {
    const record = this.of(connection, unixMs);
    const { sdp, ...rest } = fields;
    push(record, 'events', { unixMs, namespace, level, message, fields: shortened(rest) }, MAX_EVENTS);
    if (namespace === 'sdp') this.#describe(record, unixMs, message, String(sdp ?? ''));
    if (namespace === 'connection' && message === 'closed') record.endedMs = unixMs;
  }

  sample(id: number, sample: Sample): void {
    const record = this.#records.get(id);
    if (record) push(record, 'samples', sample, MAX_SAMPLES);
  }

  #describe(record: ConnectionHistory, unixMs: number, message: string, sdp: string): void {
    const [side, type = ''] = message.split(' ');
    const text = sdp.length > MAX_DESCRIPTION ? `${sdp.slice(0, MAX_DESCRIPTION)}\r\n…` : sdp;
    const gone = push(
      record,
      'descriptions',
      { unixMs, side: side as Description['side'], type, sdp: text },
      MAX_DESCRIPTIONS,
    );
    this.#text += text.length - (gone?.sdp.length ?? 0);
    for (const other of this.#records.values()) {
      while (
        this.#text > MAX_TEXT &&
        other.descriptions.length > 0 &&
        (other !== record || other.descriptions.length > 1)
      ) {
        this.#text -= other.descriptions.shift()?.sdp.length ?? 0;
        other.forgotten.descriptions += 1;
      }
    }
  }

  #forgetOne(except: number): void {
    const all = this.records.filter(({ id }) => id !== except);
    const victim = all.find(({ endedMs }) => endedMs !== null) ?? all[0];
    if (!victim) return;
    for (const { sdp } of victim.descriptions) this.#text -= sdp.length;
    this.#records.delete(victim.id);
  }
}

/** Appends; returns what had to go for it. */
function push<K extends 'events' | 'descriptions' | 'samples'>(
  record: ConnectionHistory,
  list: K,
  item: ConnectionHistory[K][number],
  most: number,
): ConnectionHistory[K][number] | undefined {
  const items = record[list] as ConnectionHistory[K][number][];
  items.push(item);
  if (items.length <= most) return undefined;
  record.forgotten[list] += 1;
  return items.shift();
}

function shortened(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' && value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value,
    ]),
  );
}
