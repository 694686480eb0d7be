// One connection in full. Invariant: it is built once and then updated in place, so that a focus, a scroll or a selection stays.

import { difference } from './diff.mjs';
import { amount, clock, decibels, lastSample, make, setText, span, stateOf, toneOf } from './model.mjs';
import { draw } from './plot.mjs';
import { drawTimeline } from './timeline.mjs';

const PLOTS = [
  {
    title: 'Level',
    unit: 'dBFS',
    fixed: [-80, 0],
    least: 0,
    series: [
      ['received', 'in', ({ receive }) => receive?.level !== undefined && decibels(receive.level)],
      ['sent', 'out', ({ send }) => send?.level !== undefined && decibels(send.level)],
    ],
  },
  {
    title: 'Loss',
    unit: '%',
    least: 5,
    series: [
      ['received', 'in', ({ receive }) => receive?.loss],
      ['sent', 'out', ({ send }) => send?.loss],
      ['concealed', 'third', ({ receive }) => receive?.concealed],
    ],
  },
  {
    title: 'Jitter',
    unit: 'ms',
    least: 10,
    series: [
      ['received', 'in', ({ receive }) => receive?.jitterMs],
      ['sent', 'out', ({ send }) => send?.jitterMs],
    ],
  },
  {
    title: 'Delay',
    unit: 'ms',
    least: 50,
    series: [
      ['buffer', 'in', ({ receive }) => receive?.delayMs],
      ['round trip', 'out', ({ rttMs }) => rttMs],
    ],
  },
  {
    title: 'Bit rate',
    unit: 'kbit/s',
    least: 20,
    series: [
      ['received', 'in', ({ receive }) => receive?.kbps],
      ['sent', 'out', ({ send }) => send?.kbps],
    ],
  },
  {
    title: 'Packets',
    unit: 'in the second',
    least: 50,
    series: [
      ['received', 'in', ({ receive }) => receive?.packets],
      ['sent', 'out', ({ send }) => send?.packets],
    ],
  },
];
/** Of a plot: as much as there is, between these. */
const WINDOW_MS = { least: 30_000, most: 180_000 };
const FACTS = [
  'State',
  'ICE',
  'DTLS',
  'Signaling',
  'Received codec',
  'Sent codec',
  'Opened',
  'Lasted',
  'Local end',
  'Remote end',
  'Encryption',
];

export class Detail {
  #connection;
  #frozenAt = null;
  #statsOf;
  #parts = {};
  #told = { events: -1, descriptions: -1, filter: '' };

  /** `statsOf(connection)`: a promise of what getStats() says. */
  constructor(into, connection, { frozenAt, statsOf }) {
    this.#connection = connection;
    this.#frozenAt = frozenAt;
    this.#statsOf = statsOf;
    into.replaceChildren(...this.#build());
    this.update();
  }

  #build() {
    const parts = this.#parts;
    parts.state = make('span', { class: 'tone' });
    const title = make(
      'div',
      { class: 'title-line' },
      make('a', { class: 'button back', href: '#' }, '← All connections'),
      make('h2', {}, `Connection ${this.#connection.id}`),
      parts.state,
    );
    const facts = make('dl', { class: 'facts panel' });
    parts.facts = {};
    for (const name of FACTS) {
      parts.facts[name] = make('dd', {});
      facts.append(make('div', name === 'State' ? { class: 'wide' } : {}, make('dt', {}, name), parts.facts[name]));
    }
    return [
      title,
      facts,
      this.#buildPlots(),
      this.#buildTimeline(),
      this.#buildSdp(),
      this.#buildLog(),
      this.#buildStats(),
    ];
  }

  #buildPlots() {
    const plots = make('div', { class: 'plots' });
    this.#parts.plots = PLOTS.map((plot) => {
      const canvas = make('canvas', { role: 'img' });
      const keys = plot.series.map(([name, ink]) => ({ name, key: make('span', { class: 'key', 'data-ink': ink }) }));
      const caption = make('figcaption', {}, `${plot.title} `, ...keys.map(({ key }) => key));
      plots.append(make('figure', {}, caption, canvas));
      return { plot, canvas, keys };
    });
    return plots;
  }

  #buildTimeline() {
    const parts = this.#parts;
    parts.span = choice('Span', [
      ['all', 'the whole connection'],
      ['first', 'the first 5 seconds'],
      ['last', 'the last minute'],
    ]);
    parts.span.select.addEventListener('change', () => this.#updateTimeline());
    parts.timeline = make('div', { class: 'timeline' });
    return panel('Time line', make('div', { class: 'controls' }, parts.span.label), parts.timeline);
  }

  #buildSdp() {
    const parts = this.#parts;
    parts.shown = choice('Description', []);
    parts.against = choice('compared with', []);
    const box = make('input', { type: 'checkbox' });
    parts.changesOnly = box;
    parts.sdp = make('div', { class: 'sdp mono', tabindex: '0', role: 'region', 'aria-label': 'Session description' });
    parts.summary = make('p', { role: 'status' });
    parts.shown.select.addEventListener('change', () => this.#comparePrevious());
    for (const control of [parts.against.select, box]) control.addEventListener('change', () => this.#drawSdp());
    const controls = make(
      'div',
      { class: 'controls' },
      parts.shown.label,
      parts.against.label,
      make('label', {}, box, 'changes only'),
      parts.summary,
    );
    return panel('Session descriptions', controls, parts.sdp);
  }

  #buildLog() {
    const parts = this.#parts;
    parts.filter = choice('Show', [
      ['', 'everything'],
      ['connection', 'connection'],
      ['signaling', 'signaling'],
      ['ice', 'ICE'],
      ['candidate', 'candidates'],
      ['dtls', 'DTLS'],
      ['media', 'media and digits'],
      ['data', 'data channels'],
    ]);
    parts.filter.select.addEventListener('change', () => this.#updateLog());
    parts.lost = make('span', {});
    parts.rows = make('tbody', {});
    const head = ['Time', 'Of', 'What happened'].map((name) => make('th', { scope: 'col' }, name));
    const table = make('table', {}, make('thead', {}, make('tr', {}, ...head)), parts.rows);
    parts.log = make('div', { class: 'log', tabindex: '0', role: 'region', 'aria-label': 'Events' }, table);
    return panel('Events', make('div', { class: 'controls' }, parts.filter.label, parts.lost), parts.log);
  }

  #buildStats() {
    const text = make('pre', { class: 'stats mono', tabindex: '0' });
    const again = make('button', { type: 'button' }, 'Read again');
    const details = make(
      'details',
      { class: 'panel' },
      make('summary', {}, 'Statistics as getStats() has them'),
      again,
      text,
    );
    const read = async () => {
      try {
        text.textContent = JSON.stringify(await this.#statsOf(this.#connection), null, 2);
      } catch (error) {
        text.textContent = error.message;
      }
    };
    again.addEventListener('click', read);
    details.addEventListener('toggle', () => details.open && read());
    return details;
  }

  get #now() {
    return this.#frozenAt ?? Date.now();
  }

  update() {
    const connection = this.#connection;
    const sample = lastSample(connection);
    const state = stateOf(connection);
    const { facts } = this.#parts;
    setText(this.#parts.state, state);
    this.#parts.state.dataset.tone = toneOf(state);
    const states = connection.endedMs === null ? connection.states : { ice: 'closed', signaling: 'closed' };
    const values = {
      State: `${state}${reasonOf(connection)}`,
      ICE: states ? `${states.ice}${states.gathering ? `, gathering ${states.gathering}` : ''}` : '–',
      DTLS: sample?.dtls ?? '–',
      Signaling: states?.signaling ?? '–',
      'Received codec': sample?.receive?.codec ?? '–',
      'Sent codec': sample?.send?.codec ?? '–',
      Opened: clock(connection.openedMs),
      Lasted: span((connection.endedMs ?? this.#now) - connection.openedMs),
      'Local end': sample?.pair?.local ?? '–',
      'Remote end': sample?.pair?.remote ?? '–',
      Encryption: sample?.cipher ?? '–',
    };
    for (const [name, value] of Object.entries(values)) setText(facts[name], value);
    this.#updatePlots();
    this.#updateTimeline();
    this.#updateSdp();
    this.#updateLog();
  }

  /** Also when the window has another size or the colours have changed. */
  redraw() {
    this.#updatePlots();
    this.#updateTimeline();
  }

  #updatePlots() {
    const { samples, endedMs } = this.#connection;
    const to = endedMs === null && this.#frozenAt === null ? Date.now() : (samples.at(-1)?.unixMs ?? this.#now);
    const there = to - (samples[0]?.unixMs ?? to);
    const from = to - Math.min(WINDOW_MS.most, Math.max(WINDOW_MS.least, Math.ceil(there / 10_000) * 10_000));
    for (const { plot, canvas, keys } of this.#parts.plots) {
      const series = plot.series.map(([, ink, value]) => ({
        ink,
        points: samples.map((sample) => [sample.unixMs, known(value(sample))]),
      }));
      const last = samples.at(-1);
      plot.series.forEach(([name, , value], index) => {
        const now = amount(last && known(value(last)), plot.unit === 'in the second' ? '' : plot.unit, 1);
        setText(keys[index].key, `${name} ${now}`);
      });
      canvas.setAttribute('aria-label', `${plot.title}: ${keys.map(({ key }) => key.textContent).join(', ')}`);
      draw(canvas, series, { from, to, unit: plot.unit, least: plot.least, fixed: plot.fixed });
    }
  }

  #updateTimeline() {
    const { openedMs, endedMs } = this.#connection;
    const end = Math.max(openedMs + 1000, (endedMs ?? this.#now) + (endedMs === null ? 0 : 500));
    const spans = {
      all: [openedMs, end],
      first: [openedMs, openedMs + 5000],
      last: [Math.max(openedMs, end - 60_000), end],
    };
    drawTimeline(this.#parts.timeline, this.#connection, ...spans[this.#parts.span.select.value]);
  }

  #updateSdp() {
    const { descriptions, forgotten } = this.#connection;
    const count = descriptions.length + forgotten.descriptions;
    if (this.#told.descriptions === count) return;
    const first = this.#told.descriptions <= 0;
    this.#told.descriptions = count;
    const options = descriptions.map(({ side, type, unixMs }, index) => [
      String(index + forgotten.descriptions),
      `${index + forgotten.descriptions + 1} · ${side} ${type} · ${clock(unixMs)}`,
    ]);
    fill(this.#parts.shown.select, options);
    fill(this.#parts.against.select, [['', 'nothing'], ...options]);
    if (first && options.length > 0) this.#parts.shown.select.value = options.at(-1)[0];
    this.#comparePrevious();
  }

  /** The one before it of the same side; the other side's offer for the first answer. */
  #comparePrevious() {
    const { descriptions, forgotten } = this.#connection;
    const index = Number(this.#parts.shown.select.value) - forgotten.descriptions;
    const { side } = descriptions[index] ?? {};
    const before = descriptions.slice(0, Math.max(0, index));
    const found = before.findLastIndex((other) => other.side === side && other.sdp !== '');
    const chosen = found >= 0 ? found : before.length - 1;
    this.#parts.against.select.value = chosen >= 0 ? String(chosen + forgotten.descriptions) : '';
    this.#drawSdp();
  }

  #drawSdp() {
    const { descriptions, forgotten } = this.#connection;
    const of = (select) => descriptions[Number(select.value) - forgotten.descriptions];
    const shown = of(this.#parts.shown.select);
    if (!shown) return this.#parts.sdp.replaceChildren(make('div', { class: 'gap' }, 'No description has been set.'));
    const { value } = this.#parts.against.select;
    const before = value === '' ? undefined : of(this.#parts.against.select);
    const all = difference(before?.sdp ?? shown.sdp, shown.sdp);
    const count = (kind) => all.filter((line) => line.kind === kind).length;
    setText(
      this.#parts.summary,
      before ? `${count('add')} lines added, ${count('del')} removed` : `${all.length} lines`,
    );
    const wanted = this.#parts.changesOnly.checked ? all.filter(({ kind }) => kind !== 'same') : all;
    const sign = { add: '+ ', del: '− ', same: '  ' };
    this.#parts.sdp.replaceChildren(
      ...wanted.map(({ kind, text }) => make('div', { class: kind }, before ? `${sign[kind]}${text}` : text)),
    );
    if (wanted.length === 0) this.#parts.sdp.append(make('div', { class: 'gap' }, 'There is no difference.'));
  }

  #updateLog() {
    const { events, forgotten } = this.#connection;
    const filter = this.#parts.filter.select.value;
    const count = events.length + forgotten.events;
    if (this.#told.events === count && this.#told.filter === filter) return;
    const { log, rows } = this.#parts;
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    const fresh =
      this.#told.filter === filter && this.#told.events >= 0 ? events.slice(this.#told.events - count) : events;
    if (fresh === events) rows.replaceChildren();
    this.#told = { ...this.#told, events: count, filter };
    rows.append(...fresh.filter(({ namespace }) => filter === '' || namespace === filter).map(row));
    while (rows.childElementCount > events.length) rows.firstChild.remove();
    setText(this.#parts.lost, forgotten.events > 0 ? `${forgotten.events} earlier ones were not kept` : '');
    if (atEnd) log.scrollTop = log.scrollHeight;
  }
}

const known = (value) => (typeof value === 'number' ? value : undefined);

function reasonOf(connection) {
  const last = connection.events.findLast(({ namespace, fields }) => namespace === 'connection' && fields.reason);
  return last ? `: ${last.fields.reason}` : '';
}

function row({ unixMs, namespace, level, message, fields }) {
  const told = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  const text = make('td', {}, `${message} `, make('span', { class: 'fields' }, told.join('  ')));
  return make('tr', { 'data-level': level }, make('td', {}, clock(unixMs, 3)), make('td', {}, namespace), text);
}

function panel(title, ...children) {
  return make('section', { class: 'panel', 'aria-label': title }, make('h3', {}, title), ...children);
}

function choice(name, options) {
  const select = make('select', { 'aria-label': name });
  fill(select, options);
  return { select, label: make('label', {}, name, select) };
}

function fill(select, options) {
  const { value } = select;
  select.replaceChildren(...options.map(([key, text]) => make('option', { value: key }, text)));
  if (options.some(([key]) => key === value)) select.value = value;
}
