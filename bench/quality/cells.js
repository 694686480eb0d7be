// The grid: what networks, codecs and talkers are measured.
// Invariant: a cell's seed follows from the cell, so that a cell of any run meets the same network as in any other run.

const LOSS_PCT = [0, 1, 5, 10, 20];
const JITTER_MS = [0, 20, 40, 80];
const KINDS = ['random', 'bursty'];
const DELAY_MS = 20;

/** @typedef {{ lossPct: number, jitterMs: number, kind: string, codec: string, talker: string }} Cell */

/** Without losses there is nothing to burst. */
const sensible = ({ lossPct, kind }) => lossPct > 0 || kind === 'random';

function grid() {
  const cells = [];
  for (const kind of KINDS)
    for (const jitterMs of JITTER_MS)
      for (const lossPct of LOSS_PCT) cells.push({ lossPct, jitterMs, kind, codec: 'opus', talker: 'roamhq' });
  return cells.filter(sensible);
}

const cellsOf = (codec, talker, networks) =>
  networks.map(([lossPct, jitterMs, kind]) => ({ lossPct, jitterMs, kind, codec, talker }));

const pcmu = () =>
  cellsOf('pcmu', 'roamhq', [
    [0, 0, 'random'],
    [1, 0, 'random'],
    [5, 40, 'random'],
    [10, 40, 'bursty'],
    [20, 80, 'random'],
  ]);

/** Each implementation hears itself. */
const endToEnd = () =>
  cellsOf('opus', 'same', [
    [0, 0, 'random'],
    [5, 40, 'random'],
    [10, 80, 'random'],
  ]);

/** Redundant packets (RFC 2198) are made by the sender, as it sees fit. */
const redundant = () =>
  cellsOf('red', 'same', [
    [0, 0, 'random'],
    [5, 40, 'random'],
    [10, 80, 'random'],
    [10, 40, 'bursty'],
    [20, 40, 'random'],
  ]);

const allCells = () => [...grid(), ...pcmu(), ...endToEnd(), ...redundant()];

const nameOf = ({ lossPct, jitterMs, kind, codec, talker }) =>
  [codec, kind, `${lossPct}pct`, `${jitterMs}ms`, ...(talker === 'same' ? ['end-to-end'] : [])].join('-');

/** @param {number} run networks of different runs differ */
function networkOf(cell, run) {
  const { lossPct, jitterMs, kind } = cell;
  return { lossPct, jitterMs, kind, delayMs: DELAY_MS, seed: `${nameOf(cell)} ${run}` };
}

module.exports = { DELAY_MS, JITTER_MS, KINDS, LOSS_PCT, allCells, nameOf, networkOf };
