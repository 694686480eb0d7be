// Moving plots on a canvas. Invariant: one plot draws one array of points; what is not known is a gap, not a zero.

const INKS = { in: { dash: [] }, out: { dash: [6, 3] }, third: { dash: [2, 2] } };

function prepared(canvas) {
  const scale = globalThis.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The least of 1, 2, 5 × 10ⁿ that holds the value. */
function above(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.9999);
}

function line(context, points, ink, x, y) {
  context.strokeStyle = colour(ink);
  context.lineWidth = 1.6;
  context.lineJoin = 'round';
  context.setLineDash(INKS[ink].dash);
  context.beginPath();
  let before = null;
  for (const [at, value] of points) {
    if (value === undefined || value === null) before = null;
    else {
      // A page that was closed for a while has a gap, too.
      if (before !== null && at - before < 3000) context.lineTo(x(at), y(value));
      else {
        context.moveTo(x(at), y(value));
        context.lineTo(x(at) + 1, y(value));
      }
      before = at;
    }
  }
  context.stroke();
  context.setLineDash([]);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{ points: [number, number | undefined][], ink: string }[]} series points: [Unix ms, value]
 * @param {{ from: number, to: number, unit: string, least: number, fixed?: [number, number] }} scale
 */
export function draw(canvas, series, { from, to, unit, least, fixed }) {
  const { context, width, height } = prepared(canvas);
  if (width === 0) return;
  const values = series.flatMap(({ points }) =>
    points.filter(([at]) => at >= from).map(([, value]) => value ?? Number.NEGATIVE_INFINITY),
  );
  const [low, high] = fixed ?? [0, above(Math.max(least, ...values))];
  const [left, right, top, bottom] = [38, width - 4, 6, height - 16];
  const x = (at) => left + ((at - from) / (to - from)) * (right - left);
  const y = (value) => bottom - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (bottom - top);
  context.font = '10px system-ui, sans-serif';
  context.fillStyle = colour('faint');
  context.strokeStyle = colour('grid');
  context.lineWidth = 1;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const value of [low, (low + high) / 2, high]) {
    context.beginPath();
    context.moveTo(left, Math.round(y(value)) + 0.5);
    context.lineTo(right, Math.round(y(value)) + 0.5);
    context.stroke();
    context.fillText(`${Number(value.toPrecision(3))}`, left - 5, y(value));
  }
  context.textBaseline = 'bottom';
  context.textAlign = 'left';
  context.fillText(`${Math.round((to - from) / 1000)} s ago`, left, height);
  context.textAlign = 'right';
  context.fillText(unit, right, height);
  context.save();
  context.beginPath();
  context.rect(left, top - 2, right - left, bottom - top + 4);
  context.clip();
  for (const { points, ink } of series) line(context, points, ink, x, y);
  context.restore();
}

/** Two levels, one above the other, without words. */
export function drawLevels(canvas, received, sent, { from, to }) {
  const { context, width, height } = prepared(canvas);
  const half = height / 2;
  const bar = Math.max(1, (width / ((to - from) / 1000)) * 0.7);
  for (const [points, ink, base] of [
    [received, 'in', half - 1],
    [sent, 'out', height],
  ]) {
    context.fillStyle = colour('grid');
    context.fillRect(0, base - 1, width, 1);
    context.fillStyle = colour(ink);
    for (const [at, decibels] of points) {
      if (at < from || decibels === undefined) continue;
      const tall = Math.max(0, (60 + decibels) / 60) * (half - 3);
      context.fillRect(((at - from) / (to - from)) * width - bar, base - tall, bar, tall);
    }
  }
}
