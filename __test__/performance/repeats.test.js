// The benchmark of many calls: how repeats become one row, and how it is told.

const { combine } = require('../../bench/calls/repeats');
const { fillDocument } = require('../../bench/calls/report');

const row = (cpuPercent, change) => ({
  ...{ key: 'own', codec: 'opus', calls: 25, loadMs: 30, cpuPercent, memoryMB: cpuPercent, threads: 0, descriptors: 2 },
  setupMs: { p50: 10 * cpuPercent, p95: 100 * cpuPercent },
  firstMs: { p50: 20, p95: 30 },
  loopDelayMs: { p50: 10, p99: 11 },
  ...{ kbps: 32, configurations: { 15: 100 }, sound: true },
  ...change,
});

describe('a cell', () => {
  test('is the median of its repeats, number by number', () => {
    const cell = combine([row(3), row(1, { memoryMB: 9 }), row(1.5, { configurations: { 15: 1, 31: 5 } })]);
    expect(cell).toMatchObject({ key: 'own', calls: 25, cpuPercent: 1.5, memoryMB: 3, setupMs: { p50: 15, p95: 150 } });
    expect(cell.configurations).toEqual({ 15: 201, 31: 5 });
    expect(cell.cpuPercents).toEqual([3, 1, 1.5]);
    expect(combine([row(1), row(2)]).cpuPercent).toBe(1.5);
  });

  test('is sound if most repeats were', () => {
    const off = row(1, { sound: false });
    expect(combine([row(1), off, row(1)]).sound).toBe(true);
    expect(combine([off, row(1), off]).sound).toBe(false);
    expect(combine([off, row(1)]).sound).toBe(false);
  });

  test('has failed if a repeat has', () => {
    const failed = { key: 'own', codec: 'opus', calls: 25, error: 'did not keep up', sound: false };
    expect(combine([row(1), failed, row(1)])).toEqual(failed);
  });

  test('without a call that was heard says so', () => {
    const mute = row(1, { setupMs: { p50: null, p95: null } });
    expect(combine([mute, row(1)]).setupMs.p50).toBeNull();
  });
});

const RESULT = {
  made: '2026-01-01',
  machine: 'a machine',
  command: 'npm run bench',
  versions: {},
  seconds: 6,
  parts: [],
};
const DOCUMENT = '<!-- measured: begin --><!-- measured: end -->';

test('the document tells how often was measured', () => {
  const filled = (repeats) => fillDocument(DOCUMENT, { ...RESULT, repeats, rows: [combine([row(1), row(1)])] });
  expect(filled(3)).toContain('6 s each, the median of 3 runs that took turns.');
  expect(filled(1)).toContain('6 s each.\n');
});

test('the floor stands beside what was measured, with nothing but its processor time', () => {
  const floor = (cpuPercent) => ({ key: 'floor', codec: 'opus', calls: 25, cpuPercent, sound: true });
  const rows = [combine([row(1)]), combine([floor(0.5), floor(0.25), floor(0.375)])];
  const text = fillDocument(DOCUMENT, { ...RESULT, repeats: 3, rows });
  expect(text).toContain('| 25 | floor: codec, SRTP and sockets alone | 0.375 |  |  |');
  expect(text).toContain('- Opus: webphone-rtc at least 25\n');
});
