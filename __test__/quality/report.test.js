// From measured calls to the pages that show them.

const { readFileSync } = require('node:fs');
const path = require('node:path');
const { allCells, nameOf, networkOf } = require('../../bench/quality/cells');
const { ticks } = require('../../bench/quality/plot');
const { chart, fillDocument, replaceRegion } = require('../../bench/quality/report');
const { loopbackPort, offerOnly, reachedAt } = require('../../bench/quality/sdp');
const { summarise } = require('../../bench/quality/summary');

const call = (change) => ({
  windows: 1000,
  bad: 2,
  toneDelaysMs: [60, 70, 80],
  speechDelaysMs: [],
  scores: [3, 2],
  concealedShare: 0.05,
  removedShare: 0.01,
  insertedShare: 0,
  bufferDelayMs: null,
  deliveredShare: 1,
  bitrate: 25_000,
  sinkRateHz: 48_000,
  network: { packets: 1000, lost: 50 },
  ...change,
});
const cell = { lossPct: 5, jitterMs: 40, kind: 'random', codec: 'opus', talker: 'roamhq' };
const result = (change) => ({ cell, starved: false, receivers: { own: call(), roamhq: call() }, ...change });

describe('a cell', () => {
  test('is compared segment by segment', () => {
    const { pesqDifference, receivers } = summarise([
      result({ receivers: { own: call({ scores: [4, 2] }), roamhq: call({ scores: [3.5, 1.5] }) } }),
      result({ receivers: { own: call({ scores: [1.5] }), roamhq: call({ scores: [1] }) } }),
    ]);
    expect(receivers.own.pesq.mean).toBeCloseTo(2.5);
    expect(receivers.own.pesq.standardError).toBeCloseTo(0.764, 3);
    // The scores differ much among themselves, the pairs not at all.
    expect(pesqDifference).toEqual({ mean: 0.5, standardError: 0 });
  });

  test('adds up its networks', () => {
    const calls = [call({ bad: 8, toneDelaysMs: [100] }), call({ windows: 500, bad: 1 })];
    const summary = summarise(calls.map((own, i) => result({ starved: i === 1, receivers: { own, roamhq: call() } })));
    expect(summary).toMatchObject({ networks: 2, starved: true, lostShare: 0.05 });
    expect(summary.receivers.own.badShare).toBeCloseTo(9 / 1500);
    expect(summary.receivers.own.delayMs).toEqual({ p50: 80, p95: 100, count: 4 });
    expect(summary.receivers.own.bufferDelayMs).toBeNull();
  });
});

describe('the grid', () => {
  test('has each network for itself', () => {
    const names = allCells().map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    const seeds = allCells().flatMap((it) => [0, 1].map((run) => networkOf(it, run).seed));
    expect(new Set(seeds).size).toBe(2 * names.length);
  });

  test('covers loss and jitter, random and bursty, both codecs, and each implementation with itself', () => {
    const opus = allCells().filter((it) => it.codec === 'opus' && it.talker === 'roamhq');
    expect(opus.filter(({ kind }) => kind === 'random')).toHaveLength(5 * 4);
    expect(opus.filter(({ kind }) => kind === 'bursty')).toHaveLength(4 * 4);
    expect(allCells().some(({ codec }) => codec === 'pcmu')).toBe(true);
    expect(allCells().some(({ talker }) => talker === 'same')).toBe(true);
  });
});

describe('the documents', () => {
  const whole = {
    made: '2026-01-31T12:00:00.000Z',
    tookS: 840,
    machine: 'a machine',
    versions: { 'webphone-rtc': '1.2.3' },
    options: { runs: 2, lead: 20, tone: 20, segments: 3 },
    cells: allCells().map((it) => summarise([result({ cell: it })])),
  };

  test('are filled between the marks only', () => {
    const document = 'before\n<!-- a -->\nold\n<!-- /a -->\nafter';
    expect(replaceRegion(document, 'a', 'new')).toBe('before\n<!-- a -->\nnew\n<!-- /a -->\nafter');
    expect(() => replaceRegion(document, 'b', 'new')).toThrow(/no region/);
  });

  test('have every cell in a table', () => {
    const page = readFileSync(path.join(__dirname, '../../docs/quality.md'), 'utf8');
    const filled = fillDocument(page, whole);
    const rows = filled.match(/^\| \d+( random| bursty)? \|.*\|$/gm);
    expect(rows).toHaveLength(allCells().length);
    expect(rows[0]).toBe(
      '| 0 | 0 | 70 · 70 | 80 · 80 | 0.20 · 0.20 | 2.50 · 2.50 | 0.00 ± 0.00 | 5.0 · 5.0 | 1.0 · 1.0 |',
    );
    expect(filled).toContain('in 14 minutes');
    expect(fillDocument(filled, whole)).toBe(filled);
  });

  test('have a line for each implementation in each panel', () => {
    const svg = chart(whole.cells);
    // 4 jitters × (PESQ, bad windows) and 4 losses, each for 2 implementations, random and bursty or p50 and p95.
    expect(svg.match(/<polyline/g)).toHaveLength(12 * 4);
    expect(svg).not.toMatch(/NaN|undefined|null/);
    expect(svg).toContain('prefers-color-scheme: dark');
    for (const label of ['loss, %', 'jitter, ms', 'PESQ (MOS-LQO)', 'delay, ms']) expect(svg).toContain(`>${label}<`);
  });

  test('axes end at or above the highest value', () => {
    expect(ticks(4.5, 1)).toEqual([1, 2, 3, 4, 5]);
    expect(ticks(133)).toEqual([0, 50, 100, 150]);
    expect(ticks(0)).toHaveLength(1);
  });
});

describe('a description on its way', () => {
  const lines = [
    'v=0',
    'm=audio 4000 UDP/TLS/RTP/SAVPF 111 63 0 126',
    'c=IN IP4 192.0.2.2',
    'a=candidate:1 1 udp 2122194687 192.0.2.2 4000 typ host generation 0',
    'a=candidate:2 1 udp 2122063615 127.0.0.1 4001 typ host generation 0',
    'a=candidate:3 1 tcp 1518083839 127.0.0.1 4002 typ host tcptype passive',
    'a=rtpmap:111 opus/48000/2',
    'a=fmtp:111 minptime=10;useinbandfec=1',
    'a=rtpmap:63 red/48000/2',
    'a=fmtp:63 111/111',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:126 telephone-event/8000',
    'a=sendonly',
  ];
  const sdp = lines.map((line) => `${line}\r\n`).join('');

  test('offers one codec with its parameters', () => {
    const offer = offerOnly('opus', sdp);
    expect(offer).toContain('m=audio 4000 UDP/TLS/RTP/SAVPF 111\r\n');
    expect(offer.match(/^a=(?:rtpmap|fmtp):.*/gm)).toEqual(lines.slice(6, 8));
    expect(offer).toContain('a=sendonly');
    expect(offerOnly('pcmu', sdp).match(/^a=(?:rtpmap|fmtp):.*/gm)).toEqual([lines[10]]);
  });

  test('offers redundancy before the codec in it', () => {
    const offer = offerOnly('red', sdp);
    expect(offer).toContain('m=audio 4000 UDP/TLS/RTP/SAVPF 63 111\r\n');
    expect(offer.match(/^a=(?:rtpmap|fmtp):.*/gm)).toEqual(lines.slice(6, 10));
    expect(() => offerOnly('red', sdp.replace('red/48000', 'redless/48000'))).toThrow('red is not offered');
  });

  test('without the codec is refused', () => {
    expect(() => offerOnly('pcmu', sdp.replace('PCMU', 'PCMA'))).toThrow('pcmu is not offered');
  });

  test('names the network as the only way', () => {
    expect(loopbackPort(sdp)).toBe(4001);
    const sent = reachedAt(5000, sdp);
    expect(sent.match(/^a=candidate:.*/gm)).toEqual(['a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host']);
    expect(sent.match(/^c=.*/gm)).toEqual(['c=IN IP4 127.0.0.1']);
    expect(loopbackPort(sent)).toBe(5000);
  });
});
