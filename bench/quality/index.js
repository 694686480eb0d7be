// `npm run bench:quality`: voice quality over bad networks, beside @roamhq/wrtc. What it does is in docs/quality.md.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { UsageError, describeMachine, main, parseOptions, warnUnlessRealTime, writeDocuments } = require('../program');
const { allCells, KINDS } = require('./cells');
const { NAMES, version } = require('./implementation');
const { CACHE, PYTHON, install } = require('./install');
const { chart, fillDocument } = require('./report');
const { measureCells } = require('./run');
const { writeScript } = require('./script');
const { describeCell } = require('./terminal');

const USAGE = `npm run bench:quality -- [options]
  --cell=LOSS,JITTER,KIND[,CODEC[,same]]  one cell only, e.g. 5,40,random; "same": each implementation talks to itself
  --loss=…  --jitter=…  --kind=…  --codec=…  --talker=…   of the grid only these (lists with commas)
  --runs=N       networks for each cell
  --lead=S --tone=S --segments=N                          seconds before, of tone, and segments of 8 s of speech
  --calls=N      cells at once
  --dump=FOLDER  keep what was heard, as WAV
  --json=FILE    where the numbers go (bench/.cache/quality.json for the whole grid, else nowhere)
  --docs         and into docs/quality.md and docs/quality.svg (the whole grid only)
  --report=FILE  only that, from numbers of an earlier run
BENCH_ADDON=FOLDER measures another build of the package.`;

/**
 * The grid: a quarter of an hour. The lead-in lasts until libwebrtc has adapted its error correction to a few receiver reports.
 * One cell, for tuning: many networks at once, less of each.
 */
const DEFAULTS = {
  grid: { runs: 2, lead: 20, tone: 20, segments: 3 },
  cell: { runs: 8, lead: 10, tone: 12, segments: 2 },
};

const TEXTS = ['cell', 'loss', 'jitter', 'kind', 'codec', 'talker', 'runs', 'lead', 'tone', 'segments', 'calls'];

const isWhole = (values) => TEXTS.every((name) => values[name] === undefined || name === 'calls');

function options(args) {
  const values = parseOptions(args, [...TEXTS, 'dump']);
  if (values.docs && !isWhole(values)) throw new UsageError('--docs wants the whole grid');
  return values;
}

function count(values, name, otherwise) {
  if (values[name] === undefined) return otherwise;
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} is not a positive whole number`);
  return value;
}

function lengthsOf(values) {
  const standard = values.cell === undefined ? DEFAULTS.grid : DEFAULTS.cell;
  return Object.fromEntries(Object.entries(standard).map(([name, value]) => [name, count(values, name, value)]));
}

function oneCell(text) {
  const [loss, jitter, kind = 'random', codec = 'opus', talker = 'roamhq'] = text.split(',');
  const cell = { lossPct: Number(loss), jitterMs: Number(jitter), kind, codec, talker };
  const valid =
    cell.lossPct >= 0 &&
    cell.lossPct < 100 &&
    cell.jitterMs >= 0 &&
    KINDS.includes(kind) &&
    ['opus', 'pcmu', 'red'].includes(codec) &&
    ['roamhq', 'same'].includes(talker);
  if (!valid) throw new UsageError(`--cell=${text} is no cell`);
  return cell;
}

/** The cells that the lists leave. */
function subset(values) {
  const wanted = (name, value) => values[name] === undefined || values[name].split(',').includes(String(value));
  const cells = allCells().filter(
    (cell) =>
      wanted('loss', cell.lossPct) &&
      wanted('jitter', cell.jitterMs) &&
      wanted('kind', cell.kind) &&
      wanted('codec', cell.codec) &&
      wanted('talker', cell.talker),
  );
  if (cells.length === 0) throw new UsageError('no cell of the grid is left');
  return cells;
}

const show = (command, args, pattern) => spawnSync(command, args, { encoding: 'utf8' }).stdout?.match(pattern)?.[1];

function versions() {
  return {
    [NAMES.own]: version('own'),
    [NAMES.roamhq]: version('roamhq'),
    Node: process.versions.node,
    'espeak-ng': show('espeak-ng', ['--version'], /: (\S+)/),
    pesq: show(PYTHON, ['-m', 'pip', 'show', 'pesq'], /^Version: (\S+)/m),
  };
}

async function measure(values) {
  const cells = values.cell === undefined ? subset(values) : [oneCell(values.cell)];
  const lengths = lengthsOf(values);
  install();
  warnUnlessRealTime();
  const { runs, lead, tone, segments } = lengths;
  const script = writeScript({ leadMs: 1000 * lead, toneMs: 1000 * tone, segments });
  const began = Date.now();
  const atOnce = count(values, 'calls');
  const summaries = await measureCells(cells, { runs, script, atOnce, dump: values.dump });
  for (const summary of summaries) console.log(`${describeCell(summary)}\n`);
  return {
    made: new Date(began).toISOString(),
    tookS: Math.round((Date.now() - began) / 1000),
    machine: describeMachine(),
    versions: versions(),
    options: lengths,
    cells: summaries,
  };
}

main({
  usage: USAGE,
  options,
  measure,
  fileOf: (values) => (isWhole(values) ? path.join(CACHE, 'quality.json') : null),
  document: (result) => writeDocuments('quality', (text) => fillDocument(text, result), chart(result.cells)),
});
