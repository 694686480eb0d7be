// The page: a list of connections and one of them in full, live or from a dump.
// Invariant: while a dump is shown, what comes from the server changes the live model only.

import { Detail } from './detail.mjs';
import { amount, decibels, lastSample, Model, make, setText, span, stateOf, toneOf } from './model.mjs';
import { drawLevels } from './plot.mjs';

const $ = (id) => document.getElementById(id);
const LEVELS_MS = 30_000;
/** Beyond these a figure is shown as alarming. */
const ALARM = { loss: 3, jitterMs: 40, rttMs: 300, delayMs: 200 };

let live = new Model();
let dump = null;
let detail = null;
let detailOf = null;
const rows = new Map();

const model = () => dump ?? live;
const now = () => dump?.takenMs ?? Date.now();

// --- the list

function inTrouble(connection) {
  const sample = lastSample(connection);
  return toneOf(stateOf(connection)) === 'bad' || (sample?.receive?.loss ?? 0) > ALARM.loss;
}

const SHOWN = {
  all: () => true,
  live: ({ endedMs }) => endedMs === null,
  over: ({ endedMs }) => endedMs !== null,
  bad: inTrouble,
};

function newRow(id) {
  const name = make('span', {}, `#${id}`);
  const state = make('span', { class: 'tone' });
  const codec = make('small', {});
  const figures = make('span', { class: 'figures' });
  const canvas = make('canvas', { 'aria-hidden': 'true' });
  const link = make(
    'a',
    { class: 'row', href: `#${id}` },
    make('span', { class: 'title' }, name, state, codec),
    canvas,
    figures,
  );
  const cells = {};
  for (const [key, label] of [
    ['loss', 'loss'],
    ['jitterMs', 'jitter'],
    ['rttMs', 'RTT'],
    ['delayMs', 'delay'],
  ]) {
    cells[key] = make('b', {});
    figures.append(make('span', {}, `${label} `, cells[key]), ' ');
  }
  return { item: make('li', {}, link), link, state, codec, cells, canvas };
}

function updateRow(connection) {
  const row = rows.get(connection.id);
  const sample = lastSample(connection);
  const state = stateOf(connection);
  const tone = toneOf(state);
  setText(row.state, state);
  row.state.dataset.tone = tone;
  row.link.dataset.tone = tone;
  const codec = sample?.receive?.codec ?? sample?.send?.codec ?? '';
  const lasted = span((connection.endedMs ?? now()) - connection.openedMs);
  setText(row.codec, [codec.split('/')[0], lasted].filter(Boolean).join(' · '));
  const values = {
    loss: [sample?.receive?.loss, '%', 1],
    jitterMs: [sample?.receive?.jitterMs, 'ms', 0],
    rttMs: [sample?.rttMs, 'ms', 0],
    delayMs: [sample?.receive?.delayMs, 'ms', 0],
  };
  for (const [key, [value, unit, digits]] of Object.entries(values)) {
    setText(row.cells[key], amount(value, unit, digits));
    row.cells[key].classList.toggle('alarm', value > ALARM[key]);
  }
  if (String(connection.id) === location.hash.slice(1)) row.link.setAttribute('aria-current', 'true');
  else row.link.removeAttribute('aria-current');
  drawRowLevels(row, connection);
}

function drawRowLevels({ canvas }, { samples, endedMs }) {
  const to = endedMs === null && !dump ? Date.now() : (samples.at(-1)?.unixMs ?? now());
  const recent = samples.slice(-LEVELS_MS / 1000 - 1);
  const points = (of) =>
    recent.map((sample) => [sample.unixMs, of(sample) === undefined ? undefined : decibels(of(sample))]);
  drawLevels(
    canvas,
    points(({ receive }) => receive?.level),
    points(({ send }) => send?.level),
    { from: to - LEVELS_MS, to },
  );
}

function updateList() {
  const connections = [...model().connections.values()];
  const shown = connections.filter(SHOWN[$('which').value]);
  const wanted = shown.sort((a, b) => Number(a.endedMs !== null) - Number(b.endedMs !== null) || b.id - a.id);
  for (const id of rows.keys()) {
    if (wanted.some((connection) => connection.id === id)) continue;
    rows.get(id).item.remove();
    rows.delete(id);
  }
  wanted.forEach((connection, index) => {
    if (!rows.has(connection.id)) rows.set(connection.id, newRow(connection.id));
    const { item } = rows.get(connection.id);
    if ($('rows').children[index] !== item) $('rows').insertBefore(item, $('rows').children[index] ?? null);
    updateRow(connection);
  });
  const going = connections.filter(SHOWN.live).length;
  setText($('count'), `${going} live, ${connections.length - going} ended`);
}

// --- one connection

function chosen() {
  const { connections } = model();
  const id = Number(location.hash.slice(1));
  if (location.hash.length > 1) return connections.get(id) ?? null;
  // Where there is room for both, somebody is shown.
  if (!matchMedia('(min-width: 761px)').matches) return null;
  const all = [...connections.values()];
  return all.findLast(({ endedMs }) => endedMs === null) ?? all.at(-1) ?? null;
}

async function statsOf(connection) {
  if (dump) return connection.stats ?? 'The dump has none.';
  const response = await fetch(`stats/${connection.id}`);
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

function updateDetail() {
  const connection = chosen();
  document.body.dataset.view = connection && location.hash.length > 1 ? 'detail' : 'list';
  if (connection && detailOf === connection) return detail.update();
  detailOf = connection;
  if (connection) {
    // Chosen by us: it stays so.
    if (location.hash.length <= 1) history.replaceState(null, '', `#${connection.id}`);
    detail = new Detail($('detail'), connection, { frozenAt: dump?.takenMs ?? null, statsOf });
  } else {
    detail = null;
    const words = model().connections.size > 0 ? 'Choose a connection.' : 'There has been no connection yet.';
    $('detail').replaceChildren(make('p', { class: 'empty' }, words));
  }
}

function show() {
  const { process } = model();
  if (process) {
    const up = span(process.upSeconds * 1000 + (dump ? 0 : Date.now() - model().takenMs));
    const memory = `${Math.round(process.rssBytes / 1e6)} MB`;
    setText(
      $('process'),
      `process ${process.pid} · webphone-rtc ${process.version} · Node ${process.node} · ${process.platform} · up ${up} · ${memory}`,
    );
  }
  updateDetail();
  updateList();
}

let asked = false;
function showSoon() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    show();
  });
}

// --- live

const updates = new EventSource('updates');
function setLink(state, text) {
  $('link').dataset.state = state;
  setText($('link'), text);
}
updates.addEventListener('all', ({ data }) => {
  live = Model.from(JSON.parse(data));
  setLink('live', 'live');
  showSoon();
});
updates.addEventListener('update', ({ data }) => {
  live.update(JSON.parse(data));
  if (!dump) showSoon();
});
updates.addEventListener('error', () => setLink('lost', 'the process does not answer'));

// --- dumps

function complain(text) {
  $('trouble').hidden = text === '';
  setText($('trouble'), text);
}

async function openDump(file) {
  try {
    dump = Model.from(JSON.parse(await file.text()));
  } catch (error) {
    return complain(`${file.name} cannot be opened. ${error.message}`);
  }
  complain('');
  $('frozen').hidden = false;
  setText($('frozen').firstElementChild, `${file.name}, taken ${new Date(dump.takenMs).toLocaleString()}.`);
  another();
}

function another() {
  for (const { item } of rows.values()) item.remove();
  rows.clear();
  history.replaceState(null, '', location.pathname);
  detailOf = undefined;
  show();
}

$('frozen')
  .querySelector('button')
  .addEventListener('click', () => {
    dump = null;
    $('frozen').hidden = true;
    another();
  });
$('file').addEventListener('change', () => {
  if ($('file').files[0]) openDump($('file').files[0]);
  $('file').value = '';
});
let depth = 0;
addEventListener('dragenter', (event) => {
  event.preventDefault();
  depth += 1;
  $('drop').hidden = false;
});
addEventListener('dragleave', () => {
  depth -= 1;
  if (depth <= 0) $('drop').hidden = true;
});
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  depth = 0;
  $('drop').hidden = true;
  if (event.dataTransfer.files[0]) openDump(event.dataTransfer.files[0]);
});

// --- the window

$('which').addEventListener('change', updateList);
addEventListener('hashchange', () => {
  show();
  if (location.hash.length > 1) $('detail').focus({ preventScroll: true });
  scrollTo(0, 0);
});
const redraw = () => {
  detail?.redraw();
  updateList();
};
addEventListener('resize', redraw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
setLink('waiting', 'connecting …');
