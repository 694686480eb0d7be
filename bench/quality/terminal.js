// Results for the terminal.

const { KEYS, NAMES } = require('./implementation');

const number = (value, digits) => (value === null || Number.isNaN(value) ? '–' : value.toFixed(digits));
const percent = (share, digits = 1) => (share === null ? '–' : `${number(100 * share, digits)} %`);
const signed = (value, digits) => {
  const size = number(Math.abs(value), digits);
  return Number(size) === 0 ? size : `${value < 0 ? '−' : '+'}${size}`;
};
const withError = ({ mean, standardError }, show = number) =>
  `${show(mean, 2)}${standardError === null ? '' : ` ± ${number(standardError, 2)}`}`;
const title = ({ lossPct, jitterMs, kind, codec, talker }) =>
  `${codec}, ${kind} loss ${lossPct} %, jitter ${jitterMs} ms${talker === 'same' ? ', end to end' : ''}`;

const ROWS = [
  ['delay p50 / p95, ms', (r) => `${number(r.delayMs.p50, 1)} / ${number(r.delayMs.p95, 1)}`],
  ['delay of speech, ms', (r) => `${number(r.speechDelayMs.p50, 1)} / ${number(r.speechDelayMs.p95, 1)}`],
  ['bad windows', (r) => `${percent(r.badShare, 2)} of ${r.windows}`],
  ['PESQ', (r) => withError(r.pesq)],
  ['concealed', (r) => percent(r.concealedShare)],
  ['removed / inserted', (r) => `${percent(r.removedShare, 2)} / ${percent(r.insertedShare, 2)}`],
  ['buffer delay, ms', (r) => number(r.bufferDelayMs, 1)],
  ['delivered', (r) => percent(r.deliveredShare, 2)],
  ['bit rate, kbit/s', (r) => number(r.bitrate / 1000, 1)],
];

/** Everything about one cell. */
function describeCell(summary) {
  const { cell, networks, lostShare, receivers, pesqDifference, starved } = summary;
  const of = networks > 1 ? `${networks} networks, ` : '';
  const lines = [`${title(cell)} (${of}${percent(lostShare)} lost)${starved ? ' STARVED' : ''}`];
  lines.push([''.padEnd(22), ...KEYS.map((key) => NAMES[key].padEnd(18))].join(''));
  for (const [name, show] of ROWS)
    lines.push([name.padEnd(22), ...KEYS.map((key) => show(receivers[key]).padEnd(18))].join(''));
  lines.push(`${'PESQ difference'.padEnd(22)}${withError(pesqDifference, signed)}`);
  return lines.map((line) => line.trimEnd()).join('\n');
}

module.exports = { describeCell, number, percent, signed, title, withError };
