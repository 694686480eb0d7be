// What the page knows. Invariant: a live page and a dump that was opened later go through the same code.

const FORMAT = 'webphone-rtc/internals';
/** As many as the server keeps. */
const MOST = { events: 300, descriptions: 24, samples: 300 };

export class Model {
  connections = new Map();
  process = null;
  takenMs = null;

  /** Everything at once, from the server or from a file. Throws an Error with plain words if it is something else. */
  static from(dump) {
    if (dump?.format !== FORMAT || !Array.isArray(dump.connections)) throw new Error('This is no dump of webphone-rtc');
    if (dump.formatVersion !== 1)
      throw new Error(`This dump is of the format ${dump.formatVersion}; this page reads 1`);
    const model = new Model();
    model.process = dump.process;
    model.takenMs = dump.takenMs;
    for (const connection of dump.connections) model.connections.set(connection.id, connection);
    return model;
  }

  /** Returns the ids of what has changed. */
  update({ opened, events, samples, ended }) {
    const changed = new Set();
    const of = (id, openedMs) => {
      changed.add(id);
      let connection = this.connections.get(id);
      if (!connection) {
        const none = {
          events: [],
          descriptions: [],
          samples: [],
          forgotten: { events: 0, descriptions: 0, samples: 0 },
        };
        connection = { id, openedMs, endedMs: null, states: null, ...none };
        this.connections.set(id, connection);
      }
      return connection;
    };
    for (const { id, openedMs } of opened) of(id, openedMs);
    for (const { id, endedMs, event, sdp } of events) {
      const connection = of(id, event.unixMs);
      append(connection, 'events', event);
      if (sdp !== undefined) {
        const [side, type] = event.message.split(' ');
        append(connection, 'descriptions', { unixMs: event.unixMs, side, type, sdp });
      }
      if (event.namespace === 'connection') {
        if (event.message === 'closed' || connection.states) setState(connection, event.message);
        connection.endedMs = endedMs;
      }
    }
    for (const { id, sample } of samples) {
      const connection = of(id, sample.unixMs);
      append(connection, 'samples', sample);
      if (connection.endedMs === null) connection.states = sample.states;
    }
    for (const { id, endedMs } of ended) of(id, endedMs).endedMs = endedMs;
    return changed;
  }
}

function append(connection, list, item) {
  connection[list].push(item);
  if (connection[list].length <= MOST[list]) return;
  connection[list].shift();
  connection.forgotten[list] += 1;
}

const STATES = ['new', 'connecting', 'connected', 'disconnected', 'failed', 'closed'];

function setState(connection, message) {
  if (STATES.includes(message)) connection.states = { ...connection.states, connection: message };
}

/** The state in one word. */
export function stateOf(connection) {
  if (connection.endedMs !== null) {
    return connection.events.some(({ namespace, message }) => namespace === 'connection' && message === 'failed')
      ? 'failed, closed'
      : 'closed';
  }
  if (connection.states) return connection.states.connection;
  const last = connection.events.findLast(
    ({ namespace, message }) => namespace === 'connection' && STATES.includes(message),
  );
  return last?.message ?? 'new';
}

const TONES = {
  connected: 'good',
  completed: 'good',
  stable: 'good',
  disconnected: 'bad',
  failed: 'bad',
  closed: 'over',
  'failed, closed': 'bad',
};

/** How to colour a state. */
export const toneOf = (state) => TONES[state] ?? 'busy';

export const lastSample = (connection) => connection.samples.at(-1);

export function clock(unixMs, digits = 0) {
  const date = new Date(unixMs);
  const two = (n) => String(n).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return digits ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
}

export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  return s >= 3600
    ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
    : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** `unit` after a number of so many digits; a dash for what is not known. */
export function amount(value, unit, digits = 0) {
  return value === undefined || value === null ? '–' : `${value.toFixed(digits)}${unit ? ` ${unit}` : ''}`;
}

export const decibels = (level) => (level > 0.00001 ? 20 * Math.log10(level) : -100);

/** A new element with attributes and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
