// The results as docs/quality.md and docs/quality.svg show them.
// Invariant: in a document only what lies between the marks of a region is replaced; the rest is written by hand.

const { DELAY_MS, JITTER_MS, KINDS, LOSS_PCT } = require('./cells');
const { KEYS, NAMES } = require('./implementation');
const { mean } = require('./numbers');
const { drawChart } = require('./plot');
const { number, percent, signed } = require('./terminal');

/** Differences within so many standard errors, or so small, say nothing. */
const SIGNIFICANT = 2;
const PESQ_NOISE = 0.05;

const isGrid = ({ codec, talker }) => codec === 'opus' && talker === 'roamhq';

function replaceRegion(document, name, content) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the document has no region ${begin} … ${end}`);
  return `${document.slice(0, from + begin.length)}\n${content}\n${document.slice(to)}`;
}

const table = (rows) =>
  rows
    .map((row) => `| ${row.join(' | ')} |`)
    .toSpliced(1, 0, `|${rows[0].map((title) => (title === '' ? ' --- ' : ' ---: ')).join('|')}|`)
    .join('\n');

const pair = (receivers, show) => KEYS.map((key) => show(receivers[key])).join(' · ');

/** A line for each cell; two figures in a field are those of either implementation. */
function cellTable(cells) {
  const mixed = new Set(cells.map(({ cell }) => cell.kind)).size > 1;
  const head = [
    'loss %',
    'jitter ms',
    'delay p50 ms',
    'p95',
    'bad windows %',
    'PESQ',
    'difference',
    'concealed %',
    'stretched %',
  ];
  return table([
    head,
    ...cells.map(({ cell, receivers, pesqDifference, starved }) => [
      `${cell.lossPct}${mixed ? ` ${cell.kind}` : ''}${starved ? ' (!)' : ''}`,
      String(cell.jitterMs),
      pair(receivers, (r) => number(r.delayMs.p50, 0)),
      pair(receivers, (r) => number(r.delayMs.p95, 0)),
      pair(receivers, (r) => number(100 * r.badShare, 2)),
      pair(receivers, (r) => number(r.pesq.mean, 2)),
      `${signed(pesqDifference.mean, 2)} ± ${number(pesqDifference.standardError ?? Number.NaN, 2)}`,
      pair(receivers, (r) => (r.concealedShare === null ? '–' : number(100 * r.concealedShare, 1))),
      pair(receivers, (r) => (r.removedShare === null ? '–' : number(100 * (r.removedShare + r.insertedShare), 1))),
    ]),
  ]);
}

/** What the grid says in a few figures. */
function overview(cells) {
  const grid = cells.filter(({ cell }) => isGrid(cell));
  const at = (lossPct, jitterMs) =>
    grid.find(({ cell }) => cell.lossPct === lossPct && cell.jitterMs === jitterMs && cell.kind === 'random').receivers;
  const [clean, rough] = [at(0, 0), at(5, 40)];
  const below = grid.filter(
    ({ pesqDifference: { mean: difference, standardError } }) =>
      difference < -Math.max(PESQ_NOISE, SIGNIFICANT * (standardError ?? 0)),
  );
  const row = (name, receivers, show) => [name, ...KEYS.map((key) => show(receivers[key]))];
  const averages = Object.fromEntries(
    KEYS.map((key) => [key, mean(grid.map(({ receivers }) => receivers[key].pesq.mean))]),
  );
  return [
    table([
      ['', ...KEYS.map((key) => NAMES[key])],
      row('clean path: delay p50 beyond the network, ms', clean, (r) => number(r.delayMs.p50 - DELAY_MS, 0)),
      row('5 % loss, 40 ms jitter: bad windows', rough, (r) => percent(r.badShare, 2)),
      row('5 % loss, 40 ms jitter: delay p50, ms', rough, (r) => number(r.delayMs.p50, 0)),
      row('PESQ, mean of the grid', averages, (value) => number(value, 2)),
    ]),
    '',
    `Of ${grid.length} cells with Opus, PESQ is below @roamhq/wrtc's in ${below.length}, counting what is more than ${PESQ_NOISE} and`,
    `${SIGNIFICANT} standard errors.`,
  ].join('\n');
}

function circumstances({ versions, machine, options, tookS, made }) {
  const { runs, lead, tone, segments } = options;
  return [
    `Measured on ${made.slice(0, 10)} in ${Math.round(tookS / 60)} minutes on ${machine}, ${runs} networks for each cell, each call`,
    `with ${lead} s of lead-in, ${tone} s of tone and ${segments} segments of speech.`,
    `${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
  ].join('\n');
}

function chart(cells) {
  const grid = cells.filter(({ cell }) => isGrid(cell));
  const points = (key, x, show, wanted) =>
    grid
      .filter(({ cell }) => Object.entries(wanted).every(([name, value]) => cell[name] === value))
      .map(({ cell, receivers }) => [cell[x], show(receivers[key])])
      .sort(([a], [b]) => a - b);
  const colour = (key) => (key === 'own' ? 'first' : 'second');
  const byLoss = (show) =>
    JITTER_MS.map((jitterMs) => ({
      title: `jitter ${jitterMs} ms`,
      series: KEYS.flatMap((key) =>
        KINDS.map((kind) => {
          const lossless = points(key, 'lossPct', show, { jitterMs, kind: 'random', lossPct: 0 });
          const rest = points(key, 'lossPct', show, { jitterMs, kind }).filter(([loss]) => loss > 0);
          return { points: [...lossless, ...rest], colour: colour(key), dashed: kind === 'bursty' };
        }),
      ),
    }));
  const delays = LOSS_PCT.filter((lossPct) => lossPct !== 1).map((lossPct) => ({
    title: `random loss ${lossPct} %`,
    series: KEYS.flatMap((key) =>
      ['p50', 'p95'].map((name) => ({
        points: points(key, 'jitterMs', (r) => r.delayMs[name], { lossPct, kind: 'random' }),
        colour: colour(key),
        dashed: name === 'p95',
      })),
    ),
  }));
  const most = (show) => Math.max(...grid.flatMap(({ receivers }) => KEYS.map((key) => show(receivers[key]))));
  const heights = ({ points }) => points.map(([, y]) => y);
  const loss = { label: 'loss, %', values: LOSS_PCT };
  const bad = (r) => 100 * r.badShare;
  return drawChart({
    title: 'Voice quality over loss and jitter',
    legend: KEYS.flatMap((key) => [
      { label: `${NAMES[key]}: random / p50`, colour: colour(key), dashed: false },
      { label: `${NAMES[key]}: bursty / p95`, colour: colour(key), dashed: true },
    ]),
    rows: [
      { x: loss, y: { label: 'PESQ (MOS-LQO)', from: 1, most: 4.5 }, panels: byLoss((r) => r.pesq.mean) },
      { x: loss, y: { label: 'bad windows, %', most: most(bad) }, panels: byLoss(bad) },
      {
        x: { label: 'jitter, ms', values: JITTER_MS },
        y: { label: 'delay, ms', most: Math.max(...delays.flatMap(({ series }) => series.flatMap(heights))) },
        panels: delays,
      },
    ],
  });
}

/** @returns {string} the document with its regions filled */
function fillDocument(document, result) {
  const of = (wanted) => cellTable(result.cells.filter(({ cell }) => wanted(cell)));
  const regions = {
    circumstances: circumstances(result),
    overview: overview(result.cells),
    random: of((cell) => isGrid(cell) && cell.kind === 'random'),
    bursty: of((cell) => isGrid(cell) && cell.kind === 'bursty'),
    pcmu: of((cell) => cell.codec === 'pcmu'),
    'end to end': of((cell) => cell.talker === 'same' && cell.codec === 'opus'),
    redundancy: of((cell) => cell.codec === 'red'),
  };
  return Object.entries(regions).reduce((filled, [name, content]) => replaceRegion(filled, name, content), document);
}

module.exports = { cellTable, chart, fillDocument, replaceRegion };
