// Line charts in SVG, readable on light and on dark pages.
// Invariant: a chart is made of numbers alone; what they mean is the caller's business.

const PANEL = { width: 200, height: 150 };
const GAP = { x: 34, y: 62 };
const EDGE = { left: 52, top: 58, right: 16, bottom: 46 };
const LEGEND = { item: 225, line: 18 };

const STYLE = `
  svg { font: 11px system-ui, sans-serif; }
  .page { fill: #ffffff; } text { fill: #1f2328; } .axis { stroke: #59636e; } .grid { stroke: #d1d9e0; }
  .first { stroke: #0969da; fill: #0969da; } .second { stroke: #bc4c00; fill: #bc4c00; }
  .third { stroke: #1a7f37; fill: #1a7f37; } .fourth { stroke: #59636e; fill: #59636e; }
  .line { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 5 4; } .title { font-weight: 600; } .dot { stroke: none; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #e6edf3; } .axis { stroke: #9198a1; } .grid { stroke: #30363d; }
    .first { stroke: #58a6ff; fill: #58a6ff; } .second { stroke: #f0883e; fill: #f0883e; }
    .third { stroke: #3fb950; fill: #3fb950; } .fourth { stroke: #9198a1; fill: #9198a1; } .line { fill: none; }
  }`;

const escapeText = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
const round = (x) => Number(x.toFixed(1));
const text = (x, y, content, attributes = '') =>
  `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escapeText(content)}</text>`;

/** Round numbers from 0 or `from` to beyond `most`. */
function ticks(most, from = 0) {
  const raw = Math.max(most - from, 1e-9) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
  const count = Math.ceil((most - from) / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((from + i * step).toPrecision(6)));
}

/**
 * @typedef {{ points: [number, number][], colour: 'first' | 'second' | 'third' | 'fourth', dashed: boolean }} Series
 * @typedef {{ title: string, series: Series[] }} Panel
 * @typedef {{ x: { label: string, values: number[] }, y: { label: string, from?: number, most: number }, panels: Panel[] }} Row
 */

/** @param {Panel} panel @param {Row} row */
function drawPanel({ title, series }, { x, y }, left, top, first) {
  const { width, height } = PANEL;
  const yTicks = ticks(y.most, y.from);
  const [low, high] = [yTicks[0], yTicks.at(-1)];
  const atX = (value) => left + (width * (value - x.values[0])) / (x.values.at(-1) - x.values[0]);
  const atY = (value) => top + height - (height * (value - low)) / (high - low);
  const parts = [text(left + width / 2, top - 8, title, 'text-anchor="middle" class="title"')];
  for (const value of yTicks) {
    parts.push(`<path class="grid" d="M${left} ${round(atY(value))}h${width}"/>`);
    parts.push(text(left - 6, atY(value) + 4, String(value), 'text-anchor="end"'));
  }
  for (const value of x.values) {
    parts.push(`<path class="axis" d="M${round(atX(value))} ${top + height}v4"/>`);
    parts.push(text(atX(value), top + height + 16, String(value), 'text-anchor="middle"'));
  }
  parts.push(`<path class="axis" fill="none" d="M${left} ${top}v${height}h${width}"/>`);
  parts.push(text(left + width / 2, top + height + 32, x.label, 'text-anchor="middle"'));
  if (first) {
    const [labelX, labelY] = [left - 38, top + height / 2];
    parts.push(text(labelX, labelY, y.label, `text-anchor="middle" transform="rotate(-90 ${labelX} ${labelY})"`));
  }
  for (const { points, colour, dashed } of series) {
    const places = points.map(([px, py]) => [round(atX(px)), round(atY(Math.min(high, Math.max(low, py))))]);
    parts.push(`<polyline class="line ${colour}${dashed ? ' dashed' : ''}" points="${places.join(' ')}"/>`);
    for (const [px, py] of places) parts.push(`<circle class="dot ${colour}" cx="${px}" cy="${py}" r="2.5"/>`);
  }
  return parts.join('\n');
}

/** @param {{ title: string, legend: { label: string, colour: string, dashed: boolean }[], rows: Row[] }} chart */
function drawChart({ title, legend, rows }) {
  const columns = Math.max(...rows.map(({ panels }) => panels.length));
  const width = EDGE.left + columns * PANEL.width + (columns - 1) * GAP.x + EDGE.right;
  const perLine = Math.max(1, Math.floor((width - EDGE.left) / LEGEND.item));
  const top = EDGE.top + (Math.ceil(legend.length / perLine) - 1) * LEGEND.line;
  const height = top + rows.length * PANEL.height + (rows.length - 1) * GAP.y + EDGE.bottom;
  const parts = [`<rect class="page" width="${width}" height="${height}"/>`];
  legend.forEach(({ label, colour, dashed }, i) => {
    const x = EDGE.left + (i % perLine) * LEGEND.item;
    const y = 18 + Math.floor(i / perLine) * LEGEND.line;
    parts.push(
      `<path class="line ${colour}${dashed ? ' dashed' : ''}" d="M${x} ${y}h34"/>`,
      text(x + 40, y + 4, label),
    );
  });
  rows.forEach((row, r) => {
    row.panels.forEach((panel, c) => {
      const left = EDGE.left + c * (PANEL.width + GAP.x);
      parts.push(drawPanel(panel, row, left, top + r * (PANEL.height + GAP.y), c === 0));
    });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeText(title)}</title><style>${STYLE}\n</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

module.exports = { drawChart, ticks };
