// Results for the terminal, for docs/performance.md and as a chart.

const { drawChart } = require('../quality/plot');
const { NAMES } = require('./implementations');

const COLOURS = { own: 'first', dropin: 'first', ndc: 'second', roamhq: 'third', before: 'third', floor: 'fourth' };
/** What stands in the tables. */
const TITLES = { ...NAMES, floor: 'floor: codec, SRTP and sockets alone' };
const CODEC_NAMES = { opus: 'Opus', pcmu: 'PCMU' };
const BEGIN = '<!-- measured: begin -->';
const END = '<!-- measured: end -->';

const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
const pair = ({ p50, p95, p99 }, digits) => `${number(p50, digits)} / ${number(p95 ?? p99, digits)}`;

const COLUMNS = [
  ['CPU per call, % of a core', ({ cpuPercent }) => number(cpuPercent, 3)],
  ['sends, kbit/s', ({ kbps }) => number(kbps, 0)],
  ['memory per call, MB', ({ memoryMB }) => number(memoryMB, 2)],
  ['threads', ({ threads }) => number(threads, 2)],
  ['descriptors', ({ descriptors }) => number(descriptors, 2)],
  ['setup p50 / p95, ms', ({ setupMs }) => pair(setupMs, 1)],
  ['first speech p50 / p95, ms', ({ firstMs }) => pair(firstMs, 0)],
  ['loop delay p50 / p99, ms', ({ loopDelayMs }) => pair(loopDelayMs, 1)],
  ['sound', ({ sound }) => (sound ? 'yes' : 'no')],
];

/** The floor has no event loop, no setup, and nobody who could not keep up. */
const columnsOf = ({ key }) => (key === 'floor' ? COLUMNS.slice(0, 1) : COLUMNS);

/** One measure in one line. */
function line(row) {
  const title = `${CODEC_NAMES[row.codec]} ${String(row.calls).padStart(3)} × ${TITLES[row.key].padEnd(28)}`;
  if (row.error) return `${title} failed: ${row.error}`;
  return `${title} ${columnsOf(row)
    .map(([name, show]) => `${name} ${show(row)}`)
    .join(', ')}`;
}

const cells = (values) => `| ${values.join(' | ')} |`;

const shown = (row) =>
  row.error ? [row.error] : COLUMNS.map((column) => (columnsOf(row).includes(column) ? column[1](row) : ''));

function table(rows, codec) {
  const head = ['calls', 'implementation', ...COLUMNS.map(([name]) => name)];
  const body = rows
    .filter((row) => row.codec === codec)
    .map((row) => cells([row.calls, TITLES[row.key], ...shown(row)]));
  return [`### ${CODEC_NAMES[codec]}`, '', cells(head), cells(head.map(() => '---')), ...body].join('\n');
}

/** The most calls of which none had a glitch, the fewer ones included. */
function mostSound(rows, key, codec) {
  let most = 0;
  for (const row of rows.filter((it) => it.key === key && it.codec === codec)) {
    if (!row.sound) return { most, limited: true };
    most = row.calls;
  }
  return { most, limited: false };
}

/** RFC 6716 section 3.1. */
const modeOf = (configuration) => (configuration < 12 ? 'SILK' : configuration < 16 ? 'hybrid' : 'CELT');

/** What kind of Opus was sent: whoever chooses otherwise does other work. */
function modes(rows, keys) {
  const of = keys.map((key) => {
    const counts = {};
    for (const { configurations } of rows.filter((row) => row.key === key && row.codec === 'opus')) {
      for (const [configuration, n] of Object.entries(configurations ?? {})) {
        const mode = modeOf(Number(configuration));
        counts[mode] = (counts[mode] ?? 0) + n;
      }
    }
    const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
    return `${NAMES[key]} ${Object.entries(counts)
      .map(([mode, n]) => `${number((100 * n) / all, 0)} % ${mode}`)
      .join(', ')}`;
  });
  return `Opus packets sent: ${of.join('; ')}.`;
}

function partsTable(parts) {
  const body = parts.map(({ codec, codecUs, transportUs, socketUs, kbps }) =>
    cells([CODEC_NAMES[codec], number(kbps, 0), ...[codecUs, transportUs, socketUs].map((us) => number(us, 1))]),
  );
  const head = ['', 'kbit/s', 'codec, µs', 'SRTP and transport, µs', 'sockets, µs'];
  return [cells(head), cells(head.map(() => '---')), ...body].join('\n');
}

const keysOf = (rows) => [...new Set(rows.map(({ key }) => key))];
const implementationsOf = (rows) => keysOf(rows).filter((key) => key !== 'floor');

/** What was measured, as it stands in the document. */
function describe({ made, machine, command, versions, seconds, repeats, rows, parts }) {
  const codecs = [...new Set(rows.map(({ codec }) => codec))];
  const keys = implementationsOf(rows);
  const most = codecs.map((codec) => {
    const of = keys.map((key) => {
      const { most: calls, limited } = mostSound(rows, key, codec);
      return `${NAMES[key]} ${limited ? '' : 'at least '}${calls}`;
    });
    return `- ${CODEC_NAMES[codec]}: ${of.join(', ')}`;
  });
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Made ${made.slice(0, 10)} with \`${command}\` on ${machine}: ${list.join(', ')}; ${seconds} s each${repeats > 1 ? `, the median of ${repeats} runs that took turns` : ''}.`,
    '![CPU, memory and setup over the number of calls](performance.svg)',
    ...codecs.map((codec) => table(rows, codec)),
    ...(codecs.includes('opus') ? [modes(rows, keys)] : []),
    '### Calls without a glitch',
    most.join('\n'),
    '### The parts of the floor in the caches, per 20 ms of a call, both ways',
    partsTable(parts),
  ].join('\n\n');
}

function fillDocument(document, result) {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/performance.md has lost the marks of what is measured');
  return `${document.slice(0, begin + BEGIN.length)}\n\n${describe(result)}\n\n${document.slice(end)}`;
}

function chart({ rows }) {
  const codecs = [...new Set(rows.map(({ codec }) => codec))];
  const [keys, withFloor] = [implementationsOf(rows), keysOf(rows)];
  const calls = [...new Set(rows.map((row) => row.calls))];
  const dashed = (key) => ['dropin', 'floor'].includes(key);
  const series = (codec, value, of) =>
    of.map((key) => ({
      colour: COLOURS[key],
      dashed: dashed(key),
      points: rows
        .filter((row) => row.key === key && row.codec === codec && !row.error)
        .map((row) => [row.calls, value(row)]),
    }));
  const row = (label, value, of = keys) => ({
    x: { label: 'calls', values: calls },
    y: { label, most: Math.max(...rows.filter(({ key, error }) => of.includes(key) && !error).map(value)) },
    panels: codecs.map((codec) => ({ title: CODEC_NAMES[codec], series: series(codec, value, of) })),
  });
  return drawChart({
    title: 'CPU, memory and setup over the number of calls',
    legend: withFloor.map((key) => ({ label: NAMES[key] ?? key, colour: COLOURS[key], dashed: dashed(key) })),
    rows: [
      row('% of a core', ({ cpuPercent }) => cpuPercent, withFloor),
      row('MB', ({ memoryMB }) => memoryMB),
      row('setup, ms', ({ setupMs }) => setupMs.p50 ?? 0),
    ],
  });
}

module.exports = { chart, fillDocument, line };
