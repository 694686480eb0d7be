// States as lanes, and what happened as marks, on one axis of time.

import { clock, toneOf } from './model.mjs';

const SVG = 'http://www.w3.org/2000/svg';
const LANE = 24;
const LEFT = 84;
/** CSS pixels that a letter of 11 px takes at most. */
const LETTER = 6.6;

const ICE = /^(checking|connected|completed|disconnected|failed|closed)\b/;
const STATES = /^(new|connecting|connected|disconnected|failed|closed)$/;

/** Lane by lane: [when, state]. */
export function lanesOf(connection) {
  const lanes = { connection: [[connection.openedMs, 'new']], ice: [], dtls: [], signaling: [] };
  for (const { namespace, message, unixMs } of connection.events) {
    if (namespace === 'connection' && STATES.test(message)) lanes.connection.push([unixMs, message]);
    else if (namespace === 'signaling') lanes.signaling.push([unixMs, message]);
    else if (namespace === 'ice' && ICE.test(message)) lanes.ice.push([unixMs, ICE.exec(message)[1]]);
    else if (namespace === 'dtls') {
      if (message.startsWith('the handshake begins')) lanes.dtls.push([unixMs, 'connecting']);
      else if (/^connected\b/.test(message)) lanes.dtls.push([unixMs, 'connected']);
      else if (/^(closed|failed)\b/.test(message)) lanes.dtls.push([unixMs, /^\w+/.exec(message)[0]]);
    }
  }
  return lanes;
}

/** Digits with their direction. */
export function digitsOf(connection) {
  const digits = [];
  for (const { message, fields, unixMs } of connection.events) {
    if (message === 'a digit is sent') digits.push({ unixMs, tone: fields.tone, sent: true });
    else if (message === 'the digit that was heard') digits.push({ unixMs, tone: fields.tone, sent: false });
  }
  return digits;
}

const MARKS =
  /track was added|first packet|unmuted|muted|another stream|jump|pair is chosen|goodbye|restart|no candidate/;

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

function titled(shape, words) {
  shape.append(element('title', {}, words));
  return shape;
}

const boxWidth = (tones) => 20 + tones.length * (LETTER + 1);

/** Digits of one direction that would lie upon each other become one box. */
function grouped(digits, from, to, x) {
  const groups = [];
  for (const { unixMs, tone, sent } of digits) {
    if (unixMs < from || unixMs > to) continue;
    const word = `${sent ? 'sent' : 'received'}: ${tone}, ${clock(unixMs, 3)}`;
    const last = groups.at(-1);
    if (last && last.sent === sent && x(unixMs) < last.at + boxWidth(last.tones)) {
      last.tones += tone;
      last.words.push(word);
    } else groups.push({ at: x(unixMs), tones: String(tone), sent, words: [word] });
  }
  return groups;
}

/** Fills `into` with the picture of `connection` between two moments. */
export function drawTimeline(into, connection, from, to) {
  const width = Math.max(260, into.clientWidth);
  const lanes = Object.entries(lanesOf(connection));
  const digitsLane = lanes.length;
  const marksLane = lanes.length + 1;
  const height = LANE * (lanes.length + 2) + 22;
  const x = (at) => LEFT + ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * (width - LEFT - 6);
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img' });
  svg.setAttribute('aria-label', words(connection));
  const steps = Math.max(2, Math.min(6, Math.floor((width - LEFT) / 110)));
  for (let n = 0; n <= steps; n++) {
    const at = from + ((to - from) * n) / steps;
    svg.append(element('line', { class: 'grid', x1: x(at), x2: x(at), y1: 0, y2: height - 18 }));
    const anchor = n === 0 ? 'start' : n === steps ? 'end' : 'middle';
    const label = clock(at, to - from < 20_000 ? 3 : 0);
    svg.append(element('text', { class: 'name', x: x(at), y: height - 4, 'text-anchor': anchor }, label));
  }
  lanes.forEach(([name, changes], lane) => {
    const y = lane * LANE;
    svg.append(element('text', { class: 'name', x: 0, y: y + 16 }, name));
    changes.forEach(([at, state], index) => {
      const until = changes[index + 1]?.[0] ?? connection.endedMs ?? to;
      const end = state === 'closed' ? to : until;
      if (end < from || at > to) return;
      const [x1, x2] = [x(at), Math.max(x(at) + 1.5, x(end))];
      const bar = element('rect', { class: toneOf(state), x: x1, y: y + 3, width: x2 - x1, height: LANE - 7, rx: 2 });
      svg.append(titled(bar, `${name}: ${state}, ${clock(at, 3)}`));
      if (x2 - x1 > state.length * LETTER + 8) svg.append(element('text', { x: x1 + 4, y: y + 16 }, state));
    });
  });
  svg.append(element('text', { class: 'name', x: 0, y: digitsLane * LANE + 16 }, 'DTMF'));
  for (const { at, tones, sent, words } of grouped(digitsOf(connection), from, to, x)) {
    const y = digitsLane * LANE;
    const text = `${sent ? '↑' : '↓'}${tones}`;
    const box = {
      x: Math.min(at - 2, width - boxWidth(tones)),
      y: y + 2,
      width: boxWidth(tones),
      height: LANE - 5,
      rx: 3,
    };
    svg.append(titled(element('rect', { class: 'digit-ground', ...box }), words.join('\n')));
    svg.append(element('text', { class: 'digit', x: box.x + 4, y: y + 16 }, text));
  }
  svg.append(element('text', { class: 'name', x: 0, y: marksLane * LANE + 16 }, 'events'));
  for (const { unixMs, namespace, message, level } of connection.events) {
    if (unixMs < from || unixMs > to) continue;
    if (!MARKS.test(message) && namespace !== 'sdp' && level !== 'error' && level !== 'warn') continue;
    const y = marksLane * LANE;
    const tick = element('line', { class: 'tick', x1: x(unixMs), x2: x(unixMs), y1: y + 3, y2: y + LANE - 4 });
    svg.append(titled(tick, `${clock(unixMs, 3)} ${namespace}: ${message}`));
  }
  into.replaceChildren(svg);
}

/** For those who do not see it. */
function words(connection) {
  const told = Object.entries(lanesOf(connection)).map(
    ([name, changes]) => `${name}: ${changes.map(([, state]) => state).join(', ') || 'nothing yet'}`,
  );
  const digits = digitsOf(connection).map(({ tone, sent }) => `${sent ? 'sent' : 'received'} ${tone}`);
  return `Time line. ${told.join('. ')}. Digits: ${digits.join(', ') || 'none'}.`;
}
